//! What servers tell each other, and what they make of it.

use super::{Bus, FORGOTTEN, Id, Link, Peer};
use crate::Ms;
use crate::field::Field;

/// A message on its way.
#[derive(Clone, Debug)]
pub struct Mail {
    /// When it arrives.
    pub due: Ms,
    /// From which node.
    pub from: usize,
    /// To which.
    pub to: usize,
    /// Who the sender is.
    pub header: Header,
    /// What it says.
    pub body: Body,
}

/// What every message says of its sender.
#[derive(Clone, Debug)]
pub struct Header {
    /// Its id.
    pub id: Id,
    /// Its current epoch.
    pub epoch: u64,
    /// The epoch of the slots below.
    pub config_epoch: u64,
    /// The parts of the slots that it (or, for a replica, its primary) owns.
    pub shares: Vec<usize>,
    /// Whose replica it is.
    pub replica_of: Option<Id>,
    /// How far its data have come.
    pub offset: u64,
}

/// The rest of a message.
#[derive(Clone, Debug)]
pub enum Body {
    /// Asks for an answer over the sender's link to the peer that it has under this id.
    Ping(Id, Vec<Rumour>),
    /// The same, from somebody who wants to be known.
    Meet(Id, Vec<Rumour>),
    /// The answer.
    Pong(Id, Vec<Rumour>),
    /// A pong that nobody asked for: the sender has news.
    News,
    /// Somebody has failed.
    Fail(Id),
    /// A replica wants its primary to hold back its writes, and to hand over to it.
    HoldWrites,
    /// They are held back, and so far have they come.
    Held(u64),
    /// A replica wants its primary's place; by hand, also when that has not failed.
    VoteRequest {
        /// An operator or an agent asked for it.
        by_hand: bool,
    },
    /// Here it is.
    Vote,
    /// Who really owns some slots.
    Update {
        /// Who.
        owner: Id,
        /// Since which epoch.
        epoch: u64,
        /// Of which parts.
        shares: Vec<usize>,
    },
}

/// What a message says of a third server.
#[derive(Clone, Debug)]
pub struct Rumour {
    id: Id,
    at: (usize, u8),
    silent: bool,
}

impl Field {
    /// What the server of a node says of itself.
    pub(super) fn header(&self, node: usize) -> Header {
        let server = &self.nodes[node].server;
        let bus = &server.bus;
        let of = bus.replica_of.unwrap_or(bus.id);
        let shares = bus.parts_of(of);
        Header {
            id: bus.id,
            epoch: bus.epoch,
            config_epoch: bus.epoch_of(of),
            shares,
            replica_of: bus.replica_of,
            offset: server.data.len(),
        }
    }

    /// Sends something to the node that a peer is at.
    pub(super) fn send(&mut self, from: usize, to: usize, body: Body) {
        if !self.network.open(from, to) {
            return;
        }
        let header = self.header(from);
        let arrivals: Vec<Ms> = self.network.arrivals(self.now, &mut self.chance).collect();
        self.mail.extend(arrivals.into_iter().map(|due| Mail {
            due,
            from,
            to,
            header: header.clone(),
            body: body.clone(),
        }));
    }

    /// Tells everybody that is linked.
    pub(crate) fn broadcast(&mut self, from: usize, body: &Body) {
        let bus = &self.nodes[from].server.bus;
        let linked = bus.peers.values().filter(|peer| peer.linked() && !peer.handshake);
        for to in linked.map(|peer| peer.at).collect::<Vec<_>>() {
            self.send(from, to, body.clone());
        }
    }

    /// Some of whom a server knows: a few by chance, and everybody who is silent.
    pub(super) fn rumours(&mut self, node: usize) -> Vec<Rumour> {
        let bus = &self.nodes[node].server.bus;
        let known = || bus.peers.iter().filter(|(_, peer)| !peer.handshake && !peer.lost);
        let count = known().count();
        let rumour = |(id, peer): (&Id, &Peer)| Rumour { id: *id, at: (peer.at, peer.home), silent: peer.silent() };
        let start = self.chance.index(count.max(1));
        let some = known().cycle().skip(start).take(count.min(3)).map(rumour);
        some.chain(known().filter(|(_, peer)| peer.silent()).map(rumour)).collect()
    }

