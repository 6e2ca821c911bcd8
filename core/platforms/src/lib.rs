//! Where machines come from: the trait that every platform implements.
//!
//! The one invariant: **every verb is idempotent, and everything is found by its claim.** The claim goes into the creating
//! call itself, so a machine that exists can be found, and one that cannot be found does not exist. No state is kept here.
//! `justmanage-platform-contract` tries that, and what else stands at the verbs, with every platform.
//!
//! | module | what it holds |
//! |---|---|
//! | [`machine`] | [`Machine`], [`MachineOrder`], [`ClaimQuery`], [`Connector`] |
//! | [`kind`] | [`PlatformKind`]: which platform, as the id of a cluster says it |
//! | [`way`] | [`Way`]: to an agent whose own address leads nowhere from here |
//! | [`error`] | [`PlatformError`]: variants by what the caller can do |

pub mod error;
pub mod kind;
pub mod machine;
pub mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use async_trait::async_trait;
use justmanage_model::node::ServerProgram;
use justmanage_model::pool::Zone;
use justmanage_model::{ClusterName, Engine, HostName, NodeId, Version};

pub use error::PlatformError;
pub use justmanage_model::Limits;
pub use kind::{CloudKind, PlatformKind};
pub use machine::{
    ClaimQuery, Connector, Download, Machine, MachineOrder, MachineRef, MachineState, Needs, Offer, Package, Visible,
};
pub use way::{Dial, Stream, Way};

/// A source of machines: this machine, servers over SSH, a cloud.
#[async_trait]
pub trait Platform: Send + Sync {
    /// What leads to these machines again, for the id of their cluster. Without machines: to whatever is here.
    fn kind(&self, machines: &[MachineRef]) -> PlatformKind;

    /// The machines whose claims match. Authoritative: a machine that is not in the answer does not exist; what
    /// [`Platform::ensure`] has answered with is in it.
    ///
    /// # Errors
    /// [`PlatformError::Unreachable`] or [`PlatformError::Denied`] when the answer would not be authoritative.
    async fn find(&self, query: &ClaimQuery) -> Result<Vec<Machine>, PlatformError>;

    /// The same as far as it can be seen: where some of a platform does not answer, the machines of all the rest.
    ///
    /// # Errors
    /// As [`Platform::find`], where nothing can be seen.
    async fn find_seen(&self, query: &ClaimQuery) -> Result<Visible, PlatformError> {
        Ok(Visible { machines: self.find(query).await?, ..Visible::default() })
    }

    /// The names of all clusters that have machines here. Authoritative, as [`Platform::find`] is.
    ///
    /// # Errors
    /// As [`Platform::find`].
    async fn clusters(&self) -> Result<BTreeSet<ClusterName>, PlatformError>;

    /// Makes the machine of this claim exist and its agent run. The same claim always gives the same machine, also to many who ask
    /// at the same time.
    ///
    /// # Errors
    /// Whatever kept the machine from running; what was half made is found again by the same claim. [`PlatformError::Quota`] where
    /// there is no room for it.
    async fn ensure(&self, order: &MachineOrder) -> Result<Machine, PlatformError>;

    /// Removes a machine with its server and data. One that is already gone is a success; what is not ours is never touched.
    ///
    /// # Errors
    /// Whatever kept it from going; calling again continues. [`PlatformError::Invalid`] for what can be no machine of this platform.
    async fn remove(&self, machine: &MachineRef) -> Result<(), PlatformError>;

    /// How to reach the machine's agent, as it was when somebody looked.
    ///
    /// # Errors
    /// [`PlatformError::Unreachable`] when its agent did not run; [`PlatformError::NotFound`] when the platform had to ask, and it is gone.
    async fn reach(&self, machine: &Machine) -> Result<Connector, PlatformError>;

    /// The version of the agent that comes with this build: new machines have it.
    ///
    /// # Errors
    /// [`PlatformError::Invalid`] when the agent's program is missing, [`PlatformError::Failed`] when it cannot be run.
    async fn agent_version(&self) -> Result<Version, PlatformError>;

