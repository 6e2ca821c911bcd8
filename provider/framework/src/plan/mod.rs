//! What the planned state is, given prior state, configuration and schema.
//!
//! Pure and deterministic: core plans twice and compares (at plan, and again at apply with everything known), and on a
//! replacement it plans a third time with a null prior state.
//!
//! The rules, in the order in which they are applied:
//!
//! 1. What the user gives stands as given. What the user leaves out gets the default; without one, the prior value if the
//!    attribute is computed, else null. Write-only values are null at every depth.
//! 2. If that is the prior state, nothing changes, and the prior state is the answer, exactly.
//! 3. Otherwise everything that the provider decides becomes unknown, except what is marked `keep` or `replace` and has a
//!    prior value: the former does not change, the latter cannot change in place.
//! 4. The author's `modify_plan` has its say: between [`propose`] and [`finish`].
//! 5. Changes of `replace` attributes ask for a replacement.
//!
//! A prior value belongs to a nested object only if the object is the same one as before: by key in maps, by what the user
//! gave in sets, and in lists only if the element at the same index was given the same. An index alone is no identity: after
//! a removal at the front it would promise each element its neighbour's values.

mod align;
mod mark;
mod merge;
mod replace;

use crate::schema::{Level, Schema, null_write_only};
use crate::value::{Path, Value};

/// What will happen to the resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// It does not exist yet.
    Create,
    /// It changes, in place unless a replacement is required.
    Update,
    /// It stays as it is.
    Nothing,
    /// It goes.
    Destroy,
}

/// A planned state.
#[derive(Clone, Debug, PartialEq)]
pub struct Planned {
    /// What will happen.
    pub action: Action,
    /// The planned state: null for a destroy, the prior state itself when nothing changes.
    pub value: Value,
    /// The paths whose change cannot be made in place; always empty unless the action is an update.
    pub requires_replace: Vec<Path>,
}

impl Planned {
    /// Makes what stands at a path unknown, because applying will change it; false when the path leads nowhere.
    pub fn set_unknown(&mut self, path: &Path) -> bool {
        self.value.set(path, Value::unknown()).is_some()
    }
}

/// Plans: [`propose`], then [`finish`].
///
/// `prior`, `config` and `proposed` are values of the schema's type, as core sends them.
pub fn plan(schema: &Schema, prior: &Value, config: &Value, proposed: &Value) -> Planned {
    let planned = propose(schema, prior, config, proposed);
    finish(schema, prior, config, planned.value)
}

/// The plan before the author sees it: rules 1 to 3.
///
/// Of `proposed` only its absence counts (a destroy). Core's merge aligns lists by index, and that is what we must not do.
pub fn propose(schema: &Schema, prior: &Value, config: &Value, proposed: &Value) -> Planned {
    let done = |action, value| Planned { action, value, requires_replace: Vec::new() };
    if proposed.is_null() || config.is_null() {
        return done(Action::Destroy, Value::Null);
    }
    let level = Level::from(&schema.block);
    let mut value = merge::object(level, prior, config);
    if !prior.is_null() && value.same(prior) {
        return done(Action::Nothing, prior.clone());
    }
    mark::unknown(level, config, &mut value);
    done(if prior.is_null() { Action::Create } else { Action::Update }, value)
}

/// The plan as it would be if something had changed: everything that the provider decides is unknown, except what is kept.
///
/// For an author's `modify_plan` that finds work to do where the configuration is what it was ("the last apply was not
/// finished"): it starts from this instead of the plan without changes, and narrows it.
pub fn propose_update(schema: &Schema, prior: &Value, config: &Value) -> Planned {
    let level = Level::from(&schema.block);
    let mut value = merge::object(level, prior, config);
    mark::unknown(level, config, &mut value);
    Planned { action: Action::Update, value, requires_replace: Vec::new() }
}

/// The plan after the author has seen it: rule 5, and once more what no author may change (write-only values are null, and
/// no change is the prior state exactly).
pub fn finish(schema: &Schema, prior: &Value, config: &Value, mut value: Value) -> Planned {
    let level = Level::from(&schema.block);
    null_write_only(level, &mut value);
    let action = match (prior, &value) {
        (_, Value::Null) => Action::Destroy,
        (Value::Null, _) => Action::Create,
        (prior, value) if prior.same(value) => Action::Nothing,
        _ => Action::Update,
    };
    let mut requires_replace = Vec::new();
    match action {
        Action::Update => replace::collect(level, prior, config, &value, &mut requires_replace),
        Action::Nothing => value = prior.clone(),
        Action::Create | Action::Destroy => {}
    }
    Planned { action, value, requires_replace }
}
