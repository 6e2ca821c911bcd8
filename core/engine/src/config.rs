//! The server's configuration file.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use justmanage_model::record::{Announced, NODE_TIMEOUT};
use justmanage_model::{Bytes, Engine, Line, Release, Secret};
use justmanage_releases::{KeyCheck, check_config_key};

use crate::acl::REPLICATION_USER;

/// What one node's server is to be started with.
#[derive(Clone, Debug)]
pub struct NodeConfig<'a> {
    /// What will run.
    pub release: &'a Release,
    /// Where it listens, and what it announces.
    pub address: IpAddr,
    /// Port for clients.
    pub client_port: u16,
    /// Port of the cluster bus. Before Redis 7.0 it has to be `client_port` + 10000.
    pub bus_port: u16,
    /// `maxmemory`.
    pub memory: Bytes,
    /// Everything else that is to be in force: what the user set, and our own settings that change while the server runs
    /// ([`justmanage_model::Record::wanted_config`]).
    pub config: &'a BTreeMap<String, String>,
    /// With which the server, when it is a replica, logs in to its primary as [`REPLICATION_USER`].
    pub replication_password: &'a Secret<String>,
    /// No TLS at all, for tests alone. The files of the certificate are then not used.
    pub plaintext: bool,
    /// The node's files.
    pub files: &'a NodeFiles,
}

/// Where the files of a node's server are; all absolute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeFiles {
    /// Directory of its data; it is the server's working directory.
    pub data: PathBuf,
    /// Its log.
    pub log: PathBuf,
    /// Its users ([`crate::acl::render`]).
    pub acl: PathBuf,
    /// Its certificate, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The cluster's certificate authority, PEM.
    pub ca: PathBuf,
}

/// Why there can be no configuration file.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// The server would read another path than was meant.
    #[error("the path {0:?} is not absolute, or not UTF-8")]
    Path(PathBuf),
    /// A key that would undo what the cluster's safety rests on. The Record should never hold it.
    #[error("the configuration key {key:?} is not the user's to set: {why}")]
    Ours {
        /// The key.
        key: String,
        /// Why.
        why: &'static str,
    },
    /// Servers of this release have their bus port 10000 above the one for clients, and no choice.
    #[error("{release} has its bus at port {client_port} + 10000, and nowhere else")]
    BusPort {
        /// The release.
        release: Release,
        /// The port for clients.
        client_port: u16,
    },
}

/// The first line of Redis that is offered. Older ones run for tests alone, and know less.
const FIRST_OFFERED: Line = Line::new(7, 0);

fn is_old(release: &Release) -> bool {
    release.engine == Engine::Redis && release.version.line() < FIRST_OFFERED
}

/// How often a primary pings its replicas over their link, in seconds (`repl-ping-replica-period`). By the server's default of
/// ten, a link over which nobody writes is silent for that long, and cannot be told from one that is cut; with one second,
/// three seconds of silence are a fault. It costs a primary 14 bytes a second and replica.
const REPLICATION_PING_S: u32 = 1;

/// After how many node timeouts without its primary a replica does not stand for election any more
/// (`cluster-replica-validity-factor`; the time is ten times 5 s and the ping period). It is the server's own default, written
/// out so that a later one does not change it: it bounds what an election can lose to the last minute before the primary
/// died. None (0) would let a replica that had been cut off for a day win by itself, and the day be lost without anybody
/// having decided so. The price: a replica that was restarted while its primary was away has not been linked since ever, and
/// is not elected; to let it take over is the agents' decision (`CLUSTER FAILOVER` with `FORCE` or `TAKEOVER` ignores this).
const VALIDITY_FACTOR: u32 = 10;

/// Times at which the server saves a snapshot beside its append-only file, unless the user says otherwise: its own default,
/// written out so that a later server with another default does not change it.
const SAVE: &str = "3600 1 300 100 60 10000";

