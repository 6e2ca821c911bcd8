//! Configuration: what is written is what is in force, in the server's own spelling.

use std::collections::BTreeMap;
use std::path::PathBuf;

use justmanage_engine::CallError;
use justmanage_model::Line;
use justmanage_releases::config::{change, keys};
use justmanage_releases::{Change, check_config, drift};

use crate::node::{MEMORY, Node, REPLICATION_PASSWORD};
use crate::servers::{on_every_known_server, on_every_server};

on_every_known_server! { what_is_written_is_in_force, live_keys_are_set_in_the_running_server }

on_every_server! { our_own_settings_are_in_force }

on_every_known_server! { settings_are_changed_together_or_not_at_all }

/// One value of every form that a key can have.
const VALUES: &[(&str, &str)] = &[
    ("appendfsync", "ALWAYS"),
    ("client-output-buffer-limit", "pubsub 16mb 4mb 30 replica 512mb 128mb 30"),
    ("hz", "20"),
    ("io-threads", "2"),
    ("latency-tracking-info-percentiles", "50 99.90"),
    ("list-max-listpack-size", "-1"),
    ("maxmemory-clients", "5%"),
    ("maxmemory-policy", "allkeys-lru"),
    ("notify-keyspace-events", "KEA"),
    ("oom-score-adj-values", "0  200 800"),
    ("proc-title-template", "{title} \"quoted\" # 'and' \\x20 \u{fc}"),
    ("repl-backlog-size", "2m"),
    ("save", "3600  1 300 100"),
    ("slowlog-log-slower-than", "-1"),
];

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

async fn what_is_written_is_in_force(path: PathBuf) {
    let (node, mut server) = Node::started(&path, VALUES).await;
    let (engine, line) = (node.release.engine, node.release.version.line());
    let wanted = map(VALUES);
    assert_eq!(check_config(engine, line, &wanted), [], "the plan lets them pass");
    let names: Vec<&str> = wanted.keys().map(String::as_str).chain(["maxmemory"]).collect();
    let reported = server.config_get(&names).await.unwrap();
    let found = drift(engine, line, &wanted, MEMORY, &reported);
    assert!(found.is_none(), "{path:?}: {found:?} in {reported:?}");
}

async fn live_keys_are_set_in_the_running_server(path: PathBuf) {
    let (node, mut server) = Node::started(&path, &[]).await;
    let (engine, line) = (node.release.engine, node.release.version.line());
    let wanted: BTreeMap<String, String> =
        map(VALUES).into_iter().filter(|(key, _)| change(engine, line, key) == Change::Live).collect();
    assert!(wanted.len() >= VALUES.len() - 1, "all but io-threads, which later lines change, too");
    let names: Vec<&str> = wanted.keys().map(String::as_str).chain(["maxmemory"]).collect();
    let before = drift(engine, line, &wanted, MEMORY, &server.config_get(&names).await.unwrap());
    assert!(!before.live.is_empty() && before.restart.is_empty() && before.unknown.is_empty(), "{before:?}");
    server.config_set(&before.live).await.unwrap();
    let after = drift(engine, line, &wanted, MEMORY, &server.config_get(&names).await.unwrap());
    assert!(after.is_none(), "{path:?}: {after:?}");
}

async fn settings_are_changed_together_or_not_at_all(path: PathBuf) {
    let (_node, mut server) = Node::started(&path, &[]).await;
    let error = server.config_set(&map(&[("hz", "33"), ("maxmemory-policy", "nonsense")])).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
    assert_eq!(server.config_get(&["hz"]).await.unwrap(), map(&[("hz", "10")]));
    assert_eq!(server.config_get(&["no-such-key"]).await.unwrap(), BTreeMap::new());
}

async fn our_own_settings_are_in_force(path: PathBuf) {
    let (node, mut server) = Node::started(&path, &[]).await;
    let port = node.address.port().to_string();
    let (plain, tls) = if node.tls { ("0", port.as_str()) } else { (port.as_str(), "0") };
    let yes = if node.tls { "yes" } else { "no" };
    let mut wanted = vec![
        ("port", plain),
        ("bind", "127.0.0.1"),
        ("masteruser", "justmanage-replication"),
        ("masterauth", REPLICATION_PASSWORD),
        ("acl-pubsub-default", "resetchannels"),
        ("repl-ping-replica-period", "1"),
        ("repl-diskless-sync", "yes"),
        ("cluster-replica-validity-factor", "10"),
        ("cluster-enabled", "yes"),
        ("cluster-node-timeout", "5000"),
        ("cluster-allow-replica-migration", "no"),
        ("appendonly", "yes"),
        ("appendfsync", "everysec"),
        ("save", "3600 1 300 100 60 10000"),
        ("maxmemory", "67108864"),
        ("repl-backlog-size", "4194304"),
    ];
    let old = node.release.version.line() < Line::new(7, 0);
    if !old {
        wanted.extend([
            ("enable-debug-command", "no"),
            ("tls-port", tls),
            ("tls-cluster", yes),
            ("tls-replication", yes),
        ]);
    }
    if node.tls {
        wanted.push(("tls-auth-clients", "no"));
    }
    let names: Vec<&str> = wanted.iter().map(|(key, _)| *key).collect();
    assert_eq!(server.config_get(&names).await.unwrap(), map(&wanted), "{path:?}");
    let known: Vec<&str> = keys(node.release.engine, node.release.version.line()).map(|key| key.name).collect();
    assert!(old || names.iter().all(|name| known.contains(name)));
}
