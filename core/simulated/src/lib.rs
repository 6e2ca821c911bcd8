//! Agents of many clusters, played by one process behind the real API: a stage for tests of everything that talks to agents.
//!
//! A [`Stage`] is a directory as the platform `local` has it, a program that answers to the commands of `justmanage-agent`, and one
//! server with mutual TLS for each node. What stands behind is made up: there is no database, no disk and no consensus, and a
//! cluster converges as soon as its members can be asked. So it says nothing about agents; it shows what their callers make of what
//! agents say, a hundred clusters at a time, and of what a test makes them say.
//!
//! The one invariant: **callers see nothing that real agents would not say.** Records are checked as the agents check them; who is
//! not named in them is refused in the handshake; epochs and generations are compared.
//!
//! | module | what it holds |
//! |---|---|
//! | [`stage`] | [`Stage`]: what a test sets up and changes |
//! | `shared`, `world` | what the agents know |
//! | `observation` | what they say of the servers that they would run |
//! | `api` | the API |
//! | `node` | one agent: its files, its lock, its server |
//! | `commands` | the agent's commands |

mod api;
mod commands;
mod node;
mod observation;
mod shared;
pub mod stage;
mod world;

pub use stage::Stage;
