//! Configuration keys: the tables, and the answers from them.

use justmanage_model::Engine::{Redis, Valkey};

use super::*;

fn line(text: &str) -> Line {
    text.parse().unwrap()
}

fn faults(engine: Engine, on: &str, key: &str, value: &str) -> Option<Failure> {
    let config = BTreeMap::from([(key.to_owned(), value.to_owned())]);
    let mut found = check_config(engine, line(on), &config);
    assert!(found.len() <= 1, "one key has at most one fault: {found:?}");
    found.pop()
}

#[test]
fn tables_are_well_formed() {
    for engine in Engine::ALL {
        let table = table::table(engine);
        assert!(table.keys.len() > 200, "{engine}: {}", table.keys.len());
        for pair in table.keys.windows(2) {
            let [one, next] = pair else { unreachable!("windows of two") };
            let after =
                one.name < next.name || (one.name == next.name && one.until.is_some_and(|until| until < next.since));
            assert!(after, "{engine}: sorted, and no key twice in a line: {} {}", one.name, next.name);
        }
        for entry in &table.keys {
            assert!(entry.until.is_none_or(|until| entry.since <= until), "{engine} {}", entry.name);
            if let Some(of) = entry.alias_of {
                assert!(table.keys.iter().any(|other| other.name == of), "{engine}: {} is of unknown {of}", entry.name);
            }
        }
    }
}

#[test]
fn a_line_before_those_offered_changes_its_keys_as_the_first_of_them() {
    assert_eq!(change(Redis, line("6.2"), "min-replicas-to-write"), Change::Live);
    assert_eq!(change(Redis, line("6.2"), "cluster-port"), Change::Restart);
    assert_eq!(change(Redis, line("6.2"), "hide-user-data-from-log"), Change::Restart, "it came later");
}

#[test]
fn every_key_of_ours_is_a_key() {
    // These stand in the configuration file only, or are on no list that CONFIG GET prints.
    let directives = ["user", "include", "loadmodule", "rename-command"];
    for name in ours::names().filter(|name| !directives.contains(name)) {
        let fits = |key: &str| name.strip_suffix('*').map_or(key == name, |prefix| key.starts_with(prefix));
        let known = Engine::ALL.iter().any(|engine| table::table(*engine).keys.iter().any(|entry| fits(entry.name)));
        assert!(known, "{name} is no key of any engine");
    }
}

#[test]
fn keys_are_told_apart() {
    let known = |engine, on, key| match check_config_key(engine, line(on), key) {
        KeyCheck::Known(entry) => entry.change,
        other => panic!("{key} on {engine} {on}: {other:?}"),
    };
    assert_eq!(known(Redis, "7.0", "maxmemory-policy"), Change::Live);
    assert_eq!(known(Redis, "7.0", "io-threads"), Change::Restart);
    assert_eq!(known(Valkey, "8.0", "appendonly"), Change::Live);
    assert_eq!(known(Valkey, "8.0", "io-threads"), Change::Restart);
    assert_eq!(known(Valkey, "9.0", "io-threads"), Change::Live);
    assert_eq!(known(Redis, "7.0", "bio_cpulist"), Change::Restart, "the only spelling that 7.0 has");
    assert_eq!(known(Valkey, "9.0", "cluster-databases"), Change::Restart);
    assert_eq!(check_config_key(Redis, line("7.4"), "bio_cpulist"), KeyCheck::Alias { of: "bio-cpulist" });
    for key in ["maxmemory", "tls-port", "cluster-node-timeout", "requirepass", "include", "port"] {
        for engine in Engine::ALL {
            assert!(matches!(check_config_key(engine, line("8.0"), key), KeyCheck::Ours { .. }), "{key}");
        }
    }
    assert_eq!(
        check_config_key(Redis, line("7.0"), "maxmemory-polcy"),
        KeyCheck::Unknown { nearest: Some("maxmemory-policy"), certain: true }
    );
    assert_eq!(
        check_config_key(Redis, line("8.10"), "brand-new-thing"),
        KeyCheck::Unknown { nearest: None, certain: false }
    );
}

#[test]
fn faults_say_what_would_be_right() {
    let cases = [
        (Redis, "7.0", "maxmemory-polcy", "x", "Configuration key not known", "Did you mean \"maxmemory-policy\"?"),
        (
            Redis,
            "7.0",
            "maxmemory",
            "1",
            "Configuration key not yours to set",
            "Remove it. It follows from memory; set that.",
        ),
        (Redis, "7.0", "cluster-enabled", "no", "Configuration key not yours to set", "Remove it. How the nodes"),
        (
            Redis,
            "7.0",
            "slave-serve-stale-data",
            "no",
            "Configuration key has another name",
            "Write \"replica-serve-stale-data\".",
        ),
        (
            Redis,
            "7.0",
            "hide-user-data-from-log",
            "no",
            "Configuration key not in this version",
            "Remove it, or choose",
        ),
        (Redis, "8.0", "io-threads-do-reads", "no", "Configuration key not in this version", "Remove it, or choose"),
        (Redis, "7.0", "maxmemory-policy", "lru", "Configuration value not valid", "Use \"volatile-lru\", "),
        (Redis, "7.0", "appendonly", "true", "Configuration value not valid", "Use \"yes\", \"no\"."),
        (Redis, "7.0", "timeout", "5s", "Configuration value not valid", "Write digits only."),
        (Redis, "7.0", "timeout", "-1", "Configuration value not valid", "Use 0 or more."),
        (Redis, "7.0", "maxmemory-samples", "65", "Configuration value not valid", "Use 1 to 64."),
        (Redis, "7.0", "repl-backlog-size", "64MiB", "Configuration value not valid", "Write a number of bytes"),
        (Redis, "7.0", "save", "3600", "Configuration value not valid", "Write \"3600 1 300 100\""),
        (Redis, "7.0", "notify-keyspace-events", "KQ", "Configuration value not valid", "Use letters of"),
        (
            Redis,
            "7.0",
            "client-output-buffer-limit",
            "replica 1mb",
            "Configuration value not valid",
            "Write \"replica 256mb",
        ),
    ];
    for (engine, on, key, value, summary, hint) in cases {
        let fault = faults(engine, on, key, value).unwrap_or_else(|| panic!("{key} = {value} is a fault"));
        assert_eq!(fault.summary, summary, "{key}");
        assert_eq!(fault.about.to_string(), format!("config[{key:?}]"));
        let given = fault.hint.unwrap();
        assert!(given.starts_with(hint), "{key}: {given}");
    }
}

