//! Replicas and their primaries: first copies, the stream, and what each end sees of the other.

use std::collections::BTreeMap;

use justmanage_model::Engine;

use crate::data::Data;
use crate::field::Field;
use crate::server::Process;
use crate::{Ms, TICK};

/// After so long without a word the other end is given up (`repl-timeout`).
pub const REPL_TIMEOUT: Ms = 60_000;
/// So many writes fit into the backlog: whoever lacks more needs everything anew.
const BACKLOG: u64 = 2000;

/// A replica's end of the link.
#[derive(Clone, Debug)]
pub struct ReplicaOf {
    /// How it is.
    pub state: Stream,
    /// When it was last up, if it was since the server was started: a server that was never in sync with anybody does not stand
    /// for election ("repl is down since EVER").
    pub linked_at: Option<Ms>,
    /// When this replica last had everything that its primary had.
    pub level_at: Ms,
    /// When it last received something, be it only a sign of life.
    pub fed_at: Ms,
    /// When it last received less than there was: its own link, or disk, is slower than what is written.
    pub lagged_at: Option<Ms>,
    /// It may go on where it was, if the primary still has that.
    pub resumable: bool,
}

/// How the link is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// There is none; not before this moment is another tried.
    Down(Ms),
    /// The first copy comes from this node until then.
    Copying(usize, Ms),
    /// What is written at this node comes.
    Up(usize),
}

/// A primary's end.
#[derive(Clone, Debug)]
pub struct Fed {
    /// It has its copy.
    pub online: bool,
    /// When it last reported, and how far it was.
    pub acked: (Ms, Data),
}

impl ReplicaOf {
    /// No link yet.
    #[must_use]
    pub fn new(now: Ms) -> Self {
        Self { state: Stream::Down(now), linked_at: None, level_at: 0, fed_at: 0, lagged_at: None, resumable: true }
    }

    /// Whether it is up.
    #[must_use]
    pub fn is_up(&self) -> bool {
        matches!(self.state, Stream::Up(_))
    }
}

impl Field {
    /// One round of a replica.
    pub(crate) fn replicate(&mut self, node: usize) {
        let now = self.now;
        let bus = &self.nodes[node].server.bus;
        let Some(primary) = bus.replica_of else { return };
        match self.nodes[node].server.replication.state {
            Stream::Down(retry) if retry <= now => {
                let at = self.nodes[node].server.bus.peers.get(&primary).map(|peer| peer.at);
                let called = |at: &usize| self.nodes[*at].server.home == self.nodes[node].server.calls;
                match at.filter(|at| called(at) && self.feeds(*at, node, primary)) {
                    Some(at) => self.connect(node, at),
                    None => self.set_stream(node, Stream::Down(now + 1000)),
                }
            }
            Stream::Down(_) => {}
            Stream::Copying(from, until) => {
                if self.broken(from, node) {
                    self.set_stream(node, Stream::Down(now + 1000));
                } else if now >= until && self.network.both(node, from) && self.listens(from) {
                    self.copied(node, from);
                }
            }
            Stream::Up(from) => self.stream(node, from),
        }
    }

    /// Whether a node's server gives its data to another one that takes it for this primary.
    fn feeds(&self, at: usize, to: usize, id: u64) -> bool {
        let server = &self.nodes[at].server;
        let serves = server.process == Process::Up && !server.hung && server.bus.id == id && server.bus.is_primary();
        serves && self.nodes[at].on && self.at_home(at) && self.network.both(at, to)
    }

    /// Whether this end can see that the other one is gone: silence alone does not say so before a minute is over.
    fn broken(&self, from: usize, node: usize) -> bool {
        let there = &self.nodes[from];
        let gone = !there.on || there.server.process != Process::Up || !there.server.replicas.contains_key(&node);
        let silent = self.now > self.nodes[node].server.replication.fed_at + REPL_TIMEOUT;
        gone && there.on && self.network.open(from, node) || silent
    }

    fn connect(&mut self, node: usize, from: usize) {
        let now = self.now;
        let (theirs, ours) = (self.nodes[from].server.data.clone(), self.nodes[node].server.data.clone());
        let replication = &mut self.nodes[node].server.replication;
        replication.fed_at = now;
        let resumes = replication.resumable
            && theirs.len().saturating_sub(ours.len()) <= BACKLOG
            && self.histories.begins_with(&theirs, &ours);
        let fed = Fed { online: resumes, acked: (now, ours) };
        self.nodes[from].server.replicas.insert(node, fed);
        if resumes {
            self.note(|| format!("node {node} goes on copying node {from}"));
            self.set_stream(node, Stream::Up(from));
        } else {
            let delay = self.nodes[from].server.setting("repl-diskless-sync-delay") * 1000;
            let until = now + delay + self.chance.between(200, 1500);
            self.set_stream(node, Stream::Copying(from, until));
        }
    }

