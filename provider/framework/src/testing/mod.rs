//! A host that speaks the client side, for tests of providers.
//!
//! It starts a provider as Terraform does, with go-plugin's environment and a P-521 certificate like Go's, and then does
//! what core does with each call: it completes the configuration, computes the proposed state, plans twice, and holds every
//! answer against core's rules. So a test fails where Terraform would, with a path instead of a Go value, and the calls of
//! newer protocols are tested although only an older Terraform is at hand.
//!
//! ```no_run
//! # async fn test() -> Result<(), tfkit::testing::HostError> {
//! use tfkit::{Value, testing::Launch};
//!
//! let mut host = Launch::new("target/debug/terraform-provider-notes").start().await?;
//! host.configure(&Value::object([("directory", "/tmp/notes".into())])).await?;
//! let state = host.create("notes_note", &Value::object([("name", "a".into()), ("text", "b".into())])).await?;
//! assert!(host.plan("notes_note", Some(&state), &Value::object([("name", "a".into()), ("text", "b".into())])).await?.is_empty());
//! host.shutdown().await?;
//! # Ok(())
//! # }
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | `launch` | the environment and the process |
//! | `identity` | certificates of a host, and of those who are none |
//! | `dial` | connections, admitted or refused |
//! | `output` | log lines, read as Terraform reads them |
//! | `host` | one provider process and its raw clients |
//! | `schemas` | schemas from the protocol |
//! | `proposed` | core's proposed new state |
//! | `core` | configure, plan and apply as core does them |
//! | `identities`, `moves`, `streams` | what newer cores do: identities, moves and generated configurations, actions and lists |
//! | `lookup` | read, import and upgrade as core does them, and data sources |
//! | `ephemeral` | open, renew and close as core does them |
//! | `function` | calls of functions as core makes them |

mod core;
mod dial;
mod ephemeral;
mod function;
mod host;
mod identities;
mod identity;
mod launch;
mod lookup;
mod moves;
mod output;
mod proposed;
mod schemas;
mod streams;
mod values;

pub use self::core::{Applied, Change, State};
pub use dial::{Presenting, Version};
pub use ephemeral::Open;
pub use host::{Host, HostError};
pub use identity::KeyKind;
pub use launch::{Handshake, Launch, Process};
pub use output::{LogLine, Output};
pub use proposed::proposed_new;
pub use schemas::Schemas;
pub use streams::{Invoked, Listed};
pub use values::complete;
