//! The directory of all local clusters: whole claims only, one operator at a time.

use std::collections::BTreeSet;
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicUsize, Ordering};

use justmanage_model::node::NodeOrder;
use justmanage_platforms::PlatformError;

use crate::{Place, order};

fn node_order(number: u8) -> NodeOrder {
    let order = order("cache", number);
    NodeOrder {
        claim: order.claim,
        operators: BTreeSet::new(),
        address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        peer_names: None,
        token: None,
    }
}

#[test]
fn an_unfinished_directory_is_no_claim_and_goes_with_the_next_tidying() {
    let place = Place::new();
    let root = place.root();
    let wanted = node_order(1);
    let lock = root.lock().expect("lock");
    let unfinished = root.path().join("cache").join(format!(".new-{}", wanted.claim.node));
    fs::create_dir_all(&unfinished).expect("what a killed create leaves");
    assert_eq!(root.orders(&wanted.claim.name).expect("orders"), []);

    root.create_node(&lock, &wanted).expect("create");
    assert!(!unfinished.exists(), "the next create of the same node takes its place");
    let orders: Vec<_> = root.orders(&wanted.claim.name).expect("orders").into_iter().map(|(_, order)| order).collect();
    assert_eq!(orders, [wanted]);
}

#[test]
fn clusters_are_listed_by_the_claims_of_their_nodes() {
    let place = Place::new();
    let root = place.root();
    assert!(root.clusters().expect("nothing yet").is_empty());
    let lock = root.lock().expect("lock");
    for (name, number) in [("cache", 1), ("cache", 2), ("another", 3)] {
        let order = order(name, number);
        root.create_node(&lock, &NodeOrder { claim: order.claim, ..node_order(number) }).expect("create");
    }
    fs::create_dir_all(root.path().join("begun/.new-thing")).expect("what a killed create leaves");
    fs::create_dir_all(root.programs()).expect("a store of our own");
    for file in ["Notes.txt", "notes"] {
        fs::write(root.path().join(file), "").expect("nothing of ours");
    }
    let names: Vec<String> = root.clusters().expect("clusters").iter().map(ToString::to_string).collect();
    assert_eq!(names, ["another", "cache"]);
}

#[test]
fn a_damaged_claim_is_an_error_and_not_an_absence() {
    let place = Place::new();
    let root = place.root();
    let wanted = node_order(1);
    let directory = root.create_node(&root.lock().expect("lock"), &wanted).expect("create");
    fs::write(directory.join("order.json"), "{").expect("damage it");
    let failed = root.orders(&wanted.claim.name).expect_err("damaged");
    assert!(matches!(&failed, PlatformError::Invalid { what, .. } if what.contains("order.json")), "{failed:?}");
}

#[test]
fn one_operator_at_a_time_also_while_the_root_comes_and_goes() {
    let place = Place::new();
    let inside = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for number in 0..8 {
            let (root, inside) = (place.root(), &inside);
            scope.spawn(move || {
                for _ in 0..20 {
                    let lock = root.lock().expect("lock");
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two holders of one lock");
                    let wanted = node_order(number);
                    let directory = root.create_node(&lock, &wanted).expect("create");
                    fs::remove_dir_all(directory).expect("remove");
                    inside.fetch_sub(1, Ordering::SeqCst);
                    root.tidy(&lock, &wanted.claim.name).expect("tidy");
                }
            });
        }
    });
    assert!(!place.root().path().exists(), "the last one out takes the root with it");
}
