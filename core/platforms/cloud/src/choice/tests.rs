use justmanage_model::{ClusterId, NodeId, Seat};

use super::*;

fn offer(name: &str, processors: u32, gib: u64, zones: &[&str]) -> Offer {
    let zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
    Offer { name: name.into(), processors, memory: Bytes::mib(gib * 1024), machine: "x86_64".into(), zones }
}

fn room(are_chosen: bool) -> Room {
    let all = ["a", "b", "c"];
    let offers = vec![
        offer("large", 4, 32, &all),
        offer("small", 1, 2, &all),
        offer("medium", 2, 8, &["a", "c"]),
        offer("vast", 64, 512, &all),
    ];
    Room { offers, are_chosen, zones: all.map(str::to_owned).to_vec() }
}

fn claim(seat: Option<(u16, u16)>) -> Claim {
    Claim {
        cluster: ClusterId::from_entropy([1; 10]),
        name: "cache".parse().expect("a name"),
        node: NodeId::from_entropy([2; 10]),
        seat: seat.map(|(shard, ordinal)| Seat { shard, ordinal }),
    }
}

fn needs(processors: u32, gib: u64) -> Needs {
    Needs { processors, memory: Bytes::mib(gib * 1024), ..Needs::default() }
}

fn chosen(room: &Room, needs: &Needs, claim: &Claim) -> String {
    let candidates = choose(room, needs, claim, |machine| machine == "x86_64").expect("candidates");
    candidates
        .iter()
        .map(|candidate| format!("{}/{}", candidate.offer.name, candidate.zone))
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn the_smallest_that_fits_is_tried_in_all_zones_before_the_next() {
    for (are_chosen, processors, gib, expected) in [
        (false, 1, 1, "small/a small/b small/c medium/a medium/c large/a large/b large/c"),
        (false, 1, 4, "medium/a medium/c large/a large/b large/c vast/a vast/b vast/c"),
        (false, 8, 4, "vast/a vast/b vast/c"),
        (true, 1, 4, "large/a large/b large/c medium/a medium/c vast/a vast/b vast/c"),
    ] {
        assert_eq!(chosen(&room(are_chosen), &needs(processors, gib), &claim(Some((0, 0)))), expected);
    }
}

#[test]
fn the_nodes_of_a_shard_begin_in_different_zones_and_each_always_in_the_same() {
    let first =
        |seat| chosen(&room(false), &needs(1, 1), &claim(seat)).split(' ').next().map(str::to_owned).expect("one");
    for (seat, expected) in [
        ((0, 0), "small/a"),
        ((0, 1), "small/b"),
        ((0, 2), "small/c"),
        ((1, 0), "small/b"),
        ((1, 1), "small/c"),
        ((1, 2), "small/a"),
    ] {
        assert_eq!(first(Some(seat)), expected, "{seat:?}");
    }
    assert_eq!(first(None), first(None));
}

#[test]
fn where_nothing_fits_it_is_said_why() {
    let none = Room { offers: Vec::new(), ..room(true) };
    let foreign = |_: &str| false;
    let ours = |_: &str| true;
    for (room, gib, runs_on, part) in [
        (&room(false), 4096, &ours as &dyn Fn(&str) -> bool, "no type of machine has that"),
        (&room(true), 4096, &ours, "none of these types has that: large, small"),
        (&room(true), 1, &foreign, "no agent for the processors"),
        (&none, 1, &ours, "can be had in these zones"),
    ] {
        let error = choose(room, &needs(1, gib), &claim(None), runs_on).expect_err(part);
        assert!(matches!(&error, PlatformError::Invalid { what, .. } if what.contains(part)), "{error:?}");
    }
}
