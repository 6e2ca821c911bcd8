//! The trait of resources that have an identity: a few stable values by which one real thing is found again.

use async_trait::async_trait;

use crate::context::Cx;
use crate::model::Model;
use crate::resource::Resource;
use crate::{Diagnostic, Diagnostics};

/// A resource whose things can be told apart by values of a schema of its own, which Terraform 1.12 and newer keeps beside
/// the state, imports by, and lists with. Register it with [`crate::Provider::identified`].
///
/// The author says what the identity of a state is; the framework attaches it wherever the protocol wants it, and holds the
/// author to the rules: it is wholly known, and for one thing it is the same in every answer.
///
/// ```
/// # use tfkit::{Attr, Cx, Diagnostics, Failed, Identified, Model, Plan, Resource, async_trait};
/// # /// A note.
/// # #[derive(Model)]
/// # struct Note {
/// #     /// Its name.
/// #     #[tf(required, replace)]
/// #     name: String,
/// # }
/// # struct Notes;
/// # #[async_trait]
/// # impl Resource for Notes {
/// #     type Model = Note;
/// #     type Client = ();
/// #     const TYPE: &'static str = "note";
/// #     async fn create(&self, _: &Cx<(), Note>, plan: Plan<Note>) -> Result<Note, Failed<Note>> { Ok(plan.planned) }
/// #     async fn read(&self, _: &Cx<(), Note>, state: Note) -> Result<Option<Note>, Diagnostics> { Ok(Some(state)) }
/// #     async fn update(&self, _: &Cx<(), Note>, _: Note, plan: Plan<Note>) -> Result<Note, Failed<Note>> { Ok(plan.planned) }
/// #     async fn delete(&self, _: &Cx<(), Note>, _: Note) -> Result<(), Failed<Note>> { Ok(()) }
/// # }
/// /// What tells notes apart.
/// #[derive(Model)]
/// struct NoteIdentity {
///     /// Name of the note.
///     #[tf(required)]
///     name: String,
/// }
///
/// #[async_trait]
/// impl Identified for Notes {
///     type Identity = NoteIdentity;
///
///     fn identity(&self, state: &Note) -> Option<NoteIdentity> {
///         Some(NoteIdentity { name: state.name.clone() })
///     }
///
///     fn import_id(&self, identity: NoteIdentity) -> Result<String, Diagnostics> {
///         Ok(identity.name)
///     }
/// }
/// ```
#[async_trait]
pub trait Identified: Resource {
    /// The parts: strings, bools, numbers, and lists of these. `required`: an import by identity must give it (the
    /// protocol's `required_for_import`). `optional`: it may, and the provider finds it otherwise (`optional_for_import`).
    type Identity: Model;
    /// Version of the identity's schema. Raise it when a part is added, removed or changes its meaning, and
    /// [upgrade](Self::upgrade_identity) older ones.
    const IDENTITY_VERSION: i64 = 0;

    /// The identity of what has this state. Parts that can change while the thing lives do not belong into it. `None` only
    /// of a thing that was not made to the end, so that a part of it is not there yet.
    fn identity(&self, state: &Self::Model) -> Option<Self::Identity>;

    /// The id that [`Resource::import`] takes for the same thing.
    ///
    /// # Errors
    /// The parts do not go together; say which.
    fn import_id(&self, identity: Self::Identity) -> Result<String, Diagnostics>;

    /// Finds an existing thing by its identity, and answers with its whole state. It usually is an import by
    /// [id](Self::import_id).
    ///
    /// # Errors
    /// There is no such thing.
    async fn import_identity(
        &self,
        cx: &Cx<Self::Client, Self::Model>,
        identity: Self::Identity,
    ) -> Result<Self::Model, Diagnostics> {
        self.import(cx, &self.import_id(identity)?).await
    }

    /// Turns the stored JSON of an older [`Self::IDENTITY_VERSION`] into that of the current one. Called without a client.
    ///
    /// # Errors
    /// That version cannot be upgraded.
    fn upgrade_identity(&self, from: i64, identity: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        let _ = identity;
        Err(Diagnostic::error(
            "Identity too old",
            format!("The identity was stored in version {from}, which this provider cannot upgrade."),
        )
        .into())
    }
}
