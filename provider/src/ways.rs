//! Ways to a cluster for those who know its id alone: its users and their credentials.
//!
//! On servers an id has addresses, and neither their keys nor what they stand behind: those are in the pool, which is the cluster's. It is
//! mostly asked about in the same run and before them, since they refer to it. Where it is not (an apply in which nothing happens to it; a
//! destroy, in which it comes last) they go by the pool that it had when they last saw one, which is kept beside their state. On a cloud the
//! same is kept of the operators who are trusted with it: an id does not say whose word for its agents counts.

use std::collections::BTreeSet;

use justmanage_core::{Locator, Manager};
use justmanage_model::Pin;
use justmanage_model::pool::Pool;
use tfkit::{Cx, Diagnostics, Model};

use crate::diagnostics;
use crate::settings::Client;

/// The pool's definition, kept beside a state.
const POOL: &str = "pool";
/// The public keys of operators besides the one who applies, kept beside a state.
const OPERATORS: &str = "operators";

/// Who knows a cluster by its id; what leads there is kept.
pub(crate) fn manager<M: Model>(cx: &Cx<Client, M>, locator: &Locator) -> Result<Manager, Diagnostics> {
    let once = cx.private(POOL).and_then(|text| String::from_utf8(text).ok()?.parse::<Pool>().ok());
    let client = cx.client()?;
    let trusted = cx.private(OPERATORS).and_then(|text| pins(&String::from_utf8(text).ok()?));
    if let Some((cluster, trusted)) = locator.cluster.zip(trusted) {
        client.managers.trust_as_before(cluster, trusted);
    }
    keep(cx, client, locator);
    client.managers.of(locator, once).map_err(|failure| diagnostics::error(&failure).into())
}

/// Keeps what leads to a cluster, if that is known here.
pub(crate) fn keep<M: Model>(cx: &Cx<Client, M>, client: &Client, locator: &Locator) {
    if let Some(pool) = client.managers.pool(locator) {
        cx.set_private(POOL, pool.without_former().to_string());
    }
    if let Some(trusted) = locator.cluster.and_then(|cluster| client.managers.trusted(cluster)) {
        cx.set_private(OPERATORS, trusted.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    }
}

fn pins(text: &str) -> Option<BTreeSet<Pin>> {
    text.split_whitespace().map(|pin| pin.parse().ok()).collect()
}
