//! What users may ask for.

use justmanage_model::{Bytes, ClusterSpec, Engine, Failure, MilliCpus};

use crate::{fault, is_spelt, survives_json};

pub(crate) fn spec() -> ClusterSpec {
    ClusterSpec::new(Engine::Redis, "7.0".parse().unwrap(), 1, 0, Bytes::mib(64))
}

fn faults(change: impl FnOnce(&mut ClusterSpec)) -> Vec<(String, String)> {
    let mut changed = spec();
    change(&mut changed);
    let pair = |fault: Failure| {
        assert!(fault.hint.is_some(), "says what would be right: {fault}");
        (fault.about.to_string(), fault.summary)
    };
    changed.validate().into_iter().map(pair).collect()
}

fn one(about: &str, summary: &str) -> Vec<(String, String)> {
    vec![(about.to_owned(), summary.to_owned())]
}

#[test]
fn shapes_have_limits() {
    assert_eq!(faults(|_| {}), []);
    assert_eq!(faults(|s| s.memory = Bytes::mib(16)), []);
    assert_eq!(faults(|s| s.memory = Bytes::new((16 << 20) - 1)), one("memory", "Amount of memory out of range"));
    assert_eq!(faults(|s| s.memory = Bytes::new(u64::MAX)), one("memory", "Amount of memory out of range"));
    assert_eq!(faults(|s| s.shards = 0), one("shards", "Number of shards out of range"));
    assert_eq!(faults(|s| s.shards = 100), []);
    assert_eq!(faults(|s| s.shards = 101), one("shards", "Number of shards out of range"));
    assert_eq!(faults(|s| s.replicas_per_shard = 5), []);
    assert_eq!(faults(|s| s.replicas_per_shard = 6), one("replicas_per_shard", "Number of replicas out of range"));
    assert_eq!(faults(|s| (s.shards, s.replicas_per_shard) = (50, 1)), []);
    assert_eq!(faults(|s| (s.shards, s.replicas_per_shard) = (51, 1)), one("shards", "Too many nodes"));
    assert_eq!(faults(|s| (s.shards, s.memory) = (0, Bytes::new(1))).len(), 2, "every fault at once");
}

#[test]
fn configuration_stays_on_its_line() {
    let with = |key: &str, value: &str| faults(|s| drop(s.config.insert(key.to_owned(), value.to_owned())));
    for (key, value) in
        [("maxmemory-policy", "allkeys-lru"), ("save", ""), ("bf.error-rate", "0.01"), ("bio_cpulist", "1")]
    {
        assert_eq!(with(key, value), []);
    }
    for key in ["", "Save", "a b", "a\nport 1", "a\"", "*", "1a"] {
        assert_eq!(with(key, "1"), one(&format!("config[{key:?}]"), "Configuration key not valid"));
    }
    for value in ["a\nport 1", "\0", "\u{1b}[0m"] {
        assert_eq!(with("save", value), one("config[\"save\"]", "Configuration value not valid"));
    }
    assert_eq!(with("save", &"1".repeat(1025)), one("config[\"save\"]", "Configuration value too long"));
}

#[test]
fn nodes_are_primaries_and_their_replicas() {
    let mut large = spec();
    (large.shards, large.replicas_per_shard) = (3, 1);
    assert_eq!(large.nodes(), 6);
    survives_json(&large);
}

#[test]
fn switches_for_tests_leave_no_trace_where_they_are_off() {
    let mut changed = spec();
    let text = |spec: &ClusterSpec| serde_json::to_string(spec).unwrap();
    assert!(!text(&changed).contains("testing"));
    changed.testing.plaintext = true;
    assert!(text(&changed).contains("testing"));
    survives_json(&changed);
}

#[test]
fn processor_time_is_written_in_processors() {
    for text in ["1", "0.5", "1.25", "0.01", "4095.999"] {
        is_spelt::<MilliCpus>(text);
    }
    assert_eq!("1.5".parse::<MilliCpus>().unwrap().get(), 1500);
    for text in ["", "0", "0.009", "0.001", "1.", ".5", "1.2345", "-1", "+1", "1e3", "4096", "99999999999", "1,5"] {
        fault::<MilliCpus>(text);
    }
}
