//! What every cloud has in common. A cloud's own crate is an adapter: it implements [`Api`], about a dozen calls, and nothing above it
//! knows which cloud it is.
//!
//! The one invariant: **one claim, one machine.** The claim is in the call that makes the machine, as tags and as the token that makes
//! the call idempotent; an answer that was lost is asked for again; and what cannot be seen yet is never taken for absent.
//!
//! | module | what it holds |
//! |---|---|
//! | [`api`] | [`Api`]: what a cloud's own crate implements |
//! | [`cloud`] | [`Cloud`]: the platform over it |
//! | [`tags`] | [`Tags`]: a claim as tags, within the limits of all clouds |
//! | [`token`] | [`Token`]: makes the creating call idempotent |
//! | [`choice`] | which type of machine in which zone, and what next where there is no room |
//! | [`boot`] | the script of the first boot |
//! | [`operator`] | [`Operator`]: enrols agents, has them do what they are told, and signs what is remembered of them |
//! | [`remembered`] | an agent's word for itself in its machine's tags, signed |
//! | [`clock`] | [`Clock`]: waiting, which tests do not wait for |
//! | `patience` | back-off where a cloud turns calls away or an answer is lost |
//! | `look` | all that is ours there, seen at once |
//! | `ensure`, `launch`, `remove` | the verbs |
//! | `programs` | server programs: kept by machines, carried from one to another |
//! | `trouble` | what goes wrong, in words |

pub mod api;
pub mod boot;
pub mod choice;
pub mod clock;
pub mod cloud;
pub mod operator;
pub mod remembered;
pub mod tags;
pub mod token;

mod ensure;
mod launch;
mod look;
mod patience;
mod programs;
mod remove;
mod trouble;

pub use api::{Api, ApiError, Firewall, Instance, Launch, Stage};
pub use boot::{Boot, Fetch};
pub use choice::{Candidate, Offer, Room};
pub use clock::{Clock, SystemClock};
pub use cloud::{AgentPrograms, Cloud, CloudProgram, Settings};
pub use justmanage_host::KEPT;
pub use operator::{Inventory, NotEnrolled, Operator, Signer};
pub use tags::Tags;
pub use token::Token;
