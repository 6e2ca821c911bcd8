//! [`Manager`]: apply, observe, destroy, users, credentials.
//!
//! | module | what it does |
//! |---|---|
//! | `look`, `ask` | what exists, and what its agents say: each of itself, or all of them of the cluster |
//! | `machines`, `found`, `replace`, `upgrade` | machines for seats; a group of agents; members whose machines are gone; agents that are older than ours |
//! | `spares` | machines without a place |
//! | `create`, `update`, `users`, `credentials`, `observe`, `destroy` | what a user asks for, made of the above |
//! | `limits` | limits of servers, where the platform sets them |
//! | `whereabouts` | where a cluster is, as its id says it |
//! | `release` | from one release to another |
//! | `fit` | whether the data fit into fewer shards or less memory |
//! | `journal`, `backups` | what happened to a cluster, and which backups of it there are |
//! | `converge`, `retire` | watching until it is so, and removing what nobody needs any more |

mod announce;
mod ask;
mod backups;
mod converge;
mod create;
mod credentials;
mod destroy;
mod fit;
mod found;
mod journal;
mod limits;
mod look;
mod machines;
#[cfg(debug_assertions)]
mod marked;
mod observe;
mod release;
mod relocate;
mod replace;
mod retire;
mod spares;
mod update;
mod upgrade;
mod users;
mod whereabouts;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use justmanage_model::pool::Pool;
use justmanage_model::{Failure, FieldPath};
use justmanage_platform_cloud::{Api, Cloud, Settings, SystemClock};
use justmanage_platform_local::{AgentBinary, Local, Root};
use justmanage_platform_servers::{Programs, Servers};
use justmanage_platforms::{Needs, Platform, PlatformError};
use justmanage_ssh::Hosts;

use crate::agents::{Agents, CloudOperator, GrpcAgents, Trusted};
use crate::artefacts::Artefacts;
use crate::{ClusterView, OperatorKey};

pub use credentials::Credentials;
pub use fit::{Usage, evicts, mib, policy, refuse_fit, room};
pub use observe::Observed;
pub use release::{Standing, refuse_release, refuse_second_way, temporary};
pub use update::refuse_change;
pub(crate) use upgrade::version;
pub use users::{UserOrder, hash_password};

/// Longest wait without any progress before a change is given up. A server that loads its data reports that it does, and
/// loading counts as progress; what remains takes seconds, so that a minute of silence is a fault.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// How many machines are made, asked or removed at the same time. Making one is mostly waiting (for a process, or a cloud); 16 are
/// enough for the waiting to overlap, and few enough for the small machine that runs all nodes of a local cluster, and for the
/// rate limits of clouds' APIs.
const HANDS: usize = 16;

/// Makes, inspects, changes and removes the clusters of one place, in the name of one operator.
#[derive(Clone)]
pub struct Manager {
    platform: Arc<dyn Platform>,
    agents: Arc<dyn Agents>,
    artefacts: Artefacts,
    operator: Arc<OperatorKey>,
    patience: Duration,
    needs: Needs,
}

/// A change that did not come to its end.
#[derive(Clone, Debug)]
pub struct Unfinished {
    /// Why.
    pub failure: Failure,
    /// What exists now; `None` when nothing of it does. Whoever keeps state must keep this.
    pub view: Option<ClusterView>,
}

impl Unfinished {
    /// Nothing exists.
    fn nothing(failure: Failure) -> Self {
        Self { failure, view: None }
    }
}

impl From<Unfinished> for Failure {
    fn from(unfinished: Unfinished) -> Self {
        unfinished.failure
    }
}

impl Manager {
    /// A manager for the machines of one platform.
    pub fn new(
        platform: Arc<dyn Platform>,
        agents: Arc<dyn Agents>,
        artefacts: Artefacts,
        operator: Arc<OperatorKey>,
    ) -> Self {
        #[cfg(debug_assertions)]
        let (platform, agents) = marked::marked(platform, agents);
        Self { platform, agents, artefacts, operator, patience: PATIENCE, needs: Needs::default() }
    }

    /// A manager for clusters on this machine, under `root`, run by the agent program `agent`.
    pub fn local(root: PathBuf, agent: PathBuf, artefacts: Artefacts, operator: impl Into<Arc<OperatorKey>>) -> Self {
        let operator = operator.into();
        let platform = Arc::new(Local::new(Root::new(root), AgentBinary::new(agent)));
        Self::new(platform, Arc::new(GrpcAgents::new(operator.clone())), artefacts, operator)
    }

    /// A manager for clusters on servers of this pool. `hosts`: how one gets onto them; `programs`: agents, by what they run on.
    pub fn servers(
        pool: Pool,
        hosts: Arc<Hosts>,
        programs: Programs,
        artefacts: Artefacts,
        operator: Arc<OperatorKey>,
    ) -> Self {
        let platform = Arc::new(Servers::new(pool, hosts, programs));
        Self::new(platform, Arc::new(GrpcAgents::new(operator.clone())), artefacts, operator)
    }

    /// A manager for clusters on machines of a cloud, which its holder has enrolled, or another operator who is trusted.
    ///
    /// # Errors
    /// There is no operator key.
    pub fn cloud(
        api: Arc<dyn Api>,
        settings: Settings,
        trusted: Trusted,
        artefacts: Artefacts,
        operator: Arc<OperatorKey>,
    ) -> Result<Self, Failure> {
        let agents = Arc::new(GrpcAgents::new(operator.clone()));
        let holder = CloudOperator::new(operator.existing()?, trusted, agents.clone());
        let platform = Cloud::new(api, Arc::new(holder), Arc::new(SystemClock::default()), settings);
        Ok(Self::new(Arc::new(platform), agents, artefacts, operator))
    }

    /// The same manager with another patience ([`PATIENCE`]).
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// The same manager, which takes machines that have at least this, where they are chosen among those that are there.
    #[must_use]
    pub fn with_needs(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    /// Where its server programs come from.
    pub fn artefacts(&self) -> &Artefacts {
        &self.artefacts
    }

    /// Where its machines come from.
    pub fn platform(&self) -> &dyn Platform {
        self.platform.as_ref()
    }
}

/// Does the same for many things, [`HANDS`] at a time, and answers in their order. Everything is tried, also after a failure.
pub(crate) async fn together<T, R, F: Future<Output = R>>(
    things: impl IntoIterator<Item = T>,
    work: impl Fn(T) -> F,
) -> Vec<R> {
    let all: Vec<F> = things.into_iter().map(work).collect();
    futures_util::stream::iter(all).buffered(HANDS).collect().await
}

/// A platform's error as its user reads it.
pub(crate) fn from_platform(error: &PlatformError) -> Failure {
    let summary = match error {
        PlatformError::NotFound { .. } => "Machine not found",
        PlatformError::Denied { .. } => "No permission",
        PlatformError::Quota { .. } => "No capacity",
        PlatformError::Conflict { .. } => "Machine in use",
        PlatformError::Unreachable { .. } => "Machine not reachable",
        PlatformError::Invalid { .. } => "Machine order not valid",
        PlatformError::Failed { .. } => "Machine software failed",
    };
    // The field is one of the provider's configuration, not of the cluster: it goes into the text.
    let said = error.to_string();
    let said = said.trim_end_matches('.');
    let detail = match error {
        PlatformError::Invalid { field, .. } => format!("{said} (provider setting `{field}`)."),
        _ => format!("{said}."),
    };
    let failure = Failure::at(FieldPath::root(), summary, detail);
    match error.hint() {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}
