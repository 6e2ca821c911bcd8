use justmanage_model::{Bytes, ClusterSpec, Engine, SlotSet};

use super::*;

fn spec(shards: u16, memory: u64, policy: &str) -> ClusterSpec {
    let version = "7.2".parse().expect("a version");
    let mut spec = ClusterSpec::new(Engine::Redis, version, shards, 1, Bytes::mib(memory));
    spec.config.insert("maxmemory-policy".to_owned(), policy.to_owned());
    spec
}

/// Shards with even slots that use so many MiB.
fn using(used: &[u64]) -> Usage {
    let shards = u16::try_from(used.len()).expect("few");
    let mut usage = Usage::default();
    for (shard, used) in (0..shards).zip(used) {
        usage.add(shard, &SlotSet::share(shard, shards), Some(Bytes::mib(*used)));
        usage.add(shard, &SlotSet::empty(), Some(Bytes::mib(1)));
    }
    usage
}

#[test]
fn fewer_shards_are_refused_when_the_data_do_not_fit() {
    let usage = using(&[50, 50, 50, 50]);
    // 4 x 48.5 MiB of data: 97 on each of two, and 64.7 on each of three; with 2.5 for the server itself.
    for (shards, memory, policy, refused) in [
        (2, 128, "noeviction", false),
        (2, 105, "noeviction", false),
        (2, 104, "noeviction", true),
        (2, 104, "volatile-lru", true),
        (2, 104, "allkeys-lru", false),
        (3, 64, "noeviction", true),
        (4, 64, "noeviction", false),
    ] {
        let failure = refuse_fit(&spec(4, memory, policy), &spec(shards, memory, policy), &usage);
        assert_eq!(failure.is_some(), refused, "{shards} shards of {memory} MiB, {policy}: {failure:?}");
    }
    let failure = refuse_fit(&spec(4, 64, "noeviction"), &spec(2, 64, "noeviction"), &usage).expect("too much");
    assert_eq!(failure.about, FieldPath::of("shards"));
    let says = ["about 194 MiB", "over 2 shards", "use 100 MiB", "memory = 64MiB there are 60 MiB", "noeviction"];
    assert!(says.iter().all(|words| failure.detail.contains(words)), "{}", failure.detail);
    assert_eq!(
        failure.hint.as_deref(),
        Some("Set memory to 105MiB or more, keep 4 shards or more, or remove keys first.")
    );
}

#[test]
fn what_is_asked_for_in_the_hint_is_not_refused() {
    for used in 3..90 {
        let usage = using(&[used, used + 7, used / 2 + 2]);
        let (from, to) = (spec(3, 64, "noeviction"), spec(1, 64, "noeviction"));
        let Some(failure) = refuse_fit(&from, &to, &usage) else { continue };
        let hint = failure.hint.expect("a hint");
        let least: u64 =
            hint.split(['o', 'M']).nth(2).expect("memory").trim().parse().unwrap_or_else(|_| panic!("{hint}"));
        assert_eq!(refuse_fit(&from, &spec(1, least, "noeviction"), &usage), None, "{hint}");
    }
}

#[test]
fn less_memory_than_the_fullest_node_uses_is_refused_where_nothing_makes_room() {
    let usage = using(&[20, 40, 30]);
    for (memory, policy, refused) in
        [(32, "noeviction", true), (32, "volatile-ttl", true), (32, "allkeys-lfu", false), (40, "noeviction", false)]
    {
        let failure = refuse_fit(&spec(3, 64, policy), &spec(3, memory, policy), &usage);
        assert_eq!(failure.is_some(), refused, "{memory} MiB, {policy}: {failure:?}");
        assert!(failure.is_none_or(|failure| failure.about == FieldPath::of("memory")));
    }
    // More shards come later than less memory does.
    let failure = refuse_fit(&spec(3, 64, "noeviction"), &spec(6, 32, "noeviction"), &usage).expect("too early");
    assert!(failure.hint.is_some_and(|hint| hint.contains("40MiB") && hint.contains("shards first")));
}

#[test]
fn a_limit_below_what_servers_use_is_refused_where_it_becomes_less() {
    let with = |memory: Option<u64>| {
        let resources = justmanage_model::Resources { memory: memory.map(Bytes::mib), ..Default::default() };
        ClusterSpec { resources, ..spec(1, 64, "noeviction") }
    };
    // Twice what is used, and 128 MiB.
    for (from, to, used, refused) in [
        (Some(1024), Some(400), 136, false),
        (Some(1024), Some(400), 137, true),
        (None, Some(400), 137, false),
        (Some(400), Some(1024), 500, false),
        (Some(400), Some(400), 500, false),
        (Some(1024), None, 500, false),
    ] {
        let failure = refuse_fit(&with(from), &with(to), &using(&[used]));
        assert_eq!(failure.is_some(), refused, "{from:?} -> {to:?}: {failure:?}");
    }
    let failure = refuse_fit(&with(Some(1024)), &with(Some(400)), &using(&[137])).expect("too little");
    assert_eq!(failure.about, FieldPath::of("resources").attribute("memory"));
    let says = ["uses 137 MiB", "128MiB for the process", "are 402 MiB", "would have 400MiB instead of 1GiB"];
    assert!(says.iter().all(|words| failure.detail.contains(words)), "{}", failure.detail);
}

#[test]
fn what_was_not_seen_is_refused_when_it_is_applied_and_not_judged_before() {
    let mut usage = using(&[60, 60, 60]);
    usage.primaries.remove(&1);
    let (from, to) = (spec(3, 64, "noeviction"), spec(1, 64, "noeviction"));
    assert_eq!(refuse_fit(&from, &to, &usage), None);
    assert!(refuse_unseen(&from, &to, &usage).is_some());
    assert_eq!(refuse_unseen(&to, &from, &usage), None, "more shards need no room");
    assert_eq!(refuse_unseen(&from, &spec(1, 64, "allkeys-lru"), &usage), None);
}

#[test]
fn what_moves_is_a_part_of_what_its_shard_holds() {
    let usage = using(&[34, 34, 34]);
    let moves = justmanage_model::slots::balance::balance(&usage.slots(), None, 4);
    let slots: u16 = moves.iter().map(|one| one.slots.len()).sum();
    assert_eq!(slots, 4096);
    // A quarter of 3 x 32.5 MiB.
    assert_eq!(mib(usage.moved(&moves)), 25);
}
