//! Random types, values, schemas and configurations.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tfkit::schema::{Attribute, Block, Kind, NestedBlock, Nesting, Schema};
use tfkit::{Number, Refinement, Type, Value};

/// Any number: integers of every size, decimals, exponents, floats.
pub(crate) fn number() -> BoxedStrategy<Number> {
    prop_oneof![
        any::<i64>().prop_map(Number::from),
        any::<i8>().prop_map(Number::from),
        any::<u64>().prop_map(Number::from),
        ("-?[0-9]{1,40}(\\.[0-9]{1,40})?(e-?[0-9]{1,3})?").prop_map(|text| text.parse().unwrap()),
        any::<f64>().prop_filter_map("finite", |float| Number::from_exact_f64(float).ok()),
    ]
    .boxed()
}

/// Any type without the dynamic one.
fn concrete_type() -> BoxedStrategy<Type> {
    types(prop_oneof![Just(Type::Bool), Just(Type::Number), Just(Type::String)].boxed())
}

/// Any type; the dynamic one not in collections, whose elements would need one common type.
pub(crate) fn any_type() -> BoxedStrategy<Type> {
    let object =
        proptest::collection::btree_map("[a-c]", prop_oneof![3 => concrete_type(), 1 => Just(Type::Dynamic)], 0..4);
    prop_oneof![4 => concrete_type(), 1 => Just(Type::Dynamic), 2 => object.prop_map(Type::object)].boxed()
}

fn types(leaf: BoxedStrategy<Type>) -> BoxedStrategy<Type> {
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            inner.clone().prop_map(Type::list),
            inner.clone().prop_map(Type::set),
            inner.clone().prop_map(Type::map),
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Type::Tuple),
            proptest::collection::btree_map("[a-e]{1,2}", inner, 0..4).prop_map(Type::object),
        ]
    })
    .boxed()
}

/// A type and a value of it.
pub(crate) fn typed_value(unknowns: bool) -> BoxedStrategy<(Type, Value)> {
    any_type().prop_flat_map(move |ty| value_of(&ty, unknowns).prop_map(move |value| (ty.clone(), value))).boxed()
}

fn value_of(ty: &Type, unknowns: bool) -> BoxedStrategy<Value> {
    let unknown = prop_oneof![Just(Value::unknown()), Just(Value::Unknown(Refinement::not_null()))];
    let weight = u32::from(unknowns);
    // A dynamic value is never refined.
    let unknown = if *ty == Type::Dynamic { Just(Value::unknown()).boxed() } else { unknown.boxed() };
    if unknowns {
        prop_oneof![1 => Just(Value::Null), weight => unknown, 8 => known_value_of(ty, unknowns)].boxed()
    } else {
        prop_oneof![1 => Just(Value::Null), 8 => known_value_of(ty, unknowns)].boxed()
    }
}

fn known_value_of(ty: &Type, unknowns: bool) -> BoxedStrategy<Value> {
    match ty {
        Type::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        Type::Number => number().prop_map(Value::Number).boxed(),
        Type::String => "\\PC{0,12}".prop_map(Value::from).boxed(),
        Type::List(ty) => proptest::collection::vec(value_of(ty, unknowns), 0..4).prop_map(Value::List).boxed(),
        Type::Set(ty) => proptest::collection::vec(value_of(ty, unknowns), 0..4).prop_map(Value::set_of).boxed(),
        Type::Map(ty) => {
            proptest::collection::btree_map("[a-z]{0,3}", value_of(ty, unknowns), 0..4).prop_map(Value::Map).boxed()
        }
        Type::Tuple(types) => {
            let elements: Vec<_> = types.iter().map(|ty| value_of(ty, unknowns)).collect();
            elements.prop_map(Value::Tuple).boxed()
        }
        Type::Object(types) => {
            let names: Vec<String> = types.names().map(str::to_owned).collect();
            let values: Vec<_> = types.values().iter().map(|ty| value_of(ty, unknowns)).collect();
            values.prop_map(move |values| Value::object(names.iter().cloned().zip(values))).boxed()
        }
        Type::Dynamic => concrete_type()
            .prop_flat_map(move |ty| value_of(&ty, unknowns).prop_map(move |value| Value::dynamic(ty.clone(), value)))
            .boxed(),
    }
}

