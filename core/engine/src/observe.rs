//! What a running server says of itself.

use std::collections::BTreeSet;

use jiff::Timestamp;
use justmanage_model::{BusView, ServerObservation, TlsSeen};

use crate::acl::{AppliedUsers, in_force};
use crate::connection::{CallError, Connection};
use crate::info::Fields;

/// Asks a server for everything that the planner wants to know of it.
///
/// `keys` are the configuration keys to report: those of the spec, and those that are in the server's file and no longer in the
/// spec; `maxmemory` comes by itself. `applied` is what [`Connection::apply_users`] answered last, if this process called it
/// since the server started.
///
/// While the server reads its data it does not speak of the cluster: the observation then says `loading` and has no `bus`, and
/// nothing may be concluded from that. When the link to a primary broke, which generation's files the server was started
/// with, and whose passwords it has, is not the server's to know: whoever watches it adds `down_since`, `started` and `passwords`.
///
/// # Errors
/// As every call.
pub async fn observe(
    server: &mut Connection,
    keys: impl IntoIterator<Item = &str>,
    applied: Option<&AppliedUsers>,
) -> Result<ServerObservation, CallError> {
    let info = server.info().await?;
    // At once after INFO, so that the two speak of the same moment.
    let bus = bus(server, &info).await?;
    let wanted: BTreeSet<&str> = keys.into_iter().chain(["maxmemory"]).collect();
    let asked: BTreeSet<&str> = wanted.iter().copied().chain([PERSISTENCE, AUTHORITIES]).collect();
    let mut config = server.config_get(&asked.into_iter().collect::<Vec<_>>()).await?;
    let persistent = config.get(PERSISTENCE).is_some_and(|value| value == "yes");
    let authorities = config.get(AUTHORITIES).and_then(|path| path.rsplit('/').next()).unwrap_or_default().to_owned();
    config.retain(|key, _| wanted.contains(key.as_str()));
    let users = in_force(&server.acl_list().await?, applied);
    let missing = |field: &str| CallError::Unexpected { call: "INFO".to_owned(), said: format!("nothing of {field}") };
    Ok(ServerObservation {
        release: info.release().ok_or_else(|| missing("the version"))?,
        started: None,
        pid: process(&info).ok_or_else(|| missing("the process"))?,
        loading: bus.is_none(),
        bus,
        persistent,
        offset: offset(&info).ok_or_else(|| missing("replication"))?,
        config,
        users,
        used_memory: info.used_memory().ok_or_else(|| missing("memory"))?,
        field_ttls: field_ttls(&info),
        passwords: None,
        certificate_expires: server.certificate().map_or(Timestamp::MAX, |certificate| certificate.until),
        tls: server.certificate().map(|shown| TlsSeen { from: shown.from, issued: shown.issued, authorities }),
    })
}

/// What the server says of the cluster; `None` while it is loading (it may have begun since `INFO` was answered).
async fn bus(server: &mut Connection, info: &Fields) -> Result<Option<BusView>, CallError> {
    if info.get("loading") == Some("1") {
        return Ok(None);
    }
    match server.bus(info).await {
        Err(CallError::Loading) => Ok(None),
        other => other.map(Some),
    }
}

/// The key that names the file of the authorities that the server trusts, in its words of when it read it last.
const AUTHORITIES: &str = "tls-ca-cert-file";

/// The key that says whether data are kept on disk. A snapshot is what they were minutes ago: whoever came back with one would undo
/// all that was written since, while a replica may have it.
const PERSISTENCE: &str = "appendonly";

/// Only a replica has the first; what it also calls `master_repl_offset` can be that of its own past as a primary.
fn offset(info: &Fields) -> Option<u64> {
    info.number("slave_repl_offset").or_else(|| info.number("master_repl_offset"))
}

/// Keys with fields that expire: Redis counts them as `subexpiry` from 7.4 on, Valkey as `keys_with_volatile_items` from 9.0 on. A
/// database without any key has no line; then there is none, or the server knows none.
fn field_ttls(info: &Fields) -> Option<u64> {
    let counts = info.beginning("db").filter(|(number, _)| number.bytes().all(|byte| byte.is_ascii_digit()));
    let counts = counts.flat_map(|(_, counts)| counts.split(',')).filter_map(|count| count.split_once('='));
    let fields = counts.filter(|(name, _)| ["subexpiry", "keys_with_volatile_items"].contains(name));
    fields.filter_map(|(_, count)| count.parse::<u64>().ok()).reduce(|sum, count| sum + count)
}

fn process(info: &Fields) -> Option<u32> {
    info.number("process_id").and_then(|pid| u32::try_from(pid).ok())
}
