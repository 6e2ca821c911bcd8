//! Disks that take nothing any more, as servers and agents have to do with them.
//!
//! | who | what |
//! |---|---|
//! | a primary with an append-only file | refuses writes (`MISCONF`) |
//! | a replica with one | ends when it receives a write (`replica-ignore-disk-write-errors no`) |
//! | any server | ends rather than forget what it has to write into its `nodes.conf` (`clusterSaveConfigOrDie`) |
//! | a replica without data | gets no copy, which goes by way of a file |
//! | an agent | has no part in what the majority agrees on, and hears of nothing new; starts no server and writes none of its files; what it would remember for the next agent is not written |

use crate::bus::{Bus, Id};
use crate::data::Data;
use crate::field::Field;
use crate::server::Process;

/// What full disks did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disks {
    /// Ticks in which a primary refused writes.
    pub refused: u64,
    /// Servers that ended.
    pub ended: u64,
    /// Copies that did not get through.
    pub copies: u64,
    /// Steps that agents could not do.
    pub steps: u64,
    /// Ticks in which an agent that votes could not.
    pub votes: u64,
}

/// A server as its disk has it.
pub(crate) struct Written {
    bus: Bus,
    data: Data,
    mail: usize,
}

impl Disks {
    /// Adds what was done elsewhere.
    pub fn add(&mut self, other: &Self) {
        self.refused += other.refused;
        self.ended += other.ended;
        self.copies += other.copies;
        self.steps += other.steps;
        self.votes += other.votes;
    }
}

impl Field {
    /// Whether a server takes no writes since it cannot write them down.
    pub(crate) fn refuses_writes(&self, node: usize) -> bool {
        self.nodes[node].full && self.nodes[node].server.persistent()
    }

    /// A server ends that cannot do without its disk.
    pub(crate) fn dies_of_its_disk(&mut self, node: usize, why: &str) {
        self.disks.ended += 1;
        self.nodes[node].server.own_doing = true;
        self.end(node, why);
    }

    /// Lets a server do something of which it first writes down what is to outlive it. If it cannot, it ends, and nobody hears of
    /// anything.
    pub(crate) fn writing_down(&mut self, node: usize, act: impl FnOnce(&mut Self)) {
        let written = self.written_down(node);
        act(self);
        self.keep_written(node, written);
    }

    /// What a server has written down, if it can write nothing more.
    pub(crate) fn written_down(&self, node: usize) -> Option<Written> {
        let server = &self.nodes[node].server;
        let written = || Written { bus: server.bus.clone(), data: server.data.clone(), mail: self.mail.len() };
        self.nodes[node].full.then(written)
    }

    /// The end of something for which it would have to write something else.
    pub(crate) fn keep_written(&mut self, node: usize, written: Option<Written>) {
        let Some(Written { bus, data, mail }) = written else { return };
        let server = &mut self.nodes[node].server;
        if server.process == Process::Up && outline(&server.bus) != outline(&bus) {
            (server.bus, server.data) = (bus, data);
            self.mail.truncate(mail);
            self.dies_of_its_disk(node, "cannot write its nodes.conf");
        }
    }
}

/// What is in a `nodes.conf`, and worth a write.
fn outline(bus: &Bus) -> impl PartialEq + use<> {
    let known = bus.peers.iter().filter(|(_, peer)| !peer.handshake);
    let peers: Vec<(Id, Option<Id>, u64, bool, u8)> =
        known.map(|(id, peer)| (*id, peer.replica_of, peer.config_epoch, peer.failed.is_some(), peer.home)).collect();
    (bus.epoch, bus.config_epoch, bus.voted, bus.replica_of, bus.owners.clone(), peers)
}
