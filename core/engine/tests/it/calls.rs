//! The life of a server: login, slots, users, certificates, hangs and stops.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use justmanage_engine::{AppliedUsers, CallError, Connection, Login, Trust, observe};
use justmanage_model::user::{CLIENT_RULES, fingerprint};
use justmanage_model::{AclRules, BusView, Role, Secret, ServerObservation, SlotSet, Timestamp, Version};

use crate::authority::Authority;
use crate::node::{AGENT_PASSWORD, DEADLINE, MEMORY, Node, REPLICATION_PASSWORD, own, user};
use crate::servers::{find, on_every_server, on_every_server_with_tls, on_some_servers};

on_every_server! { a_new_server_is_seen_as_it_is }

on_some_servers! {
    slots_are_taken_once_and_again,
    users_are_made_so_and_drift_is_seen,
    a_password_that_ends_keeps_its_sessions_and_a_user_who_goes_loses_them,
    who_finds_the_cluster_is_known_before_the_server_says_so,
    the_agent_may_do_its_work_and_nothing_else,
    a_planned_stop_loses_nothing_whatever_the_user_chose,
    a_server_ends_only_when_its_first_file_is_whole,
}

on_every_server_with_tls! { a_new_certificate_is_shown_to_new_connections }

async fn see(server: &mut Connection, applied: Option<&AppliedUsers>) -> ServerObservation {
    observe(server, ["timeout"], applied).await.unwrap()
}

fn bus(seen: &ServerObservation) -> &BusView {
    seen.bus.as_ref().unwrap()
}

/// Gives the server all slots, and waits until it serves.
async fn serving(server: &mut Connection) -> ServerObservation {
    let started = Instant::now();
    loop {
        match server.assign_slots(&SlotSet::all()).await {
            Ok(()) => {
                let seen = see(server, None).await;
                if seen.bus.as_ref().is_some_and(|bus| bus.ok) {
                    return seen;
                }
            }
            Err(error) => assert!(matches!(error, CallError::Loading), "{error:?}"),
        }
        assert!(started.elapsed() < DEADLINE, "it does not serve");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn a_new_server_is_seen_as_it_is(path: PathBuf) {
    let (node, mut server) = Node::started(&path, &[("timeout", "7")]).await;
    let seen = see(&mut server, None).await;
    assert!(seen.release.agrees_with(&node.release), "{} {}", seen.release, node.release);
    assert_eq!(seen.pid, node.pid());
    let seen_bus = bus(&seen);
    assert!(!seen.loading && !seen_bus.ok && seen_bus.slots.is_empty() && seen_bus.peers.is_empty());
    assert_eq!(seen_bus.role, Role::Primary { replicas: Vec::new() });
    assert!(seen.persistent, "by its append-only file");
    let memory = MEMORY.get().to_string();
    let config = [("maxmemory", memory.as_str()), ("timeout", "7")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    assert_eq!(seen.config, BTreeMap::from(config));
    assert!(seen.used_memory.get() > 0 && seen.used_memory < MEMORY);
    let expires = if node.tls { "2040-12-31T00:00:00Z".parse().unwrap() } else { Timestamp::MAX };
    assert_eq!(seen.certificate_expires, expires);
}

async fn slots_are_taken_once_and_again(path: PathBuf) {
    let (_node, mut server) = Node::started(&path, &[]).await;
    server.assign_slots(&"0-99".parse().unwrap()).await.unwrap();
    assert_eq!(bus(&see(&mut server, None).await).slots.to_string(), "0-99");
    let seen = serving(&mut server).await;
    assert_eq!(bus(&seen).slots, SlotSet::all());
    server.assign_slots(&SlotSet::all()).await.unwrap();
}

async fn users_are_made_so_and_drift_is_seen(path: PathBuf) {
    let (mut node, mut server) = Node::started(&path, &[]).await;
    serving(&mut server).await;
    let orders = "orders".parse().unwrap();
    node.users.insert(orders, user("~orders:* &orders:* +@read +@write +ping", &["one", "two"]));
    let old = node.release.version < Version::new(7, 0, 0);
    let rules = if old { "~public:* +get" } else { "%R~public:* +get (~other:* +set)" };
    node.users.insert("visitor".parse().unwrap(), user(rules, &["three"]));
    let applied = server.apply_users(&node.users, &node.release, &own(REPLICATION_PASSWORD)).await.unwrap();
    assert_eq!(see(&mut server, Some(&applied)).await.users, fingerprint(&node.users));
    assert_ne!(see(&mut server, None).await.users, fingerprint(&node.users), "unknown is not the same");

    for password in ["one", "two"] {
        assert_eq!(node.client("orders", password, &["SET", "orders:1", "x"]), "OK");
    }
    assert!(node.client("orders", "one", &["GET", "other"]).starts_with("NOPERM"));
    if !old {
        assert_eq!(node.client("visitor", "three", &["SET", "other:1", "x"]), "OK", "the selector is in force");
    }
    assert!(node.client("visitor", "three", &["SET", "public:1", "x"]).starts_with("NOPERM"));
    assert!(matches!(node.open("orders", "wrong").await, Err(CallError::Denied { .. })));
    assert!(matches!(node.open("default", "").await, Err(CallError::Denied { .. })));

    // The same again changes nothing; one password and one user less do.
    assert_eq!(server.apply_users(&node.users, &node.release, &own(REPLICATION_PASSWORD)).await.unwrap(), applied);
    node.users.insert("orders".parse().unwrap(), user("~orders:* +@read +@write +ping", &["two"]));
    node.users.remove(&"visitor".parse().unwrap());
    let next = server.apply_users(&node.users, &node.release, &own(REPLICATION_PASSWORD)).await.unwrap();
    assert!(matches!(node.open("orders", "one").await, Err(CallError::Denied { .. })));
    assert!(matches!(node.open("visitor", "three").await, Err(CallError::Denied { .. })));
    assert_ne!(see(&mut server, Some(&applied)).await.users, fingerprint(&node.users));
    assert_eq!(see(&mut server, Some(&next)).await.users, fingerprint(&node.users));

    // A rule that the server does not know is refused with its words, and named.
    let mut wrong = node.users.clone();
    wrong.insert("wrong".parse().unwrap(), user("~* +nosuchcommand", &[]));
    let error = server.apply_users(&wrong, &node.release, &own(REPLICATION_PASSWORD)).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }) && error.to_string().contains("user wrong"), "{error}");
}

