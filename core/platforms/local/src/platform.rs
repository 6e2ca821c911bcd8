//! The platform's trait, for processes of this machine.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use justmanage_model::node::{AgentInfo, NodeOrder, NodeStatus, ServerProgram};
use justmanage_model::{Claim, ClusterName, Engine, Version};
use justmanage_platforms::{
    ClaimQuery, Connector, Download, Machine, MachineOrder, MachineRef, MachineState, Platform, PlatformError,
    PlatformKind,
};
use tracing::debug;

use crate::{AgentBinary, Root, programs};

/// How often the nodes are looked at anew while somebody removes some of them: each look finds fewer.
const LOOKS: usize = 5;

/// Nodes as processes of this machine.
#[derive(Clone, Debug)]
pub struct Local {
    root: Root,
    agent: AgentBinary,
}

impl Local {
    /// Clusters under `root`, run by `agent`.
    pub fn new(root: Root, agent: AgentBinary) -> Self {
        Self { root, agent }
    }

    /// The directory of all local clusters.
    pub fn root(&self) -> &Root {
        &self.root
    }

    /// The machines, by one run of the agent's program for all of them. The error says whether a directory went meanwhile.
    async fn find_once(&self, query: &ClaimQuery) -> Result<Vec<Machine>, (PlatformError, bool)> {
        let orders = self.root.orders(&query.name).map_err(|error| (error, false))?;
        let (directories, claims): (Vec<PathBuf>, Vec<Claim>) = orders
            .into_iter()
            .filter(|(_, order)| query.matches(&order.claim))
            .map(|(directory, order)| (directory, order.claim))
            .unzip();
        let statuses = self.agent.status(&directories).await;
        let statuses = statuses.map_err(|error| (error, directories.iter().any(|directory| !directory.exists())))?;
        let machine = |((directory, claim), status): ((&PathBuf, Claim), NodeStatus)| Machine {
            reference: reference(directory),
            claim,
            state: status.agent.map_or(MachineState::Stopped, |info| MachineState::Running(Box::new(info))),
        };
        Ok(directories.iter().zip(claims).zip(statuses).map(machine).collect())
    }

    /// Removes what nobody needs any more after a node of a cluster went.
    async fn tidy(&self, name: ClusterName) -> Result<(), PlatformError> {
        let root = self.root.clone();
        blocking(move || {
            if !root.path().exists() {
                return Ok(());
            }
            let lock = root.lock()?;
            root.tidy(&lock, &name)
        })
        .await
    }

    /// Starts a node's agent with the program that it had: it is for an upgrade to change that, one agent after the other, and an
    /// older provider never does. A node that had none yet, or whose program is gone, or cannot be started any more and is older
    /// than ours, gets ours.
    async fn start(&self, installed: &Path, directory: &Path) -> Result<AgentInfo, PlatformError> {
        let Some(noted) = self.root.program_of(directory).filter(|noted| noted != installed) else {
            return self.agent.start(installed, directory).await;
        };
        match self.agent.start(&noted, directory).await {
            Err(_) if self.is_newer_than_in(directory).await => self.agent.start(installed, directory).await,
            started => started,
        }
    }

    /// Whether our agent is newer than the one that ran last in a node's directory.
    async fn is_newer_than_in(&self, directory: &Path) -> bool {
        let last = self.root.last_version(directory);
        self.agent.version().await.is_ok_and(|ours| last.is_some_and(|last| last < ours))
    }

    /// Makes directory and program under the root's lock; both are there, or neither is visible.
    async fn prepare(&self, order: NodeOrder) -> Result<(PathBuf, PathBuf), PlatformError> {
        let (root, agent) = (self.root.clone(), self.agent.clone());
        blocking(move || {
            let lock = root.lock()?;
            let installed = agent.install(&root, &lock)?;
            Ok((root.create_node(&lock, &order)?, installed))
        })
        .await
    }
}

#[async_trait]
impl Platform for Local {
    fn kind(&self, _machines: &[MachineRef]) -> PlatformKind {
        PlatformKind::Local
    }

