use std::time::Instant;

use justmanage_model::node::NodeOrder;
use justmanage_model::{Bytes, ClusterId, Seat, Version};

use super::*;
use crate::facts::State;

fn claim(number: u8, seat: Option<(u16, u16)>) -> Claim {
    Claim {
        cluster: ClusterId::from_entropy([1; 10]),
        name: "cache".parse().expect("a name"),
        node: NodeId::from_entropy([number; 10]),
        seat: seat.map(|(shard, ordinal)| Seat { shard, ordinal }),
    }
}

fn seen(claim: Option<Claim>) -> Seen {
    let address: IpAddr = "10.0.0.1".parse().expect("an address");
    let operators = BTreeSet::new();
    let order = claim.map(|claim| NodeOrder { claim, operators, address, peer_names: None, token: None });
    let text = order.as_ref().map(|order| serde_json::to_string(order).expect("JSON"));
    let facts = Facts {
        processors: 4,
        memory: Bytes::mib(8192),
        disk: Bytes::mib(8192),
        disk_free: Bytes::mib(8192),
        machine: "x86_64".into(),
        system: "debian 12".into(),
        glibc: Some((2, 36)),
        systemd: Some(252),
        clock_s: 0,
        state: text.map_or(State::Free, State::Used),
    };
    let (address, addresses) = (Some(address), [address].into());
    Seen { order, agent: None, program: None, upgrading: false, address, addresses, facts: Ok(facts) }
}

fn programs() -> Programs {
    Programs::new(Version::new(0, 1, 0), [("x86_64".to_owned(), "/agent".into())])
}

fn look(claims: impl IntoIterator<Item = Option<Claim>>) -> Look {
    Look::at(Instant::now(), claims.into_iter().map(|claim| Ok(seen(claim))).collect())
}

fn pool(text: &str) -> Pool {
    text.parse().expect("a pool")
}

#[test]
fn orders_that_are_given_together_get_different_servers_and_zones() {
    let pool = pool("h1 zone a; h2 zone a; h3 zone b; h4 zone b; h5 zone c; h6 zone c; h7 zone c");
    let seats = [Some((0, 0)), Some((0, 1)), Some((1, 0)), Some((1, 1)), None, None];
    let along: Vec<Claim> = (0..).zip(seats).map(|(number, seat)| claim(number, seat)).collect();
    let look = look([None, None, None, None, None, None, None]);
    let got: Vec<usize> = along
        .iter()
        .map(|claim| {
            let order = MachineOrder { along: along.clone(), ..MachineOrder::new(claim.clone(), BTreeSet::new()) };
            server_for(&pool, &look, &programs(), &order).expect("a server")
        })
        .collect();
    assert_eq!(got.iter().collect::<BTreeSet<_>>().len(), 6, "{got:?}");
    let zone = |at: usize| pool.servers[at].zone.clone();
    for pair in got.chunks(2) {
        assert_ne!(zone(pair[0]), zone(pair[1]), "{got:?}");
    }
}

#[test]
fn who_comes_later_avoids_the_zones_of_its_shard_and_the_servers_of_others() {
    let pool = pool("h1 zone a; h2 zone a; h3 zone b");
    let look = look([Some(claim(1, Some((0, 0)))), None, None]);
    let order = MachineOrder::new(claim(2, Some((0, 1))), BTreeSet::new());
    assert_eq!(server_for(&pool, &look, &programs(), &order).expect("a server"), 2);
}

#[test]
fn too_few_are_too_few_for_each_of_them_and_every_server_is_named() {
    let pool = pool("h1; h2 hidden; h3");
    let along = vec![claim(2, Some((0, 0))), claim(3, Some((0, 1)))];
    let look = look([Some(claim(1, Some((0, 0)))), None, None]);
    for own in &along {
        let order = MachineOrder { along: along.clone(), ..MachineOrder::new(own.clone(), BTreeSet::new()) };
        let refused = server_for(&pool, &look, &programs(), &order).expect_err("too few");
        assert!(matches!(refused, PlatformError::Quota { .. }));
        let said = refused.to_string();
        for words in ["2 servers are needed", "of 3 in the pool 1", "h1 has a node of cluster cache", "h2 is hidden"] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}

#[test]
fn a_server_is_called_by_the_address_that_is_its_own() {
    for (host, came_in_at, expected) in [
        ("203.0.113.5", Some("10.0.0.5"), Some("10.0.0.5")),
        ("db1 private 192.168.0.5", Some("10.0.0.5"), Some("192.168.0.5")),
        ("10.0.0.7", None, Some("10.0.0.7")),
        ("10.0.0.7", Some("127.0.0.1"), Some("10.0.0.7")),
        ("db1", Some("127.0.0.1"), Some("127.0.0.1")),
        ("db1", None, None),
    ] {
        let server = pool(host).servers.remove(0);
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        let seen = Seen { address: came_in_at.map(ip), ..seen(None) };
        assert_eq!(address(&server, &seen), expected.map(ip), "{host} {came_in_at:?}");
    }
}

#[test]
fn a_node_moves_where_its_server_has_another_address_and_only_there() {
    let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
    // (the pool's line, where we came in, what the server has, where a node of 10.0.0.1 goes)
    for (host, came_in_at, has, expected) in [
        ("10.0.0.1", "10.0.0.1", &["10.0.0.1"][..], None),
        ("10.0.0.2", "10.0.0.2", &["10.0.0.2"], Some("10.0.0.2")),
        ("203.0.113.5", "10.0.0.2", &["10.0.0.2"], Some("10.0.0.2")),
        // It has several, and we have only come another way.
        ("10.0.0.2", "10.0.0.2", &["10.0.0.1", "10.0.0.2"], None),
        ("10.0.0.1 private 192.168.0.1", "10.0.0.1", &["10.0.0.1", "192.168.0.1"], Some("192.168.0.1")),
        // Translated on the way: no server has this address itself.
        ("10.0.0.1 private 192.168.0.1", "10.0.0.1", &["10.0.0.1"], None),
        ("10.0.0.2", "10.0.0.2", &[], None),
        ("db1", "127.0.0.1", &["127.0.0.1", "10.0.0.1"], None),
    ] {
        let server = pool(host).servers.remove(0);
        let addresses = has.iter().map(|text| ip(text)).collect();
        let seen = Seen { address: Some(ip(came_in_at)), addresses, ..seen(Some(claim(1, Some((0, 0))))) };
        let order = seen.order.clone().expect("a node");
        assert_eq!(moved(&server, &order, &seen), expected.map(ip), "{host} {came_in_at} {has:?}");
    }
}
