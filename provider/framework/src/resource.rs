//! The trait that a resource's author implements: four verbs, and hooks with defaults.

use std::ops::{Deref, DerefMut};

use async_trait::async_trait;

use crate::context::Cx;
use crate::model::{Model, ModelError, View};
use crate::moves::{MoveFrom, MoveSource};
use crate::timeouts::Limits;
use crate::{Diagnostic, Diagnostics, Path, Value};

/// A kind of managed thing: `terraform-provider-NAME` has resources `NAME_TYPE`.
///
/// The author writes what happens; the framework plans. `create`, `update` and `read` answer with the whole state, and
/// for each attribute that the user or the plan decided, with exactly that: Terraform refuses anything else.
/// Computed attributes are `Attr::Unknown` in the plan and must be known in the answer.
#[async_trait]
pub trait Resource: Send + Sync + 'static {
    /// The attributes.
    type Model: Model;
    /// What the provider's `connect` makes.
    type Client: Send + Sync + 'static;

    /// The type's name without the provider's: `file` in `kitchen_file`.
    const TYPE: &'static str;
    /// Version of the stored state. Raise it when the meaning of stored attributes changes, and [upgrade](Self::upgrade)
    /// older states; adding optional or computed attributes and removing attributes needs no new version.
    const VERSION: i64 = 0;
    /// Types whose states a `moved` block may hand to this one; [`move_from`](Self::move_from) turns them into ours. A move
    /// within this type needs nothing.
    const MOVES: &'static [MoveFrom] = &[];

    /// How long calls may take when the user does not say, for a model with an attribute `timeouts: Option<Timeouts>`.
    /// See [`crate::timeouts`].
    const TIMEOUTS: Option<Limits> = None;

    /// Checks what one attribute alone cannot say (`validate = ...` on fields does that). Called without a client, and
    /// with unknown values: judge only what is known.
    fn validate(&self, config: &View<Self::Model>, report: &mut Diagnostics) {
        let _ = (config, report);
    }

    /// Looks at a planned create or update, and changes what is computed. It may be called several times for one change
    /// and must give the same answer: no clock, no chance. Check [`Cx::provider_config_unknown`] before using the client.
    ///
    /// # Errors
    /// The change must not be made.
    async fn modify_plan(
        &self,
        cx: &Cx<Self::Client, Self::Model>,
        change: &mut PlanChange<Self::Model>,
    ) -> Result<(), Diagnostics> {
        let _ = (cx, change);
        Ok(())
    }

    /// Looks at a planned destroy. (A replacement shows in [`PlanChange::replace`], not here.)
    ///
    /// # Errors
    /// It must not be destroyed.
    async fn plan_destroy(
        &self,
        cx: &Cx<Self::Client, Self::Model>,
        prior: &View<Self::Model>,
    ) -> Result<(), Diagnostics> {
        let _ = (cx, prior);
        Ok(())
    }

    /// Makes it. Call [`Cx::checkpoint`] as soon as something exists: then any later `?` leaves it in the state, tainted,
    /// instead of orphaned.
    ///
    /// # Errors
    /// It could not be made, or not wholly. Saved is the error's state, else the last checkpoint, else nothing.
    async fn create(
        &self,
        cx: &Cx<Self::Client, Self::Model>,
        plan: Plan<Self::Model>,
    ) -> Result<Self::Model, Failed<Self::Model>>;

    /// Looks what it is like now; `None` when it is gone.
    ///
    /// # Errors
    /// It could not be found out. Missing information is not "gone".
    async fn read(
        &self,
        cx: &Cx<Self::Client, Self::Model>,
        state: Self::Model,
    ) -> Result<Option<Self::Model>, Diagnostics>;

    /// Makes it as planned.
    ///
    /// # Errors
    /// It could not be changed, or not wholly. Saved is the error's state, else the last checkpoint, else the prior state.
    async fn update(
        &self,
        cx: &Cx<Self::Client, Self::Model>,
        prior: Self::Model,
        plan: Plan<Self::Model>,
    ) -> Result<Self::Model, Failed<Self::Model>>;

    /// Removes it; already gone is `Ok`.
    ///
    /// # Errors
    /// It is still there, or part of it. Saved is the error's state, else the last checkpoint, else the prior state.
    async fn delete(&self, cx: &Cx<Self::Client, Self::Model>, state: Self::Model) -> Result<(), Failed<Self::Model>>;

    /// Finds an existing thing by the id that the user gave to `terraform import`, and answers with its whole state.
    ///
    /// # Errors
    /// There is no such thing, or the id cannot be read; say what an id looks like.
    async fn import(&self, cx: &Cx<Self::Client, Self::Model>, id: &str) -> Result<Self::Model, Diagnostics> {
        let _ = (cx, id);
        Err(Diagnostic::error("Import not supported", "This type of resource cannot be imported.").into())
    }

    /// Turns the stored JSON of an older [`Self::VERSION`] into that of the current one. Called without a client.
    /// Attributes that no longer exist are dropped afterwards, missing ones become null. Numbers keep their text.
    ///
    /// # Errors
    /// That version cannot be upgraded.
    fn upgrade(&self, from: i64, state: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        let _ = state;
        Err(Diagnostic::error(
            "State too old",
            format!("The state was stored in version {from} of this type, which this provider cannot upgrade."),
        )
        .into())
    }

    /// Turns the state of one of [`Self::MOVES`] into ours. Called without a client: what the state does not tell stays null,
    /// and the read that follows finds it.
    ///
    /// # Errors
    /// This state cannot be moved; say why. It stays what it was.
    fn move_from(&self, source: MoveSource) -> Result<Self::Model, Diagnostics> {
        Err(Diagnostic::error(
            "Move not written",
            format!(
                "The provider says that it can take over a {}, and has no code for it. This is a bug in the provider; please \
                 report it.",
                source.type_name
            ),
        )
        .into())
    }

    /// Whether two different values of one attribute mean the same ("1024MiB" and "1GiB"). Then the older spelling stays:
    /// in a plan the prior state's, in an answer the plan's, after a read the prior state's.
    fn semantic_eq(&self, path: &Path, one: &Value, other: &Value) -> bool {
        let _ = (path, one, other);
        false
    }
}