    async fn find(&self, query: &ClaimQuery) -> Result<Vec<Machine>, PlatformError> {
        let mut found = self.find_once(query).await;
        for _ in 1..LOOKS {
            match found {
                // Somebody removes nodes at this moment: between the look at their claims and the look at their processes.
                Err((_, true)) => found = self.find_once(query).await,
                _ => break,
            }
        }
        let found = found.map_err(|(error, _)| error)?;
        // Nobody will remove a cluster any more that is not found. (A name alone is asked about by whoever is about to make it, and
        // has perhaps stored a program for it.)
        if found.is_empty() && query.cluster.is_some() && self.root.is_untidy(&query.name) {
            self.tidy(query.name.clone()).await?;
        }
        Ok(found)
    }

    async fn clusters(&self) -> Result<BTreeSet<ClusterName>, PlatformError> {
        self.root.clusters()
    }

    async fn ensure(&self, want: &MachineOrder) -> Result<Machine, PlatformError> {
        let order = NodeOrder {
            claim: want.claim.clone(),
            operators: want.operators.clone(),
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            peer_names: None,
            token: None,
        };
        let (directory, installed) = self.prepare(order).await?;
        let info = self.start(&installed, &directory).await?;
        debug!(node = %want.claim.node, agent = %info.agent, "agent runs");
        Ok(Machine {
            reference: reference(&directory),
            claim: want.claim.clone(),
            state: MachineState::Running(Box::new(info)),
        })
    }

    async fn remove(&self, machine: &MachineRef) -> Result<(), PlatformError> {
        let directory = PathBuf::from(&machine.0);
        let Some(name) = self.root.cluster_of(&directory) else {
            return Err(PlatformError::Invalid {
                field: "local".into(),
                what: format!("{} is no node's directory under {}", directory.display(), self.root.path().display()),
                hint: "Set `local = { directory = ... }` of the provider to what it was when the cluster was made."
                    .into(),
            });
        };
        if directory.exists() {
            self.agent.remove(&directory).await?;
        }
        self.tidy(name).await
    }

    async fn reach(&self, machine: &Machine) -> Result<Connector, PlatformError> {
        match &machine.state {
            MachineState::Running(info) => Ok(Connector::direct((**info).clone())),
            MachineState::Stopped => Err(PlatformError::Unreachable {
                what: format!("the agent of {} does not run", machine.claim.node),
                hint: "An apply starts it again.".into(),
            }),
        }
    }

    async fn agent_version(&self) -> Result<Version, PlatformError> {
        self.agent.version().await
    }

    async fn upgrade(&self, machine: &Machine) -> Result<Machine, PlatformError> {
        let (root, agent, directory) = (self.root.clone(), self.agent.clone(), PathBuf::from(&machine.reference.0));
        let installed = blocking(move || {
            let lock = root.lock()?;
            agent.install(&root, &lock)
        })
        .await?;
        let info = self.agent.upgrade(&installed, &directory).await?;
        let root = self.root.clone();
        blocking(move || {
            let lock = root.lock()?;
            root.sweep_programs(&lock, &installed);
            Ok(())
        })
        .await?;
        Ok(Machine { state: MachineState::Running(Box::new(info)), ..machine.clone() })
    }

    async fn servers(&self, engine: Engine, directories: &[PathBuf]) -> Result<Vec<ServerProgram>, PlatformError> {
        self.agent.inspect(&programs::candidates(engine, directories)).await
    }

    async fn store(&self, program: &Download, _cluster: Option<&ClaimQuery>) -> Result<ServerProgram, PlatformError> {
        let (root, download) = (self.root.clone(), program.clone());
        let path = blocking(move || {
            let lock = root.lock()?;
            programs::store(&root, &lock, &download)
        })
        .await?;
        let found = self.agent.inspect(std::slice::from_ref(&path)).await?;
        found.into_iter().next().ok_or_else(|| PlatformError::Invalid {
            field: "artifacts".into(),
            what: format!("{} is not a server program that runs on this machine", path.display()),
            hint: "Check that it was built for this machine's processor and libraries: run it with --version.".into(),
        })
    }
}

fn reference(directory: &Path) -> MachineRef {
    MachineRef(directory.to_string_lossy().into_owned())
}

/// Runs file work off the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, PlatformError> + Send + 'static,
) -> Result<T, PlatformError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(cancelled) => Err(PlatformError::Failed {
            what: format!("file work was cancelled: {cancelled}"),
            hint: "Apply again.".into(),
        }),
    })
}
