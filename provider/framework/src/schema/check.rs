//! Faults of a schema itself, found by one unit test of the provider instead of by a crash of Terraform.
//!
//! Everything that core's own validation of schemas refuses is refused here, and besides that what core accepts but what
//! cannot work (a default of the wrong type) or means nothing (`keep` on what is never computed).

use std::collections::BTreeSet;

use super::{Attribute, Block, Kind, NestedBlock, Nesting, Schema};
use crate::value::{Mismatch, Path, Trail, Type};

/// Names that Terraform gives a meaning of its own at the root of a resource or data source.
const RESERVED: [&str; 7] = ["connection", "count", "depends_on", "for_each", "lifecycle", "provider", "provisioner"];

/// Names that Terraform gives a meaning of its own at the root of a provider configuration.
const RESERVED_IN_PROVIDER: [&str; 2] = ["alias", "version"];

/// A fault of a schema and where it is.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}{fault}", crate::value::at(path))]
pub struct SchemaProblem {
    /// The attribute or block; collections have no step of their own.
    pub path: Path,
    /// What is wrong with it.
    pub fault: SchemaFault,
}

/// The ways in which a schema can be wrong.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs)] // the messages say it
pub enum SchemaFault {
    #[error("the version is negative")]
    Version,
    #[error("a name has only lower-case letters, digits and underscores, and does not begin with a digit")]
    Name,
    #[error("Terraform reserves this name")]
    Reserved,
    #[error("two attributes or blocks have this name")]
    Duplicate,
    #[error("must be required, optional or computed")]
    NoMode,
    #[error("cannot be required and also optional or computed")]
    RequiredAndOther,
    #[error("has a default, so it must be optional and computed")]
    DefaultMode,
    #[error("its default is not of its type: {0}")]
    DefaultType(Mismatch),
    #[error("its default is null or not wholly known")]
    DefaultUnknown,
    #[error("has a default, so `keep` means nothing")]
    DefaultAndKeep,
    #[error("is write-only, so it can be neither computed nor kept nor have a default")]
    WriteOnlyComputed,
    #[error("is write-only and stands in a set, where nothing tells elements apart but their values")]
    WriteOnlyInSet,
    #[error("stands in a write-only attribute, so it cannot be computed or have a default")]
    ComputedInWriteOnly,
    #[error("is only computed: its change is never the user's wish, so it cannot ask for a replacement")]
    ReplaceComputed,
    #[error("stands in a set, where nothing tells elements apart: put `replace` on the set")]
    ReplaceInSet,
    #[error(
        "is write-only, so its change cannot be seen: `replace` needs an attribute named like it with `_version` added"
    )]
    ReplaceWriteOnly,
    #[error("is not computed, so `keep` means nothing")]
    KeepNotComputed,
    #[error("is only computed: validators check what users give")]
    ValidatorComputed,
    #[error("holds the dynamic type in a collection")]
    DynamicInCollection,
    #[error("a single block has min_items and max_items both 0 or both 1")]
    SingleItems,
    #[error("a map of blocks has no min_items and max_items")]
    MapItems,
    #[error("min_items is greater than max_items, or beyond the protocol's range")]
    Items,
    #[error("is computed, but nothing is stored of what this configures")]
    ComputedInConfiguration,
    #[error("is part of an identity, so it is a string, a bool, a number, or a list of these")]
    IdentityType,
    #[error("is part of an identity, so it is either required or optional (for import), and nothing else")]
    IdentityMode,
    #[error("an identity has at least one attribute, and no blocks")]
    IdentityEmpty,
    #[error("is write-only, which only attributes of managed resources can be")]
    WriteOnlyUnmanaged,
    #[error("is variadic, which only the last parameter of a function can be, and only as a list")]
    Variadic,
    #[error("timeouts need both an attribute `timeouts: Option<Timeouts>`, optional, and `Resource::TIMEOUTS`")]
    Timeouts,
    #[error("is a function's parameter: such are required or variadic, and nothing else")]
    Parameter,
}

impl Schema {
    /// The faults of the schema of a managed resource.
    pub fn check(&self) -> Vec<SchemaProblem> {
        self.check_with(&RESERVED, Inside::default())
    }