/// The whole text of the configuration file.
///
/// It holds the replication password: it is for a file of mode 0600, and for nothing else.
///
/// # Errors
/// A path that the server could not be told, a key that is not the user's, or a bus port that the release cannot have.
pub fn render(node: &NodeConfig<'_>) -> Result<String, RenderError> {
    let mut text =
        String::from("# Written by justmanage-agent at every start of the server: changes by hand are lost.\n");
    let mut put = |key: &str, arguments: &[&str]| {
        text.push_str(key);
        for argument in arguments {
            text.push(' ');
            text.push_str(&quote(argument));
        }
        text.push('\n');
    };
    for (key, arguments) in ours(node)? {
        put(key, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }
    for (key, value) in defaults(node.memory) {
        // A class of limits that the user does not name keeps ours; any other key is the user's as a whole.
        if key == "client-output-buffer-limit" || !node.config.contains_key(key) {
            for arguments in lines_of(node.release, key, &value) {
                put(key, &arguments);
            }
        }
    }
    let own = |key: &str| key == NODE_TIMEOUT_KEY || NAMES.contains(&key);
    for (key, value) in node.config.iter().filter(|(key, _)| !own(key)) {
        if let KeyCheck::Ours { why } = check_config_key(node.release.engine, node.release.version.line(), key) {
            return Err(RenderError::Ours { key: key.clone(), why });
        }
        if is_old(node.release) && key == "save" {
            for arguments in lines_of(node.release, key, value) {
                put(key, &arguments);
            }
            continue;
        }
        // The server cuts the arguments of such a line at blanks itself, also inside of quotes where a key takes several.
        put(key, &[value]);
    }
    Ok(text)
}

/// The arguments of a key, by the lines that they are written on. Before Redis 7.0, each pair of `save` had a line of its own;
/// one line with several of them was read as none, without a word.
fn lines_of<'a>(release: &Release, key: &str, value: &'a str) -> Vec<Vec<&'a str>> {
    let arguments: Vec<&str> = value.split(' ').filter(|argument| !argument.is_empty()).collect();
    match arguments.as_slice() {
        [] => vec![vec![""]],
        pairs if key == "save" && is_old(release) => pairs.chunks(2).map(<[_]>::to_vec).collect(),
        _ => vec![arguments],
    }
}

/// Of the keys that are not the user's, those that are ours to change while the server runs, and not in its file unless they are wanted.
const NAMES: [&str; 2] = [Announced::NAME_KEY, Announced::KIND_KEY];

/// Of the keys that are not the user's, the one that is ours to change while the server runs.
const NODE_TIMEOUT_KEY: &str = "cluster-node-timeout";

fn node_timeout() -> String {
    NODE_TIMEOUT.as_millis().to_string()
}