async fn a_password_that_ends_keeps_its_sessions_and_a_user_who_goes_loses_them(path: PathBuf) {
    let (mut node, mut server) = Node::started(&path, &[]).await;
    serving(&mut server).await;
    node.users.insert("orders".parse().unwrap(), user("~* +ping +get", &["new", "old"]));
    server.apply_users(&node.users, &node.release, &own(REPLICATION_PASSWORD)).await.unwrap();
    let mut old = node.open("orders", "old").await.unwrap();
    node.users.insert("orders".parse().unwrap(), user("~* +ping +get", &["new"]));
    server.apply_users(&node.users, &node.release, &own(REPLICATION_PASSWORD)).await.unwrap();
    assert!(matches!(node.open("orders", "old").await, Err(CallError::Denied { .. })), "no new login");
    old.ping().await.expect("who is in stays in");
    let mut new = node.open("orders", "new").await.unwrap();
    node.users.clear();
    server.apply_users(&node.users, &node.release, &own(REPLICATION_PASSWORD)).await.unwrap();
    assert!(matches!(old.ping().await, Err(CallError::Unreachable { .. })), "the session is cut");
    assert!(matches!(new.ping().await, Err(CallError::Unreachable { .. })), "the session is cut");
}

/// The servers' word for what [`AclRules::finds_cluster`] and [`AclRules::added`] say.
async fn who_finds_the_cluster_is_known_before_the_server_says_so(path: PathBuf) {
    let (mut node, mut server) = Node::started(&path, &[]).await;
    serving(&mut server).await;
    let old = node.release.version < Version::new(7, 0, 0);
    let mut rules =
        vec!["~app:* +@read +@write", "~* +@all -@dangerous", "~* +@all", "~* +get +cluster|slots", "+@all -cluster"];
    if !old {
        rules.extend(["-@all (~* +get) (+cluster|slots)", "+@all -@slow", "+@all -cluster|slots", "+@slow -@all"]);
    }
    for (number, rules) in rules.iter().enumerate() {
        node.users.insert(format!("user-{number}").parse().unwrap(), user(rules, &["secret"]));
    }
    server.apply_users(&node.users, &node.release, &own(REPLICATION_PASSWORD)).await.unwrap();
    for (number, rules) in rules.iter().enumerate() {
        let says = |sub: &str| node.client(&format!("user-{number}"), "secret", &["CLUSTER", sub]);
        let may = ["SLOTS", "NODES", "SHARDS"].iter().any(|sub| !says(sub).starts_with("NOPERM"));
        let expected = rules.parse::<AclRules>().unwrap().finds_cluster();
        // Before 7.0, whoever did not refuse it may: it was added.
        assert_eq!(may, if old { !rules.contains("-cluster") } else { expected }, "{rules}");
    }
    let app = |command: &[&str]| node.client("user-0", "secret", command);
    assert!(app(&["CLUSTER", "RESET"]).starts_with("NOPERM"));
    // What we propose in a warning is known to the server, and enough.
    if !old {
        let more = format!("~app:* +@read +@write {CLIENT_RULES}");
        node.users.insert("user-0".parse().unwrap(), user(&more, &["secret"]));
        server.apply_users(&node.users, &node.release, &own(REPLICATION_PASSWORD)).await.unwrap();
        for command in
            [&["CLUSTER", "SHARDS"][..], &["CLUSTER", "NODES"], &["READONLY"], &["COMMAND", "COUNT"], &["PING"]]
        {
            let said = node.client("user-0", "secret", command);
            assert!(!said.starts_with("NOPERM"), "{command:?}: {said}");
        }
    }
}