#[test]
fn right_values_pass() {
    for (key, value) in [
        ("maxmemory-policy", "allkeys-lru"),
        ("maxmemory-policy", "ALLKEYS-LRU"),
        ("appendonly", "no"),
        ("timeout", "300"),
        ("repl-backlog-size", "64mb"),
        ("maxmemory-clients", "10%"),
        ("maxmemory-clients", "1g"),
        ("save", ""),
        ("save", "3600 1 300 100"),
        ("notify-keyspace-events", "KEA"),
        ("client-output-buffer-limit", "normal 0 0 0 replica 256mb 64mb 60"),
        ("proc-title-template", "{title}"),
    ] {
        for (engine, on) in [(Redis, "7.0"), (Redis, "8.2"), (Valkey, "8.0"), (Valkey, "9.1")] {
            assert_eq!(faults(engine, on, key, value), None, "{engine} {on}");
        }
    }
    assert_eq!(faults(Redis, "8.10", "brand-new-thing", "whatever"), None, "a line that nobody looked at");
}

#[test]
fn the_servers_spelling_is_the_same_value() {
    let cases = [
        ("maxmemory", "67108864", "67108864", true),
        ("repl-backlog-size", "64mb", "67108864", true),
        ("repl-backlog-size", "64m", "64000000", true),
        ("repl-backlog-size", "64m", "67108864", false),
        ("maxmemory-policy", "ALLKEYS-lru", "allkeys-lru", true),
        ("maxmemory-policy", "allkeys-lfu", "allkeys-lru", false),
        ("save", "3600  1 300 100", "3600 1 300 100", true),
        ("save", "", "", true),
        ("save", "", "3600 1", false),
        ("notify-keyspace-events", "KEA", "AKE", true),
        ("notify-keyspace-events", "Kg$lshzxetd", "AK", true),
        ("notify-keyspace-events", "K", "KE", false),
        (
            "client-output-buffer-limit",
            "replica 256mb 64mb 60",
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            true,
        ),
        (
            "client-output-buffer-limit",
            "replica 1mb 64mb 60",
            "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
            false,
        ),
        ("latency-tracking-info-percentiles", "50 99.90", "50 99.9", true),
        ("maxmemory-clients", "10%", "10%", true),
    ];
    for (key, wanted, reported, same) in cases {
        assert_eq!(same_value(Redis, key, wanted, reported), same, "{key}: {wanted:?} {reported:?}");
    }
}

#[test]
fn drift_is_told_apart_by_what_mends_it() {
    let map = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
    };
    let wanted =
        map(&[("maxmemory-policy", "allkeys-lru"), ("io-threads", "4"), ("repl-backlog-size", "1mb"), ("gone", "1")]);
    let memory = Bytes::mib(64);
    let reported = map(&[
        ("maxmemory", "67108864"),
        ("maxmemory-policy", "noeviction"),
        ("io-threads", "1"),
        ("repl-backlog-size", "1048576"),
        ("timeout", "5"),
    ]);
    let found = drift(Redis, line("7.0"), &wanted, memory, &reported);
    assert_eq!(found.live, map(&[("maxmemory-policy", "allkeys-lru")]));
    assert_eq!(found.restart, ["io-threads", "timeout"].map(str::to_owned).into());
    assert_eq!(found.unknown, ["gone".to_owned()].into());
    let more = drift(Redis, line("7.0"), &map(&[]), Bytes::mib(32), &map(&[("maxmemory", "67108864")]));
    assert_eq!(more.live, map(&[("maxmemory", "33554432")]));
    assert!(drift(Redis, line("7.0"), &map(&[]), memory, &map(&[("maxmemory", "67108864")])).is_none());
}

#[test]
fn a_key_that_is_fixed_while_a_server_runs_or_no_longer_set_needs_a_restart() {
    let map = |pairs: &[(&str, &str)]| {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>()
    };
    type Pairs = &'static [(&'static str, &'static str)];
    let cases: &[(Pairs, Pairs, &[&str])] = &[
        (&[], &[("maxmemory-policy", "allkeys-lru")], &[]),
        (&[], &[("io-threads", "4")], &["io-threads"]),
        (&[("io-threads", "4")], &[("io-threads", "4")], &[]),
        (&[("io-threads", "4")], &[("io-threads", "2"), ("timeout", "1")], &["io-threads"]),
        (&[("timeout", "1"), ("io-threads", "4")], &[], &["io-threads", "timeout"]),
        (&[], &[("brand-new-thing", "1")], &["brand-new-thing"]),
    ];
    for (from, to, wanted) in cases {
        let found = restarts(Redis, line("7.0"), &map(from), &map(to));
        assert_eq!(found, wanted.iter().map(|key| (*key).to_owned()).collect(), "{from:?} -> {to:?}");
    }
}
