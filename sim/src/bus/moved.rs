//! Nodes whose machine gets another address: who hears of that, and how.
//!
//! A server that is started elsewhere opens links to all whom it knows, and says by its pings where it is. Whoever hears of it by way
//! of a third only corrects what it knows of the cluster, and goes on calling its primary where that was (measured on Redis 7.0.15).

use super::{Id, Link};
use crate::field::Field;

impl Field {
    /// A node's machine is at another address from now on, where nobody knows it.
    pub fn move_machine(&mut self, node: usize) {
        let home = &mut self.nodes[node].home;
        *home = home.wrapping_add(1);
        self.note(|| format!("node {node}'s machine has another address"));
    }

    /// Whether a node's server listens where the node is. Otherwise nobody reaches it.
    pub(crate) fn at_home(&self, node: usize) -> bool {
        let place = &self.nodes[node];
        place.server.home == place.home
    }

    /// Whether a replica calls its primary where that was, though it knows better: it serves nobody, and is started anew without a grant.
    pub(crate) fn calls_in_vain(&self, node: usize) -> bool {
        let server = &self.nodes[node].server;
        let primary = server.bus.replica_of.and_then(|primary| server.bus.peers.get(&primary));
        primary.is_some_and(|primary| primary.home != server.calls) && !server.replication.is_up()
    }

    /// A server speaks from another address than it was known at (`nodeUpdateAddressIfNeeded`).
    pub(super) fn found_at(&mut self, node: usize, id: Id, at: (usize, u8)) {
        let now = self.now;
        let server = &mut self.nodes[node].server;
        let Some(peer) = server.bus.peers.get_mut(&id).filter(|peer| peer.lost || (peer.at, peer.home) != at) else {
            return;
        };
        (peer.at, peer.home) = at;
        peer.lost = false;
        peer.link = Link::Down(now);
        if server.bus.replica_of == Some(id) {
            server.calls = at.1;
        }
    }

    /// Somebody says that a server is elsewhere than it is known to be, and not to be reached, here.
    pub(super) fn said_to_be_at(&mut self, node: usize, id: Id, at: (usize, u8)) {
        let now = self.now;
        let peers = &mut self.nodes[node].server.bus.peers;
        let silent = peers.get_mut(&id).filter(|peer| peer.silent() && !peer.lost && (peer.at, peer.home) != at);
        if let Some(peer) = silent {
            (peer.at, peer.home) = at;
            peer.link = Link::Down(now);
        }
    }
}