    /// The faults of the schema of what is not stored as a managed resource: a data source, an ephemeral resource.
    pub fn check_as_unmanaged(&self) -> Vec<SchemaProblem> {
        self.check_with(&RESERVED, Inside { unmanaged: true, ..Inside::default() })
    }

    /// The faults of the schema of a provider configuration.
    pub fn check_as_provider(&self) -> Vec<SchemaProblem> {
        self.check_with(&RESERVED_IN_PROVIDER, Inside { unmanaged: true, ..Inside::default() })
    }

    /// The faults of the schema of what modules say to a provider.
    pub fn check_as_meta(&self) -> Vec<SchemaProblem> {
        self.check_with(&[], Inside { unmanaged: true, ..Inside::default() })
    }

    /// The faults of the parameters of a function, as far as they are those of attributes.
    pub(super) fn check_as_parameters(&self) -> Vec<SchemaProblem> {
        self.check_with(&[], Inside { parameters: true, ..Inside::default() })
    }

    /// The faults of the schema of an action or a list: a configuration alone, whose names are all free.
    pub fn check_as_configuration(&self) -> Vec<SchemaProblem> {
        let mut problems = self.check_with(&[], Inside::default());
        let decided = |attribute: &Attribute| attribute.computed && attribute.default.is_none();
        for attribute in &self.block.attributes {
            if decided(attribute) || attribute.level().is_some_and(|level| level.has(decided)) {
                let path = Path::attribute(&attribute.name);
                problems.push(SchemaProblem { path, fault: SchemaFault::ComputedInConfiguration });
            }
        }
        problems
    }

    pub(super) fn check_with(&self, reserved: &[&str], inside: Inside) -> Vec<SchemaProblem> {
        let mut problems = Problems(Vec::new());
        if self.version < 0 {
            problems.add(&Trail::ROOT, SchemaFault::Version);
        }
        let names = self.block.attributes.iter().map(|a| &a.name).chain(self.block.blocks.iter().map(|b| &b.name));
        for name in names.filter(|name| reserved.contains(&name.as_str())) {
            problems.add(&Trail::ROOT.attr(name), SchemaFault::Reserved);
        }
        problems.block(&self.block, &Trail::ROOT, inside);
        problems.0
    }
}

/// What surrounds an attribute.
#[derive(Clone, Copy, Default)]
pub(super) struct Inside {
    set: bool,
    write_only: bool,
    /// Not a managed resource.
    unmanaged: bool,
    /// The parameters of a function; not what is inside of one.
    parameters: bool,
}

struct Problems(Vec<SchemaProblem>);

impl Problems {
    fn add(&mut self, trail: &Trail<'_>, fault: SchemaFault) {
        self.0.push(SchemaProblem { path: trail.path(), fault });
    }

    fn add_if(&mut self, wrong: bool, trail: &Trail<'_>, fault: SchemaFault) {
        if wrong {
            self.add(trail, fault);
        }
    }

    fn block(&mut self, block: &Block, trail: &Trail<'_>, inside: Inside) {
        let mut names = BTreeSet::new();
        self.attributes(&block.attributes, &mut names, trail, inside);
        for nested in &block.blocks {
            let trail = trail.attr(&nested.name);
            self.name(&nested.name, &mut names, &trail);
            self.items(nested, &trail);
            if nested.nesting != Nesting::Single {
                self.add_if(nested.block.object_type().has_dynamic(), &trail, SchemaFault::DynamicInCollection);
            }
            let set = inside.set || nested.nesting == Nesting::Set;
            self.block(&nested.block, &trail, Inside { set, ..inside });
        }
    }

