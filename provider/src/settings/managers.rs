//! Who makes and finds clusters: a manager for this machine, and one for each pool of servers.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use justmanage_core::artefacts::Artefacts;
use justmanage_core::locator::PlatformKind;
use justmanage_core::servers::Programs;
use justmanage_core::{Locator, Manager, OperatorKey};
use justmanage_model::failure::Invalid;
use justmanage_model::pool::{Host, Pool, Server};
use justmanage_model::{ClusterId, Failure, FieldPath, Version};

use crate::servers::OverSsh;

/// All that managers have in common, and those that were made.
pub(crate) struct Managers {
    local: Manager,
    parts: Parts,
    /// Each looks at its servers once for all that is asked at a time.
    of_pools: Mutex<Vec<(Pool, Manager)>>,
    /// Those of the clusters that this run was asked about, the latest last.
    seen: Mutex<Vec<Pool>>,
    /// By which of them, of those that have an id: their servers may all have other addresses than it says.
    led: Mutex<BTreeMap<ClusterId, Pool>>,
}

/// What managers are made of.
pub(super) struct Parts {
    pub(super) root: PathBuf,
    pub(super) agent: PathBuf,
    pub(super) artefacts: Artefacts,
    pub(super) operator: Arc<OperatorKey>,
    pub(super) patience: Option<Duration>,
    /// The servers by which clusters are found of which only the id is known.
    pub(super) known: Option<Pool>,
    pub(super) servers: Arc<OverSsh>,
}

impl Managers {
    pub(super) fn new(parts: Parts) -> Self {
        let local =
            Manager::local(parts.root.clone(), parts.agent.clone(), parts.artefacts.clone(), parts.operator.clone());
        let local = patient(local, parts.patience);
        Self { local, parts, of_pools: Mutex::default(), seen: Mutex::default(), led: Mutex::default() }
    }

    /// For clusters on this machine.
    pub(crate) fn local(&self) -> &Manager {
        &self.local
    }

    /// For clusters on servers of a pool.
    ///
    /// # Errors
    /// Nobody can log in anywhere, as the provider block says it.
    pub(crate) fn of_pool(&self, pool: &Pool) -> Result<Manager, Failure> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|other| other != pool);
        seen.push(pool.clone());
        drop(seen);
        self.through(pool)
    }

    /// From now on whoever knows this id is led to its cluster by this pool.
    pub(crate) fn lead(&self, cluster: ClusterId, pool: &Pool) {
        self.led.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster, pool.clone());
    }

    fn through(&self, pool: &Pool) -> Result<Manager, Failure> {
        let mut made = self.of_pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, manager)) = made.iter().find(|(other, _)| other == pool) {
            return Ok(manager.clone());
        }
        let Parts { agent, artefacts, operator, patience, servers, .. } = &self.parts;
        // The provider's own processor is that of the agent beside it.
        let version: Version =
            env!("CARGO_PKG_VERSION").parse().map_err(|invalid: Invalid| invalid.at(FieldPath::root()))?;
        let programs = Programs::new(version, [(std::env::consts::ARCH.to_owned(), agent.clone())]);
        let manager = Manager::servers(pool.clone(), servers.hosts()?, programs, artefacts.clone(), operator.clone());
        let manager = patient(manager, *patience);
        made.push((pool.clone(), manager.clone()));
        Ok(manager)
    }

    /// For a cluster of which only the id is known. On servers it is reached by [`Managers::pool`], or by this pool, which was that
    /// once; or else by the hosts in its id, whose keys have to be known then.
    ///
    /// # Errors
    /// As [`Managers::of_pool`]; or no host can be called so.
    pub(crate) fn of(&self, locator: &Locator, once: Option<Pool>) -> Result<Manager, Failure> {
        let PlatformKind::Servers { .. } = &locator.platform else { return Ok(self.local.clone()) };
        let hosts = hosts(locator).map_err(|invalid| invalid.at(FieldPath::of("id")))?;
        // What was kept is this very cluster's, wherever its servers have gone since the id was given.
        let pool = self.pool(locator).or(once);
        self.through(&pool.unwrap_or_else(|| Pool { servers: hosts.into_iter().map(Server::new).collect() }))
    }

    /// The pool with servers of this cluster, with their keys and jump hosts: that of the provider block, or of a cluster that this run
    /// was asked about.
    pub(crate) fn pool(&self, locator: &Locator) -> Option<Pool> {
        let led = self.led.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = locator.cluster.as_ref().and_then(|cluster| led.get(cluster)) {
            return Some(pool.clone());
        }
        let hosts = hosts(locator).ok()?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        self.parts.known.iter().chain(seen.iter().rev()).find(|pool| has_one(pool, &hosts)).cloned()
    }
}

/// The hosts in a cluster's id.
fn hosts(locator: &Locator) -> Result<Vec<Host>, Invalid> {
    match &locator.platform {
        PlatformKind::Servers { hosts } => hosts.iter().map(|text| text.parse()).collect(),
        PlatformKind::Local | PlatformKind::Cloud { .. } => Ok(Vec::new()),
    }
}

fn has_one(pool: &Pool, hosts: &[Host]) -> bool {
    let is = |server: &Server, host: &Host| (&server.host.address, server.host.port) == (&host.address, host.port);
    pool.servers.iter().any(|server| hosts.iter().any(|host| is(server, host)))
}

fn patient(manager: Manager, patience: Option<Duration>) -> Manager {
    match patience {
        Some(patience) => manager.with_patience(patience),
        None => manager,
    }
}
