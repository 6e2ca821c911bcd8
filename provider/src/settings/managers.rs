//! Who makes and finds clusters: a manager for this machine, and one for each pool of servers.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use justmanage_core::artefacts::Artefacts;
use justmanage_core::locator::PlatformKind;
use justmanage_core::servers::Programs;
use justmanage_core::{Locator, Manager, OperatorKey};
use justmanage_model::failure::Invalid;
use justmanage_model::pool::{Host, Pool, Server};
use justmanage_model::{Failure, FieldPath, Version};

use crate::servers::OverSsh;

/// All that managers have in common, and those that were made.
pub(crate) struct Managers {
    local: Manager,
    parts: Parts,
    /// By the definition of their pool: each looks at its servers once for all that is asked at a time.
    of_pools: Mutex<HashMap<String, Manager>>,
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
        Self { local, parts, of_pools: Mutex::default() }
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
        let mut made = self.of_pools.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(manager) = made.get(&pool.to_string()) {
            return Ok(manager.clone());
        }
        let Parts { agent, artefacts, operator, patience, servers, .. } = &self.parts;
        // The provider's own processor is that of the agent beside it.
        let version: Version =
            env!("CARGO_PKG_VERSION").parse().map_err(|invalid: Invalid| invalid.at(FieldPath::root()))?;
        let programs = Programs::new(version, [(std::env::consts::ARCH.to_owned(), agent.clone())]);
        let manager = Manager::servers(pool.clone(), servers.hosts()?, programs, artefacts.clone(), operator.clone());
        let manager = patient(manager, *patience);
        made.insert(pool.to_string(), manager.clone());
        Ok(manager)
    }

    /// For a cluster of which only the id is known. On servers, the hosts in its id lead to it, and those that the provider block names.
    ///
    /// # Errors
    /// As [`Managers::of_pool`]; or no host can be called so.
    pub(crate) fn of(&self, locator: &Locator) -> Result<Manager, Failure> {
        let PlatformKind::Servers { hosts } = &locator.platform else { return Ok(self.local.clone()) };
        let hosts = hosts.iter().map(|text| text.parse::<Host>()).collect::<Result<Vec<_>, _>>();
        let hosts = hosts.map_err(|invalid| invalid.at(FieldPath::of("id")))?;
        let known = self.parts.known.clone().filter(|known| {
            let is =
                |host: &Host, server: &Server| (&server.host.address, server.host.port) == (&host.address, host.port);
            hosts.iter().any(|host| known.servers.iter().any(|server| is(host, server)))
        });
        self.of_pool(&known.unwrap_or_else(|| Pool { servers: hosts.into_iter().map(Server::new).collect() }))
    }
}

fn patient(manager: Manager, patience: Option<Duration>) -> Manager {
    match patience {
        Some(patience) => manager.with_patience(patience),
        None => manager,
    }
}
