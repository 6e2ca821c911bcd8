//! Packages of the hosts' own distribution, which the programs in `stubs` play.

use std::fs;
use std::path::PathBuf;

use justmanage_model::node::ServerProgram;
use justmanage_model::{Artefact, Engine};
use justmanage_platforms::{MachineOrder, Offer, Package, Platform};

use crate::programs::{server, write};
use crate::{Place, order, tree};

const OLD: &str = "5:7.0.15-1~deb12u6";
const NEW: &str = "5:7.0.15-1~deb12u7";
const NEXT: &str = "5:7.2.4-1";

/// Puts a package into the index of hosts.
fn publish(place: &Place, hosts: &[&str], revision: &str, version: &str) {
    for host in hosts {
        write(&place.root(host).join("repo/redis-tools").join(revision), &server(version, revision));
    }
}

fn package(revision: &str) -> Package {
    Package::of(Engine::Redis, revision).expect("a package")
}

fn ordered(number: u8, program: &ServerProgram) -> MachineOrder {
    let artefact = Artefact::new(program.path.clone(), program.sha256.clone()).expect("an artefact");
    MachineOrder { program: Some(artefact), ..order(number) }
}

/// The file of a program on a host.
fn kept(place: &Place, host: &str, program: &ServerProgram) -> PathBuf {
    place.root(host).join(program.path.strip_prefix("/").expect("a path"))
}

/// Which version is installed, and whether it is held.
fn installed(place: &Place, host: &str) -> (Option<String>, bool) {
    let root = place.root(host);
    let version = fs::read_to_string(root.join("dpkg/redis-tools")).ok().map(|text| text.trim().to_owned());
    (version, root.join("held/redis-tools").exists())
}

#[tokio::test]
async fn each_host_says_what_its_own_index_has_and_what_is_installed() {
    let place = Place::new();
    let servers = place.servers("db1; db2; db3 hidden");
    publish(&place, &["db1", "db2"], NEW, "7.0.15");
    publish(&place, &["db1"], NEXT, "7.2.4");
    publish(&place, &["db2"], "5:8.0.0~rc1-1", "8.0.0");
    write(&place.root("db2").join("dpkg/redis-tools"), &format!("{OLD}\n"));
    let before = tree(&place.root("db1"));
    let offers = servers.packages(Engine::Redis).await.expect("offers");
    let offer = |host: &str, revisions: &[&str]| Offer {
        machine: host.to_owned(),
        packages: Ok(revisions.iter().map(|revision| package(revision)).collect()),
    };
    assert_eq!(offers, [offer("db1", &[NEXT, NEW]), offer("db2", &[NEW, OLD])]);
    assert_eq!(servers.packages(Engine::Valkey).await.expect("offers")[0], offer("db1", &[]));
    assert_eq!(tree(&place.root("db1")), before);
}

#[tokio::test]
async fn a_package_is_installed_with_the_node_held_and_its_program_copied() {
    let place = Place::new();
    let servers = place.servers("db1; db2; db3");
    publish(&place, &["db1", "db2"], OLD, "7.0.15");
    let before = tree(&place.root("db1"));
    let program = servers.install(&package(OLD)).await.expect("it can be had");
    assert_eq!(tree(&place.root("db1")), before, "a server that is nobody's is left as it was");
    assert_eq!(program.release.to_string(), format!("redis 7.0.15 ({OLD})"));
    assert!(program.tls && program.path.starts_with("/var/lib/justmanage/artifacts"), "{program:?}");

    let first = servers.ensure(&ordered(1, &program)).await.expect("a node");
    assert_eq!(installed(&place, "db1"), (Some(OLD.to_owned()), true));
    let content = fs::read_to_string(kept(&place, "db1", &program)).expect("the program");
    assert_eq!(content, server("7.0.15", OLD));
    // A later upgrade of packages changes the package's file, and not what runs.
    write(&place.root("db1").join("usr/bin/redis-check-rdb"), &server("9.9.9", ""));
    assert_eq!(fs::read_to_string(kept(&place, "db1", &program)).expect("the program"), content);

    // Another process, which was told nothing: the node that is there says with which package its program came.
    let second = place.servers("db1; db2; db3").ensure(&ordered(2, &program)).await.expect("another node");
    assert!(second.reference.0.starts_with("db2/"), "{second:?}");
    assert_eq!(installed(&place, "db2"), (Some(OLD.to_owned()), true));
    // The third has only a newer revision in its index: what the program needs comes with that, and the program from a neighbour.
    publish(&place, &["db3"], NEW, "7.0.15");
    place.servers("db1; db2; db3").ensure(&ordered(3, &program)).await.expect("a third node");
    assert_eq!(installed(&place, "db3"), (Some(NEW.to_owned()), true));
    assert_eq!(fs::read_to_string(kept(&place, "db3", &program)).expect("the program"), content);

    for machine in [&first, &second] {
        servers.remove(&machine.reference).await.expect("removed");
    }
    for host in ["db1", "db2"] {
        assert_eq!(installed(&place, host), (None, false), "{host}");
        let root = place.root(host);
        assert!(!root.join("dpkg").exists() && !root.join("var/lib/justmanage").exists(), "{host}: nothing is left");
    }
}

