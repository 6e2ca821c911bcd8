//! Asking servers what they are made of.

use std::sync::{Arc, OnceLock};

use justmanage_core::servers::{Facts, Hosts, Unfit, inspect};
use justmanage_model::Failure;
use justmanage_model::pool::Pool;
use tfkit::async_trait;

use crate::settings::Logins;

/// Whoever can ask the servers of a pool.
#[async_trait]
pub(super) trait Inspect: Send + Sync {
    /// What they answer, in the order of the pool.
    ///
    /// # Errors
    /// Nobody could be asked at all.
    async fn inspect(&self, pool: &Pool) -> Result<Vec<Result<Facts, Unfit>>, Failure>;
}

/// Servers that are asked over SSH. One login to each serves all calls of a run.
pub(crate) struct OverSsh {
    logins: Logins,
    /// Made when the first server is asked: who has no servers needs no keys.
    hosts: OnceLock<Result<Arc<Hosts>, Failure>>,
}

impl OverSsh {
    /// By these ways to log in.
    pub(crate) fn new(logins: Logins) -> Self {
        Self { logins, hosts: OnceLock::new() }
    }

    /// How one gets onto them.
    ///
    /// # Errors
    /// A key cannot be used.
    pub(crate) fn hosts(&self) -> Result<Arc<Hosts>, Failure> {
        self.hosts.get_or_init(|| self.logins.credentials().map(Hosts::new).map(Arc::new)).clone()
    }
}

#[async_trait]
impl Inspect for OverSsh {
    async fn inspect(&self, pool: &Pool) -> Result<Vec<Result<Facts, Unfit>>, Failure> {
        Ok(inspect(self.hosts()?.as_ref(), pool).await)
    }
}