async fn the_agent_may_do_its_work_and_nothing_else(path: PathBuf) {
    let (node, mut server) = Node::started(&path, &[]).await;
    serving(&mut server).await;
    server.ping().await.unwrap();
    server.background_save().await.unwrap();
    server.background_save().await.unwrap();
    let denied: [&[&str]; 6] = [
        &["GET", "key"],
        &["FLUSHALL"],
        &["ACL", "LOAD"],
        &["CLUSTER", "RESET"],
        &["CONFIG", "REWRITE"],
        &["REPLICAOF", "127.0.0.1", "1"],
    ];
    for command in denied {
        let said = node.client("justmanage-agent", AGENT_PASSWORD, command);
        assert!(said.starts_with("NOPERM"), "{command:?}: {said}");
    }
}

#[tokio::test]
async fn strangers_are_not_trusted() {
    let path = &find("redis_7_0");
    let (node, _server) = Node::started(path, &[]).await;
    let stranger = Trust::from_pem(&Authority::new().pem).unwrap();
    let login = Login { user: "justmanage-agent".to_owned(), password: Secret::new(AGENT_PASSWORD.to_owned()) };
    let error = Connection::open(node.address, &stranger, &login, DEADLINE).await.unwrap_err();
    assert!(matches!(error, CallError::Untrusted { .. }), "{error:?}");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = Connection::open(nobody, &stranger, &login, DEADLINE).await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    assert!(Trust::from_pem("no certificate").is_err());
}

