//! The checks of an identity: the same for the whole life of a thing, and wholly known.

use super::{Breach, Findings, Violation};
use crate::schema::{Schema, member};
use crate::value::{Mismatch, Trail, Value};

/// Checks the identity in an answer, against the one that Terraform had before if it had one (rule R5). Null: the answer
/// has none.
pub fn identity(schema: &Schema, identity: &Value, before: &Value) -> Vec<Violation> {
    let mut found = Findings(Vec::new());
    if identity.is_null() {
        found.add(&Trail::ROOT, Breach::IdentityAbsent);
        return found.0;
    }
    if let Err(Mismatch { path, problem }) = identity.conform(&schema.object_type()) {
        found.0.push(Violation { path, breach: Breach::Type(problem) });
        return found.0;
    }
    if !found.known(identity) {
        return found.0;
    }
    for attribute in &schema.block.attributes {
        let trail = Trail::ROOT.attr(&attribute.name);
        let (value, before) = (member(identity, &attribute.name), member(before, &attribute.name));
        found.add_if(attribute.required && value.is_null(), &trail, Breach::IdentityPart);
        // A part that was not known before (an import may leave it out) is no change.
        found.add_if(!before.is_null() && !value.same(before), &trail, Breach::IdentityChanged);
    }
    found.0
}
