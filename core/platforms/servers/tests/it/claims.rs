//! Many want one server: one gets it.

use std::fs;

use futures_util::future::join_all;
use justmanage_platforms::{MachineOrder, Platform, PlatformError};

use crate::{Place, order, order_of, query};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_claim_one_server_at_once_exactly_one_gets_it() {
    for round in 0..3 {
        let place = Place::new();
        // They go by one look, in which it is free.
        let servers = place.servers("db1");
        let orders: Vec<MachineOrder> = (0..8).map(order).collect();
        let made = join_all(orders.iter().map(|order| servers.ensure(order))).await;
        let (got, not): (Vec<_>, Vec<_>) = made.into_iter().partition(Result::is_ok);
        assert_eq!(got.len(), 1, "round {round}: {not:?}");
        for refused in not {
            let error = refused.expect_err("refused");
            assert!(matches!(&error, PlatformError::Quota { what, .. } if what.contains("db1 ")), "{error:?}");
        }
        assert_eq!(servers.find(&query("cache")).await.expect("find").len(), 1);
        let left = fs::read_dir(place.root("db1").join("var/lib/justmanage")).expect("a directory");
        let left: Vec<_> = left.map(|entry| entry.expect("an entry").file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().starts_with('.')), "nothing half-made: {left:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clusters_that_are_made_at_once_each_get_their_servers() {
    let place = Place::new();
    let pool = "db1 zone a; db2 zone b; db3 zone a; db4 zone b; db5 zone c";
    // Two processes, and two clusters.
    let (one, other) = (place.servers(pool), place.servers(pool));
    let orders = |name: &str, first: u8| -> Vec<MachineOrder> {
        let orders: Vec<MachineOrder> = (first..first + 2).map(|number| order_of(name, number)).collect();
        let along: Vec<_> = orders.iter().map(|order| order.claim.clone()).collect();
        orders.into_iter().map(|order| MachineOrder { along: along.clone(), ..order }).collect()
    };
    let (cache, queue) = (orders("cache", 1), orders("queues", 11));
    let made =
        join_all(cache.iter().map(|order| one.ensure(order)).chain(queue.iter().map(|order| other.ensure(order))));
    for machine in made.await {
        machine.expect("a server");
    }
    for name in ["cache", "queues"] {
        assert_eq!(one.find(&query(name)).await.expect("find").len(), 2, "{name}");
    }
    assert_eq!(one.clusters().await.expect("clusters").len(), 2);
}

#[tokio::test]
async fn it_is_known_where_the_machines_of_a_cluster_stand_and_that_some_stand_nowhere_in_particular() {
    let place = Place::new();
    let servers = place.servers("db1 zone a; db2; db3 zone b");
    for number in 1..=2 {
        servers.ensure(&order(number)).await.expect("a server");
    }
    servers.ensure(&order_of("queues", 11)).await.expect("a server");
    let (zones, machines) = (servers.zones(&query("cache")).await, servers.find(&query("cache")).await);
    let (zones, machines) = (zones.expect("zones"), machines.expect("find"));
    assert_eq!(zones.len(), 2, "and no other cluster's: {zones:?}");
    for machine in machines {
        let host = machine.reference.0.split('/').next().expect("a host").to_owned();
        let wanted =
            [("db1", Some("a")), ("db2", None), ("db3", Some("b"))].into_iter().find(|(name, _)| *name == host);
        let zone = zones[&machine.claim.node].as_ref().map(|zone| zone.as_str());
        assert_eq!(Some(zone), wanted.map(|(_, zone)| zone), "{host}");
    }
}

#[tokio::test]
async fn a_server_that_its_owner_hides_is_not_taken_by_whoever_has_not_seen_that_yet() {
    let place = Place::new();
    let servers = place.servers("db1; db2");
    servers.find(&query("cache")).await.expect("a look");
    fs::create_dir(place.root("db1").join("etc/justmanage")).expect("a directory");
    fs::write(place.root("db1").join("etc/justmanage/hidden"), "").expect("a file");
    let made = servers.ensure(&order(1)).await.expect("the other");
    assert!(made.reference.0.starts_with("db2/"), "{made:?}");
    assert!(!place.root("db1").join("var/lib/justmanage").exists());
}

#[tokio::test]
async fn what_stands_there_without_an_order_is_left_alone() {
    let place = Place::new();
    let servers = place.servers("db1");
    let node = place.root("db1").join("var/lib/justmanage/node");
    fs::create_dir_all(&node).expect("a directory");
    fs::write(node.join("dump.rdb"), "somebody's").expect("a file");
    let failed = servers.ensure(&order(1)).await.expect_err("it is not empty");
    assert!(failed.to_string().contains("without an order.json"), "{failed}");
    assert!(node.join("dump.rdb").exists());
    // An empty one is what an agent leaves that gave its server back itself.
    fs::remove_file(node.join("dump.rdb")).expect("a file");
    servers.ensure(&order(1)).await.expect("it is free");
}
