//! Everything physical: machines, servers, the network between them, the data, and the passing of time.

use justmanage_model::{NodeId, Record, Seat, SlotSet};

use crate::bus::gossip::Mail;
use crate::bus::{Bus, Id};
use crate::chance::Chance;
use crate::data::Histories;
use crate::disk::Disks;
use crate::network::Network;
use crate::promises::Promises;
use crate::server::{Node, Process, Server};
use crate::shape::{Shape, node_id};
use crate::{Ms, TICK};

/// The physical world.
#[derive(Clone, Debug)]
pub struct Field {
    /// What kind of cluster it is.
    pub shape: Shape,
    /// Milliseconds since the beginning.
    pub now: Ms,
    /// Where chance comes from.
    pub chance: Chance,
    /// Every machine that ever was.
    pub nodes: Vec<Node>,
    /// Who reaches whom.
    pub network: Network,
    /// Messages of the bus on their way.
    pub(crate) mail: Vec<Mail>,
    /// The parts of the slots, by which everybody counts.
    pub parts: Vec<SlotSet>,
    /// What clients wrote to each.
    pub histories: Histories,
    /// What was promised, and what was broken.
    pub promises: Promises,
    /// What happened, if somebody wants to know.
    pub trace: Option<Vec<(Ms, String)>>,
    /// Clients write.
    pub clients: bool,
    /// How many keys have fields that expire.
    pub field_ttls: u64,
    /// What full disks did.
    pub disks: Disks,
    /// Servers that crashed later than at their start, of a release that does so.
    pub crashes: u64,
    ids: Id,
}

impl Field {
    /// Machines, and nothing that runs.
    #[must_use]
    pub fn new(shape: Shape, chance: Chance) -> Self {
        let parts: Vec<SlotSet> = (0..shape.shards).map(|shard| SlotSet::share(shard, shape.shards)).collect();
        let mut field = Self {
            now: 0,
            chance,
            nodes: Vec::new(),
            network: Network::default(),
            mail: Vec::new(),
            histories: Histories::new(parts.len()),
            parts,
            promises: Promises::default(),
            trace: None,
            clients: true,
            field_ttls: 0,
            disks: Disks::default(),
            crashes: 0,
            ids: 0,
            shape,
        };
        for number in 0..field.shape.nodes() + usize::from(field.shape.spares) {
            field.add(field.shape.seat(number));
        }
        field
    }

    /// Another machine; its number.
    pub fn add(&mut self, seat: Seat) -> usize {
        let id = self.draw_id();
        let server = Server::new(Bus::new(id, self.parts.len()), self.shape.release.clone());
        self.nodes.push(Node {
            seat,
            on: true,
            gone: false,
            ahead: 0,
            broken: false,
            slow: false,
            full: false,
            home: 0,
            server,
        });
        self.nodes.len() - 1
    }

    /// The number of the node with this id.
    #[must_use]
    pub fn number(&self, node: NodeId) -> Option<usize> {
        (0..self.nodes.len()).find(|number| node_id(*number) == node)
    }

    /// An id that nobody has.
    pub fn draw_id(&mut self) -> Id {
        self.ids += 1;
        self.ids
    }

    /// Writes into the trace, if there is one.
    pub fn note(&mut self, what: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(trace) = &mut self.trace {
            trace.push((now, what()));
        }
    }

    /// A tick passes for machines, servers and clients.
    pub fn tick(&mut self) {
        self.now += TICK;
        self.network.pass(self.now);
        self.deliver();
        for node in &mut self.nodes {
            node.server.sent.clone_from(&node.server.data);
        }
        let mut order: Vec<usize> = (0..self.nodes.len()).filter(|node| !self.nodes[*node].gone).collect();
        self.chance.shuffle(&mut order);
        for node in order {
            self.process(node);
            if self.listens(node) {
                self.writing_down(node, |field| field.bus_cron(node));
            }
            if self.listens(node) {
                self.replicate(node);
            }
            if self.listens(node) {
                self.feed(node);
            }
        }
        if self.clients {
            self.write();
        }
    }

    /// Clients of every part write to whoever takes it: also to an old primary that has not heard yet.
    fn write(&mut self) {
        for node in 0..self.nodes.len() {
            let place = &self.nodes[node];
            if self.refuses_writes(node) && self.listens(node) && place.server.bus.owns() {
                self.disks.refused += 1;
            }
            if self.takes_writes(node) {
                let now = self.now;
                let server = &mut self.nodes[node].server;
                let owned = server.bus.parts_of(server.bus.id);
                // One write at a time, to one part after the other.
                let part = owned[(now / TICK) as usize % owned.len()];
                self.histories.append(&mut server.data, part, now, node);
                server.acked_at = Some(now);
                self.acknowledged(node);
            }
        }
    }

    /// Whether a node's server acknowledges writes to its slots now.
    #[must_use]
    pub fn takes_writes(&self, node: usize) -> bool {
        let place = &self.nodes[node];
        let server = &place.server;
        let works = place.on && server.process == Process::Up && !server.hung;
        works
            && server.bus.owns()
            && server.bus.ok
            && self.at_home(node)
            && !self.refuses_writes(node)
            && server.bus.held_for.is_none()
            && server.near >= server.setting("min-replicas-to-write")
    }

    /// Whether a server takes writes to a part of the slots now.
    #[must_use]
    pub fn is_served(&self, part: usize) -> bool {
        let serves = |node: &usize| {
            let bus = &self.nodes[*node].server.bus;
            bus.owners[part] == Some(bus.id) && self.takes_writes(*node)
        };
        (0..self.nodes.len()).any(|node| serves(&node))
    }

    /// The server that owns a shard's slots, by the highest epoch among those that say so.
    #[must_use]
    pub fn primary(&self, shard: u16) -> Option<usize> {
        let owns = |node: &usize| {
            let place = &self.nodes[*node];
            place.seat.shard == shard && place.on && place.server.process == Process::Up && place.server.bus.owns()
        };
        (0..self.nodes.len()).filter(owns).max_by_key(|node| self.nodes[*node].server.bus.config_epoch)
    }

    /// How many slots a server owns, by its own word.
    #[must_use]
    pub fn slots_of(&self, node: usize) -> u16 {
        let bus = &self.nodes[node].server.bus;
        bus.parts_of(bus.id).into_iter().map(|part| self.parts[part].len()).sum()
    }

    /// The server that owns a part, by the highest epoch among those that say so.
    #[must_use]
    pub fn owner(&self, part: usize) -> Option<usize> {
        let owns = |node: &usize| {
            let place = &self.nodes[*node];
            let bus = &place.server.bus;
            place.on && place.server.process == Process::Up && bus.is_primary() && bus.owners[part] == Some(bus.id)
        };
        (0..self.nodes.len()).filter(owns).max_by_key(|node| self.nodes[*node].server.bus.config_epoch)
    }

    /// The node that a Record has in a seat.
    #[must_use]
    pub fn seated(&self, record: &Record, seat: Seat) -> Option<usize> {
        let found = record.members.iter().find(|(_, member)| member.seat == seat);
        found.and_then(|(node, _)| self.number(*node))
    }
}
