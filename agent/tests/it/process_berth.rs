//! Berths: ports for life.

#![allow(clippy::unwrap_used)] // The panic is the test's report, here and in its helpers.

use std::fs;
use std::net::TcpListener;

use justmanage_agent::node::{BERTHS, Berth, BerthError};

use crate::process_support::World;

#[test]
fn a_node_has_the_same_ports_for_life() {
    let world = World::new();
    let (directory, order) = world.node("one", 1, "127.1.1.1");
    let (first, listener) = Berth::take(&directory, &order).unwrap();
    assert_eq!(listener.local_addr().unwrap(), (order.address, first.agent_port()).into());
    assert_eq!(first.client_port() - 21_000, first.agent_port() - 19_000);
    assert_eq!(first.bus_port(), first.client_port() + 10_000);
    drop(listener);
    let (again, _listener) = Berth::take(&directory, &order).unwrap();
    assert_eq!(again, first);
}

#[test]
fn a_node_that_has_its_machine_for_itself_has_the_usual_ports() {
    let world = World::new();
    let (directory, order) = world.node("one", 9, "127.1.1.9");
    let (berth, listener) = Berth::take_usual(&directory, &order).unwrap();
    assert_eq!((berth.agent_port(), berth.client_port(), berth.bus_port()), (7379, 6379, 16_379));
    assert_eq!(listener.local_addr().unwrap(), (order.address, 7379).into());
    let (other, order) = world.node("two", 8, "127.1.1.9");
    let error = Berth::take_usual(&other, &order).unwrap_err();
    assert!(matches!(error, BerthError::Taken { port: 7379, .. }), "{error}");
    assert!(!other.ports().exists(), "it may have them when they are free");
    drop(listener);
    assert_eq!(Berth::take(&directory, &order).unwrap().0, berth, "for life");
    // Others that it has are for life, too.
    let (numbered, listener) = Berth::take(&other, &order).unwrap();
    drop(listener);
    assert_eq!(Berth::take_usual(&other, &order).unwrap().0, numbered);
}

#[test]
fn two_nodes_that_want_the_same_get_neighbouring_berths() {
    let world = World::new();
    // The same id: the same place to begin with.
    let (one, order) = world.node("one", 2, "127.1.1.2");
    let elsewhere = World::new();
    let (two, _) = elsewhere.node("two", 2, "127.1.1.2");
    let (first, _listening) = Berth::take(&one, &order).unwrap();
    let (second, _) = Berth::take(&two, &order).unwrap();
    assert_eq!(second.agent_port(), 19_000 + (first.agent_port() - 19_000 + 1) % BERTHS);
}

#[test]
fn a_node_whose_agent_does_not_run_keeps_its_berth() {
    let world = World::new();
    let (one, order) = world.node("one", 3, "127.1.1.3");
    let (first, listener) = Berth::take(&one, &order).unwrap();
    drop(listener);
    let (two, _) = world.node("two", 3, "127.1.1.3");
    let (second, _) = Berth::take(&two, &order).unwrap();
    assert_ne!(second, first, "the first would never come back");
}

#[test]
fn all_three_ports_must_be_free() {
    for blocked in 0..3 {
        let world = World::new();
        let (directory, order) = world.node("one", 4, "127.1.1.4");
        let (first, listener) = Berth::take(&directory, &order).unwrap();
        drop(listener);
        fs::remove_file(directory.ports()).unwrap();
        let port = [first.agent_port(), first.client_port(), first.bus_port()][blocked];
        let _somebody = TcpListener::bind((order.address, port)).unwrap();
        let (other, _) = Berth::take(&directory, &order).unwrap();
        assert_ne!(other, first, "port {port} is taken");
    }
}

#[test]
fn a_port_that_is_taken_later_is_named() {
    let world = World::new();
    let (directory, order) = world.node("one", 5, "127.1.1.5");
    let (berth, listener) = Berth::take(&directory, &order).unwrap();
    drop(listener);
    for wanted in [berth.agent_port(), berth.client_port(), berth.bus_port()] {
        let somebody = TcpListener::bind((order.address, wanted)).unwrap();
        let error = Berth::take(&directory, &order).unwrap_err();
        assert!(matches!(error, BerthError::Taken { port, .. } if port == wanted), "{error}");
        assert!(error.to_string().contains(&wanted.to_string()), "{error}");
        drop(somebody);
    }
    assert_eq!(Berth::take(&directory, &order).unwrap().0, berth);
}

#[test]
fn an_address_of_another_machine_is_said() {
    let world = World::new();
    let (directory, order) = world.node("one", 6, "192.0.2.1");
    let error = Berth::take(&directory, &order).unwrap_err();
    assert!(matches!(error, BerthError::Address { .. }), "{error}");
    assert!(!directory.ports().exists());
}

#[test]
fn damaged_ports_are_no_reason_for_other_ports() {
    let world = World::new();
    let (directory, order) = world.node("one", 7, "127.1.1.7");
    for damaged in ["", "{}", r#"{"agent":19000,"client":21001,"bus":31000}"#] {
        fs::write(directory.ports(), damaged).unwrap();
        let error = Berth::take(&directory, &order).unwrap_err();
        assert!(matches!(error, BerthError::Disk(_)), "{error}");
        assert_eq!(fs::read_to_string(directory.ports()).unwrap(), damaged);
    }
}
