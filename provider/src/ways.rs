//! Ways to a cluster for those who know its id alone: its users and their credentials.
//!
//! On servers an id has addresses, and neither their keys nor what they stand behind: those are in the pool, which is the cluster's. It is
//! mostly asked about in the same run and before them, since they refer to it. Where it is not (an apply in which nothing happens to it; a
//! destroy, in which it comes last) they go by the pool that it had when they last saw one, which is kept beside their state.

use justmanage_core::{Locator, Manager};
use justmanage_model::pool::Pool;
use tfkit::{Cx, Diagnostics, Model};

use crate::diagnostics;
use crate::settings::Client;

/// The pool's definition, kept beside a state.
const POOL: &str = "pool";

/// Who knows a cluster by its id; what leads there is kept.
pub(crate) fn manager<M: Model>(cx: &Cx<Client, M>, locator: &Locator) -> Result<Manager, Diagnostics> {
    let once = cx.private(POOL).and_then(|text| String::from_utf8(text).ok()?.parse::<Pool>().ok());
    let client = cx.client()?;
    keep(cx, client, locator);
    client.managers.of(locator, once).map_err(|failure| diagnostics::error(&failure).into())
}

/// Keeps what leads to a cluster, if that is known here.
pub(crate) fn keep<M: Model>(cx: &Cx<Client, M>, client: &Client, locator: &Locator) {
    if let Some(pool) = client.managers.pool(locator) {
        cx.set_private(POOL, pool.without_former().to_string());
    }
}
