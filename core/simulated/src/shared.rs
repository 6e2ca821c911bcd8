//! What the played agents share: the world, its number, and who runs.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use justmanage_identity::KeyPair;
use justmanage_model::node::{AgentInfo, NodeOrder};
use justmanage_model::{ClusterId, NodeId, Pin};
use tokio::sync::watch;

use crate::node::Node;
use crate::world::{Actor, World};

/// What all the agents share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) directory: PathBuf,
    pub(crate) runtime: tokio::runtime::Handle,
    world: Arc<Mutex<World>>,
    version: watch::Sender<u64>,
    nodes: Arc<Mutex<BTreeMap<PathBuf, Node>>>,
    keys: Arc<Mutex<BTreeMap<PathBuf, Arc<KeyPair>>>>,
    pub(crate) operator: Pin,
}

impl Shared {
    pub(crate) fn new(directory: &Path, runtime: tokio::runtime::Handle, operator: Pin) -> Self {
        Self {
            directory: directory.to_owned(),
            runtime,
            world: Arc::default(),
            version: watch::Sender::new(1),
            nodes: Arc::default(),
            keys: Arc::default(),
            operator,
        }
    }

    pub(crate) fn nodes(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Node>> {
        lock(&self.nodes)
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, World> {
        lock(&self.world)
    }

    /// The world as it is, and its number.
    pub(crate) fn look(&self) -> (u64, MutexGuard<'_, World>) {
        let world = self.lock();
        (*self.version.borrow(), world)
    }

    /// Changes the world; whoever waits for news hears of it.
    pub(crate) fn change(&self, change: impl FnOnce(&mut World)) {
        let mut world = self.lock();
        change(&mut world);
        self.allow(&world);
        self.version.send_modify(|version| *version += 1);
    }

    /// Lets the agents of a cluster do what they do by themselves.
    pub(crate) fn work(&self, cluster: ClusterId) {
        let mut world = self.lock();
        let before = world.groups.get(&cluster).map(|group| group.record.generation);
        world.work(cluster);
        if world.groups.get(&cluster).map(|group| group.record.generation) != before {
            self.version.send_modify(|version| *version += 1);
        }
    }

    /// Waits until the world has another number than this.
    pub(crate) async fn other_than(&self, seen: u64) {
        let mut version = self.version.subscribe();
        let _ = version.wait_for(|version| *version != seen).await;
    }

    /// Lets in whom each node's Record names.
    fn allow(&self, world: &World) {
        for (directory, node) in lock(&self.nodes).iter() {
            let id = directory.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
            if let Some(id) = id {
                node.allow(world.allowed(id));
            }
        }
    }

    /// Starts the agent of a node; one that runs stays.
    pub(crate) fn start(&self, directory: &Path) -> io::Result<AgentInfo> {
        if lock(&self.nodes).contains_key(directory) {
            return Ok(serde_json::from_slice(&fs::read(directory.join("agent.json"))?)?);
        }
        let key = lock(&self.keys).get(directory).cloned();
        let (node, info) = Node::start(self, directory, key)?;
        let order: NodeOrder = serde_json::from_slice(&fs::read(directory.join("order.json"))?)?;
        lock(&self.keys).insert(directory.to_owned(), node.key.clone());
        lock(&self.nodes).insert(directory.to_owned(), node);
        self.change(|world| {
            let invitation = world.actors.get(&info.claim.node).and_then(|actor| actor.invitation.clone());
            let first_operators = order.operators.clone();
            let actor = Actor { info: info.clone(), first_operators, invitation, speaks: true };
            world.actors.insert(info.claim.node, actor);
        });
        Ok(info)
    }

    /// The version of the agents that come with the program.
    pub(crate) fn version(&self) -> io::Result<String> {
        Ok(fs::read_to_string(self.directory.join("version"))?.trim().to_owned())
    }

    /// Puts an agent of the program's version in the place of a node's.
    pub(crate) fn upgrade(&self, directory: &Path) -> io::Result<AgentInfo> {
        let mut info = self.start(directory)?;
        info.version = self.version()?;
        if let Some(node) = lock(&self.nodes).get(directory) {
            node.say(&info)?;
        }
        self.change(|world| {
            if let Some(actor) = world.actors.get_mut(&info.claim.node) {
                actor.info = info.clone();
            }
        });
        Ok(info)
    }

    /// Ends the agent of a node, if it runs.
    pub(crate) fn stop(&self, directory: &Path) -> io::Result<Option<NodeId>> {
        let Some(node) = lock(&self.nodes).remove(directory) else { return Ok(None) };
        node.stop()?;
        let id = directory.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse().ok());
        self.change(|world| {
            if let Some(actor) = id.and_then(|id| world.actors.get_mut(&id)) {
                actor.speaks = false;
            }
        });
        Ok(id)
    }

    /// Ends the agent of a node that goes.
    pub(crate) fn forget(&self, directory: &Path) -> io::Result<()> {
        if let Some(id) = self.stop(directory)? {
            self.change(|world| drop(world.actors.remove(&id)));
        }
        let mut world = self.lock();
        let World { actors, groups, .. } = &mut *world;
        // A cluster none of whose machines is left is forgotten with the last of them.
        groups.retain(|_, group| group.record.members.keys().any(|node| actors.contains_key(node)));
        Ok(())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
