//! Who copies whom, and how far they are.

use justmanage_engine::info::Fields;

use super::page::{Kind, Page};
use super::server::number;

/// A replica as its primary sees it: `slave0:ip=10.0.0.2,port=6379,state=online,offset=84,lag=0`.
struct Replica<'a> {
    ip: &'a str,
    port: &'a str,
    state: &'a str,
    offset: u64,
    lag: Option<u64>,
}

impl<'a> Replica<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let part = |name: &str| text.split(',').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        Some(Self {
            ip: part("ip")?,
            port: part("port")?,
            state: part("state")?,
            offset: part("offset")?.parse().ok()?,
            lag: part("lag").and_then(|lag| lag.parse().ok()),
        })
    }

    fn labels(&self) -> [(&'a str, &'a str); 3] {
        [("slave_ip", self.ip), ("slave_port", self.port), ("slave_state", self.state)]
    }
}

pub(super) fn put(page: &mut Page, info: &Fields) {
    let role = info.get("role");
    page.gauge("justmanage_server_primary", "Whether the server is a primary.", role.map(|role| role == "master"));
    // What is called so on a replica is, in some releases, left from its own past as a primary.
    let offset = number(info, "slave_repl_offset").or_else(|| number(info, "master_repl_offset"));
    page.gauge("justmanage_replication_offset", "How far the replication stream has come here.", offset);
    page.gauge("redis_connected_slaves", "Replicas that hang on this server.", number(info, "connected_slaves"));
    replicas(page, info);
    if role == Some("slave") {
        let up = info.get("master_link_status").map(|status| status == "up");
        page.gauge("redis_master_link_up", "Whether this replica has its copy and receives what is written.", up);
        let syncing = number(info, "master_sync_in_progress");
        page.gauge("redis_master_sync_in_progress", "Whether this replica is receiving its first copy.", syncing);
        // -1 while there is no link.
        let silent = number(info, "master_last_io_seconds_ago").filter(|seconds| *seconds >= 0.0);
        page.gauge("redis_master_last_io_seconds_ago", "How long the primary has been silent.", silent);
    }
}

fn replicas(page: &mut Page, info: &Fields) {
    let end = number(info, "master_repl_offset").unwrap_or(0.0);
    let listed = info.beginning("slave").filter(|(number, _)| number.parse::<u32>().is_ok());
    let replicas: Vec<Replica<'_>> = listed.filter_map(|(_, text)| Replica::read(text)).collect();
    let help = "How far a replica has come in the replication stream.";
    let mut family = page.family("redis_connected_slave_offset_bytes", Kind::Gauge, help);
    replicas.iter().for_each(|replica| family.put(&replica.labels(), replica.offset));
    let help = "Seconds since a replica last reported.";
    let mut family = page.family("redis_connected_slave_lag_seconds", Kind::Gauge, help);
    for replica in &replicas {
        replica.lag.iter().for_each(|lag| family.put(&replica.labels(), *lag));
    }
    let help = "Bytes of the replication stream that a replica still lacked when it last reported.";
    let mut family = page.family("justmanage_replica_lag_bytes", Kind::Gauge, help);
    for replica in &replicas {
        family.put(&replica.labels(), (end - replica.offset as f64).max(0.0));
    }
}