    /// Delivers what is due, in any order. What comes for a server that does not read waits at its door, until it does.
    pub(crate) fn deliver(&mut self) {
        let now = self.now;
        let (mut due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.mail).into_iter().partition(|mail| mail.due <= now);
        self.mail = later;
        if self.network.delay > 0 {
            self.chance.shuffle(&mut due);
        }
        for mail in due {
            if !self.network.open(mail.from, mail.to) {
                continue;
            }
            if self.listens(mail.to) {
                self.writing_down(mail.to, |field| field.hear(mail));
            } else if self.accepts(mail.to) {
                self.mail.push(mail);
            }
        }
    }

    fn hear(&mut self, mail: Mail) {
        let Mail { from, to, header, body, .. } = mail;
        if header.id == self.nodes[to].server.bus.id {
            return;
        }
        let home = self.nodes[from].server.home;
        if matches!(body, Body::Ping(..)) {
            self.found_at(to, header.id, (from, home));
        }
        match &body {
            Body::Ping(entry, _) | Body::Meet(entry, _) => {
                if matches!(body, Body::Meet(..)) {
                    self.met_by(to, from, header.id);
                }
                let rumours = self.rumours(to);
                self.send(to, from, Body::Pong(*entry, rumours));
            }
            Body::Pong(entry, _) => self.answered(to, *entry, from, &header),
            _ => {}
        }
        let bus = &mut self.nodes[to].server.bus;
        let Some(peer) = bus.peers.get_mut(&header.id) else { return };
        peer.offset = header.offset;
        bus.epoch = bus.epoch.max(header.epoch);
        match body {
            Body::Ping(_, rumours) | Body::Meet(_, rumours) | Body::Pong(_, rumours) => {
                self.learn(to, &header);
                self.gossip(to, header.id, rumours);
            }
            Body::News => self.learn(to, &header),
            Body::Fail(id) => {
                let now = self.now;
                if let Some(peer) = bus.peers.get_mut(&id) {
                    peer.suspected = false;
                    peer.failed.get_or_insert(now);
                }
            }
            Body::VoteRequest { by_hand } => self.vote(to, &header, by_hand),
            Body::Vote => self.count(to, &header),
            Body::HoldWrites => self.hold_writes(to, &header),
            Body::Held(so_far) => {
                if let Some((_, held)) = &mut bus.handover {
                    *held = Some(so_far);
                    self.elect(to);
                }
            }
            Body::Update { owner, epoch, shares } => {
                if let Some(peer) = bus.peers.get_mut(&owner)
                    && peer.config_epoch < epoch
                {
                    peer.config_epoch = epoch;
                    peer.replica_of = None;
                    self.claimed(to, owner, epoch, &shares);
                }
            }
        }
    }

    /// Somebody unknown wants to be known: a handshake goes back.
    fn met_by(&mut self, node: usize, from: usize, id: Id) {
        let (now, name) = (self.now, self.draw_id());
        let home = self.nodes[from].server.home;
        let bus = &mut self.nodes[node].server.bus;
        if bus.peers.contains_key(&id) || bus.peers.values().any(|peer| peer.handshake && peer.at == from) {
            return;
        }
        bus.peers.insert(name, Peer { handshake: true, ..Peer::new(from, home, now) });
    }

