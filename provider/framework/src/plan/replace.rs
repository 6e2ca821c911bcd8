//! Rule 5: the paths whose change cannot be made in place.

use super::align;
use crate::schema::{Attribute, Kind, Level, Nesting};
use crate::value::{Path, Refinement, Trail, Value};

/// What is in an unknown object.
static UNKNOWN: Value = Value::Unknown(Refinement::NONE);

/// [`crate::schema::member`], and unknown for what is in an unknown object: were it not counted as a change, the plan would
/// be an update, and could turn into a replacement when the value is known. Core refuses that.
fn member<'a>(object: &'a Value, name: &str) -> &'a Value {
    if object.is_unknown() { &UNKNOWN } else { crate::schema::member(object, name) }
}

/// Collects the paths of changed `replace` attributes. Unknown counts as a change.
///
/// In lists and maps only elements that were there before and still are can have changed; an author to whom their number
/// matters puts `replace` on the collection. Elements of sets have no addresses: `Schema::check` refuses `replace` in them.
pub(super) fn collect(level: Level<'_>, prior: &Value, config: &Value, planned: &Value, paths: &mut Vec<Path>) {
    Collector { paths }.object(level, [prior, config, planned], &Trail::ROOT);
}

struct Collector<'a> {
    paths: &'a mut Vec<Path>,
}

/// Prior, configured and planned value of one place.
type Three<'a> = [&'a Value; 3];

impl Collector<'_> {
    fn object(&mut self, level: Level<'_>, objects: Three<'_>, trail: &Trail<'_>) {
        for attribute in level.attributes {
            let three = objects.map(|object| member(object, &attribute.name));
            let trail = trail.attr(&attribute.name);
            if attribute.replace && changed(attribute, objects, three) {
                self.paths.push(trail.path());
            } else if let Kind::Nested(nesting, attributes) = &attribute.kind {
                let [prior, config, planned] = three;
                let three = [prior, attribute.given(config), planned];
                self.nested(*nesting, attributes.into(), three, &trail);
            }
        }
        for block in level.blocks {
            let three = objects.map(|object| member(object, &block.name));
            self.nested(block.nesting, (&block.block).into(), three, &trail.attr(&block.name));
        }
    }

    fn nested(&mut self, nesting: Nesting, level: Level<'_>, three: Three<'_>, trail: &Trail<'_>) {
        if !level.has(|attribute| attribute.replace) {
            return;
        }
        match (nesting, three) {
            // Of an object that appears or disappears, the other side counts as all null.
            (Nesting::Single, [prior, _, planned]) if !(prior.is_null() && planned.is_null()) => {
                self.object(level, three, trail);
            }
            (Nesting::List, [Value::List(prior), config, planned]) => {
                for (index, prior) in prior.iter().enumerate() {
                    if let [Some(config), Some(planned)] = [config, planned].map(|list| nth(list, index)) {
                        self.object(level, [prior, config, planned], &trail.index(index));
                    }
                }
            }
            (Nesting::Map, [Value::Map(prior), config, planned]) => {
                for (key, prior) in prior {
                    if let [Some(config), Some(planned)] = [config, planned].map(|map| at_key(map, key)) {
                        self.object(level, [prior, config, planned], &trail.key(key));
                    }
                }
            }
            _ => {}
        }
    }
}

fn nth(list: &Value, index: usize) -> Option<&Value> {
    if list.is_unknown() { Some(&UNKNOWN) } else { list.as_elements()?.get(index) }
}

fn at_key<'a>(map: &'a Value, key: &str) -> Option<&'a Value> {
    if map.is_unknown() { Some(&UNKNOWN) } else { map.as_map()?.get(key) }
}

fn changed(attribute: &Attribute, objects: Three<'_>, [prior, config, planned]: Three<'_>) -> bool {
    if attribute.write_only {
        // Neither state has it. Core replaces whenever it is told to, so only a change of its version may tell.
        let [prior, _, planned] = objects.map(|object| member(object, &attribute.version_name()));
        return !planned.same(prior);
    }
    if attribute.decided_by_provider(config) {
        // Unknown here is "not decided yet", not a wish of the user; a known other value is one of the author's.
        return !planned.is_unknown() && !planned.same(prior);
    }
    match &attribute.kind {
        Kind::Plain(_) => !planned.same(prior),
        // What the provider decides inside of it is no reason.
        Kind::Nested(..) => !align::attribute_agrees(attribute, config, prior),
    }
}
