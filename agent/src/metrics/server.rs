//! What the server says of itself.

use justmanage_engine::CallError;
use justmanage_engine::info::Fields;
use justmanage_model::{Record, Release, Timestamp};
use justmanage_releases::{Vulnerabilities, vulnerabilities};

use super::page::{Kind, Page};
use super::{commands, replication};
use crate::server::ServerAccess;

/// Its answers.
pub(super) struct Answers {
    /// `INFO all`.
    pub(super) info: Fields,
    /// `CLUSTER INFO`; not while it is reading its data.
    pub(super) cluster: Option<Fields>,
    slow: Option<u64>,
    certificate_expires: Option<Timestamp>,
}

/// Asks over a connection of its own.
pub(super) async fn ask(access: &ServerAccess, record: &Record) -> Result<Answers, CallError> {
    let mut server = access.connect(record).await?;
    let info = server.info_all().await?;
    let cluster = server.cluster_info().await.ok();
    let slow = server.slowlog_len().await.ok();
    let certificate_expires = server.certificate().map(|certificate| certificate.until);
    Ok(Answers { info, cluster, slow, certificate_expires })
}

/// Numbers as `INFO` has them: the field, the figure's name, what it means.
type Table = &'static [(&'static str, &'static str, &'static str)];

const GAUGES: Table = &[
    ("uptime_in_seconds", "redis_uptime_in_seconds", "How long the server has run."),
    ("connected_clients", "redis_connected_clients", "Connections of clients."),
    ("blocked_clients", "redis_blocked_clients", "Clients that wait in a blocking call."),
    ("maxclients", "redis_max_clients", "Most clients that the server lets in."),
    ("used_memory", "redis_memory_used_bytes", "Memory that the server has allocated."),
    ("used_memory_rss", "redis_memory_used_rss_bytes", "Memory of the server as the system sees it."),
    ("used_memory_peak", "redis_memory_used_peak_bytes", "Most memory that the server had allocated."),
    ("maxmemory", "redis_memory_max_bytes", "The limit on memory for data, in force."),
    ("mem_fragmentation_ratio", "redis_mem_fragmentation_ratio", "Resident memory by allocated memory."),
    ("mem_clients_normal", "redis_mem_clients_normal_bytes", "Memory for the buffers of clients."),
    ("loading", "redis_loading_dump_file", "Whether the server is reading its data."),
    ("rdb_changes_since_last_save", "redis_rdb_changes_since_last_save", "Changes since the last snapshot."),
    ("rdb_bgsave_in_progress", "redis_rdb_bgsave_in_progress", "Whether a snapshot is being written."),
    ("rdb_last_save_time", "redis_rdb_last_save_timestamp_seconds", "When the last snapshot was written."),
    ("aof_enabled", "redis_aof_enabled", "Whether there is an append-only file."),
    ("aof_rewrite_in_progress", "redis_aof_rewrite_in_progress", "Whether the append-only file is being rewritten."),
    ("aof_current_size", "redis_aof_current_size_bytes", "Size of the append-only file."),
];

const COUNTERS: Table = &[
    ("total_connections_received", "redis_connections_received_total", "Connections that were taken."),
    ("rejected_connections", "redis_rejected_connections_total", "Connections refused for there were too many."),
    ("total_commands_processed", "redis_commands_processed_total", "Commands that were carried out."),
    ("total_net_input_bytes", "redis_net_input_bytes_total", "Bytes received."),
    ("total_net_output_bytes", "redis_net_output_bytes_total", "Bytes sent."),
    ("keyspace_hits", "redis_keyspace_hits_total", "Keys that were looked for and found."),
    ("keyspace_misses", "redis_keyspace_misses_total", "Keys that were looked for and not found."),
    ("expired_keys", "redis_expired_keys_total", "Keys that expired."),
    ("evicted_keys", "redis_evicted_keys_total", "Keys that had to make room."),
    ("total_error_replies", "redis_error_replies_total", "Answers that were errors."),
    ("sync_full", "redis_full_resyncs_total", "Replicas that were sent everything."),
    ("sync_partial_ok", "redis_partial_resyncs_total", "Replicas that were sent only what they had missed."),
    ("sync_partial_err", "redis_partial_resyncs_denied_total", "Replicas that had missed too much for that."),
    ("used_cpu_user", "redis_cpu_user_seconds_total", "Processor time of the server."),
    ("used_cpu_sys", "redis_cpu_sys_seconds_total", "Processor time of the system for the server."),
    ("slowlog_commands_count", "redis_slow_commands_total", "Commands that were slow; newer servers say so."),
];

/// Fields that say `ok`, or what went wrong.
const HEALTHY: Table = &[
    ("rdb_last_bgsave_status", "redis_rdb_last_bgsave_status", "Whether the last snapshot could be written."),
    ("aof_last_write_status", "redis_aof_last_write_status", "Whether the append-only file could be written last."),
    ("aof_last_bgrewrite_status", "redis_aof_last_bgrewrite_status", "Whether it could be rewritten last."),
];

