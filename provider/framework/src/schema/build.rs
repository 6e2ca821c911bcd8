//! Builders, for schemas that are written by hand.

use super::{Attribute, Block, Kind, NestedBlock, Nesting, Passing, Schema, Validator};
use crate::value::{Type, Value};

impl Schema {
    /// A schema of these attributes, at version 0.
    pub fn new(attributes: impl IntoIterator<Item = Attribute>) -> Self {
        Self { version: 0, block: Block::new(attributes) }
    }

    /// The same schema at another version.
    #[must_use]
    pub fn at_version(mut self, version: i64) -> Self {
        self.version = version;
        self
    }

    /// The same schema with one more nested block.
    #[must_use]
    pub fn block(mut self, block: NestedBlock) -> Self {
        self.block.blocks.push(block);
        self
    }
}

impl Block {
    /// A block of these attributes.
    pub fn new(attributes: impl IntoIterator<Item = Attribute>) -> Self {
        Self { attributes: attributes.into_iter().collect(), ..Self::default() }
    }
}

impl NestedBlock {
    /// A block type that may occur any number of times (at most once for [`Nesting::Single`]).
    pub fn new(name: impl Into<String>, nesting: Nesting, block: Block) -> Self {
        Self { name: name.into(), nesting, block, min_items: 0, max_items: 0 }
    }
}

impl Validator {
    /// A check, and the line that describes it.
    pub const fn new(says: &'static str, check: fn(&Value) -> Result<(), String>) -> Self {
        Self { says, check }
    }
}

impl Attribute {
    /// An attribute with nothing set: say at least whether it is required, optional or computed.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            description: String::new(),
            required: false,
            optional: false,
            computed: false,
            sensitive: false,
            write_only: false,
            replace: false,
            keep: false,
            default: None,
            validators: Vec::new(),
            deprecated: None,
            passing: Passing::default(),
        }
    }

    /// An attribute of a type.
    pub fn plain(name: impl Into<String>, ty: Type) -> Self {
        Self::new(name, Kind::Plain(ty))
    }

    /// A string attribute.
    pub fn string(name: impl Into<String>) -> Self {
        Self::plain(name, Type::String)
    }

    /// A number attribute.
    pub fn number(name: impl Into<String>) -> Self {
        Self::plain(name, Type::Number)
    }

    /// A bool attribute.
    pub fn bool(name: impl Into<String>) -> Self {
        Self::plain(name, Type::Bool)
    }

    /// Nested objects.
    pub fn nested(name: impl Into<String>, nesting: Nesting, attributes: impl IntoIterator<Item = Attribute>) -> Self {
        Self::new(name, Kind::Nested(nesting, attributes.into_iter().collect()))
    }

    /// The user must give it.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The user may give it.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// The provider may decide it.
    #[must_use]
    pub fn computed(mut self) -> Self {
        self.computed = true;
        self
    }

    /// Never shown in output.
    #[must_use]
    pub fn sensitive(mut self) -> Self {
        self.sensitive = true;
        self
    }

    /// Exists in the configuration only.
    #[must_use]
    pub fn write_only(mut self) -> Self {
        self.write_only = true;
        self
    }

    /// A change means a new resource.
    #[must_use]
    pub fn replace(mut self) -> Self {
        self.replace = true;
        self
    }

    /// A computed value that stays once it is there.
    #[must_use]
    pub fn keep(mut self) -> Self {
        self.keep = true;
        self
    }

    /// The value when the configuration has none; makes it optional and computed.
    #[must_use]
    pub fn default(mut self, value: impl Into<Value>) -> Self {
        self.default = Some(value.into());
        self.optional = true;
        self.computed = true;
        self
    }

    /// One more check of its value.
    #[must_use]
    pub fn validate(mut self, validator: Validator) -> Self {
        self.validators.push(validator);
        self
    }

    /// Its documentation, in Markdown.
    #[must_use]
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Why not to use it any more, and what to use instead.
    #[must_use]
    pub fn deprecated(mut self, why: impl Into<String>) -> Self {
        self.deprecated = Some(why.into());
        self
    }
}
