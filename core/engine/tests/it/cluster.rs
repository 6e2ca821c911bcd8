//! A cluster of servers on loopback, made by the engine's own calls.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use justmanage_engine::{CallError, Connection, inspect, observe};
use justmanage_model::{BusId, BusView, Role, ServerObservation, SlotSet};

use crate::authority::Authority;
use crate::node::{DEADLINE, Node, user};
use crate::servers::program;

/// While a cluster forms, nobody else asks for a copy a moment later, and waiting for them costs five seconds; news travel in
/// half of the node timeout.
const FORMING: [(&str, &str); 2] = [("repl-diskless-sync-delay", "0"), ("cluster-node-timeout", "2000")];

pub(crate) const USER: (&str, &str) = ("app", "app-password");

/// Its servers end with it. Nodes stand in the order of their shards, each shard's primary first.
pub(crate) struct Cluster {
    pub(crate) nodes: Vec<Node>,
    /// Of the nodes that run, by position.
    pub(crate) servers: Vec<Option<Connection>>,
    pub(crate) ids: Vec<BusId>,
    shards: usize,
}

impl Cluster {
    /// Servers that run and know nobody.
    pub(crate) async fn started(server: &Path, shards: usize, replicas: usize) -> Self {
        Self::started_as(server, (shards, replicas), false).await
    }

    async fn started_as(server: &Path, (shards, replicas): (usize, usize), moving: bool) -> Self {
        let authority = Arc::new(Authority::new());
        let found = inspect(&program(server)).await.unwrap();
        let mut starts = tokio::task::JoinSet::new();
        for position in 0..shards * (1 + replicas) {
            let mut node = Node::of(Arc::clone(&authority), server, found.clone(), &FORMING);
            node.moving = moving;
            starts.spawn(async move {
                node.users.insert(USER.0.parse().unwrap(), user("~* +@read +@write +asking", &[USER.1]));
                let mut connection = node.start().await;
                let id = connection.bus_view().await.unwrap().id;
                (position, node, connection, id)
            });
        }
        let mut started = starts.join_all().await;
        started.sort_by_key(|(position, ..)| *position);
        let mut cluster = Self { nodes: Vec::new(), servers: Vec::new(), ids: Vec::new(), shards };
        for (_, node, connection, id) in started {
            cluster.nodes.push(node);
            cluster.servers.push(Some(connection));
            cluster.ids.push(id);
        }
        cluster
    }

    /// A cluster that serves, and in which everybody agrees.
    pub(crate) async fn formed(server: &Path, shards: usize, replicas: usize) -> Self {
        Self::started(server, shards, replicas).await.form().await
    }

    /// Primaries that slots are moved between.
    pub(crate) async fn moving(server: &Path, shards: usize) -> Self {
        let mut cluster = Self::started_as(server, (shards, 0), true).await.form().await;
        cluster.be_patient().await;
        cluster
    }

    /// Without replicas nobody has to hear soon who is gone, and who is only slow is not to keep the others from serving.
    async fn be_patient(&mut self) {
        let patient = ("cluster-node-timeout".to_owned(), "15000".to_owned());
        for position in 0..self.nodes.len() {
            self.server(position).config_set(&[patient.clone()].into()).await.unwrap();
            self.nodes[position].config.extend([patient.clone()]);
        }
    }

    /// The same, each with a replica.
    pub(crate) async fn moving_with_replicas(server: &Path, shards: usize) -> Self {
        Self::started_as(server, (shards, 1), true).await.form().await
    }

    async fn form(self) -> Self {
        let mut cluster = self;
        cluster.give_epochs_and_slots().await;
        cluster.meet_all().await;
        cluster.replicate_all().await;
        cluster.settled(|_| true).await;
        cluster
    }

    pub(crate) fn server(&mut self, position: usize) -> &mut Connection {
        self.servers[position].as_mut().expect("it runs")
    }

