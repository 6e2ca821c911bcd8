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
//! | [`plan`] | what the planned state is, given prior state, configuration and schema |
//! | [`check`] | the checks that core makes of a provider's answers |
//! | [`serve`] | the gRPC service: wire -> typed calls -> wire |
//! | [`plugin`] | the process: handshake, TLS, controller, broker, stdio, logs |
//! | [`testing`] | a host that speaks the client side, for tests |

pub mod check;
pub mod diagnostics;
pub mod model;
pub mod plan;
pub mod plugin;
pub mod schema;
pub mod serve;
#[cfg(feature = "testing")]
pub mod testing;
pub mod value;
pub mod wire;

pub use diagnostics::{Diagnostic, Diagnostics, Severity};
pub use value::{Number, Path, PathStep, Refinement, Type, Value};
