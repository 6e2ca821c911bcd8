//! The agent's hands: each step looks whether it is so already, does it, and is safe to do twice.

use std::io;
use std::time::Duration;

use justmanage_engine::{CallError, Connection, NodeConfig, NodeFiles, RenderError, acl, config};
use justmanage_model::{NodeStep, Phase, Record, RecordChange, SlotSet, Step};
use justmanage_releases::drift;

use super::{Started, Turn};
use crate::authority;
use crate::secrets;
use crate::server::{Process, SupervisorError};
use crate::store::StoreError;

/// How long a server may take to save its data and end. An append-only file is synced within milliseconds; a snapshot of
/// some gigabytes takes tens of seconds.
const STOP_LIMIT: Duration = Duration::from_secs(60);

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
    /// The Record.
    #[error("{0}")]
    Record(#[from] StoreError),
    /// It is another node's to do.
    #[error("the step is for another node")]
    NotOurs,
}

impl Turn {
    /// Does one step.
    pub(super) async fn act(&mut self, record: &Record, step: &Step) -> Result<(), StepError> {
        match step {
            Step::Node(node, step) if *node == self.info.claim.node => self.node(record, step).await,
            Step::Node(..) => Err(StepError::NotOurs),
            Step::Record(change) => self.record(record, change).await,
        }
    }

    async fn node(&mut self, record: &Record, step: &NodeStep) -> Result<(), StepError> {
        match step {
            NodeStep::StartServer => self.start(record),
            NodeStep::StopServer => self.stop(record).await,
            NodeStep::AssignSlots(slots) => self.assign(record, slots).await,
            NodeStep::ApplyConfig => self.apply_config(record).await,
            NodeStep::ApplyUsers => self.apply_users(record).await,
            NodeStep::RenewCertificate => self.renew(record).await,
        }
    }

    async fn record(&mut self, record: &Record, change: &RecordChange) -> Result<(), StepError> {
        let mut next = record.clone();
        match change {
            RecordChange::FoundAuthority => {
                let certificate = authority::found(&self.directory, &record.cluster, (self.clock)())?;
                next.ca_certificate = Some(certificate);
            }
            RecordChange::Formed => next.phase = Phase::Formed,
            RecordChange::Give(grant) => next.grant = Some(grant.clone()),
            RecordChange::ClearGrant => next.grant = None,
        }
        if next == *record {
            return Ok(());
        }
        next.generation = record.generation.next();
        match self.store.compare_and_set(Some((record.epoch, record.generation)), next).await {
            // Somebody was first: the next turn looks again.
            Ok(()) | Err(StoreError::Conflict(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn start(&mut self, record: &Record) -> Result<(), StepError> {
        if matches!(self.supervisor.state(), Process::Running { .. }) {
            return Ok(());
        }
        self.directory.make(&self.directory.data())?;
        if !authority::server_files(&self.directory).certificate.exists() {
            self.issue(record)?;
        }
        self.write_config(record)?;
        self.write_users(record)?;
        let started = Started { generation: record.generation, keys: record.spec.config.keys().cloned().collect() };
        self.directory.write(&self.directory.started(), &started)?;
        let config = self.directory.server_config();
        self.supervisor.start(record.artefact.server(), &[config.as_os_str()])?;
        Ok(())
    }

    async fn stop(&mut self, record: &Record) -> Result<(), StepError> {
        let Ok(mut connection) = self.server(record).await else {
            return Ok(self.supervisor.stop(STOP_LIMIT).await?);
        };
        connection.set_limit(STOP_LIMIT);
        // Asked politely it says why it cannot save; the signal that follows only makes sure.
        let asked = async { connection.shutdown().await.map_err(StepError::from) };
        self.supervisor.stop_asking(asked, STOP_LIMIT).await
    }

    async fn assign(&mut self, record: &Record, slots: &SlotSet) -> Result<(), StepError> {
        let mut connection = self.server(record).await?;
        connection.assign_slots(slots).await?;
        self.connection = Some(connection);
        Ok(())
    }

    /// First the file, then the server: a server that is started in between has the new values, too.
    async fn apply_config(&mut self, record: &Record) -> Result<(), StepError> {
        self.write_config(record)?;
        let mut connection = self.server(record).await?;
        let spec = &record.spec;
        let keys: Vec<&str> = spec.config.keys().map(String::as_str).chain(["maxmemory"]).collect();
        let now = connection.config_get(&keys).await?;
        let (engine, line) = (record.release.engine, record.release.version.line());
        // What only a restart can change waits for the planner to grant one.
        connection.config_set(&drift(engine, line, &spec.config, spec.memory, &now).live).await?;
        self.connection = Some(connection);
        Ok(())
    }

    async fn apply_users(&mut self, record: &Record) -> Result<(), StepError> {
        self.write_users(record)?;
        let mut connection = self.server(record).await?;
        self.applied = Some(connection.apply_users(&record.users).await?);
        self.connection = Some(connection);
        Ok(())
    }

    async fn renew(&mut self, record: &Record) -> Result<(), StepError> {
        self.issue(record)?;
        let files = authority::server_files(&self.directory);
        let mut connection = self.server(record).await?;
        let (certificate, key) = (files.certificate.to_string_lossy(), files.key.to_string_lossy());
        connection.reload_certificate(&certificate, &key).await?;
        // The next turn connects anew, and so sees the certificate that is shown now.
        Ok(())
    }

    /// The connection to the server: the one that is there, or a new one. Whoever is done with it puts it back; after an
    /// error it is gone, and the next turn makes another.
    async fn server(&mut self, record: &Record) -> Result<Connection, CallError> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => self.connect(record).await,
        }
    }

    fn issue(&self, record: &Record) -> Result<(), StepError> {
        let authority = record.ca_certificate.as_deref().unwrap_or_default();
        let (node, address) = (&self.info.claim.node, self.info.client.ip());
        Ok(authority::issue(&self.directory, &record.cluster, node, address, authority, (self.clock)())?)
    }

    fn write_config(&self, record: &Record) -> Result<(), StepError> {
        let files = authority::server_files(&self.directory);
        let files = NodeFiles {
            data: self.directory.data(),
            log: self.directory.server_log(),
            acl: self.directory.users(),
            certificate: files.certificate,
            key: files.key,
            ca: files.authority,
        };
        let node = NodeConfig {
            release: &record.release,
            address: self.info.client.ip(),
            client_port: self.info.client.port(),
            bus_port: self.info.bus_port,
            memory: record.spec.memory,
            config: &record.spec.config,
            files: &files,
        };
        let text = config::render(&node)?;
        Ok(self.directory.write_bytes(&self.directory.server_config(), text.as_bytes())?)
    }

    fn write_users(&self, record: &Record) -> Result<(), StepError> {
        let text = acl::render(&record.users, &secrets::hash(&self.login.password));
        Ok(self.directory.write_bytes(&self.directory.users(), text.as_bytes())?)
    }
}
