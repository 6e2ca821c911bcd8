use justmanage_model::pool::Pool;

use super::*;

fn facts(memory_gib: u64) -> Facts {
    Facts {
        processors: 4,
        memory: Bytes::mib(memory_gib << 10),
        disk: Bytes::mib(100 << 10),
        disk_free: Bytes::mib(50 << 10),
        machine: "x86_64".into(),
        system: "debian 12".into(),
        glibc: Some((2, 36)),
        systemd: Some(252),
        clock_s: 0,
        state: State::Free,
    }
}

/// Servers as a pool has them, all of one size.
fn pool(text: &str) -> Vec<(Server, Result<Facts, String>)> {
    let pool: Pool = text.parse().expect("a pool");
    pool.servers.into_iter().map(|server| (server, Ok(facts(8)))).collect()
}

fn needs() -> Needs {
    Needs { processors: 1, memory: Bytes::mib(1024), disk: Bytes::mib(1024), labels: BTreeMap::new() }
}

fn places(shards: u16, nodes: u16) -> BTreeSet<Place> {
    (0..shards).flat_map(|shard| (0..nodes).map(move |ordinal| Place { shard, ordinal })).collect()
}

fn chosen(pool: &[(Server, Result<Facts, String>)], shards: u16, nodes: u16) -> Choice {
    let choice = choose(pool, &needs(), &places(shards, nodes), &BTreeMap::new()).expect("enough");
    let servers: BTreeSet<usize> = choice.servers.values().copied().collect();
    assert_eq!(servers.len(), usize::from(shards * nodes), "each server has one node: {choice:?}");
    choice
}

#[test]
fn the_nodes_of_a_shard_stand_in_different_zones() {
    // Who takes the nearest leaves the third shard with two nodes in c.
    let pool = pool("h1 zone a; h2 zone a; h3 zone b; h4 zone b; h5 zone c; h6 zone c");
    assert!(chosen(&pool, 3, 2).shared.is_empty());
    assert!(chosen(&pool, 2, 3).shared.is_empty());
    assert_eq!(chosen(&pool, 1, 4).shared.len(), 1, "four nodes, and three zones");
}

#[test]
fn where_zones_are_scarce_as_few_as_can_be_share_one() {
    let pool = pool("h1 zone a; h2 zone a; h3 zone a; h4 zone a; h5 zone b; h6 zone c");
    let shared = chosen(&pool, 3, 2).shared;
    assert_eq!(shared.len(), 1, "{shared:?}");
}

#[test]
fn how_many_shards_cannot_be_spread_is_known_before_any_server_is_asked() {
    for (servers, shards, nodes, expected) in [
        ("h1 zone a; h2 zone a; h3 zone b; h4 zone b; h5 zone c; h6 zone c", 3, 2, 0),
        ("h1 zone a; h2 zone a; h3 zone a; h4 zone a; h5 zone b; h6 zone c", 3, 2, 1),
        ("h1 zone a; h2 zone a; h3 zone a; h4 zone a", 2, 2, 2),
        ("h1; h2; h3 zone a; h4 zone a", 2, 2, 0),
        ("h1; h2", 1, 2, 0),
        ("h1 zone a; h2 zone b", 1, 3, 0),
    ] {
        let pool: Pool = servers.parse().expect("a pool");
        assert_eq!(sharing(&pool.servers, shards, nodes), expected, "{servers}: {shards} x {nodes}");
    }
}

#[test]
fn who_says_nothing_of_a_zone_shares_none() {
    assert!(chosen(&pool("h1; h2; h3; h4"), 2, 2).shared.is_empty());
}

#[test]
fn a_node_that_comes_later_avoids_the_zones_of_the_others() {
    let pool = pool("h1 zone a; h2 zone b");
    let there = BTreeMap::from([(0, BTreeSet::from(["a".parse().unwrap()]))]);
    let choice = choose(&pool, &needs(), &[Place { shard: 0, ordinal: 1 }].into(), &there).unwrap();
    assert_eq!(choice.servers.values().collect::<Vec<_>>(), [&1]);
    let there = BTreeMap::from([(0, BTreeSet::from(["a".parse().unwrap(), "b".parse().unwrap()]))]);
    let choice = choose(&pool, &needs(), &[Place { shard: 0, ordinal: 2 }].into(), &there).unwrap();
    assert_eq!(choice.shared.len(), 1, "there is no third");
}

