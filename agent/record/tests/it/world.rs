//! Agents of one cluster in one process: each with a key, a directory, an address, and a door that can be shut.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use justmanage_identity::{Allowed, Incoming, KeyPair};
use justmanage_model::{ClusterId, Epoch, Generation, Member, NodeId, Pin, Record, SealingKey, Seat, User};
use justmanage_record::{Group, GroupConfig, RecordStore, Standing, StoreError};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Longest time for anything that is expected to happen: the machine is noisy.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Waits until there is an answer.
pub(crate) async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < SOON, "{what}: not within {} s", SOON.as_secs());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub(crate) fn epoch(number: u8) -> Epoch {
    Epoch::from_entropy([number; 8])
}

/// One agent, running or not.
pub(crate) struct Agent {
    pub(crate) home: PathBuf,
    /// Goes with the agent.
    temporary: Option<TempDir>,
    pub(crate) key: Arc<KeyPair>,
    pub(crate) node: NodeId,
    pub(crate) seat: Seat,
    pub(crate) address: SocketAddr,
    running: Option<Running>,
    /// Whom it neither lets in nor calls; `None`: nobody at all.
    shut: watch::Sender<Door>,
}

#[derive(Clone, PartialEq)]
pub(crate) enum Door {
    Open,
    ShutTo(BTreeSet<Pin>),
    Shut,
}

struct Running {
    group: Arc<Group>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Agent {
    /// An agent with this seat; shard and ordinal.
    pub(crate) async fn new(shard: u16, ordinal: u16) -> Self {
        static AGENTS: AtomicU8 = AtomicU8::new(1);
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        let _ = tracing_subscriber::fmt().with_env_filter(filter).with_test_writer().try_init();
        let number = AGENTS.fetch_add(1, Ordering::Relaxed);
        let [.., b, c] = std::process::id().to_be_bytes();
        // An address of its own, so that its port is free again when it comes back.
        let ip = Ipv4Addr::new(127, 1 + b % 250, c, number);
        let listener = TcpListener::bind((ip, 0)).await.expect("a port");
        let home = tempfile::tempdir().expect("a directory");
        KeyPair::create(&home.path().join("agent.key")).expect("a key");
        let seat = Seat { shard, ordinal };
        let mut agent = Self::at(home.path(), listener.local_addr().expect("an address"));
        (agent.seat, agent.temporary) = (seat, Some(home));
        agent
    }

    /// The agent whose home this is.
    pub(crate) fn at(home: &Path, address: SocketAddr) -> Self {
        let key = KeyPair::load(&home.join("agent.key")).expect("a key");
        let mut entropy = [0; 10];
        entropy.copy_from_slice(&key.pin().as_bytes()[16..26]);
        Self {
            home: home.to_owned(),
            temporary: None,
            key: Arc::new(key),
            node: NodeId::from_entropy(entropy),
            seat: Seat { shard: 0, ordinal: 0 },
            address,
            running: None,
            shut: watch::Sender::new(Door::Open),
        }
    }

    pub(crate) async fn started(shard: u16, ordinal: u16) -> Self {
        let mut agent = Self::new(shard, ordinal).await;
        agent.start().await;
        agent
    }

    pub(crate) fn config(&self) -> GroupConfig {
        GroupConfig {
            directory: self.directory(),
            marker: self.home.join("voted"),
            node: self.node,
            key: self.key.clone(),
            names: None,
        }
    }

    pub(crate) fn directory(&self) -> PathBuf {
        self.home.join("record")
    }

    /// Starts it, or starts it again.
    pub(crate) async fn start(&mut self) {
        let group = Group::open(self.config()).await.expect("a group");
        self.serve(group).await;
    }

    /// Starts to answer for a group.
    pub(crate) async fn serve(&mut self, group: Arc<Group>) {
        assert!(self.running.is_none(), "it runs");
        let listener = until("its port", async || TcpListener::bind(self.address).await.ok()).await;
        let allowed = Allowed::new(BTreeSet::new());
        let incoming = Incoming::new(listener, &self.key, allowed.clone()).expect("a server");
        let (stop, mut stopped) = watch::channel(false);
        let serving = tonic::transport::Server::builder().add_service(group.service());
        let serving = serving.serve_with_incoming_shutdown(incoming, async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        });
        let door = keep_door(group.pins(), self.shut.subscribe(), allowed);
        let tasks = vec![tokio::spawn(async { drop(serving.await) }), tokio::spawn(door)];
        self.running = Some(Running { group, stop, tasks });
    }

    /// Ends it at once: nobody is told, nothing is finished.
    pub(crate) async fn stop(&mut self) {
        let running = self.running.take().expect("it runs");
        running.stop.send_replace(true);
        for task in &running.tasks {
            task.abort();
        }
        for task in running.tasks {
            let _ = task.await;
        }
        running.group.shutdown().await;
    }

    pub(crate) fn group(&self) -> &Arc<Group> {
        &self.running.as_ref().expect("it runs").group
    }

    /// From now on it lets in nobody else than the door says.
    pub(crate) fn door(&self, door: Door) {
        self.shut.send_replace(door);
    }

    pub(crate) fn pin(&self) -> Pin {
        self.key.pin()
    }

    pub(crate) fn member(&self) -> Member {
        let port = |base: u16| base + self.address.port() % 10_000;
        Member {
            seat: self.seat,
            pin: self.pin(),
            sealing: SealingKey::new(*self.pin().as_bytes()),
            agent: self.address,
            client: (self.address.ip(), port(20_000)).into(),
            bus_port: port(30_000),
            bus_id: None,
        }
    }

    pub(crate) fn get(&self) -> Option<Record> {
        self.group().get()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.get().map_or(0, |record| record.generation.get())
    }

