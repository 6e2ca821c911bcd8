//! Redis Cluster as its servers play it with each other: a model of `cluster_legacy.c`.
//!
//! Slots go by parts ([`crate::data`]): the owner of one slot of a part owns all. Everything that a server knows is in
//! its [`Bus`]; what is not volatile in there is its `nodes.conf` and survives its process.

pub mod cron;
pub mod election;
pub mod gossip;
mod moved;
pub mod slots;

use std::collections::BTreeMap;

use justmanage_model::BusId;

use crate::Ms;

/// A server's id, as a number. Ids of servers and names made up for the time of a handshake are drawn from one well.
pub type Id = u64;

/// `cluster-node-timeout` of a formed cluster.
pub const NODE_TIMEOUT: Ms = 5000;
/// The least that a primary rests after a minority (`CLUSTER_MIN_REJOIN_DELAY`).
pub const SHORTEST_REJOIN: Ms = 500;
/// A primary that was started serves no sooner (`CLUSTER_WRITABLE_DELAY`), so that it hears first whether it still is one.
pub const WRITABLE_DELAY: Ms = 2000;
/// How long a manual failover may take (`cluster-manual-failover-timeout`).
pub const MANUAL_TIMEOUT: Ms = 5000;
/// For how long a forgotten server is not learnt of again.
pub const FORGOTTEN: Ms = 60_000;

/// What one server knows of the cluster, and its part in it.
#[derive(Clone, Debug)]
pub struct Bus {
    /// Its id.
    pub id: Id,
    /// `currentEpoch`.
    pub epoch: u64,
    /// Its own configuration epoch.
    pub config_epoch: u64,
    /// The last epoch in which it voted.
    pub voted: u64,
    /// Whose replica it is; `None` for a primary.
    pub replica_of: Option<Id>,
    /// Who owns each part of the slots.
    pub owners: Vec<Option<Id>>,
    /// Everybody else that it knows.
    pub peers: BTreeMap<Id, Peer>,
    /// Who was forgotten, and until when that holds.
    pub forgotten: Vec<(Id, Ms)>,
    /// `cluster_state:ok`.
    pub ok: bool,
    /// `cluster-node-timeout`.
    pub patience: Ms,
    /// When it began to answer.
    pub up_at: Ms,
    /// When it was last among the smaller part of the primaries.
    pub minority_at: Option<Ms>,
    /// The election that it holds.
    pub election: Election,
    /// As a primary: when a replica of its own was last given a vote.
    pub voted_own_at: Option<Ms>,
    /// As a replica: a planned failover that it began, until when, and how far the primary is that holds back its writes.
    pub handover: Option<(Ms, Option<u64>)>,
    /// As a primary: for which replica it holds back its writes, and until when.
    pub held_for: Option<(Id, Ms)>,
}

/// Another server.
#[derive(Clone, Debug)]
pub struct Peer {
    /// At which node; the last that is known, if it is lost.
    pub at: usize,
    /// At which of that node's addresses.
    pub home: u8,
    /// Nobody knows where it is (`noaddr`): another server has answered where it was.
    pub lost: bool,
    /// Its name is made up: they have not got to know each other yet.
    pub handshake: bool,
    /// It is to be told that they are to meet.
    pub meet: bool,
    /// Since when it has been in here.
    pub since: Ms,
    /// Whose replica it is.
    pub replica_of: Option<Id>,
    /// The epoch of its slots.
    pub config_epoch: u64,
    /// How far it has come.
    pub offset: u64,
    /// `fail?`.
    pub suspected: bool,
    /// `fail`, since when.
    pub failed: Option<Ms>,
    /// Which primaries said that it does not answer, and when.
    pub reports: Vec<(Id, Ms)>,
    /// The link to it.
    pub link: Link,
    /// Since when a ping has been without an answer.
    pub ping_sent: Option<Ms>,
    /// When it last answered.
    pub pong_at: Ms,
    /// When a replica of it was last given a vote.
    pub voted_at: Option<Ms>,
}

/// A link to another server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// There is none; not before this moment is another tried.
    Down(Ms),
    /// It is up since then.
    Up(Ms),
}

