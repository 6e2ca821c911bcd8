//! Spares: machines with agents that belong to the cluster and run no server, until one takes the place of a node that is lost.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Member, Record};
use crate::{NodeId, Pin, SealingKey, Seat};

/// A node without a place: its agent follows the Record like a member's, and it has no server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spare {
    /// The agent's public key.
    pub pin: Pin,
    /// The key to seal secrets for the agent with.
    pub sealing: SealingKey,
    /// Where the agent listens.
    pub agent: SocketAddr,
    /// Where clients will reach the server, once it has one.
    pub client: SocketAddr,
    /// The cluster bus port at the same address as `client`.
    pub bus_port: u16,
}

impl Spare {
    /// It as a member in a place, which has not joined yet.
    #[must_use]
    pub const fn seated(&self, seat: Seat) -> Member {
        let Self { pin, sealing, agent, client, bus_port } = *self;
        Member { seat, pin, sealing, agent, client, bus_port, bus_id: None }
    }
}

/// An agent that belongs to the cluster: a member's or a spare's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agent {
    /// Its place in the cluster's shape; a spare has none.
    pub seat: Option<Seat>,
    /// Its public key.
    pub pin: Pin,
    /// The key to seal secrets for it with.
    pub sealing: SealingKey,
    /// Where it listens.
    pub agent: SocketAddr,
}

impl From<&Member> for Agent {
    fn from(member: &Member) -> Self {
        let Member { seat, pin, sealing, agent, .. } = *member;
        Self { seat: Some(seat), pin, sealing, agent }
    }
}

impl From<&Spare> for Agent {
    fn from(spare: &Spare) -> Self {
        let Spare { pin, sealing, agent, .. } = *spare;
        Self { seat: None, pin, sealing, agent }
    }
}

impl Record {
    /// Every agent that belongs to the cluster: members', then spares'.
    pub fn agents(&self) -> impl Iterator<Item = (NodeId, Agent)> + '_ {
        let members = self.members.iter().map(|(node, member)| (*node, member.into()));
        members.chain(self.spares.iter().map(|(node, spare)| (*node, spare.into())))
    }

    /// The agent of a member or a spare.
    #[must_use]
    pub fn agent(&self, node: NodeId) -> Option<Agent> {
        self.members.get(&node).map(Into::into).or_else(|| self.spares.get(&node).map(Into::into))
    }

    /// Whether a node is a member or a spare.
    #[must_use]
    pub fn belongs(&self, node: NodeId) -> bool {
        self.members.contains_key(&node) || self.spares.contains_key(&node)
    }

    /// A spare takes the place of a member that is lost, whose machine is to go. Where either is not what it was, nothing happens.
    pub fn replace(&mut self, lost: NodeId, by: NodeId) {
        let Some(seat) = self.members.get(&lost).map(|member| member.seat) else { return };
        let Some(spare) = self.spares.remove(&by) else { return };
        self.retire([lost]);
        self.members.insert(by, spare.seated(seat));
    }

    /// How many spares there are less than are asked for.
    #[must_use]
    pub fn spares_missing(&self) -> usize {
        usize::from(self.spec.spares).saturating_sub(self.spares.len())
    }
}