    fn copied(&mut self, node: usize, from: usize) {
        let release = |at: usize| &self.nodes[at].server.release;
        let older = release(node).version.line() < release(from).version.line();
        // What a newer line has written, an older one cannot read; but of Valkey it can, unless there are fields that expire.
        if older && (release(node).engine != Engine::Valkey || self.field_ttls > 0) {
            self.note(|| format!("node {node} cannot read the copy of node {from}, whose release is newer"));
            return self.set_stream(node, Stream::Down(self.now));
        }
        if self.nodes[node].full {
            // It goes by way of a file.
            self.note(|| format!("node {node} has no room for its copy of node {from}"));
            self.disks.copies += 1;
            return self.set_stream(node, Stream::Down(self.now + 1000));
        }
        let (before, after) = (self.nodes[node].server.data.len(), self.nodes[from].server.data.clone());
        self.note(|| format!("node {node} has its copy of node {from}: {} writes, had {before}", after.len()));
        self.replaced(node, from);
        let server = &mut self.nodes[node].server;
        server.data.clone_from(&after);
        server.synced.clone_from(&after);
        server.whole = true;
        server.replication.resumable = true;
        server.replication.level_at = self.now;
        server.dump = Some(after.clone());
        if let Some(fed) = self.nodes[from].server.replicas.get_mut(&node) {
            *fed = Fed { online: true, acked: (self.now, after) };
        }
        self.set_stream(node, Stream::Up(from));
    }

    fn stream(&mut self, node: usize, from: usize) {
        if self.broken(from, node) {
            return self.set_stream(node, Stream::Down(self.now));
        }
        let now = self.now;
        // A connection that is cut in one direction carries nothing in the other either: nobody says that it arrived.
        let both = self.network.both(from, node);
        let open = both && self.listens(from);
        let slow = self.nodes[node].slow && !self.chance.once_in(15);
        let sent = self.nodes[from].server.sent.clone();
        let reports = (now / TICK + node as u64).is_multiple_of(10) && both;
        let cannot_persist = self.refuses_writes(node);
        let server = &mut self.nodes[node].server;
        server.replication.linked_at = Some(now);
        if open {
            server.replication.fed_at = now;
            if slow {
                server.replication.lagged_at = Some(now);
            } else if sent.len() > server.data.len() && cannot_persist {
                return self.dies_of_its_disk(node, "cannot persist what it receives");
            } else if sent.len() >= server.data.len() {
                server.data = sent;
                server.replication.level_at = now;
            }
        }
        let ours = server.data.clone();
        if reports && let Some(fed) = self.nodes[from].server.replicas.get_mut(&node) {
            *fed = Fed { online: true, acked: (now, ours) };
        }
    }

    fn set_stream(&mut self, node: usize, state: Stream) {
        self.nodes[node].server.replication.state = state;
    }

    /// One round of whoever feeds others.
    pub(crate) fn feed(&mut self, node: usize) {
        let now = self.now;
        let Self { nodes, network, .. } = self;
        let hangs_on = |other: usize| match nodes[other].server.replication.state {
            Stream::Copying(from, _) | Stream::Up(from) => from == node && nodes[other].server.process == Process::Up,
            Stream::Down(_) => false,
        };
        let replicas: BTreeMap<usize, Fed> = nodes[node].server.replicas.clone();
        let lost = |other: usize, fed: &Fed| {
            let seen = nodes[other].on && network.open(other, node) && !hangs_on(other);
            seen || now > fed.acked.0 + REPL_TIMEOUT
        };
        let kept: BTreeMap<usize, Fed> = replicas.into_iter().filter(|(other, fed)| !lost(*other, fed)).collect();
        let full = nodes[node].full;
        let server = &mut nodes[node].server;
        // It counts them once a second, and whenever it loses one.
        let lost = kept.len() < server.replicas.len();
        server.replicas = kept;
        if lost || (now / TICK + node as u64 * 3).is_multiple_of(10) {
            let lag = server.setting("min-replicas-max-lag");
            // The server counts in whole seconds of its clock.
            let near = |fed: &&Fed| fed.online && now / 1000 - fed.acked.0 / 1000 <= lag;
            server.near = server.replicas.values().filter(near).count() as u64;
        }
        if server.synced != server.data && !full && (now / TICK + node as u64).is_multiple_of(10) {
            server.synced.clone_from(&server.data);
        }
    }

    /// Cuts the link to the primary: it sees that at once, if anything gets there. The next try is a second later.
    pub(crate) fn sever(&mut self, node: usize) {
        self.set_stream(node, Stream::Down(self.now + 1000));
    }
}
