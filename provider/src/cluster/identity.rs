//! What tells clusters apart: the identity by which a cluster is imported and listed.

use justmanage_core::Locator;
use justmanage_core::locator::PlatformKind;
use tfkit::{Diagnostics, Identified, Model, async_trait};

use super::{Cluster, Clusters};

/// Where a cluster lives and what it is called there.
#[derive(Clone, Debug, Model)]
pub(crate) struct ClusterIdentity {
    /// The platform: `local`; `servers/HOST+HOST`, some of the hosts that the cluster is on; or `aws/REGION`.
    #[tf(required, validate = platform, says = "`local`, `servers/HOST+HOST` or `aws/REGION`")]
    pub(crate) platform: String,
    /// Name of the cluster, unique on its platform.
    #[tf(required, validate = super::spec::name, says = "1 to 40 lowercase letters, digits and hyphens")]
    pub(crate) name: String,
}

impl From<&Locator> for ClusterIdentity {
    fn from(locator: &Locator) -> Self {
        Self { platform: locator.platform.to_string(), name: locator.name.to_string() }
    }
}

#[async_trait]
impl Identified for Clusters {
    type Identity = ClusterIdentity;

    fn identity(&self, state: &Cluster) -> Option<ClusterIdentity> {
        // Before the id is there, nothing of the cluster is.
        state.locator().ok().as_ref().map(ClusterIdentity::from)
    }

    fn import_id(&self, identity: ClusterIdentity) -> Result<String, Diagnostics> {
        Ok(format!("{}/{}", identity.platform, identity.name))
    }
}

fn platform(text: &str) -> Result<(), String> {
    text.parse::<PlatformKind>().map(|_| ()).map_err(|why| format!("{text:?} is no platform: {why}."))
}
