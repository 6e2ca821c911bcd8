//! All that is ours at a place, seen at once: by one look of many who ask at the same time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use justmanage_model::{Claim, ClusterId, ClusterName};
use justmanage_platforms::ClaimQuery;
use tokio::sync::Mutex;

use crate::api::{Api, ApiError, Firewall, Instance, Stage};
use crate::patience::Patience;

/// What was seen.
#[derive(Clone, Debug, Default)]
pub(crate) struct Look {
    pub(crate) instances: Vec<Instance>,
    pub(crate) firewalls: Vec<Firewall>,
}

impl Look {
    pub(crate) fn instance(&self, id: &str) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.id == id)
    }

    /// Instances that are not gone, with their claims.
    pub(crate) fn there(&self) -> impl Iterator<Item = (&Instance, Claim)> {
        let there = self.instances.iter().filter(|instance| instance.stage != Stage::Gone);
        there.filter_map(|instance| Some((instance, instance.tags.claim()?)))
    }

    /// Those of a claim: by cluster and node, since a place can come to be another's.
    pub(crate) fn of<'a>(&'a self, claim: &'a Claim) -> impl Iterator<Item = &'a Instance> {
        let is_meant = move |of: &Claim| of.cluster == claim.cluster && of.node == claim.node;
        self.there().filter(move |(_, of)| is_meant(of)).map(|(instance, _)| instance)
    }

    /// Those of a cluster.
    pub(crate) fn of_cluster(&self, cluster: ClusterId) -> impl Iterator<Item = &Instance> {
        self.there().filter(move |(_, claim)| claim.cluster == cluster).map(|(instance, _)| instance)
    }

    /// The firewall of the clusters of a name: there is one at most.
    pub(crate) fn firewall(&self, name: &ClusterName) -> Option<(&Firewall, Claim)> {
        let mut claimed = self.firewalls.iter().filter_map(|firewall| Some((firewall, firewall.tags.claim()?)));
        claimed.find(|(_, claim)| claim.name == *name)
    }

    /// Firewalls of clusters that are meant, and let in others than they are to.
    pub(crate) fn amiss<'a>(&'a self, query: &'a ClaimQuery) -> impl Iterator<Item = &'a Firewall> {
        let is_meant = |firewall: &&Firewall| firewall.tags.claim().is_some_and(|claim| query.matches(&claim));
        self.firewalls.iter().filter(|firewall| !firewall.is_right).filter(is_meant)
    }

    /// Firewalls of clusters that have no machine: what is left of one, or was made for one that did not come.
    pub(crate) fn lonely(&self) -> impl Iterator<Item = (&Firewall, Claim)> {
        let claimed = self.firewalls.iter().filter_map(|firewall| Some((firewall, firewall.tags.claim()?)));
        claimed.filter(|(_, claim)| self.of_cluster(claim.cluster).next().is_none())
    }
}

/// Looks, of which many share one.
pub(crate) struct Looks {
    api: Arc<dyn Api>,
    patience: Patience,
    /// Numbers moments: whoever asks gets a look that began after they did. No clock can tell that as well.
    moments: AtomicU64,
    last: Mutex<Option<(u64, Arc<Look>)>>,
}

impl Looks {
    pub(crate) fn new(api: Arc<dyn Api>, patience: Patience) -> Self {
        Self { api, patience, moments: AtomicU64::new(0), last: Mutex::default() }
    }

    /// A look that begins now, or later.
    pub(crate) async fn fresh(&self) -> Result<Arc<Look>, ApiError> {
        let asked = self.moments.fetch_add(1, Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if let Some((_, look)) = last.as_ref().filter(|(began, _)| *began > asked) {
            return Ok(look.clone());
        }
        let began = self.moments.fetch_add(1, Ordering::SeqCst);
        // One after the other: a machine whose firewall was made before it is seen with it.
        let instances = self.patience.call("instances", || self.api.instances()).await?;
        let firewalls = self.patience.call("firewalls", || self.api.firewalls()).await?;
        let look = Arc::new(Look { instances, firewalls });
        *last = Some((began, look.clone()));
        Ok(look)
    }
}
