//! Removing a cluster.

use justmanage_model::Failure;
use tracing::info;

use super::{Manager, from_platform};
use crate::Locator;

/// How often machines are removed, each time with a look whether any is left: somebody who changes the cluster at the same time may
/// have taken a machine that was just removed for one that is lost, and made another.
const LOOKS: usize = 3;

impl Manager {
    /// Removes a cluster's machines with their servers and data. It goes by the claims alone, so it works when no agent
    /// answers any more, and needs no majority; a cluster that is gone already is a success.
    ///
    /// # Errors
    /// What kept a machine from going, or somebody makes them again each time; calling again continues.
    pub async fn destroy(&self, locator: &Locator) -> Result<(), Failure> {
        let mut count = 0;
        for left in (0..=LOOKS).rev() {
            let machines = self.platform.find(&self.query(locator)?).await.map_err(|error| from_platform(&error))?;
            if machines.is_empty() {
                info!(id = %locator, machines = count, "removed");
                return Ok(());
            }
            // The last round only looks: what nobody has looked for afterwards is not known to be gone.
            if left == 0 {
                break;
            }
            count += machines.len();
            self.remove(machines.into_iter().map(|machine| machine.reference).collect())
                .await
                .map_err(|failure| failure.next("What is left is found again by its claim: destroy again to go on."))?;
        }
        Err(again())
    }
}

fn again() -> Failure {
    let detail = "Each time that its machines were removed, somebody made another.";
    Failure::new("Cluster is being made again", detail).next("End the other run, then destroy again.")
}