    /// The positions of the nodes that run.
    pub(crate) fn running(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|position| self.servers[*position].is_some()).collect()
    }

    /// Which shard a node was made for, and the position of that shard's first node.
    pub(crate) fn shard(&self, position: usize) -> (usize, usize) {
        let size = self.nodes.len() / self.shards;
        (position / size, position / size * size)
    }

    /// One of its own for each, and that of a replica below its primary's: see [`Connection::cluster_set_config_epoch`].
    pub(crate) fn epoch(&self, position: usize) -> u64 {
        let (shard, first) = self.shard(position);
        let last = self.nodes.len() / self.shards - 1;
        ((last - (position - first)) * self.shards + shard + 1) as u64
    }

    pub(crate) async fn give_epochs_and_slots(&mut self) {
        for position in 0..self.nodes.len() {
            let (shard, first) = self.shard(position);
            let shards = u16::try_from(self.shards).unwrap();
            let epoch = self.epoch(position);
            let server = self.server(position);
            server.cluster_set_config_epoch(epoch).await.unwrap();
            if position == first {
                let slots = SlotSet::share(u16::try_from(shard).unwrap(), shards);
                server.assign_slots(&slots).await.unwrap();
            }
        }
    }

    /// Everybody meets everybody.
    pub(crate) async fn meet_all(&mut self) {
        for position in 0..self.nodes.len() {
            for other in (0..self.nodes.len()).filter(|other| *other != position) {
                let (at, bus_port) = (self.nodes[other].address, self.nodes[other].bus_port());
                self.server(position).cluster_meet(at, bus_port).await.unwrap();
            }
        }
    }

    /// Replicas become so, as soon as they know their primary.
    pub(crate) async fn replicate_all(&mut self) {
        for position in 0..self.nodes.len() {
            let (_, first) = self.shard(position);
            if first == position {
                continue;
            }
            let started = Instant::now();
            let primary = self.ids[first];
            while let Err(error) = self.server(position).cluster_replicate(primary).await {
                assert!(matches!(error, CallError::NotNow { .. }) && started.elapsed() < DEADLINE, "{error:?}");
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }

    /// `None` while it is reading its data, also those that its primary sends it.
    pub(crate) async fn view(&mut self, position: usize) -> Option<BusView> {
        self.see(position).await.bus
    }

    pub(crate) async fn see(&mut self, position: usize) -> ServerObservation {
        observe(self.server(position), ["repl-diskless-sync-delay"], None).await.unwrap()
    }

    /// Of all servers that run; `None` if one of them is reading its data.
    pub(crate) async fn views(&mut self) -> Option<Vec<BusView>> {
        let mut views = Vec::new();
        for position in self.running() {
            views.push(self.view(position).await?);
        }
        Some(views)
    }

    /// Waits until all servers that run agree, are linked to each other, have their copies, and `more` holds of all views.
    pub(crate) async fn settled(&mut self, more: impl Fn(&[BusView]) -> bool) -> Vec<BusView> {
        self.until(|views| at_rest(views) && more(views)).await
    }

    /// Waits until something holds of the views of all servers that run.
    pub(crate) async fn until(&mut self, holds: impl Fn(&[BusView]) -> bool) -> Vec<BusView> {
        let started = Instant::now();
        loop {
            let views = self.views().await;
            if let Some(views) = views.as_ref().filter(|views| holds(views)) {
                return views.clone();
            }
            assert!(started.elapsed() < DEADLINE, "{views:#?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Kills a server; its connection goes with it.
    pub(crate) fn kill(&mut self, position: usize) {
        self.nodes[position].kill();
        self.servers[position] = None;
    }

    /// Starts a server again that was killed.
    pub(crate) async fn start(&mut self, position: usize) {
        self.servers[position] = Some(self.nodes[position].start().await);
    }

    /// What a server says to a write of a key.
    pub(crate) fn write(&self, position: usize) -> String {
        self.nodes[position].client(USER.0, USER.1, &["SET", "key", "value"])
    }
}

/// All agree, all that run are linked both ways, every replica has its primary's data, and every primary sees it.
pub(crate) fn at_rest(views: &[BusView]) -> bool {
    let linked = |view: &BusView| {
        let others = views.iter().filter(|other| other.id != view.id);
        others.map(|other| view.peer(other.id)).all(|peer| {
            peer.is_some_and(|peer| {
                peer.linked_to && peer.linked_from && !peer.handshake && !peer.suspected && !peer.failed
            })
        })
    };
    let in_sync = |view: &BusView| match &view.role {
        Role::Primary { replicas } => {
            let copies = |other: &&BusView| matches!(other.role, Role::Replica { of, .. } if of == view.id);
            replicas.iter().filter(|replica| replica.online).count() == views.iter().filter(copies).count()
        }
        Role::Replica { link, .. } => link.up && !link.syncing,
    };
    views.iter().all(|view| view.ok && view.view == views[0].view && linked(view) && in_sync(view))
}