    pub(crate) fn standing(&self) -> Standing {
        self.group().standing().borrow().clone()
    }

    pub(crate) fn leads(&self) -> bool {
        self.running.is_some() && self.standing().leads()
    }

    pub(crate) async fn stands(&self, what: &str, as_wanted: impl Fn(&Standing) -> bool) -> Standing {
        let mut standing = self.group().standing();
        let waited = tokio::time::timeout(SOON, standing.wait_for(|standing| as_wanted(standing))).await;
        match waited {
            Ok(standing) => standing.expect("it runs").clone(),
            Err(_) => panic!("{what}: it stands as {:?}", self.standing()),
        }
    }

    /// Changes the Record as the one who looked last does; until nobody is faster.
    pub(crate) async fn change(&self, edit: impl Fn(&mut Record)) -> Record {
        let begun = Instant::now();
        loop {
            let tried = self.try_change(&edit).await;
            match tried {
                Ok(next) => return next,
                Err(StoreError::Conflict(_) | StoreError::NoMajority(_) | StoreError::Unknown(_))
                    if begun.elapsed() < SOON => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// One attempt of that.
    pub(crate) async fn try_change(&self, edit: impl Fn(&mut Record)) -> Result<Record, StoreError> {
        let current = self.group().read().await?.expect("a Record");
        let mut next = Record { generation: current.generation.next(), ..current.clone() };
        edit(&mut next);
        self.group().compare_and_set((current.epoch, current.generation), next.clone()).await.map(|()| next)
    }
}

async fn keep_door(mut pins: watch::Receiver<BTreeSet<Pin>>, mut door: watch::Receiver<Door>, allowed: Allowed) {
    loop {
        let pins_now = pins.borrow_and_update().clone();
        allowed.set(match &*door.borrow_and_update() {
            Door::Open => pins_now,
            Door::ShutTo(shut) => pins_now.difference(shut).copied().collect(),
            Door::Shut => BTreeSet::new(),
        });
        tokio::select! {
            changed = pins.changed() => if changed.is_err() { return },
            changed = door.changed() => if changed.is_err() { return },
        }
    }
}

/// A Record of these agents, the first one.
pub(crate) fn record(agents: &[&Agent]) -> Record {
    let members: BTreeMap<NodeId, Member> = agents.iter().map(|agent| (agent.node, agent.member())).collect();
    let text = serde_json::json!({
        "layout": justmanage_model::record::LAYOUT,
        "epoch": epoch(1),
        "generation": Generation::FIRST,
        "cluster": ClusterId::from_entropy([1; 10]),
        "name": "orders",
        "phase": "forming",
        "unclaimed": false,
        "spec": {
            "engine": "redis", "version": "7.0", "shards": 1, "replicas_per_shard": 0, "memory": 64 << 20,
            "config": {}, "place": "local",
        },
        "release": { "engine": "redis", "version": "7.0.15", "package": null },
        "artefact": { "server": "/usr/bin/redis-server", "sha256": "00".repeat(32) },
        "operators": [Pin::from_digest([9; 32])],
        "members": members,
        "users": {},
        "ca_certificate": null,
        "grant": null,
    });
    serde_json::from_value(text).expect("a Record")
}

/// A user, to see a change by.
pub(crate) fn add_user(record: &mut Record, name: &str) {
    let user = User { acl: "~*".parse().expect("rules"), passwords: Vec::new(), given: Default::default() };
    record.users.insert(name.parse().expect("a name"), user);
}

/// Agents of one cluster.
pub(crate) struct World {
    pub(crate) agents: Vec<Agent>,
}

impl World {
    /// So many agents, started; the first nodes of as many shards, so that the first ones vote.
    pub(crate) async fn of(count: u16) -> Self {
        let mut agents = Vec::new();
        for shard in 0..count {
            agents.push(Agent::started(shard, 0).await);
        }
        Self { agents }
    }

    /// So many agents that have founded their group, and have all heard of it.
    pub(crate) async fn founded(count: u16) -> Self {
        let world = Self::of(count).await;
        world.found().await;
        world
    }

    pub(crate) async fn found(&self) {
        let first = record(&self.agents.iter().collect::<Vec<_>>());
        for agent in &self.agents {
            agent.group().invite(first.clone()).await.expect("an invitation");
        }
        self.agents[0].group().found().await.expect("a group");
        self.all_have(1).await;
    }

    pub(crate) fn running(&self) -> impl Iterator<Item = &Agent> {
        self.agents.iter().filter(|agent| agent.running.is_some())
    }

    /// Waits until every running agent has at least this generation.
    pub(crate) async fn all_have(&self, generation: u64) {
        until(&format!("everybody has generation {generation}"), async || {
            self.running().all(|agent| agent.generation() >= generation).then_some(())
        })
        .await;
    }

    /// Waits until one of the running agents leads, and says which.
    pub(crate) async fn leader(&self) -> usize {
        until("a leader", async || self.agents.iter().position(Agent::leads)).await
    }

    /// An address for an agent that moves.
    pub(crate) async fn new_address() -> SocketAddr {
        Agent::new(0, 0).await.address
    }

    /// One agent is cut off from all the others, or not any more.
    pub(crate) fn cut_off(&self, cut: usize, off: bool) {
        let shut = BTreeSet::from([self.agents[cut].pin()]);
        for (index, agent) in self.agents.iter().enumerate() {
            agent.door(match (off, index == cut) {
                (false, _) => Door::Open,
                (true, true) => Door::Shut,
                (true, false) => Door::ShutTo(shut.clone()),
            });
        }
    }

    pub(crate) async fn stop(mut self) {
        for agent in &mut self.agents {
            if agent.running.is_some() {
                agent.stop().await;
            }
        }
    }
}
