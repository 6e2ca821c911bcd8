//! A framework for Terraform providers in Rust, on plugin protocol 6.
//!
//! The idea: **a typed model is the schema.** A provider author writes a struct, derives [`Model`] for it, and implements
//! four verbs ([`Resource::create`], `read`, `update`, `delete`). The framework owns everything in between: the wire,
//! planning (defaults, unknown marking, replacement), write-only values, partial state, and it checks its own answers
//! with the same rules that Terraform's core applies, so that a provider bug is reported as one, with a path.
//!
//! The one invariant: **what leaves the process is a legal answer.** Either it conforms to the schema and to the rules of
//! Terraform's resource instance change lifecycle, or it is a diagnostic that says who is to blame.
//!
//! | module | what it holds |
//! |---|---|
//! | [`value`] | values as Terraform knows them: null, unknown with refinements, exact numbers, types, paths |
//! | [`wire`] | MessagePack and JSON, decoded by type |
//! | [`schema`] | attributes, nested attributes, blocks; conversion to the protocol; validation of the schema itself |
//! | [`model`] | typed structs to and from values |
//! | [`resource`], [`data_source`], [`ephemeral`], [`function`] | what an author implements |
//! | [`identity`], [`moves`], [`list`], [`action`] | what some implement too: identities, moves between types, lists, actions |
//! | [`provider`], [`context`], [`timeouts`] | what an author builds with, and is given |
//! | [`plan`] | what the planned state is, given prior state, configuration and schema |
//! | [`check`] | the checks that core makes of a provider's answers |
//! | [`serve`] | the gRPC service: wire -> typed calls -> wire |
//! | [`plugin`] | the process: handshake, TLS, controller, broker, stdio, logs |
//! | `testing` (a feature) | a host that speaks the client side, for tests |
//!
//! # A provider in fifty lines
//!
//! ```
//! use tfkit::{Attr, Cx, Diagnostic, Diagnostics, Failed, Model, Plan, Provider, Resource, async_trait};
//!
//! /// A note in a file.
//! #[derive(Model)]
//! struct Note {
//!     /// Name of the file.
//!     #[tf(required, replace, validate = plain_name, says = "a name without slashes")]
//!     name: String,
//!     /// What it says.
//!     #[tf(default = "nothing")]
//!     text: String,
//!     /// Path of the file.
//!     #[tf(computed, keep)]
//!     id: Attr<String>,
//! }
//!
//! fn plain_name(name: &str) -> Result<(), String> {
//!     if name.contains('/') { Err("There is a slash in the name; give the name only.".into()) } else { Ok(()) }
//! }
//!
//! /// Keeps notes.
//! #[derive(Model)]
//! struct Config {
//!     /// Where notes are kept.
//!     #[tf(required)]
//!     directory: String,
//! }
//!
//! struct Notes;
//!
//! #[async_trait]
//! impl Resource for Notes {
//!     type Model = Note;
//!     type Client = std::path::PathBuf;
//!     const TYPE: &'static str = "note";
//!
//!     async fn create(&self, cx: &Cx<Self::Client, Note>, mut plan: Plan<Note>) -> Result<Note, Failed<Note>> {
//!         let path = cx.client()?.join(&plan.name);
//!         std::fs::write(&path, &plan.text).map_err(|e| Diagnostic::error("Note not written", e.to_string()))?;
//!         plan.id = path.display().to_string().into();
//!         Ok(plan.planned)
//!     }
//!
//!     async fn read(&self, cx: &Cx<Self::Client, Note>, mut state: Note) -> Result<Option<Note>, Diagnostics> {
//!         let Ok(text) = std::fs::read_to_string(cx.client()?.join(&state.name)) else { return Ok(None) };
//!         state.text = text;
//!         Ok(Some(state))
//!     }
//!
//!     async fn update(&self, cx: &Cx<Self::Client, Note>, _: Note, plan: Plan<Note>) -> Result<Note, Failed<Note>> {
//!         self.create(cx, plan).await
//!     }
//!
//!     async fn delete(&self, cx: &Cx<Self::Client, Note>, state: Note) -> Result<(), Failed<Note>> {
//!         let _ = std::fs::remove_file(cx.client()?.join(&state.name));
//!         Ok(())
//!     }
//! }
//!
//! let provider = Provider::new("notes")
//!     .config(|config: Config, _| async move { Ok(config.directory.into()) })
//!     .resource(Notes);
//! # provider.into_service().unwrap();
//! // in main: provider.serve(tfkit::plugin::Options::new("example.test/acme/notes"))
//! ```

// The derived code names this crate as its users do.
extern crate self as tfkit;

pub mod action;
pub mod check;
pub mod context;
pub mod data_source;
pub mod diagnostics;
pub mod ephemeral;
pub mod function;
pub mod identity;
pub mod list;
pub mod model;
pub mod moves;
pub mod plan;
pub mod plugin;
pub mod provider;
pub mod resource;
pub mod schema;
pub mod serve;
#[cfg(feature = "testing")]
pub mod testing;
pub mod timeouts;
pub mod value;
pub mod wire;

pub use action::{Action, Progress};
pub use async_trait::async_trait;
pub use context::Cx;
pub use data_source::DataSource;
pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use ephemeral::{Ephemeral, Opened};
pub use function::{Function, FunctionError};
pub use identity::Identified;
pub use list::{ListEnd, ListResource, Listing};
pub use model::{Attr, Model, Set, View};
pub use moves::{MoveFrom, MoveSource};
pub use provider::{ConfigureCx, Provider};
pub use resource::{Failed, Plan, PlanChange, Resource};
pub use timeouts::Timeouts;
pub use value::{Number, Object, Path, PathStep, Refinement, Type, Value};