    /// An answer over our own link to a peer.
    fn answered(&mut self, node: usize, entry: Id, from: usize, header: &Header) {
        let now = self.now;
        let bus = &mut self.nodes[node].server.bus;
        let patience = bus.patience;
        let Some(peer) = bus.peers.get(&entry).filter(|peer| peer.at == from) else { return };
        if peer.handshake {
            let Some(peer) = bus.peers.remove(&entry) else { return };
            let at = (peer.at, peer.home);
            bus.peers.entry(header.id).or_insert(Peer { handshake: false, meet: false, ..peer });
            self.found_at(node, header.id, at);
        } else if entry != header.id {
            // Another server is there now: nobody knows where this one is.
            if let Some(peer) = bus.peers.get_mut(&entry) {
                peer.link = Link::Down(now);
                peer.lost = true;
            }
            return;
        }
        let bus = &mut self.nodes[node].server.bus;
        let owns = bus.shares_of(header.id) > 0;
        let Some(peer) = bus.peers.get_mut(&header.id) else { return };
        peer.pong_at = now;
        peer.ping_sent = None;
        peer.suspected = false;
        let over = |since: Ms| peer.replica_of.is_some() || !owns || now > since + 2 * patience;
        if peer.failed.is_some_and(over) {
            peer.failed = None;
        }
    }

    /// What a known sender is, and which slots are its own.
    fn learn(&mut self, node: usize, header: &Header) {
        let bus = &mut self.nodes[node].server.bus;
        let Some(peer) = bus.peers.get_mut(&header.id) else { return };
        let was_primary = peer.replica_of.is_none();
        peer.replica_of = header.replica_of;
        if header.replica_of.is_none() {
            peer.config_epoch = peer.config_epoch.max(header.config_epoch);
        }
        match header.replica_of {
            Some(primary) => {
                if was_primary {
                    bus.owners.iter_mut().filter(|owner| **owner == Some(header.id)).for_each(|owner| *owner = None);
                }
                // A replica of a replica follows that one's primary.
                if bus.replica_of == Some(header.id) && primary != bus.id {
                    self.follow(node, primary);
                }
                self.correct(node, header);
            }
            None => {
                self.claimed(node, header.id, header.config_epoch, &header.shares);
                self.correct(node, header);
                self.collide(node, header);
            }
        }
    }

    fn gossip(&mut self, node: usize, sender: Id, rumours: Vec<Rumour>) {
        let now = self.now;
        let bus = &mut self.nodes[node].server.bus;
        let counts = bus.peers.get(&sender).is_some_and(|peer| peer.replica_of.is_none()) && bus.shares_of(sender) > 0;
        let patience = bus.patience;
        let mut elsewhere = Vec::new();
        bus.forgotten.retain(|(_, until)| *until > now);
        for rumour in rumours.into_iter().filter(|rumour| rumour.id != bus.id) {
            let blocked = bus.forgotten.iter().any(|(id, _)| *id == rumour.id);
            match bus.peers.get_mut(&rumour.id) {
                Some(peer) if counts => {
                    peer.reports.retain(|(by, at)| *by != sender && at + 2 * patience > now);
                    if rumour.silent {
                        peer.reports.push((sender, now));
                    }
                }
                None if !blocked => drop(bus.peers.insert(rumour.id, Peer::new(rumour.at.0, rumour.at.1, now))),
                Some(_) | None => {}
            }
            elsewhere.extend((!rumour.silent).then_some((rumour.id, rumour.at)));
        }
        for (id, at) in elsewhere {
            self.said_to_be_at(node, id, at);
        }
        self.judge(node);
    }

    /// `CLUSTER MEET`, at this one of the other's addresses.
    pub(crate) fn meet(&mut self, node: usize, other: usize, home: u8) {
        let (now, name) = (self.now, self.draw_id());
        let bus = &mut self.nodes[node].server.bus;
        if !bus.peers.values().any(|peer| peer.handshake && (peer.at, peer.home) == (other, home)) {
            bus.peers.insert(name, Peer { handshake: true, meet: true, ..Peer::new(other, home, now) });
        }
    }

    /// `CLUSTER FORGET`.
    pub(crate) fn forget(&mut self, node: usize, id: Id) -> Result<(), String> {
        let now = self.now;
        let bus: &mut Bus = &mut self.nodes[node].server.bus;
        if bus.replica_of == Some(id) {
            return Err("a replica cannot forget its primary".to_owned());
        }
        bus.peers.remove(&id).ok_or("unknown node")?;
        bus.owners.iter_mut().filter(|owner| **owner == Some(id)).for_each(|owner| *owner = None);
        bus.forgotten.push((id, now + FORGOTTEN));
        Ok(())
    }
}