/// An election as a replica holds it.
#[derive(Clone, Debug, Default)]
pub struct Election {
    /// When the votes are to be asked for; the servers with the stale-vote fault keep it after they won.
    pub at: Option<Ms>,
    /// They were asked for.
    pub asked: bool,
    /// Who gave theirs.
    pub votes: Vec<Id>,
    /// In which epoch.
    pub epoch: u64,
    /// By hand (`CLUSTER FAILOVER FORCE`), until when.
    pub by_hand: Option<Ms>,
}

impl Bus {
    /// A server whose data directory is new.
    #[must_use]
    pub fn new(id: Id, parts: usize) -> Self {
        Self {
            id,
            epoch: 0,
            config_epoch: 0,
            voted: 0,
            replica_of: None,
            owners: vec![None; parts],
            peers: BTreeMap::new(),
            forgotten: Vec::new(),
            ok: false,
            patience: NODE_TIMEOUT,
            up_at: 0,
            minority_at: None,
            election: Election::default(),
            voted_own_at: None,
            handover: None,
            held_for: None,
        }
    }

    /// Whether it is a primary, with slots or without.
    #[must_use]
    pub fn is_primary(&self) -> bool {
        self.replica_of.is_none()
    }

    /// Whether it is a primary that owns slots.
    #[must_use]
    pub fn owns(&self) -> bool {
        self.is_primary() && self.shares_of(self.id) > 0
    }

    /// The parts that somebody owns.
    #[must_use]
    pub fn parts_of(&self, id: Id) -> Vec<usize> {
        (0..self.owners.len()).filter(|part| self.owners[*part] == Some(id)).collect()
    }

    /// How many parts somebody owns.
    #[must_use]
    pub fn shares_of(&self, id: Id) -> usize {
        self.owners.iter().filter(|owner| **owner == Some(id)).count()
    }

    /// Takes a new epoch without asking anybody, if another one has as high a one.
    pub fn raise_epoch(&mut self) {
        let known = self.peers.values().map(|peer| peer.config_epoch);
        let highest = known.chain([self.config_epoch, self.epoch]).max().unwrap_or(0);
        if self.config_epoch == 0 || self.config_epoch != highest {
            self.epoch = highest + 1;
            self.config_epoch = self.epoch;
        }
    }

    /// The configuration epoch of a server as it is known here.
    #[must_use]
    pub fn epoch_of(&self, id: Id) -> u64 {
        if id == self.id { self.config_epoch } else { self.peers.get(&id).map_or(0, |peer| peer.config_epoch) }
    }

    /// Primaries that own slots.
    #[must_use]
    pub fn owners(&self) -> std::collections::BTreeSet<Id> {
        self.owners.iter().flatten().copied().collect()
    }

    /// How many primaries are their majority.
    #[must_use]
    pub fn majority(&self) -> usize {
        self.owners().len() / 2 + 1
    }

    /// The process ended: what is not in `nodes.conf` is gone.
    pub fn end(&mut self, now: Ms) {
        self.ok = false;
        self.minority_at = None;
        self.election = Election::default();
        self.voted_own_at = None;
        self.handover = None;
        self.held_for = None;
        self.peers.retain(|_, peer| !peer.handshake);
        for peer in self.peers.values_mut() {
            peer.suspected = false;
            peer.reports.clear();
            peer.link = Link::Down(0);
            peer.ping_sent = None;
            peer.pong_at = now;
            peer.voted_at = None;
        }
    }
}

impl Peer {
    /// One that was just heard of.
    #[must_use]
    pub fn new(at: usize, home: u8, now: Ms) -> Self {
        Self {
            at,
            home,
            lost: false,
            handshake: false,
            meet: false,
            since: now,
            replica_of: None,
            config_epoch: 0,
            offset: 0,
            suspected: false,
            failed: None,
            reports: Vec::new(),
            link: Link::Down(0),
            ping_sent: None,
            pong_at: 0,
            voted_at: None,
        }
    }

    /// Whether the link to it is up.
    #[must_use]
    pub fn linked(&self) -> bool {
        matches!(self.link, Link::Up(_))
    }

    /// It does not answer, as far as is known here.
    #[must_use]
    pub fn silent(&self) -> bool {
        self.suspected || self.failed.is_some()
    }
}

/// The id as the model has it. Servers compare ids as bytes where two collide: these are mixed, so that the order is not that
/// of birth.
#[must_use]
pub fn bus_id(id: Id) -> BusId {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&id.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[12..].copy_from_slice(&id.to_be_bytes());
    BusId::new(bytes)
}
