//! The checks that core makes of a provider's answers, made here first.
//!
//! Core reports a breach as "Provider produced an invalid plan" and the like, with Go values in it. Found here, it can name
//! the attribute and say what the author must change, and a test finds it without Terraform. The rules are those of core's
//! `internal/plans/objchange` and of the callers around it; where core trusts the provider (elements of sets), so must we.

mod applied;
mod identity;
mod planned;

use crate::plan::Planned;
use crate::schema::{Level, Schema, each_object, member};
use crate::value::{Mismatch, Path, Problem, Trail, Value};

pub use identity::identity;

/// A rule that an answer breaks, and where. Never contains a value.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}{breach}", crate::value::at(path))]
pub struct Violation {
    /// Where.
    pub path: Path,
    /// What is wrong there.
    pub breach: Breach,
}

/// The rules that an answer can break.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[allow(missing_docs)] // the messages say it
pub enum Breach {
    #[error("{0}")]
    Type(Problem),
    #[error("a write-only value must be null in every answer; it exists in the configuration only")]
    WriteOnly,
    #[error("must be known in this answer")]
    Unknown,
    #[error("a destroy was planned with a value that is not null")]
    DestroyNotNull,
    #[error("is null, but the configuration has a value")]
    PlannedAbsent,
    #[error("has a planned value, but the configuration has none and the attribute is not computed")]
    PlannedPresent,
    #[error("is planned unknown, but the configuration has a known value")]
    PlannedUnknown,
    #[error("is planned with a known value, but the configuration's is not known yet")]
    PlannedKnown,
    #[error("the planned value is neither that of the configuration nor the prior one")]
    PlannedOther,
    #[error("{planned} planned, but {configured} configured")]
    PlannedCount { planned: usize, configured: usize },
    #[error("the planned keys are not those of the configuration")]
    PlannedKeys,
    #[error("is not what the configuration says")]
    NotConfigured,
    #[error("a collection of blocks without blocks is empty, not null")]
    NullBlocks,
    #[error("asks for a replacement, but the path exists neither in the prior nor in the planned state")]
    ReplacePath,
    #[error("the new state is null, but the resource was not to be destroyed")]
    Vanished,
    #[error("the resource was to be destroyed, but the new state is not null")]
    NotDestroyed,
    #[error("was planned null, but has a value now")]
    WasNull,
    #[error("was planned with a value, but is null now")]
    NowNull,
    #[error("is not the value that was planned")]
    Changed,
    #[error("was planned with a known value, but is unknown now")]
    NowUnknown,
    #[error("was planned with a promise about the value: {0}")]
    Promise(&'static str),
    #[error("{planned} planned, but {actual} now")]
    Count { planned: usize, actual: usize },
    #[error("the keys are not those that were planned")]
    Keys,
    #[error("an element that was planned is not there now")]
    ElementVanished,
    #[error("an element is there now that was not planned")]
    ElementAppeared,
    #[error("has no identity, although this type has an identity schema")]
    IdentityAbsent,
    #[error("is null, but it is a required part of the identity")]
    IdentityPart,
    #[error("is not the value that Terraform knows, but the identity of a thing never changes")]
    IdentityChanged,
}

/// Which answer holds a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Of ReadResource: null means "gone".
    Read,
    /// Of ImportResourceState, MoveResourceState, UpgradeResourceState, ReadDataSource or ListResource: never null.
    State,
}

/// Checks the answer to a plan against what core sent (rules P1 to P9).
pub fn planned(schema: &Schema, prior: &Value, config: &Value, planned: &Planned) -> Vec<Violation> {
    let mut found = Findings(Vec::new());
    let value = &planned.value;
    if !found.shape(schema, value) {
        return found.0;
    }
    planned::object(&mut found, Level::from(&schema.block), [prior, config, value], &Trail::ROOT);
    for path in &planned.requires_replace {
        if !leads_somewhere(prior, path) && !leads_somewhere(value, path) {
            found.0.push(Violation { path: path.clone(), breach: Breach::ReplacePath });
        }
    }
    found.0
}

/// Whether a path exists in a value; in an unknown value, every path may.
fn leads_somewhere(value: &Value, path: &Path) -> bool {
    let mut beginning = Path::root();
    path.steps().iter().all(|step| {
        if value.get(&beginning).is_some_and(Value::is_unknown) {
            return true;
        }
        beginning = beginning.with(step.clone());
        value.get(&beginning).is_some()
    })
}

/// Checks the answer to a planned destroy: null (rule P1).
pub fn planned_destroy(planned: &Value) -> Vec<Violation> {
    let mut found = Findings(Vec::new());
    found.add_if(!planned.is_null(), &Trail::ROOT, Breach::DestroyNotNull);
    found.0
}

/// Checks the second plan, made at apply, against the first (rule P10): known stays, unknown may become known.
pub fn replanned(first: &Value, second: &Value) -> Vec<Violation> {
    let mut found = Findings(Vec::new());
    applied::value(&mut found, first, second, &Trail::ROOT);
    found.0
}

