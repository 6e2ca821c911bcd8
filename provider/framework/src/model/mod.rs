//! Typed models: a struct is the schema, and its values come from and go to Terraform through it.
//!
//! `#[derive(Model)]` reads a struct's fields, their doc comments and their `#[tf(...)]` options, and produces three things:
//!
//! * the **schema** ([`Model::block`]): one attribute per field, in the order of the struct, doc comments as descriptions;
//! * the **conversions** ([`Model::decode`], [`Model::encode`]);
//! * the **view**: a second struct, `NameView`, with the same fields, in which *every* field is an [`Attr`].
//!
//! # Two typed forms, and when each is used
//!
//! While Terraform validates and plans, anything may be unknown, also what is required. While it applies and reads,
//! nothing of the user's is. So there are two forms of the same data, and each call gets the one that cannot lie:
//!
//! | call | gets | why |
//! |---|---|---|
//! | `validate`, `modify_plan`, `plan_destroy` | [`View<M>`] | any field may be null or unknown |
//! | `create`, `update` | [`crate::Plan<M>`]: the model, and `config` as a view | required fields are there; computed ones are `Attr` |
//! | `read`, `delete`, `import` | the model | a state is wholly known |
//!
//! | field | Terraform type | may be null | may be unknown |
//! |---|---|---|---|
//! | `String`, `bool`, integers, [`Number`](crate::Number), `Vec<T>`, [`Set<T>`], `BTreeSet<T>`, `BTreeMap<String, T>` | the obvious one | no | no |
//! | a nested model `M`, `Vec<M>`, `Set<M>`, `BTreeMap<String, M>` | nested attributes: single, list, set, map | no | no |
//! | [`Value`] | dynamic | yes | yes |
//! | `Option<T>` | as `T` | yes | no |
//! | [`Attr<T>`] | as `T` | yes | yes |
//!
//! The derive refuses at compile time what could not work: contradicting options, an optional field (without a default)
//! that cannot be null,
//!
//! ```compile_fail
//! /// Refused: `size` may be left out, and a `u8` cannot say so.
//! #[derive(tfkit::Model)]
//! struct Hat {
//!     /// How big it is.
//!     #[tf(optional)]
//!     size: u8,
//! }
//! ```
//!
//! and a computed field that cannot be unknown:
//!
//! ```compile_fail
//! /// Refused: `id` is unknown until the hat is there, and an `Option` cannot say so.
//! #[derive(tfkit::Model)]
//! struct Hat {
//!     /// What it is called.
//!     #[tf(computed)]
//!     id: Option<String>,
//! }
//! ```
//!
//! This is how they want to be:
//!
//! ```
//! /// A hat.
//! #[derive(tfkit::Model)]
//! struct Hat {
//!     /// How big it is.
//!     #[tf(optional)]
//!     size: Option<u8>,
//!     /// What it is called.
//!     #[tf(computed)]
//!     id: tfkit::Attr<String>,
//! }
//! ```

mod attr;
mod collections;
mod error;
mod plain;
mod set;

pub use attr::Attr;
pub use error::{ModelError, Problem};
pub use set::Set;
pub use tfkit_derive::Model;

use crate::schema::{Attribute, Block, Kind};
use crate::{Object, Path, Value};

/// A struct that is a schema. Derive it: `#[derive(Model)]`; the [module](self) tells the whole story.
pub trait Model: Sized + Send + Sync + 'static {
    /// The same attributes, each of them possibly null or unknown. The view of a view is itself.
    type View: Model;

    /// Attributes and documentation, as the schema shows them.
    fn block() -> Block;

    /// Reads the attributes of an object.
    ///
    /// # Errors
    /// A value that the field's type cannot hold: null or unknown where the type has no place for it, or a number out of
    /// range. The error names the path and never repeats the value.
    fn decode(object: &Object, path: &Path) -> Result<Self, ModelError>;

    /// All attributes, with their values.
    fn encode(&self) -> Object;

    /// The model of a view, for planning code that has nothing to say while something needed is not known yet.
    ///
    /// # Errors
    /// A field that cannot be null or unknown is. See [`ModelError::is_unknown`].
    fn from_view(view: &Self::View) -> Result<Self, ModelError> {
        Self::decode(&view.encode(), &Path::root())
    }
}

