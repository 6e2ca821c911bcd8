//! The agent that runs one node: it holds the database process, keeps the Record, decides with the planner, and acts.
//!
//! The one invariant: **whatever dies at whatever moment, the next start goes on from what is on disk.** The server never
//! dies with the agent; each file appears whole; what is about to happen is on disk before it happens.
//!
//! | module | what it holds |
//! |---|---|
//! | [`directory`] | which file of a node is what |
//! | [`commands`] | `start`, `run`, `status`, `remove`, `inspect`: what platforms call |
//! | [`serve`](mod@serve) | an agent from its start to its end |
//! | [`turn`] | look, plan, do, say |
//! | [`server`] | the database process: started, adopted, watched, stopped |
//! | [`process`] | processes that are recognised again |
//! | [`enrolment`] | the operators before there is a Record, and how a stranger becomes one |
//! | [`node`] | the node's ports |
//! | [`peers`] | the other agents of the cluster |
//! | [`place`] | where the node is, when that may change |
//! | [`moving`] | slots that move to other servers, and from them |
//! | [`backing_up`] | this node's part in a backup that is made |
//! | [`failover`] | taking over from a primary whose process is dead |
//! | [`authority`] | the cluster's certificates |
//! | [`secrets`] | the agent's own password, and the cluster's secrets |
//! | [`clock`] | what time it is |
//! | [`content`] | what is in a file, by its digest |
//! | [`journal`] | what happened at the node |
//! | `proof` | probes of the shards while nodes are disturbed, and the report of what that came to |
//! | [`limits`] | limits of the server's process |
//! | [`programs`] | programs that operators have this machine keep |
//! | `upcoming` | releases that the cluster takes by itself: what the catalog has, and its programs |
//! | [`root`] | what only root may do, where nobody logs in |
//! | `line` | one line of JSON over a socket |
//! | [`metrics`] | figures for Prometheus |
//! | [`api`], [`status`] | what operators ask and are told |
//! | [`log`] | the agent's log |

pub mod api;
pub mod authority;
pub mod backing_up;
pub mod clock;
pub mod commands;
pub mod content;
pub mod directory;
pub mod enrolment;
pub mod failover;
pub mod journal;
pub mod limits;
mod line;
pub mod log;
pub mod metrics;
pub mod moving;
pub mod node;
pub mod peers;
pub mod place;
pub mod process;
pub mod programs;
mod proof;
pub mod root;
#[cfg(test)]
mod samples;
pub mod secrets;
pub mod serve;
pub mod server;
pub mod status;
pub mod turn;
mod upcoming;

/// The version of this program.
#[must_use]
pub fn version() -> &'static str {
    justmanage_steps::version(env!("CARGO_PKG_VERSION"))
}

pub use directory::Directory;
pub use serve::{End, ServeError, serve};
