//! What a test sets up and changes.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use justmanage_identity::KeyPair;
use justmanage_model::node::{NodeOrder, ServerProgram};
use justmanage_model::{
    Artefact, Bytes, Claim, ClusterId, ClusterName, ClusterSpec, Engine, Epoch, NodeId, Phase, Program, Record,
    Release, Seat, Shape, Version, Waiting,
};
use tokio::runtime::Runtime;

use crate::shared::Shared;
use crate::world::Group;

/// A stage: the directory of a machine's clusters, and everybody who plays in it. Dropped, nobody plays any more.
pub struct Stage {
    shared: Shared,
    runtime: Option<Runtime>,
    answering: Option<std::thread::JoinHandle<()>>,
}

impl Stage {
    /// A stage in an empty directory, for whoever has the operator key that it makes there.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn new(directory: &Path) -> io::Result<Self> {
        more_files()?;
        let operator = KeyPair::create(&directory.join("operator.key")).map_err(io::Error::other)?.pin();
        crate::commands::install(directory)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let shared = Shared::new(directory, runtime.handle().clone(), operator);
        let commands = shared.clone();
        let answering = std::thread::spawn(move || {
            if let Err(error) = crate::commands::answer(&commands) {
                panic!("the stage cannot read its pipe: {error}");
            }
        });
        Ok(Self { shared, runtime: Some(runtime), answering: Some(answering) })
    }

    /// The program to be named as `justmanage-agent`.
    pub fn agent(&self) -> PathBuf {
        self.shared.directory.join("justmanage-agent")
    }

    /// The operator's key.
    pub fn operator_key(&self) -> PathBuf {
        self.shared.directory.join("operator.key")
    }

    /// Where clusters live: `local = { directory = ... }` of the provider.
    pub fn clusters(&self) -> PathBuf {
        self.shared.directory.join("clusters")
    }

    /// Where server programs are: `artifacts = [{ directory = ... }]`.
    pub fn programs(&self) -> PathBuf {
        self.shared.directory.join("programs")
    }

    /// Adds a server program of a release to [`Stage::programs`]. It cannot run, and never has to.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn add_program(&self, release: Release, tls: bool) -> io::Result<()> {
        let directory = self.programs().join(format!("{}-{}", release.engine, release.version));
        fs::create_dir_all(&directory)?;
        let path = directory.join(release.engine.server_binary());
        fs::write(&path, "")?;
        let program = ServerProgram { path: path.clone(), release, tls, sha256: "0".repeat(64) };
        fs::write(path.with_extension("json"), serde_json::to_vec(&program)?)
    }

    /// Adds a program of Redis with TLS.
    ///
    /// # Errors
    /// As [`Stage::add_program`].
    pub fn add_redis(&self, version: Version) -> io::Result<()> {
        self.add_program(Release::new(Engine::Redis, version), true)
    }

    /// Makes a cluster that has formed and was presented, without anybody having asked for it.
    ///
    /// # Errors
    /// Its nodes cannot be made, or the name is none.
    pub fn add_cluster(&self, name: &str, spec: &ClusterSpec, release: &Release) -> io::Result<ClusterId> {
        let number = self.shared.lock().groups.len() as u64 + 1;
        let (cluster, name) = (ClusterId::from_entropy(entropy(number, 0)), name.parse().map_err(io::Error::other)?);
        let mut record = first_record(cluster, &name, spec, release)?;
        record.operators.insert(self.shared.operator);
        let spares = std::iter::repeat_n(None, spec.spares.into());
        for (seat, index) in Shape::of(spec).seats().map(Some).chain(spares).zip(1..) {
            let node = NodeId::from_entropy(entropy(number, index));
            let directory = self.clusters().join(name.as_str()).join(node.to_string());
            fs::create_dir_all(&directory)?;
            let claim = Claim { cluster, name: name.clone(), node, seat };
            let (operators, address) = (record.operators.clone(), IpAddr::V4(Ipv4Addr::LOCALHOST));
            let order = NodeOrder { claim, operators, address, peer_names: None, token: None };
            fs::write(directory.join("order.json"), serde_json::to_vec(&order)?)?;
            let info = self.shared.start(&directory)?;
            match seat {
                Some(seat) => drop(record.members.insert(node, info.member(seat))),
                None => drop(record.spares.insert(node, info.spare())),
            }
        }
        self.shared.change(|world| {
            for (_, actor) in world.actors.iter_mut().filter(|(node, _)| record.belongs(**node)) {
                actor.invitation = Some(record.clone());
            }
            world.groups.insert(cluster, Group::new(record.clone()));
        });
        self.shared.work(cluster);
        Ok(cluster)
    }

    /// From now on the program that is to be named as the agent is of this version; agents that play stay what they are.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn brings(&self, version: Version) -> io::Result<()> {
        fs::write(self.shared.directory.join("version"), version.to_string())
    }

    /// The Record of the only cluster.
    ///
    /// # Panics
    /// There is none, or more than one.
    pub fn record(&self) -> Record {
        let world = self.shared.lock();
        assert_eq!(world.groups.len(), 1, "one cluster");
        world.groups.values().next().expect("one cluster").record.clone()
    }

    /// The nodes of the only cluster, in the order of their seats.
    pub fn nodes(&self) -> Vec<NodeId> {
        let record = self.record();
        let mut nodes: Vec<(Seat, NodeId)> = record.members.iter().map(|(node, member)| (member.seat, *node)).collect();
        nodes.sort_unstable();
        nodes.into_iter().map(|(_, node)| node).collect()
    }

    /// Changes the Record of the only cluster, as its agents would.
    pub fn change(&self, change: impl FnOnce(&mut Record)) {
        self.shared.change(|world| {
            if let Some(group) = world.groups.values_mut().next() {
                change(&mut group.record);
                group.record.generation = group.record.generation.next();
            }
        });
    }

    /// A node is lost for good, and its agents have given its place to a spare; the machine is still there.
    ///
    /// # Errors
    /// Its files cannot be written.
    pub fn replace_by_spare(&self, lost: NodeId) -> io::Result<()> {
        self.stop(lost)?;
        self.change(|record| {
            if let Some(by) = record.spares.keys().next().copied() {
                record.replace(lost, by);
            }
        });
        Ok(())
    }

    /// From now on all servers of the only cluster run this version: a window was open.
    pub fn upgrade(&self, version: Version) {
        self.change(|record| record.release.version = version);
    }

    /// From now on one server runs another version than the Record says.
    pub fn runs(&self, node: NodeId, version: Version) {
        self.shared.change(|world| {
            for group in world.groups.values_mut() {
                group.versions.insert(node, version);
            }
        });
    }

    /// From now on a server uses so much memory.
    pub fn uses(&self, node: NodeId, memory: Bytes) {
        self.shared.change(|world| {
            for group in world.groups.values_mut() {
                group.used.insert(node, memory);
            }
        });
    }

    /// From now on another node is the primary of its shard.
    pub fn promote(&self, node: NodeId) {
        self.shared.change(|world| {
            for group in world.groups.values_mut() {
                if let Some(shard) = group.record.shard_of(node) {
                    group.primaries.insert(shard, node);
                }
            }
        });
    }

    /// From now on the agents of all clusters, also of those to come, wait for this; nothing: for nothing.
    pub fn wait_for_always(&self, waiting: Vec<Waiting>) {
        self.shared.change(|world| world.waiting = waiting);
    }

    /// From now on clusters get no further than this phase; `None`: as far as they can.
    pub fn no_further_than(&self, phase: Option<Phase>) {
        self.shared.change(|world| world.no_further_than = phase);
    }

    /// From now on servers stay what they are, whatever they are to go over to; or go over.
    pub fn hold_servers(&self, stay: bool) {
        self.shared.change(|world| world.servers_stay = stay);
    }

    /// From now on slots stay where they are, whatever is asked for; or go where they are to be.
    pub fn hold_slots(&self, stay: bool) {
        self.shared.change(|world| world.slots_stay = stay);
    }

    /// Cuts an agent off: its process lives, and nobody reaches it.
    pub fn silence(&self, node: NodeId) {
        let directory = self.directory_of(node);
        if let Some(running) = self.shared.nodes().get(&directory) {
            running.fall_silent();
        }
        self.shared.change(|world| {
            if let Some(actor) = world.actors.get_mut(&node) {
                actor.speaks = false;
            }
        });
    }

    /// Ends an agent; the machine stays.
    ///
    /// # Errors
    /// Its files cannot be written.
    pub fn stop(&self, node: NodeId) -> io::Result<()> {
        self.shared.stop(&self.directory_of(node)).map(|_| ())
    }

    /// Takes a machine away with everything on it.
    ///
    /// # Errors
    /// Its directory cannot be removed.
    pub fn lose(&self, node: NodeId) -> io::Result<()> {
        let directory = self.directory_of(node);
        self.shared.forget(&directory)?;
        fs::remove_dir_all(directory)
    }

    fn directory_of(&self, node: NodeId) -> PathBuf {
        let world = self.shared.lock();
        let name = world.actors.get(&node).map(|actor| actor.info.claim.name.to_string()).unwrap_or_default();
        self.clusters().join(name).join(node.to_string())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let told = fs::OpenOptions::new().write(true).open(self.shared.directory.join("pipe"));
        if let (Ok(mut pipe), Some(answering)) = (told, self.answering.take()) {
            let _ = io::Write::write_all(&mut pipe, b"end\n");
            let _ = answering.join();
        }
        // It may be dropped from within another runtime, where nobody may wait.
        self.runtime.take().into_iter().for_each(Runtime::shutdown_background);
    }
}

/// A node has two files open for as long as it plays, and a hundred clusters have more of them than a process may have by default.
fn more_files() -> io::Result<()> {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// Ten bytes that no other node of the stage has.
fn entropy(cluster: u64, node: u16) -> [u8; 10] {
    let mut bytes = [0; 10];
    bytes[..8].copy_from_slice(&cluster.to_be_bytes());
    bytes[8..].copy_from_slice(&node.to_be_bytes());
    bytes
}

/// A cluster's Record before it has any member.
fn first_record(cluster: ClusterId, name: &ClusterName, spec: &ClusterSpec, release: &Release) -> io::Result<Record> {
    Ok(Record {
        unclaimed: false,
        ..Record::first(
            Epoch::from_entropy([7; 8]),
            cluster,
            name.clone(),
            spec.clone(),
            Program {
                release: release.clone(),
                artefact: Artefact::new("/usr/bin/redis-server", "0".repeat(64)).map_err(io::Error::other)?,
            },
        )
    })
}
