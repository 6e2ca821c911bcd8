//! What only root may do on a machine where nobody logs in, and how an agent that is not root has it done
//! (docs/decisions/0034-machines-without-a-shell.md).
//!
//! The agent connects to a socket of systemd's that only its user may open; systemd starts `justmanage-agent root`, as root, with that
//! connection as its standard input. It does two things, one at a time: it puts another build in the agent's place, and it limits the
//! server's unit.
//!
//! The one invariant: **nothing is done that no operator has signed for this machine.** Who the operators are stands in the order, which
//! root wrote at the machine's first boot; what the agent says, or anybody who has become its user, counts for nothing. No shell is run, and
//! nothing of what is said becomes a part of a path or a command: digests, versions and figures are parsed first.
//!
//! | agent | root |
//! |---|---|
//! | sends a line with the warrant ([`message::Request`]) | checks it |
//! | | answers, or asks for the program ([`message::Answer`]) |
//! | sends the program | checks and tries it, puts it in place, and answers |
//! | is ended | starts the build, and takes it out again if that does not come up |

mod client;
mod judge;
mod limit;
mod message;
mod place;
mod recover;
mod replace;
mod serve;
mod systemd;

use std::path::PathBuf;

pub use client::{RootError, RootHelper, Verdict};
pub use place::Base;
pub use recover::recover;
pub use serve::serve_stdin;

/// Names, in the environment of an agent, the socket on which systemd starts its root helper.
pub const SOCKET: &str = "JUSTMANAGE_ROOT_SOCKET";

/// The one of this process, if its machine has one.
pub fn from_environment() -> Option<RootHelper> {
    let socket = std::env::var_os(SOCKET).filter(|socket| !socket.is_empty())?;
    Some(RootHelper::new(PathBuf::from(socket)))
}
