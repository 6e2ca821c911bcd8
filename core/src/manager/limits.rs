//! Limits of servers that are the platform's to set: wider ones before there can be more data, narrower ones after.

use justmanage_model::Failure;
use justmanage_platforms::{Limits, Machine, PlatformError};
use tracing::info;

use super::{Manager, from_platform, together};

impl Manager {
    /// Limits the servers of these machines, side by side.
    ///
    /// # Errors
    /// The first that was met, after every machine was tried; calling again goes on.
    pub(super) async fn limit(
        &self,
        machines: impl IntoIterator<Item = &Machine>,
        limits: Limits,
    ) -> Result<(), Failure> {
        let limited = together(machines, |machine| self.limit_one(machine, limits)).await;
        limited.into_iter().collect()
    }

    /// Limits the server of one machine. One that is gone meanwhile needs no limits.
    pub(super) async fn limit_one(&self, machine: &Machine, limits: Limits) -> Result<(), Failure> {
        match self.platform.limit(machine, &limits).await {
            Ok(later) => {
                later.iter().for_each(|what| info!("{what}"));
                Ok(())
            }
            Err(PlatformError::NotFound { .. }) => Ok(()),
            Err(error) => Err(from_platform(&error)),
        }
    }
}
