//! Compare-and-set on disk: one winner, nothing lost, nothing guessed.

use std::collections::BTreeMap;

use justmanage_model::{Artefact, ClusterId, ClusterSpec, Engine, Phase, Place, Release};

use super::*;

fn record() -> Record {
    Record {
        layout: LAYOUT,
        epoch: Epoch::from_entropy([1; 8]),
        generation: Generation::FIRST,
        cluster: ClusterId::from_entropy([1; 10]),
        name: "cache".parse().expect("name"),
        phase: Phase::Forming,
        unclaimed: true,
        spec: ClusterSpec {
            engine: Engine::Redis,
            version: "7.0".parse().expect("version"),
            shards: 1,
            replicas_per_shard: 0,
            memory: "64MiB".parse().expect("memory"),
            config: BTreeMap::new(),
            place: Place::Local,
        },
        release: Release { engine: Engine::Redis, version: "7.0.15".parse().expect("version"), package: None },
        artefact: Artefact::new("/usr/bin/redis-server", "0".repeat(64)).expect("artefact"),
        operators: Default::default(),
        members: BTreeMap::new(),
        users: BTreeMap::new(),
        ca_certificate: None,
        grant: None,
    }
}

fn next(record: &Record) -> Record {
    Record { generation: record.generation.next(), unclaimed: !record.unclaimed, ..record.clone() }
}

fn at(record: &Record) -> Option<(Epoch, Generation)> {
    Some((record.epoch, record.generation))
}

fn place() -> (tempfile::TempDir, Directory) {
    let place = tempfile::tempdir().expect("temporary directory");
    let directory = Directory::new(place.path());
    (place, directory)
}

fn open(directory: &Directory) -> SingleCopy {
    SingleCopy::open(directory.clone()).expect("open")
}

#[test]
fn what_was_taken_is_there_after_a_restart() {
    let (_place, directory) = place();
    let (first, second) = (record(), next(&record()));
    let store = open(&directory);
    assert_eq!(store.get(), None);
    store.take(None, &first).expect("found");
    store.take(at(&first), &second).expect("change");
    assert_eq!(store.get(), Some(second.clone()));
    assert_eq!(open(&directory).get(), Some(second));
}

#[test]
fn of_two_that_change_the_same_generation_one_wins_and_the_other_sees_what_won() {
    let (_place, directory) = place();
    let store = open(&directory);
    let first = record();
    store.take(None, &first).expect("found");
    let won = next(&first);
    store.take(at(&first), &won).expect("the first");
    match store.take(at(&first), &next(&first)) {
        Err(StoreError::Conflict(Some(there))) => assert_eq!(*there, won),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cluster_is_founded_once() {
    let (_place, directory) = place();
    let store = open(&directory);
    store.take(None, &record()).expect("found");
    assert!(matches!(store.take(None, &record()), Err(StoreError::Conflict(Some(_)))));
}

#[test]
fn a_record_of_another_founding_is_refused() {
    let (_place, directory) = place();
    let store = open(&directory);
    let first = record();
    store.take(None, &first).expect("found");
    let elsewhere = Some((Epoch::from_entropy([2; 8]), first.generation));
    assert!(matches!(store.take(elsewhere, &next(&first)), Err(StoreError::OtherEpoch)));
}

#[test]
fn a_record_that_could_not_be_right_is_refused() {
    let (_place, directory) = place();
    let store = open(&directory);
    let first = record();
    let second = Record { generation: first.generation.next(), ..first.clone() };
    assert!(matches!(store.take(None, &second), Err(StoreError::Invalid(_))), "a first generation is 1");
    store.take(None, &first).expect("found");
    let good = next(&first);
    for (case, bad) in [
        ("skips a generation", Record { generation: good.generation.next(), ..good.clone() }),
        ("another epoch", Record { epoch: Epoch::from_entropy([2; 8]), ..good.clone() }),
        ("another cluster", Record { cluster: ClusterId::from_entropy([2; 10]), ..good.clone() }),
        ("a newer layout", Record { layout: LAYOUT + 1, ..good.clone() }),
        ("too large", Record { ca_certificate: Some("x".repeat(SIZE_LIMIT)), ..good.clone() }),
    ] {
        assert!(matches!(store.take(at(&first), &bad), Err(StoreError::Invalid(_))), "{case}");
    }
    assert_eq!(store.get(), Some(first), "and nothing changed");
}

#[test]
fn a_damaged_or_newer_file_is_an_error_and_not_an_empty_store() {
    let (_place, directory) = place();
    std::fs::write(directory.record(), "{").expect("damage");
    assert!(SingleCopy::open(directory.clone()).is_err());
    let newer = serde_json::to_vec(&Record { layout: LAYOUT + 1, ..record() }).expect("json");
    std::fs::write(directory.record(), newer).expect("write");
    let error = SingleCopy::open(directory).err().expect("newer");
    assert!(error.to_string().contains("newer agent"), "{error}");
}

#[test]
fn a_file_that_was_not_finished_is_not_read() {
    let (_place, directory) = place();
    let store = open(&directory);
    let first = record();
    store.take(None, &first).expect("found");
    std::fs::write(directory.path().join("record.json.new"), "half").expect("what a killed agent leaves");
    assert_eq!(open(&directory).get(), Some(first.clone()));
    let second = next(&first);
    open(&directory).take(at(&first), &second).expect("the leftover is in nobody's way");
    assert_eq!(open(&directory).get(), Some(second));
}

#[test]
fn a_disk_that_refuses_leaves_the_old_record_in_force() {
    let (place, directory) = place();
    let store = open(&directory);
    let first = record();
    store.take(None, &first).expect("found");
    // A directory in the place of the unfinished file cannot be opened for writing, whoever asks.
    std::fs::create_dir(place.path().join("record.json.new")).expect("in the way");
    assert!(matches!(store.take(at(&first), &next(&first)), Err(StoreError::Unknown(_))));
    assert_eq!(store.get(), Some(first.clone()));
    assert_eq!(open(&directory).get(), Some(first));
}