/// The form of a model in which every attribute may be null or unknown.
pub type View<M> = <M as Model>::View;

/// A type that can be a field of a [`Model`]. Implement it for own scalar types (an enum of names, a size with a unit) by
/// way of one that already is a field.
pub trait Field: Sized + Send + Sync + 'static {
    /// The type of this field in the [`View`].
    type View: Field;
    /// The type without `Attr` or `Option`: what defaults and validators are about.
    type Bare: Field;
    /// Whether the type can say null.
    const NULLABLE: bool = false;
    /// Whether the type can say unknown.
    const UNKNOWABLE: bool = false;

    /// What the schema says that this holds.
    fn kind() -> Kind;

    /// Reads a value.
    ///
    /// # Errors
    /// See [`Model::decode`].
    fn decode(value: &Value, path: &Path) -> Result<Self, ModelError>;

    /// The value for Terraform.
    fn encode(&self) -> Value;
}

/// The model of something that has no attributes, such as a provider without configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Empty;

impl Model for Empty {
    type View = Empty;

    fn block() -> Block {
        Block::default()
    }

    fn decode(_: &Object, _: &Path) -> Result<Self, ModelError> {
        Ok(Self)
    }

    fn encode(&self) -> Object {
        Object::default()
    }
}

/// What the derived code calls; no part of the interface.
#[doc(hidden)]
pub mod derived {
    use std::marker::PhantomData;

    use super::{Attribute, Field, ModelError, Object, Path, Value};
    use crate::schema::{Passing, Validator};

    /// An attribute of a field's type, with no option set.
    pub fn attribute<T: Field>(name: &str, description: &str) -> Attribute {
        let passing = Passing { null: T::NULLABLE, unknown: T::UNKNOWABLE, variadic: false };
        Attribute { description: description.to_owned(), passing, ..Attribute::new(name, T::kind()) }
    }

    /// Makes a parameter take all further arguments. What may be passed is then said by the elements.
    pub fn variadic<T: Field>(attribute: &mut Attribute, _: PhantomData<Vec<T>>) {
        attribute.required = true;
        attribute.passing = Passing { null: T::NULLABLE, unknown: T::UNKNOWABLE, variadic: true };
    }

    /// What all values of a model have in common.
    pub fn shape(names: &[&str]) -> Object<()> {
        names.iter().map(|name| (*name, ())).collect()
    }

    /// Reads one field of an object, whose name is expected at a position; an absent attribute is null.
    ///
    /// # Errors
    /// See [`super::Model::decode`].
    pub fn field<T: Field>(object: &Object, position: usize, name: &str, path: &Path) -> Result<T, ModelError> {
        let value = object.position_at(position, name).and_then(|position| object.values().get(position));
        T::decode(value.unwrap_or(&Value::Null), &Path::root()).map_err(|error| error.within(&path.attr(name)))
    }

    /// The object of a shape that has these values, in the order of their names.
    pub fn shaped(shape: &Object<()>, values: Vec<Value>) -> Object {
        shape.shaped(values)
    }

    /// A validator of a known value; one that has unknown parts is not judged yet.
    pub fn check<T: Field, E: ToString>(value: &Value, judge: impl Fn(&T) -> Result<(), E>) -> Result<(), String> {
        match T::decode(value, &Path::root()) {
            Ok(known) => judge(&known).map_err(|error| error.to_string()),
            Err(_) => Ok(()),
        }
    }

    /// A validator for the schema.
    pub fn validator(says: &'static str, check: fn(&Value) -> Result<(), String>) -> Validator {
        Validator { says, check }
    }

    /// The attributes of an object.
    ///
    /// # Errors
    /// The value is not a known object.
    pub fn object<'a>(value: &'a Value, path: &Path) -> Result<&'a Object, ModelError> {
        match value {
            Value::Object(object) => Ok(object),
            other => Err(ModelError::mismatch(path, "an object", other)),
        }
    }
}