/// Numbers of `CLUSTER INFO`.
const CLUSTER: Table = &[
    ("cluster_slots_assigned", "redis_cluster_slots_assigned", "Slots that somebody owns."),
    ("cluster_slots_ok", "redis_cluster_slots_ok", "Slots whose owner answers."),
    ("cluster_slots_pfail", "redis_cluster_slots_pfail", "Slots whose owner does not answer this server."),
    ("cluster_slots_fail", "redis_cluster_slots_fail", "Slots whose owner has failed, as the majority sees it."),
    ("cluster_known_nodes", "redis_cluster_known_nodes", "Servers that this one knows."),
    ("cluster_size", "redis_cluster_size", "Primaries with slots."),
    ("cluster_current_epoch", "redis_cluster_current_epoch", "Rises with every election."),
    ("cluster_my_epoch", "redis_cluster_my_epoch", "The epoch under which this server, or its primary, has its slots."),
];

pub(super) fn put(page: &mut Page, record: Option<&Record>, answers: Option<&Answers>) {
    page.gauge("redis_up", "Whether the server answers.", Some(answers.is_some()));
    let running = answers.and_then(|answers| answers.info.release());
    holes(page, record, running.as_ref());
    let Some(Answers { info, cluster, slow, certificate_expires }) = answers else { return };
    instance(page, info);
    for (field, name, help) in GAUGES {
        page.gauge(name, help, number(info, field));
    }
    for (field, name, help) in COUNTERS {
        page.counter(name, help, number(info, field));
    }
    for (field, name, help) in HEALTHY {
        page.gauge(name, help, info.get(field).map(|said| said == "ok"));
    }
    let slow_help = "Entries in the log of slow commands.";
    page.gauge("redis_slowlog_length", slow_help, *slow);
    databases(page, info);
    commands::put(page, info);
    replication::put(page, info);
    if let Some(cluster) = cluster {
        let help = "Whether the cluster serves, as this server sees it.";
        page.gauge("redis_cluster_state", help, cluster.get("cluster_state").map(|state| state == "ok"));
        for (field, name, help) in CLUSTER {
            page.gauge(name, help, number(cluster, field));
        }
    }
    let expires = certificate_expires.map(|at| at.as_second() as f64);
    let help = "Until when the certificate is valid that the server shows, in seconds since 1970.";
    page.gauge("justmanage_server_certificate_expiry_timestamp_seconds", help, expires);
}

/// A field that is a number, whole or not.
pub(super) fn number(fields: &Fields, name: &str) -> Option<f64> {
    fields.get(name)?.parse().ok().filter(|number: &f64| number.is_finite())
}

fn instance(page: &mut Page, info: &Fields) {
    let release = info.release();
    let version = release.as_ref().map(|release| release.version.to_string()).unwrap_or_default();
    let engine = release.map(|release| release.engine.as_str()).unwrap_or_default();
    let text = |name: &str| info.get(name).unwrap_or_default().to_owned();
    let (role, policy) = (text("role"), text("maxmemory_policy"));
    let labels = [("engine", engine), ("redis_version", &version), ("role", &role), ("maxmemory_policy", &policy)];
    page.family("redis_instance_info", Kind::Gauge, "What the server is, always 1.").put(&labels, true);
}

/// Keys by database: `db0:keys=12,expires=3,avg_ttl=0`. A cluster has one database, and an empty one is not listed.
fn databases(page: &mut Page, info: &Fields) {
    let listed: Vec<_> = info.beginning("db").filter(|(number, _)| number.parse::<u32>().is_ok()).collect();
    let empty = [("0", "keys=0,expires=0")];
    let databases = if listed.is_empty() { &empty[..] } else { &listed };
    let families = [
        ("redis_db_keys", "keys", "Keys in the database."),
        ("redis_db_keys_expiring", "expires", "Keys in the database that have a time to live."),
    ];
    for (name, part, help) in families {
        let mut family = page.family(name, Kind::Gauge, help);
        for (number, text) in databases {
            if let Some(count) = part_of(text, part) {
                family.put(&[("db", &format!("db{number}"))], count);
            }
        }
    }
}

/// One number of `name=value,name=value`.
pub(super) fn part_of(text: &str, part: &str) -> Option<f64> {
    let found = text.split(',').find_map(|pair| pair.strip_prefix(part)?.strip_prefix('='));
    found?.parse().ok().filter(|number: &f64| number.is_finite())
}

/// Known holes of what runs, or is to run. A server does not know its package; the Record does.
fn holes(page: &mut Page, record: Option<&Record>, running: Option<&Release>) {
    let wanted = record.map(|record| &record.release);
    let release = match (running, wanted) {
        (Some(running), Some(wanted)) if wanted.agrees_with(running) => wanted,
        (Some(running), _) => running,
        (None, Some(wanted)) => wanted,
        (None, None) => return,
    };
    let Vulnerabilities::Known(holes) = vulnerabilities(release) else { return };
    let help = "Known holes of the release; not there when they are not known, as with many distributions' packages.";
    page.gauge("justmanage_known_vulnerabilities", help, Some(holes.len() as u64));
    let help = "A known hole of the release, and where it is closed; always 1.";
    let mut family = page.family("justmanage_known_vulnerability", Kind::Gauge, help);
    for hole in &holes {
        let release = hole.fixed_in.map(|version| version.to_string());
        let fixed_in = hole.fixed_in_package.clone().or(release).unwrap_or_default();
        family.put(&[("cve", hole.cve), ("fixed_in", &fixed_in)], true);
    }
}
