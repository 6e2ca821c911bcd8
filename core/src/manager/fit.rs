//! Whether the data fit into fewer shards, or into less memory, by what the servers use at this moment.

use std::collections::BTreeMap;

use justmanage_model::slots::balance::Move;
use justmanage_model::spec::PROCESS_FIXED;
use justmanage_model::{Bytes, ClusterSpec, Failure, FieldPath, NodeObservation, Record, ServerState, SlotSet};

use super::look::Looked;
use crate::ClusterView;

/// What a server of ours uses before its first key, at least: with TLS, an append-only file and a replication backlog of 1 MiB. Of
/// what a server uses, no more than that is surely not data.
const EMPTY_LEAST: u64 = 3 << 19;
/// The same, at most: what a server may need besides its data.
const EMPTY_MOST: u64 = 5 << 19;
/// One part in so many of a node's memory stays free when shards are put together. Slots are spread by what they weigh to about a
/// tenth, copies of keys on their way take room of their own, and clients go on writing.
const SPARE: u64 = 20;

/// What servers use, as far as they were seen.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// Of the primaries: which slots they own, and the memory that they use.
    primaries: BTreeMap<u16, (SlotSet, Bytes)>,
    fullest: Option<Bytes>,
}

impl Usage {
    /// As a cluster was seen.
    pub fn of(view: &ClusterView) -> Self {
        let mut usage = Self::default();
        for node in &view.nodes {
            if let Some(seat) = node.seat {
                usage.add(seat.shard, &node.slots, node.memory);
            }
        }
        usage
    }

    /// As each agent says of its own node.
    pub(super) fn of_looked(record: &Record, looked: &[Looked]) -> Self {
        let mut usage = Self::default();
        for (info, reply) in looked.iter().filter_map(Looked::reply) {
            if let Some(shard) = record.shard_of(info.claim.node) {
                let (slots, memory) = of_node(&reply.node);
                usage.add(shard, &slots, memory);
            }
        }
        usage
    }

    fn add(&mut self, shard: u16, slots: &SlotSet, memory: Option<Bytes>) {
        let Some(memory) = memory else { return };
        self.fullest = self.fullest.max(Some(memory));
        if !slots.is_empty() {
            self.primaries.insert(shard, (slots.clone(), memory));
        }
    }

    /// Whether the owner of every slot was seen.
    pub fn is_whole(&self) -> bool {
        let owned = self.primaries.values().fold(SlotSet::empty(), |all, (slots, _)| all.union(slots));
        owned == SlotSet::all()
    }

    /// Which slots each shard owns.
    pub fn slots(&self) -> BTreeMap<u16, SlotSet> {
        self.primaries.iter().map(|(shard, (slots, _))| (*shard, slots.clone())).collect()
    }

    /// Memory of the node that uses most of it; `None`: none was seen.
    pub fn fullest(&self) -> Option<Bytes> {
        self.fullest
    }

    /// By how much primaries use more than this, all together.
    pub fn above(&self, memory: Bytes) -> Bytes {
        Bytes::new(self.primaries.values().map(|(_, used)| used.get().saturating_sub(memory.get())).sum())
    }

    /// What the data of a shard take, at most.
    pub fn data(&self, shard: u16) -> Bytes {
        let used = self.primaries.get(&shard).map_or(0, |(_, memory)| memory.get());
        Bytes::new(used.saturating_sub(EMPTY_LEAST))
    }

    /// What the data of all shards take, at most.
    pub fn all_data(&self) -> Bytes {
        Bytes::new(self.primaries.keys().map(|shard| self.data(*shard).get()).sum())
    }

