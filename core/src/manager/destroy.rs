//! Removing a cluster.

use justmanage_model::Failure;
use tracing::info;

use super::{Manager, from_platform};
use crate::Locator;

impl Manager {
    /// Removes a cluster's machines with their servers and data. It goes by the claims alone, so it works when no agent
    /// answers any more; a cluster that is gone already is a success.
    ///
    /// # Errors
    /// What kept a machine from going; calling again continues.
    pub async fn destroy(&self, locator: &Locator) -> Result<(), Failure> {
        let machines = self.platform.find(&locator.query()).await.map_err(|error| from_platform(&error))?;
        for machine in &machines {
            self.platform.remove(&machine.reference).await.map_err(|error| {
                from_platform(&error).next("What is left is found again by its claim: destroy again to go on.")
            })?;
        }
        info!(id = %locator, machines = machines.len(), "removed");
        Ok(())
    }
}
