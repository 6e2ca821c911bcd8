//! The four verbs of the trait, for processes of this machine.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use justmanage_model::node::{NodeOrder, NodeStatus, ServerProgram};
use justmanage_model::{Claim, ClusterName, Engine};
use justmanage_platforms::{
    ClaimQuery, Connector, Download, Machine, MachineOrder, MachineRef, MachineState, Platform, PlatformError,
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
    async fn find(&self, query: &ClaimQuery) -> Result<Vec<Machine>, PlatformError> {
        for _ in 1..LOOKS {
            match self.find_once(query).await {
                // Somebody removes nodes at this moment: between the look at their claims and the look at their processes.
                Err((_, true)) => {}
                found => return found.map_err(|(error, _)| error),
            }
        }
        self.find_once(query).await.map_err(|(error, _)| error)
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
        };
        let (directory, installed) = self.prepare(order).await?;
        let info = self.agent.start(&installed, &directory).await?;
        debug!(node = %want.claim.node, agent = %info.agent, "agent runs");
        Ok(Machine {
            reference: reference(&directory),
            claim: want.claim.clone(),
            state: MachineState::Running(Box::new(info)),
        })
    }

    async fn remove(&self, machine: &MachineRef) -> Result<(), PlatformError> {
        let directory = PathBuf::from(&machine.0);
        let Some(name) = directory
            .strip_prefix(self.root.path())
            .ok()
            .and_then(|inside| inside.components().next())
            .and_then(|name| name.as_os_str().to_str()?.parse().ok())
        else {
            return Err(PlatformError::Invalid {
                field: "local".into(),
                what: format!("{} is not under {}", directory.display(), self.root.path().display()),
                hint: "Set `local = { directory = ... }` of the provider to what it was when the cluster was made."
                    .into(),
            });
        };
        if directory.exists() {
            self.agent.remove(&directory).await?;
        }
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

    async fn reach(&self, machine: &Machine) -> Result<Connector, PlatformError> {
        match &machine.state {
            MachineState::Running(info) => Ok(Connector { agent: (**info).clone() }),
            MachineState::Stopped => Err(PlatformError::Unreachable {
                what: format!("the agent of {} does not run", machine.claim.node),
                hint: "An apply starts it again.".into(),
            }),
        }
    }

    async fn servers(&self, engine: Engine, directories: &[PathBuf]) -> Result<Vec<ServerProgram>, PlatformError> {
        self.agent.inspect(&programs::candidates(engine, directories)).await
    }

    async fn store(&self, program: &Download) -> Result<ServerProgram, PlatformError> {
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
