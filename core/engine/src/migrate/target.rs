//! What happens at the server that gets slots.

use std::collections::BTreeMap;
use std::time::Duration;

use justmanage_model::{BusId, Bytes, Slot, SlotSet};

use super::giver::Giver;
use super::whole::{Job, Way};
use crate::bus::BusNode;
use crate::calls::slots::{self, Mark};
use crate::connection::{CallError, Connection};
use crate::info::Fields;

/// Why something did not happen at the target. The source's agent hears it from the target's, as words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// It cannot be reached, or not do it as things are: look again, and try again.
    #[error("not now: {why}")]
    NotNow {
        /// Why.
        why: String,
    },
    /// Trying again does not help.
    #[error("refused: {why}")]
    Refused {
        /// Why.
        why: String,
    },
}

impl From<CallError> for TargetError {
    fn from(error: CallError) -> Self {
        let why = error.to_string();
        match error {
            CallError::Unreachable { .. }
            | CallError::TimedOut { .. }
            | CallError::Loading
            | CallError::NotNow { .. } => Self::NotNow { why },
            CallError::Untrusted { .. }
            | CallError::Denied { .. }
            | CallError::Refused { .. }
            | CallError::Unexpected { .. } => Self::Refused { why },
        }
    }
}

/// The slots as one server sees its own part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Side {
    /// Its id on the bus.
    pub id: BusId,
    /// What it owns.
    pub slots: SlotSet,
    /// What it is marked to get, and from whom.
    pub arriving: BTreeMap<Slot, BusId>,
}

/// What the source's agent asks of the target's. A [`Connection`] to the target's server does all of it.
///
/// Every call is safe to make twice.
pub trait Target: Send {
    /// How much more it can hold, less a reserve for clients; `None` if it has no limit, or its user chose that it evicts any key.
    fn room(&mut self) -> impl Future<Output = Result<Option<Bytes>, TargetError>> + Send;

    /// Makes it ready to receive keys of these slots from that server, whose they are as far as it knows itself; also where it was
    /// made ready for one whose place that server has taken.
    fn import(&mut self, slots: &SlotSet, from: &Giver) -> impl Future<Output = Result<(), TargetError>> + Send;

    /// Makes it the owner of these slots, for which it was made ready, with a new epoch, so that its word counts; not while it
    /// knows of anything by which they could be another one's than that server's. Those that it owns already are left as they are.
    fn own(&mut self, slots: &SlotSet, from: &Giver) -> impl Future<Output = Result<(), TargetError>> + Send;

    /// Makes it not ready any more.
    fn release(&mut self, slots: &SlotSet) -> impl Future<Output = Result<(), TargetError>> + Send;

    /// Its part of the slots.
    fn side(&mut self) -> impl Future<Output = Result<Side, TargetError>> + Send;

    /// Those of these slots of which it holds keys, owner or not.
    fn holds(&mut self, slots: &SlotSet) -> impl Future<Output = Result<SlotSet, TargetError>> + Send;

    /// The way it knows to move slots as a whole, if any.
    fn way(&mut self) -> impl Future<Output = Result<Option<Way>, TargetError>> + Send;

    /// Starts to get these slots as a whole ([`Way::Pull`]); the id of the job.
    fn pull(&mut self, slots: &SlotSet) -> impl Future<Output = Result<String, TargetError>> + Send;

    /// The jobs by which it gets slots as a whole ([`Way::Pull`]), and those of late.
    fn pulls(&mut self) -> impl Future<Output = Result<Vec<Job>, TargetError>> + Send;

    /// Ends those of them that are under way.
    fn cancel_pulls(&mut self) -> impl Future<Output = Result<(), TargetError>> + Send;
}

/// How long the target may take to mark these slots, or to become their owner: whoever asks it from afar has to wait as long.
#[must_use]
pub fn marks_limit(slots: &SlotSet) -> Duration {
    slots::marks_limit(slots.len().into())
}

/// Of the target's memory, a twentieth stays free for what clients write meanwhile.
const RESERVE: u64 = 20;

impl Target for Connection {
    async fn room(&mut self) -> Result<Option<Bytes>, TargetError> {
        Ok(room(&self.info().await?))
    }

    async fn import(&mut self, slots: &SlotSet, from: &Giver) -> Result<(), TargetError> {
        let nodes = self.cluster_nodes().await?;
        let inherited = from.inherited(&nodes, slots);
        if let Some(why) = from.why_not(&nodes, &slots.difference(&inherited)) {
            return Err(TargetError::NotNow { why });
        }
        self.set_slots(&inherited, Mark::Node(from.id)).await?;
        Ok(self.set_slots(&slots.difference(&from.awaited(&nodes, slots)), Mark::Importing(from.id)).await?)
    }

