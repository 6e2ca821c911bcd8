//! Slots that move away from this node's server, and to it, as a grant in the Record says.
//!
//! The agent of the server that gives drives a move, beside its turns and over connections of its own; the agent of the server that
//! gets does what it is asked to, and nothing that the Record does not allow. Nothing is remembered: how far a move is, the two
//! servers say themselves ([`justmanage_engine::migrate`]).
//!
//! | module | what it holds |
//! |---|---|
//! | `orders` | what goes where, by the grant and by what our server sees |
//! | `task` | moving, round after round |
//! | `tally` | how far it has come, and what hinders it |
//! | `remote` | the other server, by way of its agent |
//! | [`reception`] | what other agents ask of our server |
//! | `convert` | between what travels and what is meant |

mod convert;
mod orders;
pub mod reception;
mod remote;
mod tally;
mod task;

use std::sync::Arc;
use std::time::Duration;

use justmanage_model::{Generation, Grant, MoveTally, NodeId, Record, Timestamp};
use justmanage_record::RecordStore;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::warn;

use crate::peers::Peers;
use crate::secrets::Secrets;
use crate::server::ServerAccess;
pub use reception::Reception;
use tally::Teller;
use task::{End, Task};

/// How long a task that is to end may take: a turn of the mover, the slots that it has open, and a server that is slow. One that is
/// late is dropped in the middle of a call; the servers say how far it was.
const END_LIMIT: Duration = Duration::from_secs(3);

/// What moving works with.
#[derive(Clone)]
pub struct Tools {
    /// Whose server gives.
    pub own: NodeId,
    /// How to call it.
    pub access: ServerAccess,
    /// The agents of those that get.
    pub peers: Peers,
    /// The cluster's secrets: servers log in to each other.
    pub secrets: Secrets,
    /// The Record.
    pub store: Arc<dyn RecordStore>,
    /// What time it is.
    pub clock: fn() -> Timestamp,
}

/// The move that goes on, if one does, and what the last one came to.
pub(crate) struct Moving {
    tools: Tools,
    tallies: watch::Sender<Option<MoveTally>>,
    running: Option<Running>,
    /// By this grant it was at it, and ceased because the server was no primary any more; or nobody knows why.
    ceased: Option<Generation>,
}

struct Running {
    given: Generation,
    stop: watch::Sender<bool>,
    task: JoinHandle<End>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Moving {
    /// Nothing moves yet.
    pub(crate) fn new(tools: Tools) -> Self {
        Self { tools, tallies: watch::Sender::new(None), running: None, ceased: None }
    }

    /// How far it has come, now and from now on: at least once a second, and at once when it is done or hindered.
    pub(crate) fn tallies(&self) -> watch::Receiver<Option<MoveTally>> {
        self.tallies.subscribe()
    }

    /// How far it has come.
    pub(crate) fn tally(&self) -> Option<MoveTally> {
        self.tallies.borrow().clone()
    }

    /// Begins to move what a grant says, unless it is at it.
    pub(crate) fn begin(&mut self, grant: &Grant) {
        let given = grant.given;
        if self.running.as_ref().is_some_and(|running| running.given == given && !running.task.is_finished()) {
            return;
        }
        self.ceased = None;
        let (stop, stopped) = watch::channel(false);
        let teller = Teller::begin(self.tallies.clone(), given, self.tools.clock);
        let task = tokio::spawn(Task::new(self.tools.clone(), given, teller).run(stopped));
        self.running = Some(Running { given, stop, task });
    }

    /// Ends a move that is granted no more, before anything else is begun; and takes one up again that was ended because the
    /// server was no primary, when it is one.
    pub(crate) async fn follow(&mut self, record: Option<&Record>, is_primary: bool) {
        let grant = record.and_then(|record| record.reshard_of(self.tools.own));
        if let Some(running) = &mut self.running {
            let other = grant.map(|grant| grant.given) != Some(running.given);
            if other || running.task.is_finished() {
                running.stop.send_replace(true);
                match tokio::time::timeout(END_LIMIT, &mut running.task).await {
                    Ok(Ok(End::NothingLeft | End::Stopped)) => {}
                    Ok(Ok(End::NoPrimary)) => self.ceased = Some(running.given),
                    Ok(Err(error)) => {
                        warn!(%error, "moving slots has failed; it is begun anew");
                        self.ceased = Some(running.given);
                    }
                    Err(_) => warn!("moving slots did not end in time, and was dropped"),
                }
                self.running = None;
                self.tallies
                    .send_if_modified(|tally| tally.as_mut().is_some_and(|tally| std::mem::take(&mut tally.active)));
            }
        }
        if let Some(grant) = grant.filter(|grant| is_primary && self.ceased == Some(grant.given)) {
            self.begin(grant);
        }
    }
}
