//! Which nested object of the prior state is the same one as a configured object.

use crate::schema::{Attribute, Kind, Level, Nesting, beside, member};
use crate::value::{NULL, Value};

/// The prior element of a list that a configured one continues: the one at its index, if it was given the same.
pub(super) fn listed<'a>(level: Level<'_>, given: &Value, prior: &'a Value, index: usize) -> &'a Value {
    match prior.as_elements().and_then(|elements| elements.get(index)) {
        Some(prior) if agrees(level, given, prior) => prior,
        _ => &NULL,
    }
}

/// For each configured element of a set, the prior element that was given the same.
///
/// An element that says more is served first. Otherwise an element that leaves a computed attribute open could take the
/// partner of a neighbour that names it.
pub(super) fn set<'a>(level: Level<'_>, given: &[Value], prior: &'a [Value]) -> Vec<Option<&'a Value>> {
    if prior.is_empty() {
        return vec![None; given.len()];
    }
    let mut order: Vec<usize> = (0..given.len()).collect();
    order.sort_by_cached_key(|&position| std::cmp::Reverse(said(level, &given[position])));
    let mut taken = vec![false; prior.len()];
    let mut partners = vec![None; given.len()];
    for position in order {
        let fits = |&candidate: &usize| !taken[candidate] && agrees(level, &given[position], &prior[candidate]);
        // Core keeps the order of sets, so the partner is nearly always at the same position.
        let at_home = Some(position).filter(|position| *position < prior.len()).filter(fits);
        let partner = at_home.or_else(|| (0..prior.len()).find(fits));
        if let Some(partner) = partner {
            taken[partner] = true;
            partners[position] = Some(&prior[partner]);
        }
    }
    partners
}

/// How many attributes of an object are given.
fn said(level: Level<'_>, given: &Value) -> usize {
    level.attributes.iter().filter(|attribute| !member(given, &attribute.name).is_null()).count()
}

/// Whether a prior object is what a configured one would have made, apart from what the provider decides.
pub(super) fn agrees(level: Level<'_>, given: &Value, prior: &Value) -> bool {
    let (Value::Object(given_object), Value::Object(_)) = (given, prior) else { return given.same(prior) };
    let both = |name: &str| match given_object.position(name) {
        Some(position) => (&given_object.values()[position], beside(given_object, position, prior)),
        None => (&NULL, member(prior, name)),
    };
    let attributes = level.attributes.iter().all(|attribute| {
        let (given, prior) = both(&attribute.name);
        attribute_agrees(attribute, given, prior)
    });
    attributes
        && level.blocks.iter().all(|block| {
            let (given, prior) = both(&block.name);
            nested_agrees(block.nesting, (&block.block).into(), given, prior)
        })
}

/// [`agrees`], for one attribute.
pub(super) fn attribute_agrees(attribute: &Attribute, config: &Value, prior: &Value) -> bool {
    if attribute.write_only || attribute.decided_by_provider(config) {
        return true;
    }
    let given = attribute.given(config);
    match &attribute.kind {
        Kind::Plain(_) => given.same(prior),
        Kind::Nested(nesting, attributes) => nested_agrees(*nesting, attributes.into(), given, prior),
    }
}

fn nested_agrees(nesting: Nesting, level: Level<'_>, given: &Value, prior: &Value) -> bool {
    match (nesting, given, prior) {
        (Nesting::List, Value::List(given), Value::List(prior)) => {
            given.len() == prior.len() && given.iter().zip(prior).all(|(given, prior)| agrees(level, given, prior))
        }
        (Nesting::Set, Value::Set(given), Value::Set(prior)) => {
            given.len() == prior.len() && set(level, given, prior).iter().all(Option::is_some)
        }
        (Nesting::Map, Value::Map(given), Value::Map(prior)) => {
            given.keys().eq(prior.keys())
                && given.values().zip(prior.values()).all(|(given, prior)| agrees(level, given, prior))
        }
        (_, given, prior) => agrees(level, given, prior),
    }
}