    async fn own(&mut self, slots: &SlotSet, from: &Giver) -> Result<(), TargetError> {
        let nodes = self.cluster_nodes().await?;
        let myself = itself(&nodes)?;
        let new = slots.difference(&myself.slots);
        if let Some(why) = from.why_not(&nodes, &new).filter(|_| !new.is_empty()) {
            return Err(TargetError::NotNow { why });
        }
        if let Some(slot) = new.difference(&from.awaited(&nodes, &new)).slots().next() {
            // It would become the owner by its own word alone, without an epoch that makes others believe it.
            return Err(TargetError::NotNow { why: format!("it was not made ready for slot {slot}") });
        }
        let marked: SlotSet = myself.arriving.keys().copied().collect();
        let marked = marked.intersection(slots).intersection(&myself.slots);
        self.set_slots(&new, Mark::Node(myself.id)).await?;
        Ok(self.set_slots(&marked, Mark::Stable).await?)
    }

    async fn release(&mut self, slots: &SlotSet) -> Result<(), TargetError> {
        Ok(self.set_slots(slots, Mark::Stable).await?)
    }

    async fn side(&mut self) -> Result<Side, TargetError> {
        let myself = self.myself().await?;
        Ok(Side { id: myself.id, slots: myself.slots, arriving: myself.arriving })
    }

    async fn holds(&mut self, slots: &SlotSet) -> Result<SlotSet, TargetError> {
        let counts = self.count_keys(slots).await?;
        Ok(counts.into_iter().filter(|(_, count)| *count > 0).map(|(slot, _)| slot).collect())
    }

    async fn way(&mut self) -> Result<Option<Way>, TargetError> {
        Ok(Way::of(self).await?)
    }

    async fn pull(&mut self, slots: &SlotSet) -> Result<String, TargetError> {
        Ok(self.pull_slots(slots).await?)
    }

    async fn pulls(&mut self) -> Result<Vec<Job>, TargetError> {
        Ok(self.jobs(Way::Pull).await?)
    }

    async fn cancel_pulls(&mut self) -> Result<(), TargetError> {
        Ok(self.cancel_jobs(Way::Pull).await?)
    }
}

/// The server's own line.
fn itself(nodes: &[BusNode]) -> Result<&BusNode, TargetError> {
    let why = || TargetError::NotNow { why: "the server does not say who it is".to_owned() };
    nodes.iter().find(|node| node.myself).ok_or_else(why)
}

/// See [`Target::room`], from `INFO`.
fn room(info: &Fields) -> Option<Bytes> {
    let limit = info.number("maxmemory").filter(|limit| *limit > 0)?;
    // By `volatile-*` a server that is full evicts what its clients gave an end, and then refuses what has none.
    if info.get("maxmemory_policy").is_some_and(|policy| policy.starts_with("allkeys-")) {
        return None;
    }
    // What replicas and the append-only file are sent does not count against the limit.
    let uncounted = info.number("mem_not_counted_for_evict").unwrap_or_default();
    let used = info.number("used_memory")?.saturating_sub(uncounted);
    Some(Bytes::new((limit - limit / RESERVE).saturating_sub(used)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_what_is_left_below_the_limit() {
        for (text, expected) in [
            ("used_memory:100\r\nmaxmemory:0\r\nmaxmemory_policy:noeviction\r\n", None),
            ("used_memory:100\r\nmaxmemory:2000\r\nmaxmemory_policy:allkeys-lru\r\n", None),
            ("used_memory:100\r\nmaxmemory:2000\r\nmaxmemory_policy:allkeys-random\r\n", None),
            ("used_memory:100\r\nmaxmemory:2000\r\nmaxmemory_policy:volatile-lru\r\n", Some(1800)),
            ("used_memory:100\r\nmaxmemory:2000\r\nmaxmemory_policy:volatile-ttl\r\n", Some(1800)),
            ("used_memory:100\r\nmaxmemory:2000\r\n", Some(1800)),
            ("used_memory:100\r\nmaxmemory:2000\r\nmaxmemory_policy:noeviction\r\n", Some(1800)),
            (
                "used_memory:100\r\nmem_not_counted_for_evict:60\r\nmaxmemory:2000\r\nmaxmemory_policy:noeviction\r\n",
                Some(1860),
            ),
            ("used_memory:3000\r\nmaxmemory:2000\r\nmaxmemory_policy:noeviction\r\n", Some(0)),
        ] {
            assert_eq!(room(&Fields::parse(text)), expected.map(Bytes::new), "{text}");
        }
    }
}