    /// What goes over with these moves, if the slots of a shard weigh the same.
    pub fn moved(&self, moves: &[Move]) -> Bytes {
        let part = |one: &Move| {
            let owned = self.primaries.get(&one.from).map_or(1, |(slots, _)| slots.len().max(1));
            let bytes = u128::from(self.data(one.from).get()) * u128::from(one.slots.len()) / u128::from(owned);
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        Bytes::new(moves.iter().map(part).sum())
    }

    /// What each of so many servers would use, if all data were spread over them.
    pub fn each_of(&self, shards: u16) -> Bytes {
        Bytes::new(self.all_data().get().div_ceil(u64::from(shards.max(1))) + EMPTY_MOST)
    }
}

fn of_node(seen: &NodeObservation) -> (SlotSet, Option<Bytes>) {
    match &seen.server {
        ServerState::Running(server) if !server.loading => {
            (server.bus.as_ref().map(|bus| bus.slots.clone()).unwrap_or_default(), Some(server.used_memory))
        }
        _ => (SlotSet::empty(), None),
    }
}

/// What of a node's memory is for data when shards are put together.
pub fn room(spec: &ClusterSpec) -> Bytes {
    Bytes::new(spec.memory.get() - spec.memory.get() / SPARE)
}

/// How servers choose which keys go when their memory is full.
pub fn policy(spec: &ClusterSpec) -> String {
    spec.config.get("maxmemory-policy").map_or("noeviction", String::as_str).to_ascii_lowercase()
}

/// Whether a server whose memory is full makes room by itself, whatever its keys are.
pub fn evicts(spec: &ClusterSpec) -> bool {
    policy(spec).starts_with("allkeys-")
}

/// Why the data do not fit, if they do not: then servers would refuse writes, or keys could not be moved. What was not seen is not
/// judged. Servers that make room by themselves are their user's own decision.
pub fn refuse_fit(from: &ClusterSpec, to: &ClusterSpec, usage: &Usage) -> Option<Failure> {
    if evicts(to) {
        return None;
    }
    let fewer = (to.shards < from.shards && usage.is_whole()).then(|| fewer_shards(from, to, usage)).flatten();
    let less = || if to.memory < from.memory { less_memory(from, to, usage) } else { None };
    fewer.or_else(less).or_else(|| narrower(from, to, usage))
}

/// A limit of the process that leaves no room for what a server uses, and for its copy while it saves.
fn narrower(from: &ClusterSpec, to: &ClusterSpec, usage: &Usage) -> Option<Failure> {
    let limit = to.resources.memory.filter(|limit| *limit < from.memory_limit())?;
    let used = usage.fullest()?;
    let needed = Bytes::new(used.get().saturating_mul(2).saturating_add(PROCESS_FIXED.get()));
    let detail = format!(
        "The fullest node uses {} MiB. As much again while it saves, and {PROCESS_FIXED} for the process itself, are {} MiB; its process \
         would have {limit} instead of {}.",
        mib(used),
        mib(needed),
        from.memory_limit(),
    );
    let hint = format!("Set resources.memory to {}MiB or more, or remove keys first.", mib(needed));
    let about = FieldPath::of("resources").attribute("memory");
    let failure =
        Failure::at(about, "Servers do not fit into less memory", detail).hint(hint).next("Nothing was changed.");
    (limit < needed).then_some(failure)
}

fn fewer_shards(from: &ClusterSpec, to: &ClusterSpec, usage: &Usage) -> Option<Failure> {
    let (each, room) = (usage.each_of(to.shards), room(to));
    if each <= room {
        return None;
    }
    let detail = format!(
        "The data of all shards take about {} MiB. Spread over {} each node would use {} MiB, and of its memory = {} there are {} MiB \
         for that: a twentieth stays free. With maxmemory-policy = {} nothing makes room.",
        mib(usage.all_data()),
        if to.shards == 1 { "1 shard".to_owned() } else { format!("{} shards", to.shards) },
        mib(each),
        to.memory,
        room.get() >> 20,
        policy(to),
    );
    let least = Bytes::new(each.get() + each.get() / (SPARE - 1) + 1);
    let hint = match (to.shards..=from.shards).find(|shards| usage.each_of(*shards) <= room) {
        Some(shards) => {
            format!("Set memory to {}MiB or more, keep {shards} shards or more, or remove keys first.", mib(least))
        }
        None => format!("Set memory to {}MiB or more, or remove keys first.", mib(least)),
    };
    let about = FieldPath::of("shards");
    Some(Failure::at(about, "Data do not fit into fewer shards", detail).hint(hint).next("Nothing was changed."))
}

fn less_memory(from: &ClusterSpec, to: &ClusterSpec, usage: &Usage) -> Option<Failure> {
    let used = usage.fullest().filter(|used| *used > to.memory)?;
    let detail = format!(
        "The fullest node uses {} MiB, and would have {} instead of {}. With maxmemory-policy = {} a server that holds more refuses \
         writes, or has no keys that it may remove.",
        mib(used),
        to.memory,
        from.memory,
        policy(to),
    );
    let more = if to.shards > from.shards {
        " More shards need less memory each only when the data have moved: change shards first, and memory in another apply."
    } else {
        ""
    };
    let hint = format!("Set memory to {}MiB or more, or remove keys first.{more}", mib(used));
    let about = FieldPath::of("memory");
    Some(Failure::at(about, "Data do not fit into less memory", detail).hint(hint).next("Nothing was changed."))
}

/// In MiB, the next larger whole number.
pub fn mib(bytes: Bytes) -> u64 {
    bytes.get().div_ceil(1 << 20)
}

/// Why nobody can say whether the data fit, if the owner of a slot was not seen. Missing information is unsafe: once slots have begun
/// to move, it is too late to see that there is no room.
pub(super) fn refuse_unseen(from: &ClusterSpec, to: &ClusterSpec, usage: &Usage) -> Option<Failure> {
    (to.shards < from.shards && !evicts(to) && !usage.is_whole()).then(|| {
        let detail = "Not all primaries answer, so nobody can say whether their data fit into fewer shards.";
        Failure::at(FieldPath::of("shards"), "Data not seen", detail)
            .hint("Apply again when the cluster serves all slots; its state says what it waits for (waiting_on).")
            .next("Nothing was changed.")
    })
}

#[cfg(test)]
mod tests;
