//! An agent's part in the group: opened, asked, closed.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use justmanage_agent_proto::v1::group_server::GroupServer;
use justmanage_identity::KeyPair;
use justmanage_model::{Epoch, Generation, NodeId, PeerNames, Pin, Record};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

use crate::calls::Calls;
use crate::disk::Disk;
use crate::keeper::Order;
use crate::machine::Machine;
use crate::types::{LogId, Raft, RaftId, raft_id};
use crate::{GroupService, RecordStore, Standing, StoreError};

/// Which agent's part it is, and where it is kept.
#[derive(Clone, Debug)]
pub struct GroupConfig {
    /// A directory of its own; made if it is not there.
    pub directory: PathBuf,
    /// A file outside of `directory`, beside the agent's key: it says that this agent has voted. If it is there and
    /// `directory` is empty or another's, this agent may not vote under its name any more.
    pub marker: PathBuf,
    /// This agent's node.
    pub node: NodeId,
    /// This agent's key.
    pub key: Arc<KeyPair>,
    /// By which names the members find each other, where their addresses may change.
    pub names: Option<PeerNames>,
}

/// An agent's part in the group that agrees on the Record.
///
/// It is there from the agent's first start on, also without any Record. What happens on its own: the library's core is
/// started, watched, and started again; voters are moved to where the Record wants them, by the leader; an agent that does not
/// vote follows the Record.
pub struct Group {
    pub(crate) node: NodeId,
    pub(crate) pin: Pin,
    pub(crate) id: RaftId,
    pub(crate) disk: Disk,
    pub(crate) machine: Machine,
    pub(crate) calls: Arc<Calls>,
    /// This agent's copy of the Record, however it came by it.
    pub(crate) record: watch::Sender<Option<Record>>,
    /// Whom an operator told it to trust.
    pub(crate) invitation: watch::Sender<Option<Record>>,
    pub(crate) standing: watch::Sender<Standing>,
    pub(crate) pins: watch::Sender<BTreeSet<Pin>>,
    /// The library's core, while it runs.
    pub(crate) raft: watch::Sender<Option<Raft>>,
    /// This agent led when it was started, in this term, and with a log up to this entry: see [`Group::prove`].
    pub(crate) resumed: Mutex<Option<(u64, u64)>>,
    /// One invitation at a time.
    pub(crate) inviting: tokio::sync::Mutex<()>,
    /// The membership that this agent has and that the group has left behind: it does not vote any more.
    pub(crate) dismissed: Mutex<Option<LogId>>,
    /// The generation that this agent had when the others said that it does not belong to them any more.
    pub(crate) removed_at: Mutex<Option<Option<Generation>>>,
    /// Whom an agent that does not vote hears from.
    pub(crate) source: Mutex<Option<NodeId>>,
    /// Who led when somebody said so last.
    pub(crate) hint: Mutex<Option<NodeId>>,
    /// Counts through those who may be asked.
    pub(crate) turn: AtomicUsize,
    /// Somebody should look again how this agent stands.
    pub(crate) stir: Notify,
    /// This agent does not vote any more.
    pub(crate) dismissal: Notify,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) closing: watch::Sender<bool>,
    keeper: Mutex<Option<JoinHandle<()>>>,
}

/// The content of a mutex; nothing in a group is left half done by a panic.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Group {
    /// Opens what is on disk, and begins to take part. A copy that cannot be used is no error: the agent then stands as
    /// [`Standing::Broken`], and tries again by itself.
    ///
    /// # Errors
    /// The directory cannot be made.
    pub async fn open(config: GroupConfig) -> io::Result<Arc<Self>> {
        let disk = Disk::new(&config.directory, config.marker.clone())?;
        Ok(Self::open_on(disk, config).await)
    }

    /// As [`Group::open`], on any disk.
    pub(crate) async fn open_on(disk: Disk, config: GroupConfig) -> Arc<Self> {
        let record = watch::Sender::new(None);
        let pin = config.key.pin();
        let (orders, received) = mpsc::channel(1);
        let group = Arc::new(Self {
            node: config.node,
            pin,
            id: raft_id(&pin),
            machine: Machine::new(disk.clone(), record.clone()),
            calls: Arc::new(Calls::new(config.key, config.names, record.clone())),
            disk,
            record,
            invitation: watch::Sender::new(None),
            standing: watch::Sender::new(Standing::Uninvited),
            pins: watch::Sender::new(BTreeSet::new()),
            raft: watch::Sender::new(None),
            resumed: Mutex::default(),
            inviting: tokio::sync::Mutex::default(),
            dismissed: Mutex::default(),
            removed_at: Mutex::default(),
            source: Mutex::default(),
            hint: Mutex::default(),
            turn: AtomicUsize::new(0),
            stir: Notify::new(),
            dismissal: Notify::new(),
            orders,
            closing: watch::Sender::new(false),
            keeper: Mutex::default(),
        });
        group.start_or_break().await;
        *lock(&group.keeper) = Some(tokio::spawn(group.clone().keep(received)));
        group
    }

    /// The service for the other agents, to be added to the agent's server. That server must be behind
    /// [`Incoming`](justmanage_identity::Incoming), with at least [`Group::pins`] let in.
    #[must_use]
    pub fn service(self: &Arc<Self>) -> GroupServer<GroupService> {
        GroupServer::new(GroupService::new(self.clone()))
    }

    /// The keys that must be let in for the group's sake: of the members, of those who still vote or were removed of late, and
    /// before there is a Record, of those with whom this agent was invited. What each of them may do is judged call by call.
    ///
    /// Operators are not among them, and whoever is, is no operator for that.
    #[must_use]
    pub fn pins(&self) -> watch::Receiver<BTreeSet<Pin>> {
        self.pins.subscribe()
    }

    /// With which Record an operator invited this agent; `None`: nobody did yet.
    #[must_use]
    pub fn invitation(&self) -> Option<Record> {
        self.invitation.borrow().clone()
    }

    /// Tells this agent where others are that have moved since the Record was agreed on, for a cluster that lost sight of
    /// itself because the addresses of most agents changed at once. It is believed until the Record names another address
    /// for them or this agent is started again; who they are is proven by their keys in any case. The new addresses should
    /// then be put into the Record.
    pub fn relocate(&self, places: &BTreeMap<NodeId, SocketAddr>) {
        self.calls.relocate(places);
        self.stir.notify_one();
    }

    /// Ends everything that this group does, and closes its file. What it has said stays said: everything was on disk before.
    pub async fn shutdown(&self) {
        self.closing.send_replace(true);
        let keeper = lock(&self.keeper).take();
        if let Some(keeper) = keeper {
            // Ended by itself if it is not there any more: a panic, which was logged.
            let _ = keeper.await;
        }
    }
}

#[async_trait]
impl RecordStore for Group {
    fn get(&self) -> Option<Record> {
        self.record.borrow().clone()
    }

    async fn read(&self) -> Result<Option<Record>, StoreError> {
        self.read_from_leader().await
    }

    async fn compare_and_set(&self, expected: (Epoch, Generation), next: Record) -> Result<(), StoreError> {
        self.change(Some(expected), next).await
    }

    fn watch(&self) -> watch::Receiver<Option<Record>> {
        self.record.subscribe()
    }

    fn standing(&self) -> watch::Receiver<Standing> {
        self.standing.subscribe()
    }
}