#[tokio::test]
async fn what_its_owner_has_installed_stays_when_the_node_goes() {
    for held in [false, true] {
        let place = Place::new();
        let servers = place.servers("db1");
        publish(&place, &["db1"], NEW, "7.0.15");
        let root = place.root("db1");
        for (name, version) in [("redis-tools", OLD), ("libjemalloc2", "5.3.0")] {
            write(&root.join("dpkg").join(name), &format!("{version}\n"));
        }
        if held {
            write(&root.join("held/redis-tools"), "");
        }
        let program = servers.install(&package(NEW)).await.expect("it can be had");
        assert_eq!(installed(&place, "db1"), (Some(OLD.to_owned()), held));
        let made = servers.ensure(&ordered(1, &program)).await.expect("a node");
        assert_eq!(installed(&place, "db1"), (Some(NEW.to_owned()), true));
        servers.remove(&made.reference).await.expect("removed");
        assert_eq!(installed(&place, "db1"), (Some(NEW.to_owned()), held), "as it was held before");
        assert!(root.join("dpkg/libjemalloc2").exists());
    }
}

#[tokio::test]
async fn the_next_version_is_installed_on_all_that_have_a_node() {
    let place = Place::new();
    let servers = place.servers("db1; db2; db3");
    publish(&place, &["db1", "db2", "db3"], NEW, "7.0.15");
    publish(&place, &["db1", "db2", "db3"], NEXT, "7.2.4");
    let program = servers.install(&package(NEW)).await.expect("it can be had");
    for number in [1, 2] {
        servers.ensure(&ordered(number, &program)).await.expect("a node");
    }
    let next = place.servers("db1; db2; db3").install(&package(NEXT)).await.expect("installed");
    assert_eq!(next.release.to_string(), format!("redis 7.2.4 ({NEXT})"));
    for host in ["db1", "db2"] {
        assert_eq!(installed(&place, host), (Some(NEXT.to_owned()), true));
        assert!(kept(&place, host, &program).exists(), "what runs");
        assert_eq!(fs::read_to_string(kept(&place, host, &next)).expect("the program"), server("7.2.4", NEXT));
    }
    assert_eq!(installed(&place, "db3"), (None, false));
}

#[tokio::test]
async fn what_is_missing_is_said_of_each_host_by_its_name() {
    let place = Place::new();
    let servers = place.servers("db1; db2; db3");
    publish(&place, &["db1", "db2", "db3"], NEW, "7.0.15");
    let program = servers.install(&package(NEW)).await.expect("it can be had");
    for number in [1, 2, 3] {
        servers.ensure(&ordered(number, &program)).await.expect("a node");
    }
    publish(&place, &["db1"], NEXT, "7.2.4");
    let error = place.servers("db1; db2; db3").install(&package(NEXT)).await.expect_err("two cannot");
    let said = error.to_string();
    for host in ["db2", "db3"] {
        let reason =
            format!("redis-tools={NEXT} cannot be installed: Version '{NEXT}' for 'redis-tools' was not found");
        assert!(said.contains(host) && said.contains(&reason), "{said}");
    }
    assert!(said.contains("2 of 3") && error.hint().is_some_and(|hint| hint.contains("apt-get update")), "{error:?}");
    assert_eq!(installed(&place, "db2"), (Some(NEW.to_owned()), true), "as it was");

    // The same revision that is not the same program: another processor, or a mirror that is not honest.
    publish(&place, &["db2", "db3"], NEXT, "7.2.4");
    write(&place.root("db3").join("repo/redis-tools").join(NEXT), &server("7.2.4", "another"));
    let error = place.servers("db1; db2; db3").install(&package(NEXT)).await.expect_err("not the same");
    let said = error.to_string();
    assert!(said.contains("db3: redis-tools 5:7.2.4-1 has another program than on db1 (SHA-256 "), "{said}");
}

#[tokio::test]
async fn an_install_that_is_cut_short_is_done_by_the_next_and_goes_with_the_node() {
    let place = Place::new();
    place.servers("db1");
    publish(&place, &["db1"], NEW, "7.0.15");
    let program = place.servers("db1").install(&package(NEW)).await.expect("it can be had");
    for step in 1..100 {
        place.servers("db1").ensure(&order(1)).await.expect("a node without a program");
        crate::steps::stop(&place, Some(step));
        let cut = place.servers("db1").install(&package(NEW)).await;
        crate::steps::stop(&place, None);
        place.cut_off("db1", false);
        let made = place.servers("db1").ensure(&ordered(1, &program)).await;
        let made = match made {
            Ok(made) => made,
            // Who has no neighbour to ask is told by the next apply which package it is.
            Err(_) => {
                place.servers("db1").install(&package(NEW)).await.expect("the next");
                place.servers("db1").ensure(&ordered(1, &program)).await.expect("a node")
            }
        };
        assert_eq!(installed(&place, "db1"), (Some(NEW.to_owned()), true), "killed before step {step}");
        assert!(kept(&place, "db1", &program).exists());
        place.servers("db1").remove(&made.reference).await.expect("removed");
        assert_eq!(installed(&place, "db1"), (None, false), "killed before step {step}");
        let root = place.root("db1");
        assert!(!root.join("dpkg").exists() && !root.join("var/lib/justmanage").exists(), "killed before step {step}");
        if cut.is_ok() {
            assert!(step > 5, "{step} steps");
            return;
        }
    }
    panic!("it never ends");
}