async fn a_new_certificate_is_shown_to_new_connections(path: PathBuf) {
    let (node, mut server) = Node::started(&path, &[]).await;
    let file = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    let (certificate, key) = (file(&node.files.certificate), file(&node.files.key));
    node.write_certificate(2045);
    server.reload_certificate(&certificate, &key).await.unwrap();
    server.ping().await.unwrap();
    let again = node.open("justmanage-agent", AGENT_PASSWORD).await.unwrap();
    assert_eq!(again.certificate().map(|shown| shown.until), Some("2045-12-31T00:00:00Z".parse().unwrap()));

    // A key that does not fit: the server refuses, and keeps what it has.
    std::fs::write(&node.files.key, node.authority.leaf(2046).key).unwrap();
    let error = server.reload_certificate(&certificate, &key).await.unwrap_err();
    assert!(matches!(error, CallError::Refused { .. }), "{error:?}");
    let again = node.open("justmanage-agent", AGENT_PASSWORD).await.unwrap();
    assert_eq!(again.certificate().map(|shown| shown.until), Some("2045-12-31T00:00:00Z".parse().unwrap()));
}

#[tokio::test]
async fn a_server_that_hangs_is_not_waited_for() {
    let path = &find("redis_7_0");
    let (node, mut server) = Node::started(path, &[]).await;
    server.set_limit(Duration::from_millis(200));
    node.signal("-STOP");
    let error = server.ping().await.unwrap_err();
    assert!(matches!(error, CallError::TimedOut { .. }), "{error:?}");
    node.signal("-CONT");
    // The late answer to the first call must not be taken for the answer to the next.
    let error = server.ping().await.unwrap_err();
    assert!(matches!(error, CallError::Unreachable { .. }), "{error:?}");
    node.open("justmanage-agent", AGENT_PASSWORD).await.unwrap().ping().await.unwrap();
}

async fn a_planned_stop_loses_nothing_whatever_the_user_chose(path: PathBuf) {
    let choices: [&[(&str, &str)]; 3] =
        [&[], &[("appendonly", "no"), ("save", "")], &[("appendonly", "yes"), ("appendfsync", "no"), ("save", "")]];
    // All at once: each waits for seconds until its server serves.
    let mut stops = tokio::task::JoinSet::new();
    for choice in choices {
        stops.spawn(stop_and_start(path.clone(), choice));
    }
    assert_eq!(stops.join_all().await.len(), choices.len());
}

async fn a_server_ends_only_when_its_first_file_is_whole(path: PathBuf) {
    let (mut node, mut server) = Node::started(&path, &[("appendonly", "no")]).await;
    serving(&mut server).await;
    let config = |key: &str, value: &str| BTreeMap::from([(key.to_owned(), value.to_owned())]);
    let all = user("~* +@all", &["one"]);
    server
        .apply_users(&BTreeMap::from([("orders".parse().unwrap(), all)]), &node.release, &own(REPLICATION_PASSWORD))
        .await
        .unwrap();
    for key in 0..20 {
        assert_eq!(node.client("orders", "one", &["SET", &format!("key:{key}"), "value"]), "OK");
    }
    // For each key it then rests for so many microseconds.
    server.config_set(&config("rdb-key-save-delay", "50000")).await.unwrap();
    server.config_set(&config("appendonly", "yes")).await.unwrap();
    let mut refused = 0;
    let started = Instant::now();
    while let Err(error) = server.shutdown().await {
        assert!(matches!(error, CallError::NotNow { .. }), "{error:?}");
        assert!(started.elapsed() < DEADLINE, "it never ends");
        refused += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(refused > 0, "it was not whole yet");
    node.ended().await;
    let mut server = node.start().await;
    serving(&mut server).await;
}

async fn stop_and_start(path: PathBuf, choice: &[(&str, &str)]) {
    let mut node = Node::new(&path, choice).await;
    node.users.insert("orders".parse().unwrap(), user("~* +@all", &["one"]));
    let mut server = node.start().await;
    let before = serving(&mut server).await;
    assert_eq!(node.client("orders", "one", &["SET", "key", "value"]), "OK", "users of the file can log in");
    server.shutdown().await.unwrap();
    node.ended().await;
    let mut server = node.start().await;
    let after = serving(&mut server).await;
    assert_eq!(bus(&after).id, bus(&before).id);
    assert_eq!(after.persistent, !choice.contains(&("appendonly", "no")), "{choice:?}");
    assert_eq!(node.client("orders", "one", &["GET", "key"]), "value", "{path:?} {choice:?}");
}
