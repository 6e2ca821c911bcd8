//! A small world: machines that exist or not, agents that converge, hesitate, refuse or keep silent.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use justmanage_core::agents::{AgentError, AgentStatus, Agents, Proposal};
use justmanage_core::artefacts::Artefacts;
use justmanage_core::{Manager, OperatorKey};
use justmanage_model::node::{AgentInfo, ProcessIdentity, ServerProgram};
use justmanage_model::{
    ClusterSpec, Engine, Failure, NodeId, NodeObservation, Phase, Pin, Place, Record, Release, ServerState, Waiting,
};
use justmanage_platforms::{
    ClaimQuery, Connector, Download, Machine, MachineOrder, MachineRef, MachineState, Platform, PlatformError,
};

/// What an agent does.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) enum Behaviour {
    /// It makes everything so, one look after it was asked.
    #[default]
    Converges,
    /// It never gets there.
    Hesitates,
    /// It gets as far as Formed and no further.
    FormsOnly,
    /// It cannot go on by itself.
    Stuck,
    /// It does not know the operator.
    Denies,
    /// It does not answer.
    Silent,
}

#[derive(Debug, Default)]
pub(crate) struct Inside {
    pub(crate) machines: BTreeMap<NodeId, Machine>,
    pub(crate) records: BTreeMap<NodeId, Record>,
    pub(crate) behaviour: Behaviour,
    /// The next proposals are taken, but the answer is lost.
    pub(crate) lose_answers: u32,
    /// Before the next proposal somebody else makes one.
    pub(crate) somebody_first: u32,
    /// No new machine can be had.
    pub(crate) no_capacity: bool,
    pub(crate) removed: Vec<MachineRef>,
}

/// The world; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct World(Arc<Mutex<Inside>>);

impl World {
    pub(crate) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().expect("no test panics inside")
    }

    /// The only Record there is.
    pub(crate) fn record(&self) -> Record {
        self.inside().records.values().next().expect("a record").clone()
    }

    pub(crate) fn stop_agents(&self) {
        for machine in self.inside().machines.values_mut() {
            machine.state = MachineState::Stopped;
        }
    }

    /// A manager with a key of its own in `home`.
    pub(crate) fn manager(&self, home: &tempfile::TempDir) -> Manager {
        let operator = Arc::new(OperatorKey::at(home.path().join("operator.key")));
        Manager::new(Arc::new(self.clone()), Arc::new(self.clone()), Artefacts::default(), operator)
            .with_patience(Duration::from_millis(50))
    }

    /// An agent at work: as time passes, it gets somewhere.
    fn work(&self, node: &NodeId) {
        let mut inside = self.inside();
        let works = matches!(inside.behaviour, Behaviour::Converges | Behaviour::FormsOnly);
        if let Some(record) = inside.records.get_mut(node).filter(|_| works) {
            record.phase = Phase::Formed;
            record.ca_certificate = Some("certificate".into());
        }
    }

    fn status_of(&self, node: &NodeId) -> Result<AgentStatus, AgentError> {
        let inside = self.inside();
        match inside.behaviour {
            Behaviour::Denies => return Err(AgentError::Denied),
            Behaviour::Silent => return Err(AgentError::Unreachable("connection refused".into())),
            _ => {}
        }
        let record = inside.records.get(node).cloned();
        let formed = record.as_ref().is_some_and(|record| record.phase == Phase::Formed);
        let converged = formed && inside.behaviour == Behaviour::Converges;
        let waiting = match inside.behaviour {
            _ if converged => Vec::new(),
            Behaviour::Stuck => vec![stuck()],
            _ => vec![Waiting::ClusterNotOk { node: *node }],
        };
        let node = NodeObservation { agent_version: "0.1.0".into(), settled: None, server: ServerState::Stopped };
        Ok(AgentStatus { record, node, converged, waiting })
    }
}

fn stuck() -> Waiting {
    let since = justmanage_model::Timestamp::UNIX_EPOCH;
    Waiting::Stuck { what: "its data are gone".into(), since, hint: "Restore them.".into() }
}

pub(crate) fn spec() -> ClusterSpec {
    ClusterSpec {
        engine: Engine::Redis,
        version: "7.0".parse().expect("version"),
        shards: 1,
        replicas_per_shard: 0,
        memory: "64MiB".parse().expect("memory"),
        config: BTreeMap::new(),
        place: Place::Local,
    }
}

