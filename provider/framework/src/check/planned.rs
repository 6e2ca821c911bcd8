//! Whether a plan respects the configuration (rules P2, P3, P4 and P8).

use super::{Breach, Findings};
use crate::schema::{Attribute, Kind, Level, Nesting, member};
use crate::value::{NULL, Trail, Value};

/// Prior, configured and planned value of one place.
type Three<'a> = [&'a Value; 3];

/// Checks an object, or the place where one is missing.
pub(super) fn object(found: &mut Findings, level: Level<'_>, three: Three<'_>, trail: &Trail<'_>) {
    let [_, config, planned] = three;
    match (config, planned) {
        (Value::Null, Value::Null) => {}
        (Value::Null, _) => found.add(trail, Breach::PlannedPresent),
        (_, Value::Null) => found.add(trail, Breach::PlannedAbsent),
        _ => {
            attributes(found, level.attributes, three, trail);
            for nested in level.blocks {
                let three = three.map(|object| member(object, &nested.name));
                let trail = trail.attr(&nested.name);
                block(found, nested.nesting, (&nested.block).into(), three, &trail);
            }
        }
    }
}

fn attributes(found: &mut Findings, attributes: &[Attribute], three: Three<'_>, trail: &Trail<'_>) {
    for one in attributes {
        attribute(found, one, three.map(|object| member(object, &one.name)), &trail.attr(&one.name));
    }
}

fn attribute(found: &mut Findings, attribute: &Attribute, three: Three<'_>, trail: &Trail<'_>) {
    let [prior, config, planned] = three;
    // Write-only values are checked for null elsewhere, and have nothing to do with the configuration.
    if attribute.write_only || planned.same(config) {
        return;
    }
    // The provider says that old and new mean the same.
    if planned.same(prior) && !prior.is_null() && !config.is_null() {
        return;
    }
    if attribute.computed && (config.is_null() || !attribute.optional) {
        return;
    }
    match (&attribute.kind, config) {
        (_, Value::Null) => found.add(trail, Breach::PlannedPresent),
        (Kind::Nested(nesting, attributes), _) => nested(found, *nesting, attributes.into(), three, trail),
        (Kind::Plain(_), config) => found.add(trail, difference(config, planned)),
    }
}

/// How a planned value differs from a configured one that is not null.
fn difference(config: &Value, planned: &Value) -> Breach {
    match (config, planned) {
        (_, Value::Null) => Breach::PlannedAbsent,
        (Value::Unknown(_), _) => Breach::PlannedKnown,
        (_, Value::Unknown(_)) => Breach::PlannedUnknown,
        _ => Breach::PlannedOther,
    }
}

fn block(found: &mut Findings, nesting: Nesting, level: Level<'_>, three: Three<'_>, trail: &Trail<'_>) {
    let [prior, config, planned] = three;
    if planned.is_null() && nesting != Nesting::Single {
        return found.add(trail, Breach::NullBlocks);
    }
    // A null collection can only come from an older provider's state by way of ignore_changes; it means "none".
    let empty = nesting.empty();
    let config = if config.is_null() { &empty } else { config };
    if planned.same(config) {
        return;
    }
    match nesting {
        // Nothing tells elements apart: core trusts us here, apart from elements that are unknown as a whole.
        Nesting::Set => match (config, planned) {
            (Value::Set(_), Value::Set(elements)) => {
                for element in elements.iter().filter(|element| element.is_unknown()) {
                    found.add(&trail.element(element), Breach::PlannedUnknown);
                }
            }
            (config, planned) => found.add(trail, difference(config, planned)),
        },
        nesting => nested(found, nesting, level, [prior, config, planned], trail),
    }
}

/// Checks an object or a collection of them that is configured, and is planned otherwise.
fn nested(found: &mut Findings, nesting: Nesting, level: Level<'_>, three: Three<'_>, trail: &Trail<'_>) {
    let [prior, config, planned] = three;
    match (nesting, config, planned) {
        (Nesting::Single, Value::Null | Value::Object(_), Value::Null | Value::Object(_)) => {
            object(found, level, three, trail);
        }
        (Nesting::List, Value::List(config), Value::List(planned)) => {
            if count(found, config, planned, trail) {
                let prior = |index| prior.as_elements().and_then(|elements| elements.get(index)).unwrap_or(&NULL);
                for (index, (config, planned)) in config.iter().zip(planned).enumerate() {
                    element(found, level, [prior(index), config, planned], &trail.index(index));
                }
            }
        }
        (Nesting::Map, Value::Map(config), Value::Map(planned)) => {
            if !config.keys().eq(planned.keys()) {
                return found.add(trail, Breach::PlannedKeys);
            }
            let prior = |key: &str| prior.as_map().and_then(|elements| elements.get(key)).unwrap_or(&NULL);
            for ((key, config), planned) in config.iter().zip(planned.values()) {
                element(found, level, [prior(key), config, planned], &trail.key(key));
            }
        }
        (Nesting::Set, Value::Set(config), Value::Set(planned)) => {
            count(found, config, planned, trail);
        }
        (_, config, planned) => found.add(trail, difference(config, planned)),
    }
}

fn element(found: &mut Findings, level: Level<'_>, three: Three<'_>, trail: &Trail<'_>) {
    let [_, config, planned] = three;
    if planned.same(config) {
        return;
    }
    if config.is_unknown() || planned.is_unknown() {
        return found.add(trail, difference(config, planned));
    }
    object(found, level, three, trail);
}

fn count(found: &mut Findings, config: &[Value], planned: &[Value], trail: &Trail<'_>) -> bool {
    let (planned, configured) = (planned.len(), config.len());
    found.add_if(planned != configured, trail, Breach::PlannedCount { planned, configured });
    planned == configured
}
