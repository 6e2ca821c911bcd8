//! Where a cluster is, as its id says it.

use std::sync::Arc;

use justmanage_identity::KeyPair;
use justmanage_model::{ClusterId, ClusterName, Failure};
use justmanage_platforms::{ClaimQuery, MachineRef, PlatformKind};
use tracing::debug;

use super::Manager;
use crate::Locator;

impl Manager {
    /// A cluster of which no more is known than its name.
    pub(super) fn somewhere(&self, name: ClusterName) -> Locator {
        Locator { platform: self.platform.kind(&[]), name, cluster: None }
    }

    /// A cluster that has machines here. Where they cannot be asked for, its id has what leads to whatever is here.
    pub(super) async fn locate(&self, name: &ClusterName, cluster: ClusterId) -> Locator {
        let mut locator = Locator { cluster: Some(cluster), ..self.somewhere(name.clone()) };
        if locator.platform == PlatformKind::Local {
            return locator;
        }
        match self.platform.find(&locator.query()).await {
            Ok(machines) => {
                let machines: Vec<MachineRef> = machines.into_iter().map(|machine| machine.reference).collect();
                locator.platform = self.platform.kind(&machines);
            }
            Err(error) => debug!(error = error.to_string(), "nobody says where the machines are"),
        }
        locator
    }

    /// What to ask the platform for.
    ///
    /// # Errors
    /// The cluster lives on another one, of which this one knows nothing: that it finds none means nothing.
    pub(super) fn query(&self, locator: &Locator) -> Result<ClaimQuery, Failure> {
        let (here, there) = (self.platform.kind(&[]), &locator.platform);
        if here.word() == there.word() {
            return Ok(locator.query());
        }
        let detail = format!("The id {locator} is of a cluster on {}, and {} was asked.", there.word(), here.word());
        Err(Failure::new("Cluster lives elsewhere", detail)
            .hint("Give the cluster the platform block that it was made with."))
    }

    /// The operator key for a cluster that is to be made. On this machine one is made where there is none yet; for other people's machines
    /// nobody should have to find out later where it lies.
    pub(super) fn key_for_new(&self) -> Result<Arc<KeyPair>, Failure> {
        match self.platform.kind(&[]) {
            PlatformKind::Local => self.operator.ensure(),
            PlatformKind::Servers { .. } | PlatformKind::Cloud { .. } => self.operator.existing(),
        }
    }
}
