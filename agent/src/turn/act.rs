//! The agent's hands: each step looks whether it is so already, does it, and is safe to do twice.

mod emptying;
mod handover;
mod stop;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use justmanage_engine::acl::REPLICATION_USER;
use justmanage_engine::{
    BUS_FILE, CallError, Connection, Login, NodeConfig, NodeFiles, RenderError, config, mend_bus_file,
};
use justmanage_identity::seal::SealError;
use justmanage_model::record::Announced;
use justmanage_model::{AskedFailover, BusId, HostName, Member, NodeId, NodeStep, Record, Release, SlotSet, Step};
use justmanage_record::StoreError;
use justmanage_releases::drift;
use tracing::warn;

use super::{Started, Turn};
use crate::authority;
use crate::failover;
use crate::limits::Wanted;
use crate::server::{Process, SupervisorError};

/// How long a server may take to save its data and end. An append-only file is synced within milliseconds; a snapshot of
/// some gigabytes takes tens of seconds.
pub(super) const STOP_LIMIT: Duration = Duration::from_secs(60);

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum StepError {
    /// The node's directory.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// The server.
    #[error("{0}")]
    Server(#[from] CallError),
    /// The server's process.
    #[error("{0}")]
    Process(#[from] SupervisorError),
    /// The server's configuration.
    #[error("{0}")]
    Config(#[from] RenderError),
    /// The cluster's secrets.
    #[error("{0}")]
    Secrets(#[from] SealError),
    /// The Record.
    #[error("{0}")]
    Record(#[from] StoreError),
    /// A program that the server is to go over to.
    #[error("{0:?} cannot be started in place of the program that runs: {1}")]
    Program(PathBuf, String),
    /// The server took a new certificate, and shows another one.
    #[error("the server does not show the certificate that was just issued")]
    Certificate,
    /// There is nothing to go over to: the vault holds no key of a new authority.
    #[error("the sealed secrets hold no key of a new authority")]
    NoAuthority,
    /// There is nothing to go over to: the vault holds no new password.
    #[error("the sealed secrets hold no new replication password")]
    NoPassword,
    /// It is another node's to do.
    #[error("the step is for another node")]
    NotOurs,
    /// The plan names a node that is no member.
    #[error("node {0} is no member")]
    NoMember(NodeId),
    /// The server does not know the other one yet.
    #[error("the server does not know the server of node {0} yet")]
    NotIntroduced(NodeId),
    /// The server was to be stopped as a replica.
    #[error("the server has become the primary of its shard, and hands over before it is stopped")]
    NotNow,
}

impl Turn {
    /// Does one step.
    pub(super) async fn act(&mut self, record: &Record, step: &Step) -> Result<(), StepError> {
        match step {
            Step::Node(node, step) if *node == self.tools.info.claim.node => self.node(record, step).await,
            Step::Node(..) => Err(StepError::NotOurs),
            Step::Record(change) => self.record(record, change).await,
        }
    }

    async fn node(&mut self, record: &Record, step: &NodeStep) -> Result<(), StepError> {
        match step {
            NodeStep::StartServer => self.start(record, false),
            NodeStep::StartEmpty => self.start(record, true),
            NodeStep::StopServer => {
                self.await_probe(record).await;
                self.stop(record).await
            }
            NodeStep::AssignSlots(slots) => self.assign(record, slots).await,
            NodeStep::SetConfigEpoch(epoch) => {
                let mut server = self.server(record).await?;
                server.cluster_set_config_epoch(*epoch).await?;
                self.put_back(server)
            }
            NodeStep::Meet(nodes) => self.meet(record, nodes).await,
            NodeStep::Replicate(node) => self.replicate(record, *node).await,
            NodeStep::Forget(ids) => self.forget(record, ids).await,
            NodeStep::TakeTurn => {
                self.await_probe(record).await;
                self.take_turn(record).await
            }
            NodeStep::AskFailover(replica) => self.ask_failover(record, *replica).await,
            NodeStep::Sever => self.sever(record).await,
            NodeStep::TakeOver => {
                let mut server = self.server(record).await?;
                failover::take_over_unvoted(&mut server).await?;
                self.put_back(server)
            }
            NodeStep::ServeAgain => {
                let mut server = self.server(record).await?;
                failover::serve_again(&mut server).await?;
                self.put_back(server)
            }
            NodeStep::ApplyConfig => self.apply_config(record).await,
            NodeStep::ApplyUsers => self.apply_users(record).await,
            NodeStep::ApplyPasswords => self.apply_passwords(record).await,
            NodeStep::ApplyAuthorities => self.apply_authorities(record).await,
            NodeStep::RenewCertificate => self.renew(record).await,
            NodeStep::WeighSlots => self.weigh_slots(record).await,
            NodeStep::MoveSlots => self.move_slots(record).await,
        }
    }

    fn start(&mut self, record: &Record, empty: bool) -> Result<(), StepError> {
        if matches!(self.tools.supervisor.state(), Process::Running { .. }) {
            return Ok(());
        }
        let program = self.program(record);
        self.tools.directory.make(&self.tools.directory.data())?;
        // Half of it is no data, whatever the server is started on now.
        if empty || emptying::is_open(&self.tools.directory) {
            emptying::empty(&self.tools.directory)?;
        }
        self.provide_certificate(record)?;
        let directory = &self.tools.directory;
        self.write_config(record, &program.release)?;
        self.write_users(record, &program.release)?;
        self.mend_bus_file()?;
        self.memory.starts(self.has_data(), &self.tools.directory);
        let keys = record.spec.config.keys().cloned().collect();
        let address = Some(self.tools.info.client.ip());
        let started = Started { generation: record.generation, keys, program: Some(program.clone()), address };
        directory.write(&directory.started(), &started)?;
        self.tools.supervisor.confine(self.tools.limits.confinement(Wanted::from(&record.spec)));
        let config = directory.server_config();
        self.tools.supervisor.start(program.artefact.server(), &[config.as_os_str()])?;
        Ok(())
    }

    /// Whether there are data for the server to read.
    fn has_data(&self) -> bool {
        let data = self.tools.directory.data();
        ["dump.rdb", "appendonlydir", "appendonly.aof"].iter().any(|name| data.join(name).exists())
    }

    /// Puts right what keeps some releases from starting.
    fn mend_bus_file(&self) -> io::Result<()> {
        let directory = &self.tools.directory;
        let path = directory.data().join(BUS_FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            // A server that cannot read it, either, says so in its log.
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(()),
            Err(error) => return Err(error),
        };
        let Some(mended) = mend_bus_file(&text) else { return Ok(()) };
        warn!("{BUS_FILE} has a replica in another shard than its primary; put right");
        directory.write_bytes(&path, mended.as_bytes())
    }

    async fn assign(&mut self, record: &Record, slots: &SlotSet) -> Result<(), StepError> {
        let mut server = self.server(record).await?;
        server.assign_slots(slots).await?;
        self.put_back(server)
    }

    async fn meet(&mut self, record: &Record, nodes: &[NodeId]) -> Result<(), StepError> {
        let mut server = self.server(record).await?;
        for node in nodes {
            let member = record.members.get(node).ok_or(StepError::NoMember(*node))?;
            server.cluster_meet(member.client, member.bus_port).await?;
        }
        self.put_back(server)
    }

    async fn replicate(&mut self, record: &Record, node: NodeId) -> Result<(), StepError> {
        let member = record.members.get(&node).ok_or(StepError::NoMember(node))?;
        let mut server = self.server(record).await?;
        let primary = bus_id(&mut server, member).await?.ok_or(StepError::NotIntroduced(node))?;
        server.cluster_replicate(primary).await?;
        self.put_back(server)
    }

    async fn forget(&mut self, record: &Record, ids: &[BusId]) -> Result<(), StepError> {
        let mut server = self.server(record).await?;
        for id in ids {
            server.cluster_forget(*id).await?;
        }
        self.put_back(server)
    }

    /// Whatever the answer is, the question was asked, and the planner goes on from the answer.
    async fn ask_failover(&mut self, record: &Record, replica: NodeId) -> Result<(), StepError> {
        let own = self.tools.info.claim.node;
        let member = record.members.get(&replica).ok_or(StepError::NoMember(replica))?;
        let id = record.members.get(&own).and_then(|member| member.bus_id).ok_or(StepError::NoMember(own))?;
        let at = (self.tools.clock)();
        let answer = self.tools.peers.ask_failover((replica, member), record.epoch, own, id).await;
        match &answer {
            Ok(()) => tracing::info!(%replica, "a replica has taken over from our dead server"),
            Err(why) => tracing::warn!(%replica, why, "a replica did not take over from our dead server"),
        }
        self.memory.asked = Some(AskedFailover { of: replica, at, answer });
        Ok(())
    }

    async fn sever(&mut self, record: &Record) -> Result<(), StepError> {
        let mut server = self.server(record).await?;
        server.sever_primary_link().await?;
        // The takeover's own moment, not ours: it says for which one the link was cut, whatever the clocks say.
        let shard = record.shard_of(self.tools.info.claim.node);
        self.memory.severed = shard.and_then(|shard| record.takeovers.get(&shard)).map(|takeover| takeover.at);
        self.put_back(server)
    }

    /// First the file, then the server: a server that is started in between has the new values, too.
    async fn apply_config(&mut self, record: &Record) -> Result<(), StepError> {
        let running = self.running(record);
        self.write_config(record, &running)?;
        let mut server = self.server(record).await?;
        let spec = &record.spec;
        let wanted = record.wanted_config(self.tools.info.claim.node);
        let keys: Vec<&str> = wanted.keys().map(String::as_str).chain(["maxmemory"]).collect();
        let now = server.config_get(&keys).await?;
        let (engine, line) = (running.engine, running.version.line());
        // What only a restart can change waits for the planner to grant one.
        let mut live = drift(engine, line, &wanted, spec.memory, &now).live;
        if live.get(Announced::KIND_KEY).is_some_and(|kind| kind == Announced::KIND_NAME)
            && !knows_names(&mut server, record).await?
        {
            live.remove(Announced::KIND_KEY);
        }
        server.config_set(&live).await?;
        self.put_back(server)
    }

    pub(super) async fn apply_users(&mut self, record: &Record) -> Result<(), StepError> {
        let running = self.running(record);
        let own = self.write_users(record, &running)?;
        let mut server = self.server(record).await?;
        self.applied = Some(server.apply_users(&record.users, &running, &own).await?);
        self.put_back(server)
    }

    /// Who is let in before who logs in, and both in the files first. The server itself is asked whether it lets replicas in with what
    /// they are to use.
    async fn apply_passwords(&mut self, record: &Record) -> Result<(), StepError> {
        self.apply_users(record).await?;
        self.write_config(record, &self.running(record))?;
        let password = self.tools.secrets.of(record)?.replication_password;
        let mut server = self.server(record).await?;
        server.set_replication_password(&password).await?;
        self.put_back(server)?;
        let login = Login { user: REPLICATION_USER.to_owned(), password };
        self.tools.access.connect_as(record, &login).await?.ping().await?;
        self.passwords = Some(record.generation);
        Ok(())
    }

    /// The connection to the server: the one that is there, or a new one. Whoever is done with it puts it back; after an
    /// error it is gone, and the next turn makes another.
    pub(super) async fn server(&mut self, record: &Record) -> Result<Connection, CallError> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.tools.access.connect(record).await,
        }
    }

    pub(super) fn put_back(&mut self, server: Connection) -> Result<(), StepError> {
        self.connection = Some(server);
        Ok(())
    }

    pub(super) fn write_config(&self, record: &Record, release: &Release) -> Result<(), StepError> {
        let (directory, info) = (&self.tools.directory, &self.tools.info);
        let files = authority::server_files(directory, record);
        let files = NodeFiles {
            data: directory.data(),
            log: directory.server_log(),
            acl: directory.users(),
            certificate: files.certificate,
            key: files.key,
            ca: files.authorities,
        };
        let secrets = self.tools.secrets.of(record)?;
        let node = NodeConfig {
            release,
            address: info.client.ip(),
            client_port: info.client.port(),
            bus_port: info.bus_port,
            memory: record.spec.memory,
            config: &self.config_for(record, release),
            replication_password: &secrets.replication_password,
            plaintext: record.spec.testing.plaintext,
            files: &files,
        };
        let text = config::render(&node)?;
        Ok(directory.write_bytes(&directory.server_config(), text.as_bytes())?)
    }
}

/// Whether a server has heard the names of all others: it would send its clients nowhere, where it has not. The next turn looks again.
async fn knows_names(server: &mut Connection, record: &Record) -> Result<bool, CallError> {
    let nodes = server.cluster_nodes().await?;
    let heard = |id: BusId, name: &HostName| {
        nodes.iter().any(|node| node.id == id && node.name.as_deref() == Some(name.as_str()))
    };
    let joined = record.members.iter().filter_map(|(node, member)| Some((member.bus_id?, record.name_of(*node)?)));
    Ok(joined.into_iter().all(|(id, name)| heard(id, name)))
}

/// The id of a member's server, as the server knows it.
async fn bus_id(server: &mut Connection, member: &Member) -> Result<Option<BusId>, CallError> {
    let view = server.bus_view().await?;
    let known = member.bus_id.filter(|id| view.peer(*id).is_some());
    Ok(known.or_else(|| view.peer_at(member.client).filter(|peer| !peer.handshake).map(|peer| peer.id)))
}
