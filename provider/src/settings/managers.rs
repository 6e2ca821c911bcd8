//! Who makes and finds clusters: a manager for this machine, one for each pool of servers, and one for each place on a cloud.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use justmanage_core::artefacts::Artefacts;
use justmanage_core::cloud::Trusted;
#[cfg(feature = "aws")]
use justmanage_core::cloud::{ANYWHERE, AgentPrograms, Settings, aws as ec2};
use justmanage_core::locator::{CloudKind, PlatformKind};
use justmanage_core::servers::Programs;
use justmanage_core::{Locator, Manager, OperatorKey};
use justmanage_model::failure::Invalid;
use justmanage_model::pool::{Host, Pool, Server};
use justmanage_model::{Bytes, ClusterId, Failure, FieldPath, Pin};

use super::agents::{AgentSource, own_version};
use super::aws::Access;
use crate::cluster::Aws;
use crate::servers::OverSsh;

/// All that managers have in common, and those that were made.
pub(crate) struct Managers {
    local: Manager,
    parts: Parts,
    /// Each looks at its servers once for all that is asked at a time.
    of_pools: Mutex<Vec<(Pool, Manager)>>,
    /// Those of the clusters that this run was asked about, the latest last.
    seen: Mutex<Vec<Pool>>,
    of_clouds: Mutex<Vec<(OnCloud, Manager)>>,
    /// Operators who are trusted with clusters on machines of clouds.
    trusted: Mutex<BTreeMap<ClusterId, BTreeSet<Pin>>>,
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
    /// How AWS is asked.
    pub(super) aws: Access,
    /// Where machines of clouds fetch their agent.
    pub(super) agents: Vec<AgentSource>,
}

/// What a manager of a cloud was made for.
#[derive(Clone, Debug, PartialEq)]
struct OnCloud {
    /// In this region, by the configuration of a cluster; or by its id alone.
    region: String,
    settings: Option<Aws>,
    disk: Bytes,
    trusted: Trusted,
}

impl Managers {
    pub(super) fn new(parts: Parts) -> Self {
        let local =
            Manager::local(parts.root.clone(), parts.agent.clone(), parts.artefacts.clone(), parts.operator.clone());
        let local = patient(local, parts.patience);
        let (of_pools, of_clouds) = (Mutex::default(), Mutex::default());
        let (seen, led, trusted) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { local, parts, of_pools, of_clouds, seen, led, trusted }
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
        let programs = Programs::new(own_version()?, [(std::env::consts::ARCH.to_owned(), agent.clone())]);
        let manager = Manager::servers(pool.clone(), servers.hosts()?, programs, artefacts.clone(), operator.clone());
        let manager = patient(manager, *patience);
        made.push((pool.clone(), manager.clone()));
        Ok(manager)
    }

    /// For clusters on instances of AWS, as a cluster's block says. `trusted`: operators besides the holder of our key.
    ///
    /// # Errors
    /// There is no operator key, or no agent.
    pub(crate) fn of_aws(&self, aws: &Aws, disk: Bytes, trusted: Trusted) -> Result<Manager, Failure> {
        self.on_cloud(OnCloud { region: aws.region.clone(), settings: Some(aws.clone()), disk, trusted })
    }

    /// From now on whoever knows this id believes what these operators have signed of its machines.
    pub(crate) fn trust(&self, cluster: ClusterId, operators: BTreeSet<Pin>) {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner).insert(cluster, operators);
    }

    /// The same, of a run before this one: what this one says counts more.
    pub(crate) fn trust_as_before(&self, cluster: ClusterId, operators: BTreeSet<Pin>) {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner).entry(cluster).or_insert(operators);
    }

    /// Who is trusted with a cluster on machines of a cloud, if this run knows it.
    pub(crate) fn trusted(&self, cluster: ClusterId) -> Option<BTreeSet<Pin>> {
        self.trusted.lock().unwrap_or_else(PoisonError::into_inner).get(&cluster).cloned()
    }

    fn on_cloud(&self, wanted: OnCloud) -> Result<Manager, Failure> {
        let mut made = self.of_clouds.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, manager)) = made.iter().find(|(other, _)| *other == wanted) {
            return Ok(manager.clone());
        }
        let manager = patient(self.parts.on_aws(&wanted)?, self.parts.patience);
        made.push((wanted, manager.clone()));
        Ok(manager)
    }

    /// For a cluster of which only the id is known. On servers it is reached by [`Managers::pool`], or by this pool, which was that
    /// once; or else by the hosts in its id, whose keys have to be known then.
    ///
    /// # Errors
    /// As [`Managers::of_pool`]; or no host can be called so.
    pub(crate) fn of(&self, locator: &Locator, once: Option<Pool>) -> Result<Manager, Failure> {
        match &locator.platform {
            PlatformKind::Local => return Ok(self.local.clone()),
            PlatformKind::Cloud { cloud: CloudKind::Aws, place } => {
                let now = locator.cluster.and_then(|cluster| self.trusted(cluster)).unwrap_or_default();
                let trusted = Trusted { now, ..Trusted::default() };
                let region = place.clone();
                return self.on_cloud(OnCloud { region, settings: None, disk: Bytes::new(0), trusted });
            }
            PlatformKind::Cloud { cloud: CloudKind::DigitalOcean, .. } => {
                let detail =
                    format!("{locator} would be a cluster of DigitalOcean, and this release makes none there.");
                return Err(Failure::at(FieldPath::of("id"), "Platform not offered yet", detail));
            }
            PlatformKind::Servers { .. } => {}
        }
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

impl Parts {
    /// A manager for instances of AWS. Where only the region is known, what is there is found, and nothing is made.
    #[cfg(feature = "aws")]
    fn on_aws(&self, wanted: &OnCloud) -> Result<Manager, Failure> {
        let agent = match wanted.settings {
            Some(_) => super::agents::programs(&self.agents, &self.agent)?,
            // Who only finds makes no machines.
            None => AgentPrograms { version: own_version()?, programs: Vec::new() },
        };
        let settings = Settings { agent, programs: Vec::new(), disk: wanted.disk, toward: ANYWHERE };
        let api = Arc::new(ec2::Aws::new(super::aws::ec2(&self.aws, &wanted.region, wanted.settings.as_ref())));
        Manager::cloud(api, settings, wanted.trusted.clone(), self.artefacts.clone(), self.operator.clone())
    }

    #[cfg(not(feature = "aws"))]
    fn on_aws(&self, wanted: &OnCloud) -> Result<Manager, Failure> {
        let detail = format!("This build of the provider knows no AWS, and was asked for {}.", wanted.region);
        Err(Failure::at(FieldPath::of("aws"), "AWS is not in this build", detail)
            .hint("Use the released provider, or build it with its default features."))
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
