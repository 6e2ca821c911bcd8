//! `list "justmanage_redis_cluster"`: the clusters of this machine, for `terraform query`.

use justmanage_core::manager::Observed;
use tfkit::{Cx, ListEnd, ListResource, Listing, Model, async_trait};

use super::identity::ClusterIdentity;
use super::{Cluster, Clusters};
use crate::diagnostics;
use crate::settings::Client;

/// All clusters of the machine that Terraform runs on, in the directory that the provider's `local` block names.
#[derive(Clone, Debug, Model)]
pub(crate) struct Query {}

/// The list.
pub(crate) struct ClusterList;

#[async_trait]
impl ListResource for ClusterList {
    type Resource = Clusters;
    type Config = Query;

    async fn list(&self, cx: &Cx<Client, Query>, _: Query, found: &Listing<Clusters>) -> Result<(), ListEnd> {
        let manager = cx.client()?.managers.local();
        for locator in manager.list().await.map_err(|failure| diagnostics::error(&failure))? {
            let object = if found.wants_objects() { self.object(cx, &locator).await } else { None };
            found.add(locator.name.to_string(), ClusterIdentity::from(&locator), object).await?;
        }
        Ok(())
    }
}

impl ClusterList {
    /// The cluster as an import gives it. One whose agents cannot be asked is listed without.
    async fn object(&self, cx: &Cx<Client, Query>, locator: &justmanage_core::Locator) -> Option<Cluster> {
        match cx.client().ok()?.managers.local().observe(locator).await {
            Ok(Observed::Here(view)) => {
                let record = view.record.as_ref()?;
                Some(Cluster::imported(record).seen(&view))
            }
            Ok(Observed::Gone) => None,
            Ok(Observed::Unreachable(failure)) | Err(failure) => {
                let next = format!("The cluster {locator} is listed without what it is like.");
                cx.report(diagnostics::warning(&failure.next(next)));
                None
            }
        }
    }
}