fn info(order: &MachineOrder) -> AgentInfo {
    AgentInfo {
        claim: order.claim.clone(),
        pin: Pin::from_digest([9; 32]),
        agent: "127.0.0.1:19000".parse().expect("address"),
        client: "127.0.0.1:21000".parse().expect("address"),
        bus_port: 31000,
        version: "0.1.0".into(),
        process: ProcessIdentity { pid: 1, start_time: 1, boot_id: "boot".into() },
    }
}

#[async_trait]
impl Platform for World {
    async fn find(&self, query: &ClaimQuery) -> Result<Vec<Machine>, PlatformError> {
        Ok(self.inside().machines.values().filter(|machine| query.matches(&machine.claim)).cloned().collect())
    }

    async fn ensure(&self, order: &MachineOrder) -> Result<Machine, PlatformError> {
        let mut inside = self.inside();
        if inside.no_capacity && !inside.machines.contains_key(&order.claim.node) {
            return Err(PlatformError::Quota { what: "the disk is full".into(), hint: "Free some.".into() });
        }
        let machine = Machine {
            reference: MachineRef(order.claim.node.to_string()),
            claim: order.claim.clone(),
            state: MachineState::Running(Box::new(info(order))),
        };
        inside.machines.insert(order.claim.node, machine.clone());
        Ok(machine)
    }

    async fn remove(&self, machine: &MachineRef) -> Result<(), PlatformError> {
        let mut inside = self.inside();
        inside.machines.retain(|_, m| m.reference != *machine);
        inside.records.retain(|node, _| node.to_string() != machine.0);
        inside.removed.push(machine.clone());
        Ok(())
    }

    async fn reach(&self, machine: &Machine) -> Result<Connector, PlatformError> {
        match &machine.state {
            MachineState::Running(info) => Ok(Connector { agent: (**info).clone() }),
            MachineState::Stopped => Err(PlatformError::NotFound { what: "the agent".into() }),
        }
    }

    async fn servers(&self, engine: Engine, _directories: &[PathBuf]) -> Result<Vec<ServerProgram>, PlatformError> {
        let release = Release { engine, version: "7.0.15".parse().expect("version"), package: None };
        let old = Release { engine, version: "7.0.11".parse().expect("version"), package: None };
        let program =
            |release, path: &str, tls| ServerProgram { path: path.into(), release, tls, sha256: "0".repeat(64) };
        let newest = Release { engine, version: "7.0.16".parse().expect("version"), package: None };
        Ok(vec![
            program(old, "/old", true),
            program(release, "/usr/bin/redis-server", true),
            program(newest, "/bare", false),
        ])
    }

    async fn store(&self, _program: &Download) -> Result<ServerProgram, PlatformError> {
        Err(PlatformError::Denied { what: "nothing is stored here".into(), hint: String::new() })
    }
}

#[async_trait]
impl Agents for World {
    async fn status(&self, agent: &AgentInfo) -> Result<AgentStatus, AgentError> {
        self.status_of(&agent.claim.node)
    }

    async fn next(
        &self,
        agent: &AgentInfo,
        seen: Option<&AgentStatus>,
        within: Duration,
    ) -> Result<AgentStatus, AgentError> {
        self.work(&agent.claim.node);
        let status = self.status_of(&agent.claim.node)?;
        if seen == Some(&status) {
            tokio::time::sleep(within).await;
        }
        Ok(status)
    }

    async fn found(&self, agent: &AgentInfo, record: &Record) -> Result<Proposal, AgentError> {
        let mut inside = self.inside();
        match inside.records.get(&agent.claim.node) {
            Some(there) => Ok(Proposal::Conflict(Some(there.clone()))),
            None => {
                inside.records.insert(agent.claim.node, record.clone());
                Ok(Proposal::Applied(record.clone()))
            }
        }
    }

    async fn propose(&self, agent: &AgentInfo, before: &Record, after: &Record) -> Result<Proposal, AgentError> {
        let mut inside = self.inside();
        let there = inside.records.get(&agent.claim.node).expect("a record").clone();
        if inside.somebody_first > 0 {
            inside.somebody_first -= 1;
            let other = Record { generation: there.generation.next(), ..there };
            inside.records.insert(agent.claim.node, other.clone());
            return Ok(Proposal::Conflict(Some(other)));
        }
        if there.generation != before.generation {
            return Ok(Proposal::Conflict(Some(there)));
        }
        inside.records.insert(agent.claim.node, after.clone());
        if inside.lose_answers > 0 {
            inside.lose_answers -= 1;
            return Err(AgentError::NoAnswer("the connection broke".into()));
        }
        Ok(Proposal::Applied(after.clone()))
    }
}

/// The summary of a failure, for short assertions.
pub(crate) fn summary(failure: &Failure) -> &str {
    &failure.summary
}