#[test]
fn the_smallest_that_fits_goes_first_and_then_as_they_are_listed() {
    let mut pool = pool("h1; h2; h3; h4");
    for (server, memory) in pool.iter_mut().zip([64, 16, 4, 16]) {
        server.1 = Ok(facts(memory));
    }
    let wanted = Needs { memory: Bytes::mib(8 << 10), ..needs() };
    let choice = choose(&pool, &wanted, &places(1, 2), &BTreeMap::new()).unwrap();
    assert_eq!(choice.servers.into_values().collect::<Vec<_>>(), [1, 3]);
}

#[test]
fn whoever_is_not_chosen_is_told_why() {
    let mut pool =
        pool("h1 hidden; h2; h3 disk=hdd; h4 disk=nvme; h5 disk=nvme; h6 disk=nvme; h7 disk=nvme; h8 disk=nvme");
    let state = |state: State| Ok(Facts { state, ..facts(8) });
    pool[3].1 = state(State::Used("{}".into()));
    pool[4].1 = state(State::Locked("{}".into()));
    pool[5].1 = Err("is not reachable by SSH".into());
    pool[6].1 = Ok(Facts { processors: 1, ..facts(8) });
    let labels = BTreeMap::from([("disk".parse().unwrap(), "nvme".parse().unwrap())]);
    let wanted = Needs { processors: 2, labels, ..needs() };
    let refused = choose(&pool, &wanted, &places(1, 2), &BTreeMap::new()).unwrap_err();
    assert_eq!((refused.needed, refused.fit), (2, 1));
    let said: Vec<&str> = refused.others.values().map(String::as_str).collect();
    for (said, word) in said.iter().zip([
        "hidden in the pool",
        "no label disk=nvme",
        "has disk=hdd, and nvme",
        "another cluster",
        "locked",
        "not reachable",
        "has 1 processors, and 2",
    ]) {
        assert!(said.contains(word), "{said}");
    }
    assert_eq!(said.len(), 7);
}

/// No spread shares fewer zones: against trying everything, for all small cases.
#[test]
fn nobody_spreads_better() {
    for room in [[1, 1, 4], [2, 2, 2], [1, 2, 3], [3, 3, 0], [0, 1, 5]] {
        for (shards, nodes) in [(1, 2), (2, 2), (3, 2), (2, 3), (1, 3)] {
            if shards * nodes > room.iter().sum() {
                continue;
            }
            let wanted: Vec<spread::Shard> =
                (0..shards).map(|_| spread::Shard { nodes, has: BTreeSet::new() }).collect();
            let different = |zones: &[Vec<usize>]| -> usize {
                zones.iter().map(|zones| zones.iter().collect::<BTreeSet<_>>().len()).sum()
            };
            let ours = spread::spread(&wanted, &room);
            let used = |zone: usize| ours.iter().flatten().filter(|one| **one == zone).count();
            assert!((0..3).all(|zone| used(zone) <= room[zone]), "{room:?}: {ours:?}");
            assert_eq!(different(&ours), best(shards * nodes, nodes, &room, &mut Vec::new()), "{room:?}: {ours:?}");
        }
    }
}

fn best(left: usize, nodes: usize, room: &[usize], given: &mut Vec<usize>) -> usize {
    if left == 0 {
        return given.chunks(nodes).map(|zones| zones.iter().collect::<BTreeSet<_>>().len()).sum();
    }
    let mut most = 0;
    for zone in 0..room.len() {
        if given.iter().filter(|one| **one == zone).count() < room[zone] {
            given.push(zone);
            most = most.max(best(left - 1, nodes, room, given));
            given.pop();
        }
    }
    most
}
