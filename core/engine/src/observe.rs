//! What a running server says of itself.

use std::collections::BTreeSet;

use jiff::Timestamp;
use justmanage_model::{ServerObservation, SlotSet};

use crate::acl::{AppliedUsers, in_force};
use crate::connection::{CallError, Connection};
use crate::info::Fields;

/// Asks a server for everything that the planner wants to know of it.
///
/// `keys` are the configuration keys to report: those of the spec, and those that are in the server's file and no longer in the
/// spec; `maxmemory` comes by itself. `applied` is what [`Connection::apply_users`] answered last, if this process called it
/// since the server started.
///
/// While the server reads its data it does not speak of the cluster: the observation then says `loading` and owns no slots,
/// and nothing may be concluded from that.
///
/// # Errors
/// As every call.
pub async fn observe(
    server: &mut Connection,
    keys: impl IntoIterator<Item = &str>,
    applied: Option<&AppliedUsers>,
) -> Result<ServerObservation, CallError> {
    let info = server.info().await?;
    let mut wanted: BTreeSet<&str> = keys.into_iter().collect();
    wanted.insert("maxmemory");
    let config = server.config_get(&wanted.into_iter().collect::<Vec<_>>()).await?;
    let users = in_force(&server.acl_list().await?, applied);
    let cluster = if info.get("loading") == Some("1") { None } else { cluster(server).await? };
    let missing = |field: &str| CallError::Unexpected { call: "INFO".to_owned(), said: format!("nothing of {field}") };
    let loading = cluster.is_none();
    let cluster = cluster.unwrap_or_default();
    Ok(ServerObservation {
        release: info.release().ok_or_else(|| missing("the version"))?,
        // Not the server's to know: whoever started it adds it.
        started: None,
        pid: process(&info).ok_or_else(|| missing("the process"))?,
        bus_id: cluster.id,
        loading,
        cluster_ok: cluster.ok,
        cluster_epoch: cluster.epoch,
        slots: cluster.slots,
        config,
        users,
        used_memory: info.used_memory().ok_or_else(|| missing("memory"))?,
        // A certificate that rustls accepted and whose validity cannot be read does not exist; were there one, it would be
        // renewed, which is the safe side.
        certificate_expires: server.certificate_expires().unwrap_or(Timestamp::UNIX_EPOCH),
    })
}

#[derive(Default)]
struct Cluster {
    id: String,
    ok: bool,
    epoch: u64,
    slots: SlotSet,
}

/// What the server says of the cluster; `None` while it is loading (it may have begun since `INFO` was answered).
async fn cluster(server: &mut Connection) -> Result<Option<Cluster>, CallError> {
    let info = match server.cluster_info().await {
        Err(CallError::Loading) => return Ok(None),
        other => other?,
    };
    let myself = server.myself().await?;
    Ok(Some(Cluster {
        id: myself.id,
        ok: info.get("cluster_state") == Some("ok"),
        epoch: info.number("cluster_current_epoch").unwrap_or_default(),
        slots: myself.slots,
    }))
}

fn process(info: &Fields) -> Option<u32> {
    info.number("process_id").and_then(|pid| u32::try_from(pid).ok())
}
