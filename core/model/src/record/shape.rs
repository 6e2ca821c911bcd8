//! From one shape to another: more or fewer shards and replicas, while the cluster serves.
//!
//! A cluster on its way has nodes of both shapes. What is decided meanwhile (who may take over, what a write needs) is decided
//! by the shape that is the safer one for it. A surge is such a way, too: to one replica more, and back when the servers have gone over.

use serde::{Deserialize, Serialize};

use super::{Fence, Grant, Operation, Phase, Record};
use crate::{ClusterSpec, NodeId, Seat};

/// How many shards there are, and how many replicas each has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Shards.
    pub shards: u16,
    /// Replicas of each.
    pub replicas_per_shard: u16,
}

/// The shapes that a cluster on its way may have nodes of: the least and the most of each number since it was last at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reshaping {
    /// The least.
    pub least: Shape,
    /// The most.
    pub most: Shape,
}

impl Shape {
    /// The one that a spec asks for.
    #[must_use]
    pub const fn of(spec: &ClusterSpec) -> Self {
        Self { shards: spec.shards, replicas_per_shard: spec.replicas_per_shard }
    }

    /// Whether a place is in it.
    #[must_use]
    pub const fn has(self, seat: Seat) -> bool {
        seat.shard < self.shards && seat.ordinal <= self.replicas_per_shard
    }

    /// How many nodes it has.
    #[must_use]
    pub fn nodes(self) -> u32 {
        u32::from(self.shards) * (1 + u32::from(self.replicas_per_shard))
    }

    /// Every place in it, shard by shard.
    pub fn seats(self) -> impl Iterator<Item = Seat> {
        (0..self.shards)
            .flat_map(move |shard| (0..=self.replicas_per_shard).map(move |ordinal| Seat { shard, ordinal }))
    }

    fn least(self, other: Self) -> Self {
        let replicas_per_shard = self.replicas_per_shard.min(other.replicas_per_shard);
        Self { shards: self.shards.min(other.shards), replicas_per_shard }
    }

    fn most(self, other: Self) -> Self {
        let replicas_per_shard = self.replicas_per_shard.max(other.replicas_per_shard);
        Self { shards: self.shards.max(other.shards), replicas_per_shard }
    }
}

impl Reshaping {
    /// Whether the number of shards was to change: only then slots are spread anew.
    #[must_use]
    pub const fn spreads(self) -> bool {
        self.least.shards != self.most.shards
    }
}

impl Record {
    /// The shape that it is to have now: the one that the spec asks for, and as long as a surge is on, one replica more.
    #[must_use]
    pub fn shape(&self) -> Shape {
        let Shape { shards, replicas_per_shard } = Shape::of(&self.spec);
        Shape { shards, replicas_per_shard: replicas_per_shard + u16::from(self.surge) }
    }

    /// Asks for another configuration. Where that has another shape, the cluster is on its way from now on, and no further slot sets
    /// out to where it was to go: [`Record::reshape`].
    pub fn set_spec(&mut self, spec: ClusterSpec) {
        self.reshape(|record| record.spec = spec);
    }

    /// Makes a change by which it may be to have another shape. Leave to move slots stays, for none from now on: who has keys of a slot
    /// that is on its way owns nothing yet, and would be taken for one that nobody needs. So what has set out arrives first, or goes
    /// back, and only then the grant ends.
    pub(super) fn reshape(&mut self, change: impl FnOnce(&mut Self)) {
        let now = self.shape();
        change(self);
        let next = self.shape();
        if self.phase == Phase::Formed && now != next {
            // Keys that go from server to server may be none that the release before takes.
            self.trial = None;
            let Reshaping { least, most } = self.reshaping.unwrap_or(Reshaping { least: now, most: now });
            self.reshaping = Some(Reshaping { least: least.least(next), most: most.most(next) });
            let given = self.generation.next();
            if let Some(grant) = self.grant.as_mut().filter(|grant| grant.operation == Operation::Reshard) {
                (grant.given, grant.moves) = (given, Vec::new());
            }
        }
    }

    /// It has the shape that is asked for. A write may need more replicas from now on, and its primary has to be told first.
    pub fn end_reshaping(&mut self) {
        let needed = self.fence_replicas();
        self.reshaping = None;
        if self.fence_replicas() > needed {
            let since = self.generation.next();
            let fences = self.fences.values_mut().filter(|fence| **fence != Fence::Open);
            fences.for_each(|fence| *fence = Fence::Closing { since });
        }
        let shards = self.spec.shards;
        self.fences.retain(|shard, _| *shard < shards);
    }

    /// The least that the cluster may have of each number now.
    #[must_use]
    pub fn least_shape(&self) -> Shape {
        self.reshaping.map_or_else(|| self.shape(), |reshaping| reshaping.least)
    }

    /// The most that the cluster may have of each number now.
    #[must_use]
    pub fn most_shape(&self) -> Shape {
        self.reshaping.map_or_else(|| self.shape(), |reshaping| reshaping.most)
    }

    /// The places in the shape that it is to have that nobody has.
    pub fn vacant(&self) -> impl Iterator<Item = Seat> + '_ {
        self.shape().seats().filter(|seat| !self.members.values().any(|member| member.seat == *seat))
    }

    /// The members that have no place in the shape that it is to have.
    pub fn surplus(&self) -> impl Iterator<Item = NodeId> + '_ {
        let shape = self.shape();
        self.members.iter().filter(move |(_, member)| !shape.has(member.seat)).map(|(node, _)| *node)
    }

    /// Whether replicas are there, or are to be made, that go when all servers have gone over.
    #[must_use]
    pub fn has_temporary(&self) -> bool {
        self.surge || self.previous.is_some() && self.surplus().next().is_some()
    }

    /// The grant to move slots, if one is out that names a node.
    #[must_use]
    pub fn reshard_of(&self, node: NodeId) -> Option<&Grant> {
        self.grant.as_ref().filter(|grant| grant.operation == Operation::Reshard && grant.nodes.contains(&node))
    }

    /// How many members of a shard are not its primary, whatever shape is asked for.
    #[must_use]
    pub fn replicas_of(&self, shard: u16) -> usize {
        self.members.values().filter(|member| member.seat.shard == shard).count().saturating_sub(1)
    }

    /// Takes members and spares out that are not needed any more; their machines are to go.
    pub fn retire(&mut self, nodes: impl IntoIterator<Item = NodeId>) {
        for node in nodes {
            if self.members.remove(&node).is_some() || self.spares.remove(&node).is_some() {
                self.retired.insert(node);
                self.end_grant_of(node);
            }
        }
    }

    /// A node that died with its grant keeps it until it is removed. Others that have leave to move slots have it still, for none from now
    /// on, as where another shape is asked for.
    pub fn end_grant_of(&mut self, node: NodeId) {
        let given = self.generation.next();
        self.grant.take_if(|grant| {
            if grant.nodes.remove(&node) && grant.operation == Operation::Reshard && !grant.nodes.is_empty() {
                (grant.given, grant.moves) = (given, Vec::new());
                return false;
            }
            // Every other grant names one node.
            grant.nodes.is_empty()
        });
    }
}
