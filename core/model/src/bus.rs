//! The cluster as one of its servers sees it over its bus.

use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::failure::Invalid;
use crate::text::{from_hex, serde_as_text, to_hex};
use crate::{SlotSet, Timestamp};

/// A server's id on the bus: 40 hexadecimal digits, drawn by the server when its data directory is new.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BusId([u8; 20]);

impl BusId {
    /// The id with these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; 20]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for BusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for BusId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for BusId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        from_hex(text).map(Self).ok_or_else(|| {
            Invalid::new(
                "Bus id not valid",
                format!("{text:?} is not a server's id on the cluster bus."),
                "It is 40 lowercase hexadecimal digits.",
            )
        })
    }
}

serde_as_text!(BusId);

/// What a server says of the cluster, and of its own place in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BusView {
    /// Its id.
    pub id: BusId,
    /// `cluster_state:ok`.
    pub ok: bool,
    /// `cluster_current_epoch`: rises with every election anywhere.
    pub epoch: u64,
    /// `cluster_my_epoch`: the epoch under which it (or its primary) took its slots.
    pub config_epoch: u64,
    /// Slots that it owns; a replica owns none.
    pub slots: SlotSet,
    /// Slots that it has marked as on their way, in or out, for longer than anybody takes who is still at it, and that no grant
    /// of ours explains: somebody left them half-way.
    #[serde(default, skip_serializing_if = "SlotSet::is_empty")]
    pub astray: SlotSet,
    /// What it is in its shard.
    pub role: Role,
    /// Every other server that it knows.
    pub peers: Vec<Peer>,
    /// Fingerprint of what every server must agree on: who there is, who is a replica of whom, who owns which slots, who has
    /// failed. Equal on all servers when, and only when, the cluster has come to rest.
    pub view: String,
}

/// What a server is in its shard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It takes writes (once it owns slots).
    Primary {
        /// The replicas that hang on it, as it sees them.
        replicas: Vec<ReplicaLink>,
    },
    /// It copies a primary.
    Replica {
        /// The primary.
        of: BusId,
        /// How it hangs on it.
        link: PrimaryLink,
    },
}

/// A replica as its primary sees it (`slaveN` in `INFO replication`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicaLink {
    /// Where the replica serves clients.
    pub at: SocketAddr,
    /// It has its copy and receives what is written.
    pub online: bool,
    /// How many bytes of the replication stream it still lacked.
    pub lag_bytes: u64,
    /// Seconds since it last reported.
    pub lag_s: u64,
}

/// A primary as its replica sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrimaryLink {
    /// `master_link_status:up`: it has its copy and receives what is written.
    pub up: bool,
    /// It is receiving its first copy.
    pub syncing: bool,
    /// Since when the link has not been up, as the replica's agent saw it.
    pub down_since: Option<Timestamp>,
    /// Seconds since anything came over the link; `None` while there is no link.
    pub silent_s: Option<u64>,
    /// Where it calls its primary, which may be where that was.
    #[serde(default)]
    pub at: Option<SocketAddr>,
}

/// Another server, as the one that was asked sees it (a line of `CLUSTER NODES`, and `CLUSTER LINKS`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Peer {
    /// Its id; while `handshake`, one that was made up for the time being.
    pub id: BusId,
    /// Where it serves clients; `None` when its address is not known.
    pub at: Option<SocketAddr>,
    /// Its bus port.
    pub bus_port: u16,
    /// `None` if it is a primary, otherwise whose replica it is; a replica whose primary is not known yet counts as its own.
    pub replica_of: Option<BusId>,
    /// How many slots it owns.
    pub slots: u16,
    /// They have not got to know each other yet.
    pub handshake: bool,
    /// It did not answer this server for the node timeout (`fail?`).
    pub suspected: bool,
    /// The majority of primaries agrees that it does not answer (`fail`).
    pub failed: bool,
    /// The link from this server to it is up.
    pub linked_to: bool,
    /// The link from it to this server is up. True where the server does not tell (before Redis 7.0).
    pub linked_from: bool,
}

impl BusView {
    /// The peer that serves clients at an address. One that is past the handshake comes first.
    #[must_use]
    pub fn peer_at(&self, at: SocketAddr) -> Option<&Peer> {
        let there = || self.peers.iter().filter(|peer| peer.at == Some(at));
        there().find(|peer| !peer.handshake).or_else(|| there().next())
    }

    /// The peer with an id.
    #[must_use]
    pub fn peer(&self, id: BusId) -> Option<&Peer> {
        self.peers.iter().find(|peer| peer.id == id)
    }

    /// Whether it is a primary, with slots or without.
    #[must_use]
    pub const fn is_primary(&self) -> bool {
        matches!(self.role, Role::Primary { .. })
    }
}
