//! What the agent that leads knows of the other nodes: each is asked all the time, and unknown is not absent.

use std::collections::BTreeMap;
use std::time::Duration;

use justmanage_model::record::Agent;
use justmanage_model::{Epoch, NodeId, NodeObservation, Record, Seen, Timestamp};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::debug;

use super::Peers;

/// How long a member is asked to wait with its answer while nothing changes. A machine that is frozen or cut off is noticed
/// when the answer does not come; a second is a fifth of what the servers themselves give each other.
const WAIT: Duration = Duration::from_secs(1);
/// Rest after a member could not be asked.
const REST: Duration = Duration::from_millis(200);

/// What is known of the others: members and spares.
pub type Gathered = BTreeMap<NodeId, Seen<NodeObservation>>;

/// Asks the others as long as the agent leads.
pub struct Gatherer {
    peers: Peers,
    own: NodeId,
    clock: fn() -> Timestamp,
    known: watch::Sender<Gathered>,
    tasks: BTreeMap<NodeId, (Agent, Epoch, Asking)>,
}

/// A task that ends with its handle.
struct Asking(JoinHandle<()>);

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Gatherer {
    /// Asks nobody yet.
    pub fn new(peers: Peers, own: NodeId, clock: fn() -> Timestamp) -> Self {
        Self { peers, own, clock, known: watch::Sender::new(Gathered::new()), tasks: BTreeMap::new() }
    }

    /// What is known, now and from now on.
    pub fn watch(&self) -> watch::Receiver<Gathered> {
        self.known.subscribe()
    }

    /// Asks those of the other members and spares of this Record who are wanted, and nobody else; without a Record, nobody.
    pub fn ask(&mut self, record: Option<&Record>, wanted: impl Fn(&Agent) -> bool) {
        let wanted = |node: NodeId| {
            let record = record?;
            Some((record.agent(node).filter(|agent| wanted(agent))?, record.epoch))
        };
        let stays = |node: NodeId, agent: &Agent, epoch: Epoch| wanted(node) == Some((*agent, epoch));
        self.tasks.retain(|node, (agent, epoch, _)| stays(*node, agent, *epoch));
        let tasks = &self.tasks;
        self.known.send_if_modified(|known| {
            let before = known.len();
            known.retain(|node, _| tasks.contains_key(node));
            before != known.len()
        });
        let others = record.into_iter().flat_map(Record::agents).map(|(node, _)| node).filter(|node| *node != self.own);
        for node in others.collect::<Vec<_>>() {
            let Some((agent, epoch)) = wanted(node).filter(|_| !self.tasks.contains_key(&node)) else { continue };
            let since = (self.clock)();
            let unknown = Seen::Unknown { since, why: "its agent has not been asked yet".to_owned() };
            self.known.send_modify(|known| drop(known.insert(node, unknown)));
            let asking = ask(self.peers.clone(), node, agent, epoch, self.known.clone(), self.clock);
            self.tasks.insert(node, (agent, epoch, Asking(tokio::spawn(asking))));
        }
    }
}

/// Asks one member for ever.
async fn ask(
    peers: Peers,
    node: NodeId,
    agent: Agent,
    epoch: Epoch,
    known: watch::Sender<Gathered>,
    clock: fn() -> Timestamp,
) {
    let mut seen = 0;
    loop {
        let asked = clock();
        let answer = peers.status((node, agent), epoch, seen, WAIT).await.map_err(|status| status.message().to_owned());
        let answer = answer.and_then(|reply| {
            let read = serde_json::from_slice::<NodeObservation>(&reply.node);
            // Its clock and ours may be apart; what counts is how long ago something was.
            let ahead = reply.now.parse::<Timestamp>().map(|theirs| clock().duration_since(theirs)).unwrap_or_default();
            read.map(|node| (reply.version, NodeObservation { ahead_s: -ahead.as_secs(), ..node.shifted(ahead) }))
                .map_err(|error| error.to_string())
        });
        match answer {
            Ok((version, observation)) => {
                seen = version;
                put(&known, node, Seen::Known(observation));
            }
            Err(why) => {
                debug!(%node, why, "a member cannot be asked");
                seen = 0;
                let unknown = |since| Seen::Unknown { since, why: format!("its agent does not answer ({why})") };
                known.send_if_modified(|known| match known.get(&node) {
                    // Since when it has not been seen, not since when it was asked last.
                    Some(Seen::Unknown { why: before, .. }) if before.contains(&why) => false,
                    Some(Seen::Unknown { since, .. }) => {
                        let since = *since;
                        known.insert(node, unknown(since));
                        true
                    }
                    _ => {
                        known.insert(node, unknown(asked));
                        true
                    }
                });
                tokio::time::sleep(REST).await;
            }
        }
    }
}

fn put(known: &watch::Sender<Gathered>, node: NodeId, seen: Seen<NodeObservation>) {
    known.send_if_modified(|known| known.insert(node, seen.clone()).as_ref() != Some(&seen));
}