/// Checks the new state of an apply that reports no error against the plan (rules A1 and A2).
pub fn applied(schema: &Schema, planned: &Value, new: &Value) -> Vec<Violation> {
    let mut found = Findings(Vec::new());
    match (planned, new) {
        (Value::Null, Value::Null) => {}
        (Value::Null, _) => found.add(&Trail::ROOT, Breach::NotDestroyed),
        (_, Value::Null) => found.add(&Trail::ROOT, Breach::Vanished),
        (planned, new) => {
            if found.shape(schema, new) && found.known(new) {
                found.blocks(Level::from(&schema.block), new, &Trail::ROOT);
                applied::value(&mut found, planned, new, &Trail::ROOT);
            }
        }
    }
    found.0
}

/// Checks the state that an apply with an error returns (rule A3): of the schema's type, wholly known, nothing write-only.
/// Core does not compare it with the plan, and null is allowed: nothing was made, or nothing is left.
pub fn failed(schema: &Schema, new: &Value) -> Vec<Violation> {
    state(schema, new, Answer::Read)
}

/// Checks the state in an answer to read, import, move, upgrade or list (rules R1, R3 and U1).
pub fn state(schema: &Schema, state: &Value, answer: Answer) -> Vec<Violation> {
    let mut found = Findings(Vec::new());
    if state.is_null() {
        found.add_if(answer == Answer::State, &Trail::ROOT, Breach::Vanished);
        return found.0;
    }
    if found.shape(schema, state) && found.known(state) {
        found.blocks(Level::from(&schema.block), state, &Trail::ROOT);
    }
    found.0
}

/// Checks the result of opening an ephemeral resource (rule E1): of the schema's type, wholly known, and what is configured
/// is as configured.
pub fn opened(schema: &Schema, config: &Value, result: &Value) -> Vec<Violation> {
    let mut found = Findings(Vec::new());
    if result.is_null() {
        found.add(&Trail::ROOT, Breach::Vanished);
        return found.0;
    }
    if found.shape(schema, result) && found.known(result) {
        let level = Level::from(&schema.block);
        found.blocks(level, result, &Trail::ROOT);
        let mut differing = Findings(Vec::new());
        planned::object(&mut differing, level, [&Value::Null, config, result], &Trail::ROOT);
        found.0.extend(differing.0.into_iter().map(|one| Violation { breach: Breach::NotConfigured, ..one }));
    }
    found.0
}

/// What was found so far.
struct Findings(Vec<Violation>);

impl Findings {
    fn add(&mut self, trail: &Trail<'_>, breach: Breach) {
        self.0.push(Violation { path: trail.path(), breach });
    }

    fn add_if(&mut self, broken: bool, trail: &Trail<'_>, breach: Breach) {
        if broken {
            self.add(trail, breach);
        }
    }

    /// Of the schema's type, and without write-only values. Nothing else can be said of what is not of the type.
    fn shape(&mut self, schema: &Schema, value: &Value) -> bool {
        if let Err(Mismatch { path, problem }) = value.conform(&schema.object_type()) {
            self.0.push(Violation { path, breach: Breach::Type(problem) });
            return false;
        }
        self.write_only(Level::from(&schema.block), value, &Trail::ROOT);
        true
    }

    fn known(&mut self, value: &Value) -> bool {
        let before = self.0.len();
        value.walk_trail(&Trail::ROOT, &mut |trail, value| {
            // The walk comes to the unknown value inside of a dynamic one, too.
            self.add_if(matches!(value, Value::Unknown(_)), trail, Breach::Unknown);
        });
        self.0.len() == before
    }

    fn write_only(&mut self, level: Level<'_>, value: &Value, trail: &Trail<'_>) {
        if !level.has(|attribute| attribute.write_only) {
            return;
        }
        for attribute in level.attributes {
            let trail = trail.attr(&attribute.name);
            let value = member(value, &attribute.name);
            if attribute.write_only {
                self.add_if(!value.is_null(), &trail, Breach::WriteOnly);
            } else if let Some(level) = attribute.level() {
                each_object(value, &trail, &mut |object, trail| self.write_only(level, object, trail));
            }
        }
        for block in level.blocks {
            let trail = trail.attr(&block.name);
            let value = member(value, &block.name);
            each_object(value, &trail, &mut |object, trail| self.write_only((&block.block).into(), object, trail));
        }
    }

    /// Collections of blocks are never null in a state.
    fn blocks(&mut self, level: Level<'_>, value: &Value, trail: &Trail<'_>) {
        for block in level.blocks {
            let trail = trail.attr(&block.name);
            let value = member(value, &block.name);
            self.add_if(value.is_null() && !block.nesting.empty().is_null(), &trail, Breach::NullBlocks);
            each_object(value, &trail, &mut |object, trail| self.blocks((&block.block).into(), object, trail));
        }
    }
}