    fn attributes<'a>(
        &mut self,
        attributes: &'a [Attribute],
        names: &mut BTreeSet<&'a str>,
        trail: &Trail<'_>,
        inside: Inside,
    ) {
        for attribute in attributes {
            let trail = trail.attr(&attribute.name);
            self.name(&attribute.name, names, &trail);
            self.modes(attribute, &trail, inside);
            self.default(attribute, &trail);
            let versioned = attributes.iter().any(|other| other.name == attribute.version_name());
            let blind = attribute.write_only && attribute.replace && !versioned;
            self.add_if(blind, &trail, SchemaFault::ReplaceWriteOnly);
            match &attribute.kind {
                Kind::Plain(ty) => {
                    self.add_if(dynamic_in_collection(ty), &trail, SchemaFault::DynamicInCollection);
                }
                Kind::Nested(nesting, attributes) => {
                    let dynamic = *nesting != Nesting::Single && attribute.value_type().has_dynamic();
                    self.add_if(dynamic, &trail, SchemaFault::DynamicInCollection);
                    let set = inside.set || *nesting == Nesting::Set;
                    let write_only = inside.write_only || attribute.write_only;
                    let inside = Inside { set, write_only, parameters: false, ..inside };
                    self.attributes(attributes, &mut BTreeSet::new(), &trail, inside);
                }
            }
        }
    }

    fn name<'a>(&mut self, name: &'a str, names: &mut BTreeSet<&'a str>, trail: &Trail<'_>) {
        self.add_if(!is_name(name), trail, SchemaFault::Name);
        self.add_if(!names.insert(name), trail, SchemaFault::Duplicate);
    }

    fn modes(&mut self, attribute: &Attribute, trail: &Trail<'_>, inside: Inside) {
        let &Attribute { required, optional, computed, write_only, keep, replace, .. } = attribute;
        let default = attribute.default.is_some();
        let only_computed = computed && !optional && !required;
        self.add_if(!required && !optional && !computed, trail, SchemaFault::NoMode);
        self.add_if(required && (optional || computed), trail, SchemaFault::RequiredAndOther);
        self.add_if(write_only && (computed || keep || default), trail, SchemaFault::WriteOnlyComputed);
        self.add_if(write_only && inside.set, trail, SchemaFault::WriteOnlyInSet);
        self.add_if(write_only && inside.unmanaged, trail, SchemaFault::WriteOnlyUnmanaged);
        self.add_if(attribute.passing.variadic && !inside.parameters, trail, SchemaFault::Variadic);
        self.add_if(inside.write_only && (computed || default), trail, SchemaFault::ComputedInWriteOnly);
        self.add_if(replace && only_computed, trail, SchemaFault::ReplaceComputed);
        self.add_if(replace && inside.set, trail, SchemaFault::ReplaceInSet);
        self.add_if(keep && !computed && !write_only, trail, SchemaFault::KeepNotComputed);
        self.add_if(only_computed && !attribute.validators.is_empty(), trail, SchemaFault::ValidatorComputed);
    }

    fn default(&mut self, attribute: &Attribute, trail: &Trail<'_>) {
        let Some(default) = &attribute.default else { return };
        let modes = attribute.optional && attribute.computed && !attribute.required;
        self.add_if(!modes && !attribute.write_only, trail, SchemaFault::DefaultMode);
        self.add_if(attribute.keep, trail, SchemaFault::DefaultAndKeep);
        self.add_if(default.is_null() || !default.is_wholly_known(), trail, SchemaFault::DefaultUnknown);
        if let Err(mismatch) = default.conform(&attribute.value_type()) {
            self.add(trail, SchemaFault::DefaultType(mismatch));
        }
    }

    fn items(&mut self, block: &NestedBlock, trail: &Trail<'_>) {
        let NestedBlock { min_items: min, max_items: max, .. } = *block;
        match block.nesting {
            Nesting::Single => self.add_if(min != max || max > 1, trail, SchemaFault::SingleItems),
            Nesting::Map => self.add_if(min != 0 || max != 0, trail, SchemaFault::MapItems),
            Nesting::List | Nesting::Set => {
                let beyond = i64::try_from(min.max(max)).is_err();
                self.add_if(beyond || (max != 0 && min > max), trail, SchemaFault::Items);
            }
        }
    }
}

/// Names of Terraform's language; a leading digit would be legal in the protocol.
pub(super) fn is_name(name: &str) -> bool {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.bytes().next().is_some_and(|b| !b.is_ascii_digit()) && name.bytes().all(legal)
}

/// Elements of a collection have one type; with the dynamic type in it, values could not be encoded without conversions.
pub(super) fn dynamic_in_collection(ty: &Type) -> bool {
    match ty {
        Type::List(element) | Type::Set(element) | Type::Map(element) => element.has_dynamic(),
        Type::Tuple(elements) => elements.iter().any(dynamic_in_collection),
        Type::Object(attributes) => attributes.values().iter().any(dynamic_in_collection),
        Type::Bool | Type::Number | Type::String | Type::Dynamic => false,
    }
}
