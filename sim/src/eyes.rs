//! What a server says of itself and of the others.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use justmanage_model::{
    BusView, Bytes, Peer, PrimaryLink, Record, ReplicaLink, Role, ServerObservation, ServerState, SlotSet,
};

use crate::bus::{Bus, bus_id};
use crate::field::Field;
use crate::replication::Stream;
use crate::server::{Process, Server};
use crate::shape::{client_at, node_id};

impl Field {
    /// How a node's server is, by its process and its own words; `None` where only its agent knows: there is no process.
    pub(crate) fn see(&self, node: usize, record: &Record) -> Option<ServerState> {
        let server = &self.nodes[node].server;
        let since = crate::timestamp(self.now, self.nodes[node].ahead);
        match server.process {
            Process::Off => None,
            Process::Starting(_) => Some(ServerState::Starting { since }),
            // It does not accept anybody any more.
            Process::Ending(_) => Some(ServerState::Hung { since }),
            Process::Loading(_) | Process::Up if server.hung => Some(ServerState::Hung { since }),
            // It is about to be started where the node is.
            Process::Loading(_) | Process::Up if !self.at_home(node) => Some(ServerState::Starting { since }),
            Process::Loading(_) | Process::Up => Some(ServerState::Running(Box::new(self.server(node, record)))),
        }
    }

    fn server(&self, node: usize, record: &Record) -> ServerObservation {
        let place = &self.nodes[node];
        let server = &place.server;
        let loading = matches!(server.process, Process::Loading(_));
        ServerObservation {
            release: server.release.clone(),
            started: server.started.as_ref().map(|(generation, _)| *generation),
            pid: server.starts,
            loading,
            bus: (!loading).then(|| self.bus_view(node)),
            persistent: server.persistent(),
            offset: server.data.len() * self.shape.write_bytes,
            config: config(server, record, node),
            users: server.users.clone(),
            used_memory: Bytes::mib(2),
            field_ttls: Some(self.field_ttls),
            passwords: server.passwords,
            certificate_expires: server.certificate_expires,
            tls: Some(server.tls.clone()),
        }
    }

    fn bus_view(&self, node: usize) -> BusView {
        let server = &self.nodes[node].server;
        let bus = &server.bus;
        let owned = bus.parts_of(bus.id).into_iter().filter(|_| bus.is_primary());
        BusView {
            id: bus_id(bus.id),
            ok: bus.ok,
            epoch: bus.epoch,
            config_epoch: bus.epoch_of(bus.replica_of.unwrap_or(bus.id)),
            astray: server.marked.clone(),
            slots: owned.fold(SlotSet::empty(), |all, one| all.union(&self.parts[one])),
            role: self.role(node),
            peers: bus.peers.keys().map(|id| self.peer(node, *id)).collect(),
            view: view(bus),
        }
    }

    fn role(&self, node: usize) -> Role {
        let server = &self.nodes[node].server;
        let Some(of) = server.bus.replica_of else {
            let fed = server.replicas.iter().map(|(other, fed)| ReplicaLink {
                at: client_at(*other, self.nodes[*other].server.home),
                online: fed.online,
                lag_bytes: server.data.len().saturating_sub(fed.acked.1.len()) * self.shape.write_bytes,
                lag_s: (self.now - fed.acked.0) / 1000,
            });
            return Role::Primary { replicas: fed.collect() };
        };
        let replication = &server.replication;
        let linked = !matches!(replication.state, Stream::Down(_));
        let calls = server.bus.peers.get(&of).map(|peer| peer.at);
        let link = PrimaryLink {
            up: replication.is_up(),
            syncing: matches!(replication.state, Stream::Copying(..)),
            down_since: None,
            silent_s: linked.then_some((self.now - replication.fed_at) / 1000),
            at: calls.map(|at| client_at(at, server.calls)),
        };
        Role::Replica { of: bus_id(of), link }
    }

    fn peer(&self, node: usize, id: u64) -> Peer {
        let bus = &self.nodes[node].server.bus;
        let peer = &bus.peers[&id];
        let there = &self.nodes[peer.at];
        let back = there.server.bus.peers.get(&bus.id).is_some_and(crate::bus::Peer::linked);
        Peer {
            id: bus_id(id),
            at: (!peer.lost).then(|| client_at(peer.at, peer.home)),
            bus_port: 16379,
            replica_of: peer.replica_of.map(bus_id),
            slots: bus.parts_of(id).into_iter().map(|part| self.parts[part].len()).sum(),
            handshake: peer.handshake,
            suspected: peer.suspected,
            failed: peer.failed.is_some(),
            linked_to: peer.linked(),
            linked_from: back && there.on && there.server.process == Process::Up,
        }
    }
}

/// What the agent asks for: every key that is wanted, what the file set at the start, and `maxmemory`.
fn config(server: &Server, record: &Record, node: usize) -> BTreeMap<String, String> {
    let wanted = record.wanted_config(node_id(node));
    let before = server.started.iter().flat_map(|(_, keys)| keys);
    let keys: BTreeSet<&String> = wanted.keys().chain(before).collect();
    let value = |key: &str| server.config.get(key).cloned().unwrap_or_else(|| "the server's default".to_owned());
    let asked = keys.into_iter().map(String::as_str).chain(["maxmemory"]);
    asked.map(|key| (key.to_owned(), value(key))).collect()
}

/// Equal where servers agree on who there is, whose replica, who owns what and who has failed.
fn view(bus: &Bus) -> String {
    let own = (bus.id, bus.replica_of, false);
    let others = bus.peers.iter().filter(|(_, peer)| !peer.handshake);
    let mut all: Vec<_> = others.map(|(id, peer)| (*id, peer.replica_of, peer.failed.is_some())).chain([own]).collect();
    all.sort_unstable();
    let mut hasher = DefaultHasher::new();
    (all, &bus.owners).hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}
