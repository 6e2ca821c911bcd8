//! What a server does ten times a second: links, pings, judging who has failed, and whether the cluster works.

use super::gossip::Body;
use super::{Id, Link, SHORTEST_REJOIN, WRITABLE_DELAY};
use crate::field::Field;
use crate::server::Process;

impl Field {
    /// One round.
    pub(crate) fn bus_cron(&mut self, node: usize) {
        let now = self.now;
        let bus = &mut self.nodes[node].server.bus;
        let patience = bus.patience;
        bus.peers.retain(|_, peer| !peer.handshake || peer.since + patience > now);
        self.link(node);
        self.ping(node);
        self.suspect(node);
        self.judge(node);
        self.elect(node);
        self.hand_over(node);
        self.reconsider(node);
    }

    /// Opens links that are not there, and drops those whose other end is gone.
    fn link(&mut self, node: usize) {
        let now = self.now;
        let known = self.nodes[node].server.bus.peers.iter().filter(|(_, peer)| !peer.lost);
        let peers: Vec<(Id, (usize, u8), Link, bool)> =
            known.map(|(id, peer)| (*id, (peer.at, peer.home), peer.link, peer.meet)).collect();
        for (id, (at, home), link, meet) in peers {
            let alive = self.accepts(at) && self.nodes[at].server.home == home;
            match link {
                Link::Up(_) if !alive && self.network.open(at, node) => self.set_link(node, id, Link::Down(now + 500)),
                Link::Down(retry) if retry <= now => {
                    if alive && self.network.both(node, at) {
                        self.set_link(node, id, Link::Up(now));
                        let rumours = self.rumours(node);
                        let body = if meet { Body::Meet(id, rumours) } else { Body::Ping(id, rumours) };
                        self.send(node, at, body);
                    }
                    if let Some(peer) = self.nodes[node].server.bus.peers.get_mut(&id) {
                        peer.ping_sent.get_or_insert(now);
                    }
                }
                Link::Up(_) | Link::Down(_) => {}
            }
        }
    }

    fn set_link(&mut self, node: usize, id: Id, link: Link) {
        if let Some(peer) = self.nodes[node].server.bus.peers.get_mut(&id) {
            peer.link = link;
        }
    }

    /// One by chance a second, and everybody who was silent for half of the node timeout.
    fn ping(&mut self, node: usize) {
        let now = self.now;
        let bus = &self.nodes[node].server.bus;
        let (peers, patience) = (&bus.peers, bus.patience);
        let linked = || peers.iter().filter(|(_, peer)| peer.linked() && peer.ping_sent.is_none() && !peer.handshake);
        let mut wanted: Vec<(Id, usize)> =
            linked().filter(|(_, peer)| peer.pong_at + patience / 2 < now).map(|(id, peer)| (*id, peer.at)).collect();
        if (now / crate::TICK + node as u64).is_multiple_of(10) {
            let oldest = linked().min_by_key(|(_, peer)| peer.pong_at).map(|(id, peer)| (*id, peer.at));
            wanted.extend(oldest.filter(|one| !wanted.contains(one)));
        }
        for (id, at) in wanted {
            if let Some(peer) = self.nodes[node].server.bus.peers.get_mut(&id) {
                peer.ping_sent = Some(now);
            }
            let rumours = self.rumours(node);
            self.send(node, at, Body::Ping(id, rumours));
        }
    }

    /// Who does not answer is suspected; a link over which nothing comes is made anew.
    fn suspect(&mut self, node: usize) {
        let now = self.now;
        let bus = &mut self.nodes[node].server.bus;
        let patience = bus.patience;
        for peer in bus.peers.values_mut().filter(|peer| !peer.handshake && !peer.lost) {
            let Some(sent) = peer.ping_sent else { continue };
            if let Link::Up(since) = peer.link
                && now > since.max(sent) + patience / 2
            {
                peer.link = Link::Down(now);
            }
            if now > sent + patience && peer.failed.is_none() {
                peer.suspected = true;
            }
        }
    }

    /// Whom most primaries suspect has failed.
    pub(super) fn judge(&mut self, node: usize) {
        let now = self.now;
        let bus = &mut self.nodes[node].server.bus;
        let (majority, own, patience) = (bus.majority(), usize::from(bus.owns()), bus.patience);
        let mut failed = Vec::new();
        for (id, peer) in bus.peers.iter_mut().filter(|(_, peer)| peer.suspected && peer.failed.is_none()) {
            peer.reports.retain(|(_, at)| at + 2 * patience > now);
            if peer.reports.len() + own >= majority {
                peer.suspected = false;
                peer.failed = Some(now);
                failed.push(*id);
            }
        }
        for id in failed {
            self.note(|| format!("node {node} marks server {id} as failed"));
            self.broadcast(node, &Body::Fail(id));
        }
    }

    /// Whether the cluster works: every slot has an owner who has not failed, and most primaries can be reached.
    pub(crate) fn reconsider(&mut self, node: usize) {
        let now = self.now;
        let bus = &mut self.nodes[node].server.bus;
        if bus.is_primary() && !bus.ok && now < bus.up_at + WRITABLE_DELAY {
            return;
        }
        let id = bus.id;
        let failed = |owner: Id| owner != id && bus.peers.get(&owner).is_none_or(|peer| peer.failed.is_some());
        let silent = |owner: Id| owner != id && bus.peers.get(&owner).is_none_or(|peer| peer.silent());
        let covered = bus.owners.iter().all(|owner| owner.is_some_and(|owner| !failed(owner)));
        let reached = bus.owners().into_iter().filter(|owner| !silent(*owner)).count();
        let minority = reached < bus.majority();
        if minority {
            bus.minority_at = Some(now);
        }
        let ok = covered && !minority;
        let rests = bus.is_primary() && bus.minority_at.is_some_and(|at| now < at + bus.patience);
        if ok && !bus.ok && rests {
            return;
        }
        bus.ok = ok;
    }

    /// With a node timeout of half a second for a moment: the pause after a minority is over after so long.
    pub(crate) fn serve_again(&mut self, node: usize) {
        let now = self.now;
        let bus = &mut self.nodes[node].server.bus;
        bus.minority_at = bus.minority_at.filter(|at| now < at + SHORTEST_REJOIN);
        self.reconsider(node);
    }

    /// Whether a node's server takes connections: also one that hangs does, since its kernel does.
    pub(crate) fn accepts(&self, node: usize) -> bool {
        let place = &self.nodes[node];
        place.on && self.at_home(node) && matches!(place.server.process, Process::Loading(_) | Process::Up)
    }

    /// Whether a node's server reads what it is sent.
    pub(crate) fn listens(&self, node: usize) -> bool {
        let place = &self.nodes[node];
        place.on && self.at_home(node) && place.server.process == Process::Up && !place.server.hung
    }
}
