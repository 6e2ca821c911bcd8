//! Whether a value is what a plan promised: known values to the letter, unknown ones within their refinements (rule A2).

use super::{Breach, Findings};
use crate::value::{Trail, Value};

/// Checks an actual value against the planned one of the same type.
pub(super) fn value(found: &mut Findings, planned: &Value, actual: &Value, trail: &Trail<'_>) {
    match (planned, actual) {
        (Value::Unknown(refinement), actual) => {
            if let Some(promise) = refinement.broken_by(actual) {
                found.add(trail, Breach::Promise(promise));
            }
        }
        (Value::Null, Value::Null) => {}
        (Value::Null, _) => found.add(trail, Breach::WasNull),
        (_, Value::Null) => found.add(trail, Breach::NowNull),
        (_, Value::Unknown(_)) => found.add(trail, Breach::NowUnknown),
        (Value::List(planned), Value::List(actual)) | (Value::Tuple(planned), Value::Tuple(actual)) => {
            let counts = (planned.len(), actual.len());
            found.add_if(counts.0 != counts.1, trail, Breach::Count { planned: counts.0, actual: counts.1 });
            for (index, (planned, actual)) in planned.iter().zip(actual).enumerate() {
                value(found, planned, actual, &trail.index(index));
            }
        }
        (Value::Map(planned), Value::Map(actual)) => {
            found.add_if(!planned.keys().eq(actual.keys()), trail, Breach::Keys);
            for (key, planned) in planned {
                if let Some(actual) = actual.get(key) {
                    value(found, planned, actual, &trail.key(key));
                }
            }
        }
        (Value::Object(planned), Value::Object(actual)) => {
            for (name, planned) in planned.iter() {
                if let Some(actual) = actual.get(name) {
                    value(found, planned, actual, &trail.attr(name));
                }
            }
        }
        // The usual case, and much cheaper than finding counterparts.
        (Value::Set(_), Value::Set(_)) if planned.same(actual) => {}
        (Value::Set(planned), Value::Set(actual)) => set(found, planned, actual, trail),
        // A type that was still open may have been decided in any way; core compares nothing then, but what was known
        // stays known.
        (Value::Dynamic(planned), Value::Dynamic(actual)) => {
            if planned.0 == actual.0 {
                value(found, &planned.1, &actual.1, trail);
            } else {
                found.add(trail, Breach::Changed);
            }
        }
        (planned, actual) => found.add_if(!planned.same(actual), trail, Breach::Changed),
    }
}

/// Elements of a set have no identity but their value, and that changes when the unknown in them becomes known. So each
/// must only have some counterpart on the other side; and there may be fewer (equal ones fall together), never more.
fn set(found: &mut Findings, planned: &[Value], actual: &[Value], trail: &Trail<'_>) {
    if actual.len() > planned.len() {
        found.add(trail, Breach::Count { planned: planned.len(), actual: actual.len() });
        return;
    }
    // What is a counterpart need not look for its own: where sets hold sets, that would double the work at each level.
    let mut met = vec![false; actual.len()];
    for element in planned {
        let Some(position) = actual.iter().position(|actual| fulfils(element, actual)) else {
            return found.add(&trail.element(element), Breach::ElementVanished);
        };
        met[position] = true;
    }
    let mut unmet = actual.iter().zip(met).filter(|(_, met)| !met).map(|(actual, _)| actual);
    if let Some(actual) = unmet.find(|actual| !planned.iter().any(|element| fulfils(element, actual))) {
        found.add(&trail.element(actual), Breach::ElementAppeared);
    }
}

fn fulfils(planned: &Value, actual: &Value) -> bool {
    let mut found = Findings(Vec::new());
    value(&mut found, planned, actual, &Trail::ROOT);
    found.0.is_empty()
}