    /// Puts the agent of this build in the place of a machine's older one, while the server there runs on. One that is as new, or
    /// newer, stays. An agent that does not start is taken out again, and the older one runs as before.
    ///
    /// # Errors
    /// What kept it from being done; calling again, or [`Platform::ensure`], goes on.
    async fn upgrade(&self, machine: &Machine) -> Result<Machine, PlatformError>;

    /// Limits what the server of a machine may use, now and from its next start on. Answers with what is not in force before that, a
    /// sentence each. Where agents limit their servers themselves there is nothing to do.
    ///
    /// # Errors
    /// What kept it from being done; calling again goes on.
    async fn limit(&self, _machine: &Machine, _limits: &Limits) -> Result<Vec<String>, PlatformError> {
        Ok(Vec::new())
    }

    /// Makes what the platform keeps for a cluster besides its machines as it is to be: a firewall, that somebody has edited, or that is to
    /// let in others from now on. Where nothing is kept there is nothing to do.
    ///
    /// # Errors
    /// What kept it from being done; calling again goes on.
    async fn mend(&self, _query: &ClaimQuery) -> Result<(), PlatformError> {
        Ok(())
    }

    /// The names that clients are to be told of the machines of a cluster instead of their addresses, as far as machines are seen; none:
    /// clients are told addresses.
    ///
    /// # Errors
    /// As [`Platform::find_seen`].
    async fn announced(&self, _query: &ClaimQuery) -> Result<BTreeMap<NodeId, HostName>, PlatformError> {
        Ok(BTreeMap::new())
    }

    /// In which zone each machine of a cluster stands, of those that are seen; `None` is one that stands in no zone that is known. What takes a
    /// zone away takes all in it. Platforms without zones say nothing.
    ///
    /// # Errors
    /// As [`Platform::find_seen`].
    async fn zones(&self, _query: &ClaimQuery) -> Result<BTreeMap<NodeId, Option<Zone>>, PlatformError> {
        Ok(BTreeMap::new())
    }

    /// Server programs that machines of this platform have: on the search path, and in these directories (each itself,
    /// its `bin`, and the same one level down).
    ///
    /// # Errors
    /// [`PlatformError::Failed`] when the machine could not be asked.
    async fn servers(&self, engine: Engine, directories: &[PathBuf]) -> Result<Vec<ServerProgram>, PlatformError>;

    /// Puts a server program, already verified, where nodes of this platform can run it for as long as they live: on the machines of
    /// this cluster, and on those that are made from now on. What it is the answer says as it was seen there; where there is no machine
    /// yet, as it was said.
    ///
    /// # Errors
    /// [`PlatformError::Quota`] and [`PlatformError::Denied`] as the machine says.
    async fn store(&self, program: &Download, cluster: Option<&ClaimQuery>) -> Result<ServerProgram, PlatformError>;

    /// What the distribution of each machine has that can have a node, or has one, of packages with this server. Nothing is changed.
    /// Platforms that install none have no offers.
    ///
    /// # Errors
    /// [`PlatformError::Unreachable`] when no machine could be asked.
    async fn packages(&self, _engine: Engine) -> Result<Vec<Offer>, PlatformError> {
        Ok(Vec::new())
    }

    /// Installs a package on every machine that has a node, so that it stays what it is, and puts its program where nodes run it for as
    /// long as they live; machines that come later get it with their node.
    ///
    /// # Errors
    /// What kept it from being installed, of each machine by its name; calling again goes on. [`PlatformError::Invalid`] where nothing
    /// can be installed.
    async fn install(&self, package: &Package) -> Result<ServerProgram, PlatformError> {
        Err(PlatformError::Invalid {
            field: "artifacts".into(),
            what: format!("{} cannot be installed here", package.name),
            hint: "Install it yourself, and take the entry out of `artifacts`.".into(),
        })
    }
}