/// What is to be made: derefs to the planned model.
pub struct Plan<M: Model> {
    /// The planned state. What is still to be found out is unknown.
    pub planned: M,
    /// The user's configuration: the only place that has write-only values.
    pub config: View<M>,
}

impl<M: Model> Deref for Plan<M> {
    type Target = M;

    fn deref(&self) -> &M {
        &self.planned
    }
}

impl<M: Model> DerefMut for Plan<M> {
    fn deref_mut(&mut self) -> &mut M {
        &mut self.planned
    }
}

/// A create or update that is being planned.
pub struct PlanChange<M: Model> {
    /// The state before; `None` for a create (also for the create half of a replacement).
    pub prior: Option<View<M>>,
    /// The user's configuration, with unknown values and with write-only ones.
    pub config: View<M>,
    /// The state after, as the framework planned it. Only what is computed and not configured may be changed: to unknown
    /// (`Attr::unknown()`), or to a known value, which is a promise.
    pub planned: View<M>,
    /// Attributes whose change makes a new resource; add to it to ask for a replacement. Ignored for a create.
    pub replace: Vec<Path>,
    /// See [`PlanChange::plan_update`].
    pub(crate) as_changed: Option<Value>,
}

impl<M: Model> PlanChange<M> {
    /// Whether this makes a new resource.
    pub fn is_create(&self) -> bool {
        self.prior.is_none()
    }

    /// Whether an existing resource would be replaced by a new one.
    pub fn is_replace(&self) -> bool {
        self.prior.is_some() && !self.replace.is_empty()
    }

    /// Plans an update although the configuration is what it was, because there is work to do ("the last apply was not
    /// finished"): everything computed that is not kept becomes unknown in `planned`, as with any other change. Set
    /// afterwards what is known. Without a prior state, or when called twice, it changes nothing.
    pub fn plan_update(&mut self) {
        if let (Some(Value::Object(planned)), Some(_)) = (self.as_changed.take(), &self.prior)
            // It is made of the same configuration and the same prior state as `planned`, which could be read.
            && let Ok(planned) = View::<M>::decode(&planned, &Path::root())
        {
            self.planned = planned;
        }
    }

    /// Asks for a replacement because of this attribute.
    pub fn replace_because_of(&mut self, path: Path) {
        if !self.replace.contains(&path) {
            self.replace.push(path);
        }
    }
}

/// Why a create, update or delete failed, and what is really there now.
#[derive(Debug)]
pub struct Failed<M> {
    /// What went wrong.
    pub diagnostics: Diagnostics,
    /// What is there now; `None`: as last checkpointed. (Boxed: a model is large, and an error travels through many `?`.)
    pub state: Option<Box<M>>,
}

impl<M> Failed<M> {
    /// A failure that left this behind.
    pub fn with_state(diagnostics: impl Into<Diagnostics>, state: M) -> Self {
        Self { diagnostics: diagnostics.into(), state: Some(Box::new(state)) }
    }
}

impl<M> From<Diagnostics> for Failed<M> {
    fn from(diagnostics: Diagnostics) -> Self {
        Self { diagnostics, state: None }
    }
}

impl<M> From<Diagnostic> for Failed<M> {
    fn from(diagnostic: Diagnostic) -> Self {
        Diagnostics::from(diagnostic).into()
    }
}

impl<M> From<ModelError> for Failed<M> {
    fn from(error: ModelError) -> Self {
        Diagnostic::from(error).into()
    }
}

impl From<ModelError> for Diagnostics {
    fn from(error: ModelError) -> Self {
        Diagnostic::from(error).into()
    }
}