/// A small source of decisions: schemas and configurations that fit each other are easier made than filtered.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    /// A number below `sides`.
    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        // SplitMix64
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    /// A schema that `Schema::check` accepts.
    pub(crate) fn schema(&mut self) -> Schema {
        let mut schema = Schema::new(self.attributes(2, false));
        for name in ["block_a", "block_b"].into_iter().take(self.roll(3) as usize) {
            let nesting = self.nesting();
            let attributes = self.attributes(1, nesting == Nesting::Set);
            schema = schema.block(NestedBlock::new(name, nesting, Block::new(attributes)));
        }
        schema
    }

    fn nesting(&mut self) -> Nesting {
        [Nesting::Single, Nesting::List, Nesting::Set, Nesting::Map][self.roll(4) as usize]
    }

    fn attributes(&mut self, depth: u64, in_set: bool) -> Vec<Attribute> {
        let count = 1 + self.roll(4);
        (0..count).map(|index| self.attribute(&format!("a{index}"), depth, in_set)).collect()
    }

    fn attribute(&mut self, name: &str, depth: u64, in_set: bool) -> Attribute {
        let kind = if depth > 0 && self.one_in(3) {
            let nesting = self.nesting();
            Kind::Nested(nesting, self.attributes(depth - 1, in_set || nesting == Nesting::Set))
        } else {
            Kind::Plain(self.plain_type(in_set))
        };
        let attribute = Attribute::new(name, kind.clone());
        let mut attribute = match self.roll(7) {
            0 => attribute.required(),
            1 | 2 => attribute.optional(),
            3 => attribute.computed(),
            4 => attribute.optional().computed(),
            5 => match &kind {
                // In a set, defaults can make two elements equal; `Schema::validate` tells users so.
                Kind::Plain(ty) if !in_set => attribute.default(self.value(ty)),
                _ => attribute.optional(),
            },
            _ if in_set || matches!(kind, Kind::Nested(..)) => attribute.required(),
            _ => attribute.optional().write_only(),
        };
        if attribute.computed && attribute.default.is_none() && self.one_in(2) {
            attribute = attribute.keep();
        }
        if (attribute.optional || attribute.required) && !attribute.write_only && !in_set && self.one_in(4) {
            attribute = attribute.replace();
            attribute.keep &= attribute.default.is_none();
        }
        attribute
    }

    fn plain_type(&mut self, in_set: bool) -> Type {
        match self.roll(7) {
            // Only two values: whatever the provider decides occurs elsewhere.
            0 if !in_set => Type::Bool,
            1 => Type::Number,
            2 => Type::list(Type::String),
            3 => Type::set(Type::Number),
            4 => Type::map(Type::String),
            _ => Type::String,
        }
    }

    /// A known value that is not null.
    pub(crate) fn value(&mut self, ty: &Type) -> Value {
        match ty {
            Type::Bool => self.one_in(2).into(),
            Type::Number => i64::try_from(self.roll(5)).unwrap().into(),
            Type::String => format!("s{}", self.roll(5)).into(),
            Type::List(ty) => Value::List((0..self.roll(3)).map(|_| self.value(ty)).collect()),
            Type::Set(ty) => Value::set_of((0..self.roll(3)).map(|_| self.value(ty)).collect::<Vec<_>>()),
            Type::Map(ty) => Value::map((0..self.roll(3)).map(|key| (format!("k{key}"), self.value(ty)))),
            Type::Object(types) => Value::object(types.iter().map(|(name, ty)| (name, self.value(ty)))),
            Type::Tuple(types) => Value::Tuple(types.iter().map(|ty| self.value(ty)).collect()),
            Type::Dynamic => Value::dynamic(Type::Bool, true.into()),
        }
    }

    /// A configuration of the schema, with unknown values in one of `unknowns` places (none: 0).
    pub(crate) fn config(&mut self, schema: &Schema, unknowns: u64) -> Value {
        let mut object = self.config_attributes(&schema.block.attributes, unknowns);
        for block in &schema.block.blocks {
            let value = self.collection(block.nesting, &block.block.attributes, unknowns);
            let value = if block.nesting == Nesting::Single && self.one_in(3) { Value::Null } else { value };
            object.insert(block.name.clone(), value);
        }
        Value::object(object)
    }

    fn config_attributes(&mut self, attributes: &[Attribute], unknowns: u64) -> BTreeMap<String, Value> {
        attributes
            .iter()
            .map(|attribute| (attribute.name.clone(), self.config_attribute(attribute, unknowns)))
            .collect()
    }

    fn config_attribute(&mut self, attribute: &Attribute, unknowns: u64) -> Value {
        let configurable = attribute.required || attribute.optional;
        if !configurable || (!attribute.required && self.one_in(2)) {
            return Value::Null;
        }
        if unknowns > 0 && self.one_in(unknowns) {
            return Value::unknown();
        }
        match &attribute.kind {
            Kind::Plain(ty) => self.value(ty),
            Kind::Nested(nesting, attributes) => self.collection(*nesting, attributes, unknowns),
        }
    }

    fn collection(&mut self, nesting: Nesting, attributes: &[Attribute], unknowns: u64) -> Value {
        let count = self.roll(4);
        let mut object = |_| Value::object(self.config_attributes(attributes, unknowns));
        match nesting {
            Nesting::Single => object(0),
            Nesting::List => Value::List((0..count).map(object).collect()),
            Nesting::Set => Value::set_of((0..count).map(object).collect::<Vec<_>>()),
            Nesting::Map => Value::map((0..count).map(|key| (format!("k{key}"), object(key)))),
        }
    }

    /// A value that occurs nowhere else. Were it to occur, two elements of a set could become one, and that no provider may
    /// do: their number is configured.
    fn unheard_of(&mut self, ty: &Type) -> Value {
        let unique = i64::try_from(1000 + self.roll(1 << 60)).unwrap();
        match ty {
            Type::Number => unique.into(),
            Type::String => format!("u{unique}").into(),
            Type::List(ty) => Value::List(vec![self.unheard_of(ty)]),
            Type::Set(ty) => Value::Set(vec![self.unheard_of(ty)]),
            Type::Map(ty) => Value::map([("u", self.unheard_of(ty))]),
            Type::Object(types) => Value::object(types.iter().map(|(name, ty)| (name, self.unheard_of(ty)))),
            ty => self.value(ty),
        }
    }

    /// The value with everything unknown in it decided, as applying would.
    pub(crate) fn decide(&mut self, value: &Value, ty: &Type) -> Value {
        match (value, ty) {
            (Value::Unknown(_), ty) => self.unheard_of(ty),
            (Value::List(elements), Type::List(ty)) => Value::list(elements.iter().map(|one| self.decide(one, ty))),
            (Value::Set(elements), Type::Set(ty)) => {
                Value::set_of(elements.iter().map(|one| self.decide(one, ty)).collect::<Vec<_>>())
            }
            (Value::Map(elements), Type::Map(ty)) => {
                Value::map(elements.iter().map(|(key, one)| (key.clone(), self.decide(one, ty))))
            }
            (Value::Object(attributes), Type::Object(types)) => Value::object(
                attributes.iter().map(|(name, one)| (name, self.decide(one, types.get(name).expect("of the type")))),
            ),
            (value, _) => value.clone(),
        }
    }
}