/// One setting: key and arguments.
type Setting = (&'static str, Vec<String>);

fn one(key: &'static str, value: &dyn std::fmt::Display) -> Setting {
    (key, vec![value.to_string()])
}

/// What the cluster's safety rests on.
fn ours(node: &NodeConfig<'_>) -> Result<Vec<Setting>, RenderError> {
    let files = node.files;
    let address = node.address.to_string();
    let mut settings = if node.plaintext { vec![one("port", &node.client_port)] } else { tls(node)? };
    settings.extend([
        one("bind", &address),
        // A belt: should the file of users ever be lost, a server without passwords refuses whoever is not local.
        one("protected-mode", &"yes"),
        one("aclfile", &path(&files.acl)?),
        // Before Redis 7.0, a user who was given no channel would have all.
        one("acl-pubsub-default", &"resetchannels"),
        one("masteruser", &REPLICATION_USER),
        one("masterauth", node.replication_password.expose()),
        one("cluster-enabled", &"yes"),
        one("cluster-config-file", &crate::BUS_FILE),
    ]);
    settings.extend(NAMES.iter().filter_map(|key| Some(one(key, node.config.get(*key)?))));
    settings.extend(bus_port(node)?);
    settings.extend([
        one("cluster-announce-ip", &address),
        // A machine can have several addresses, and its primary is to see the replica at the one that the cluster knows.
        one("replica-announce-ip", &address),
        (NODE_TIMEOUT_KEY, vec![node.config.get(NODE_TIMEOUT_KEY).cloned().unwrap_or_else(node_timeout)]),
        one("cluster-replica-validity-factor", &VALIDITY_FACTOR),
        // Which node is whose replica is the planner's; a server that moves itself would undo a step under way.
        one("cluster-allow-replica-migration", &"no"),
        one("repl-ping-replica-period", &REPLICATION_PING_S),
        one("dir", &path(&files.data)?),
        one("logfile", &path(&files.log)?),
        // The agent holds the process.
        one("daemonize", &"no"),
        one("supervised", &"no"),
        one("maxmemory", &node.memory.get()),
    ]);
    // A server that the agent cannot reach any more is stopped by SIGTERM, by which it saves only what it would save anyway.
    // Before Redis 7.0 it has no choice.
    if !is_old(node.release) && node.config.get("appendonly").is_some_and(|value| value.eq_ignore_ascii_case("no")) {
        settings.push(one("shutdown-on-sigterm", &"save"));
    }
    Ok(settings)
}

/// Clients, replicas and the bus speak TLS only.
fn tls(node: &NodeConfig<'_>) -> Result<Vec<Setting>, RenderError> {
    let files = node.files;
    Ok(vec![
        one("port", &0),
        one("tls-port", &node.client_port),
        one("tls-cluster", &"yes"),
        one("tls-replication", &"yes"),
        one("tls-cert-file", &path(&files.certificate)?),
        one("tls-key-file", &path(&files.key)?),
        one("tls-ca-cert-file", &path(&files.ca)?),
        // Any certificate of the cluster's authority could speak on the bus, so it never signs clients, and the server never
        // asks clients for certificates; they log in. (On the bus itself the server always asks for one.)
        one("tls-auth-clients", &"no"),
        one("tls-protocols", &"TLSv1.2 TLSv1.3"),
    ])
}

fn bus_port(node: &NodeConfig<'_>) -> Result<Option<Setting>, RenderError> {
    if !is_old(node.release) {
        return Ok(Some(one("cluster-port", &node.bus_port)));
    }
    if node.client_port.checked_add(10000) == Some(node.bus_port) {
        return Ok(None);
    }
    Err(RenderError::BusPort { release: node.release.clone(), client_port: node.client_port })
}

/// What is better than the server's own defaults, where the user says nothing.
fn defaults(memory: Bytes) -> Vec<(&'static str, String)> {
    const MIB: u64 = 1 << 20;
    let memory = memory.get();
    // So that a replica that was away for some seconds goes on where it stopped, instead of copying everything. The server's
    // 1 MiB is a fraction of a second of writes; a sixteenth of the memory keeps small nodes small.
    let backlog = (memory / 16).clamp(MIB, 256 * MIB);
    // A full copy of a busy primary overruns a fixed limit, is cut, and starts again for ever: a quarter of the memory.
    let replica_hard = (memory / 4).max(64 * MIB);
    vec![
        ("appendonly", "yes".to_owned()),
        ("appendfsync", "everysec".to_owned()),
        ("save", SAVE.to_owned()),
        // A copy goes to the replica over the wire and leaves no file behind that a server of an older line could not read.
        ("repl-diskless-sync", "yes".to_owned()),
        ("repl-backlog-size", backlog.to_string()),
        ("client-output-buffer-limit", format!("replica {replica_hard} {} 60", replica_hard / 4)),
    ]
}

fn path(path: &Path) -> Result<&str, RenderError> {
    path.to_str().filter(|_| path.is_absolute()).ok_or_else(|| RenderError::Path(path.to_owned()))
}

/// One argument as the server's own reader of configuration lines takes it (`sdssplitargs`): plain where that is safe,
/// otherwise in double quotes, with everything that is not plain ASCII as `\xHH`.
fn quote(argument: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:/%+@,".contains(&b);
    if !argument.is_empty() && argument.bytes().all(plain) {
        return argument.to_owned();
    }
    let mut quoted = String::from("\"");
    for byte in argument.bytes() {
        match byte {
            b'"' | b'\\' => quoted.extend(['\\', char::from(byte)]),
            b' '..=b'~' => quoted.push(char::from(byte)),
            _ => quoted.push_str(&format!("\\x{byte:02x}")),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests;
