//! One agent: its files, its lock, its server.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use justmanage_agent_proto::v1::agent_server::AgentServer;
use justmanage_identity::{Allowed, Incoming, KeyPair};
use justmanage_model::node::{AgentInfo, NodeOrder, NodeStatus, ProcessIdentity};
use justmanage_model::{NodeId, Pin, SealingKey};
use rustix::fs::{FlockOperation, flock};
use tokio::task::AbortHandle;

use crate::api::Play;
use crate::shared::Shared;

/// The agent of a node, as long as it runs.
#[derive(Debug)]
pub(crate) struct Node {
    directory: PathBuf,
    pub(crate) key: Arc<KeyPair>,
    allowed: Allowed,
    silent: AtomicBool,
    /// The real agent's lock, so that its own `status` sees somebody at home.
    _lock: File,
    serving: AbortHandle,
}

impl Node {
    /// Starts the agent of a directory that has an order in it.
    pub(crate) fn start(shared: &Shared, directory: &Path, key: Option<Arc<KeyPair>>) -> io::Result<(Self, AgentInfo)> {
        let order: NodeOrder = serde_json::from_slice(&fs::read(directory.join("order.json"))?)?;
        let key = match key {
            Some(key) => key,
            None => Arc::new(KeyPair::generate().map_err(io::Error::other)?),
        };
        let lock = File::create(directory.join("agent.lock"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        let listener = TcpListener::bind((order.address, 0))?;
        listener.set_nonblocking(true)?;
        let info = info(&order, &key, listener.local_addr()?.port(), shared.version()?)?;
        let allowed = Allowed::new(order.operators.clone());
        let serving = serve(shared, order.claim.node, listener, &key, &allowed)?;
        let node = Self {
            directory: directory.to_owned(),
            key,
            allowed,
            silent: AtomicBool::new(false),
            _lock: lock,
            serving,
        };
        node.say(&info)?;
        Ok((node, info))
    }

    /// Says what the agent is.
    pub(crate) fn say(&self, info: &AgentInfo) -> io::Result<()> {
        let order: NodeOrder = serde_json::from_slice(&fs::read(self.directory.join("order.json"))?)?;
        fs::write(self.directory.join("agent.json"), serde_json::to_vec(info)?)?;
        self.write_status(&order, Some(info))
    }

    /// Nobody answers any more, though the process lives.
    pub(crate) fn fall_silent(&self) {
        self.silent.store(true, Ordering::SeqCst);
        self.serving.abort();
        // Connections that are open have tasks of their own; they break when nobody is allowed any more.
        self.allowed.set(BTreeSet::new());
    }

    /// From now on lets in these and nobody else.
    pub(crate) fn allow(&self, pins: BTreeSet<Pin>) {
        if !self.silent.load(Ordering::SeqCst) {
            self.allowed.set(pins);
        }
    }

    /// Ends the agent.
    pub(crate) fn stop(self) -> io::Result<Arc<KeyPair>> {
        self.fall_silent();
        if let Ok(text) = fs::read(self.directory.join("order.json")) {
            self.write_status(&serde_json::from_slice(&text)?, None)?;
            fs::remove_file(self.directory.join("agent.json"))?;
        }
        Ok(self.key)
    }

    /// What `status` prints.
    fn write_status(&self, order: &NodeOrder, agent: Option<&AgentInfo>) -> io::Result<()> {
        let status = NodeStatus { claim: order.claim.clone(), agent: agent.cloned(), server_running: agent.is_some() };
        let mut line = serde_json::to_vec(&status)?;
        line.push(b'\n');
        fs::write(self.directory.join("status"), line)
    }
}

fn serve(
    shared: &Shared,
    node: NodeId,
    listener: TcpListener,
    key: &KeyPair,
    allowed: &Allowed,
) -> io::Result<AbortHandle> {
    let _inside = shared.runtime.enter();
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let incoming = Incoming::new(listener, key, allowed.clone()).map_err(io::Error::other)?;
    let play = AgentServer::new(Play { node, shared: shared.clone() });
    let server = tonic::transport::Server::builder().add_service(play).serve_with_incoming(incoming);
    Ok(shared.runtime.spawn(async move { drop(server.await) }).abort_handle())
}

fn info(order: &NodeOrder, key: &KeyPair, port: u16, version: String) -> io::Result<AgentInfo> {
    // Never dialled; a port of its own for each node, as the Record wants it.
    let client = (order.address, port).into();
    Ok(AgentInfo {
        claim: order.claim.clone(),
        pin: key.pin(),
        sealing: SealingKey::new(*key.pin().as_bytes()),
        agent: (order.address, port).into(),
        client,
        bus_port: 1,
        version,
        process: own_process()?,
    })
}

/// This process, as the agent's `status` recognises processes.
fn own_process() -> io::Result<ProcessIdentity> {
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The name, in parentheses, may hold anything; what follows it are fields 3 and on.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let start_time = fields.get(19).and_then(|field| field.parse().ok());
    let start_time = start_time.ok_or_else(|| io::Error::other("/proc/self/stat has no start time"))?;
    let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
    Ok(ProcessIdentity { pid: std::process::id(), start_time, boot_id })
}
