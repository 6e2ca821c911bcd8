//! Keys that are too large to be moved by parcels.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use justmanage_engine::acl::{AGENT_USER, REPLICATION_USER};
use justmanage_engine::migrate::{MoveError, Mover};
use justmanage_model::{Slot, SlotSet};

use crate::client::{Client, Said};
use crate::cluster::Cluster;
use crate::moving::{agent, move_all, slots, turn};
use crate::node::{AGENT_PASSWORD, DEADLINE, REPLICATION_PASSWORD};
use crate::servers::on_servers;

on_servers! { [redis_7_0 redis_7_2 valkey_8_1] a_key_that_is_too_large_keeps_its_slot_and_nothing_else }

/// Turns until nothing is left but a slot with such a key; which.
async fn left(cluster: &Cluster, slots: &SlotSet) -> Slot {
    let (mut mover, started) = (Mover::default(), Instant::now());
    loop {
        assert!(started.elapsed() < DEADLINE, "it comes to no end");
        match turn(cluster, (0, 1), slots, &mut mover, Duration::from_millis(300)).await {
            Ok(moved) => assert!(!moved.done),
            Err(MoveError::KeyTooLarge { slot, bytes }) if bytes.get() > 70_000_000 => return slot,
            Err(error) => panic!("{error:?}"),
        }
    }
}

/// What a node has of these slots, and how many it has marked as on their way out, and in.
async fn has(cluster: &Cluster, position: usize, of: &SlotSet) -> (String, usize, usize) {
    let node = agent(cluster, position).await.unwrap().myself().await.unwrap();
    (node.slots.intersection(of).to_string(), node.leaving.len(), node.arriving.len())
}

async fn a_key_that_is_too_large_keeps_its_slot_and_nothing_else(path: PathBuf) {
    let mut cluster = Cluster::moving(&path, 2).await;
    let memory = [("maxmemory".to_owned(), (400_u64 << 20).to_string())].into();
    for position in 0..2 {
        cluster.server(position).config_set(&memory).await.unwrap();
    }
    let mut client = Client::of(&cluster);
    // Slots 5061 and 6657.
    client.ok(&["SETRANGE", "{bar}large", "70000000", "x"]);
    client.ok(&["SET", "{bar}small", "one"]);
    client.ok(&["SET", "key:1", "two"]);
    let (all, large) = (slots("5000-6999"), Slot::new(5061).unwrap());
    let alone = ("5061".to_owned(), 0, 0);
    assert_eq!(left(&cluster, &all).await, large);
    assert_eq!(has(&cluster, 0, &all).await, alone);
    assert_eq!(has(&cluster, 1, &all).await, ("5000-5060 5062-6999".to_owned(), 0, 0));

    // Whatever opened it: as long as nothing has gone over, it is closed again.
    let here = |position: usize, words: &[&str]| {
        let said = cluster.nodes[position].client(AGENT_USER, AGENT_PASSWORD, words);
        assert_eq!(said, "OK", "{words:?}");
    };
    let (one, two) = (cluster.ids[0].to_string(), cluster.ids[1].to_string());
    let open = || {
        here(1, &["CLUSTER", "SETSLOT", "5061", "IMPORTING", &one]);
        here(0, &["CLUSTER", "SETSLOT", "5061", "MIGRATING", &two]);
    };
    open();
    assert_eq!(left(&cluster, &all).await, large);
    assert_eq!((has(&cluster, 0, &all).await, has(&cluster, 1, &slots("5061")).await.2), (alone, 0));

    // Its keys are on both sides: it stays open, and clients find all of them.
    open();
    let (port, password) = (cluster.nodes[1].address.port().to_string(), REPLICATION_PASSWORD);
    here(
        0,
        &["MIGRATE", "127.0.0.1", &port, "", "0", "10000", "AUTH2", REPLICATION_USER, password, "KEYS", "{bar}small"],
    );
    assert_eq!(left(&cluster, &all).await, large);
    assert_eq!(has(&cluster, 0, &all).await, ("5061".to_owned(), 1, 0));
    assert_eq!(has(&cluster, 1, &slots("5061")).await, (String::new(), 0, 1));
    let small = || Said::Text(b"one".to_vec());
    assert_eq!(client.ok(&["GET", "{bar}small"]), small());

    client.ok(&["DEL", "{bar}large"]);
    assert_eq!(move_all(&cluster, (0, 1), &all).await.slots, 1);
    assert_eq!(client.ok(&["GET", "{bar}small"]), small());
    assert_eq!(client.ok(&["GET", "key:1"]), Said::Text(b"two".to_vec()));
    assert_eq!(has(&cluster, 0, &all).await, (String::new(), 0, 0));
}
