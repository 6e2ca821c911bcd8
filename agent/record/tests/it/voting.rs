//! Who votes, by the Record alone.

use std::collections::BTreeMap;

use justmanage_model::{NodeId, Record, Seat};
use justmanage_record::voters;
use proptest::prelude::*;

use crate::world::{Agent, record};

/// The Record of one agent, with these seats in the place of its members; the node's id says which.
async fn plain() -> Record {
    record(&[&Agent::new(0, 0).await])
}

fn node(shard: u16, ordinal: u16) -> NodeId {
    let mut entropy = [0; 10];
    // In another order than the seats.
    entropy[0] = ((7 * shard + 3 * ordinal) % 5) as u8;
    entropy[1..3].copy_from_slice(&shard.to_be_bytes());
    entropy[3..5].copy_from_slice(&ordinal.to_be_bytes());
    NodeId::from_entropy(entropy)
}

fn with_seats(plain: &Record, seats: &[(u16, u16)]) -> Record {
    let member = plain.members.values().next().expect("one").clone();
    let members = seats.iter().map(|(shard, ordinal)| {
        let seat = Seat { shard: *shard, ordinal: *ordinal };
        (node(*shard, *ordinal), justmanage_model::Member { seat, ..member.clone() })
    });
    Record { members: members.collect(), ..plain.clone() }
}

fn seats_of(record: &Record) -> Vec<(u16, u16)> {
    let mut seats: Vec<_> =
        voters(record).iter().map(|node| record.members[node].seat).map(|seat| (seat.shard, seat.ordinal)).collect();
    seats.sort_unstable();
    seats
}

#[tokio::test]
async fn an_odd_number_votes_spread_over_the_shards() {
    type Seats = &'static [(u16, u16)];
    let table: &[(Seats, Seats)] = &[
        (&[], &[]),
        (&[(0, 0)], &[(0, 0)]),
        (&[(0, 0), (0, 1)], &[(0, 0)]),
        (&[(0, 0), (0, 1), (0, 2)], &[(0, 0), (0, 1), (0, 2)]),
        (&[(0, 0), (0, 1), (1, 0), (1, 1)], &[(0, 0), (0, 1), (1, 0)]),
        (&[(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)], &[(0, 0), (0, 1), (1, 0), (1, 1), (2, 0)]),
        (&[(0, 0), (1, 0), (2, 0), (3, 0), (4, 0), (5, 0)], &[(0, 0), (1, 0), (2, 0), (3, 0), (4, 0)]),
        // Whoever takes a seat takes its vote; a seat that is empty leaves it to the next.
        (&[(0, 1), (1, 0), (1, 1)], &[(0, 1), (1, 0), (1, 1)]),
        (&[(0, 1), (1, 0), (1, 1), (2, 0), (3, 0), (4, 0)], &[(0, 1), (1, 0), (2, 0), (3, 0), (4, 0)]),
    ];
    let plain = plain().await;
    for (members, expected) in table {
        assert_eq!(seats_of(&with_seats(&plain, members)), *expected, "of {members:?}");
    }
}

#[test]
fn a_change_elsewhere_moves_few_voters() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let plain = runtime.block_on(plain());
    proptest!(|(taken in proptest::collection::btree_set((0_u16..12, 0_u16..4), 1..40), more in (0_u16..12, 0_u16..4))| {
        let seats: Vec<_> = taken.iter().copied().collect();
        let before = with_seats(&plain, &seats);
        let chosen = voters(&before);
        let expected = match seats.len() { 1 | 2 => 1, 3 | 4 => 3, _ => 5 };
        prop_assert_eq!(chosen.len(), expected);
        prop_assert!(chosen.iter().all(|node| before.members.contains_key(node)));
        // As many shards as can be are among them.
        let shards = |nodes: &mut dyn Iterator<Item = &NodeId>| {
            nodes.map(|node| (before.members[node].seat.shard, ())).collect::<BTreeMap<_, _>>().len()
        };
        let firsts = before.members.values().filter(|member| member.seat.ordinal == 0).count();
        prop_assert!(shards(&mut chosen.iter()) >= firsts.min(expected));
        // One member more or less moves one vote, besides the two that a new size of the group gives or takes.
        let mut other = taken.clone();
        if !other.remove(&more) {
            other.insert(more);
        }
        let after = with_seats(&plain, &other.iter().copied().collect::<Vec<_>>());
        let moved = voters(&after).difference(&chosen).count();
        let grown = voters(&after).len().saturating_sub(chosen.len());
        prop_assert!(moved <= 1 + grown, "{} of {:?} moved", moved, other);
    });
}

/// How many members and spares of a cluster vote, by how many of each there are.
#[tokio::test]
async fn spares_vote_where_there_are_fewer_than_five_members() {
    let plain = plain().await;
    let member = plain.members.values().next().expect("one").clone();
    let justmanage_model::Member { pin, sealing, agent, client, bus_port, .. } = member;
    let spare = justmanage_model::Spare { pin, sealing, agent, client, bus_port };
    for (members, spares, expected) in
        [(1, 1, (1, 0)), (2, 1, (2, 1)), (2, 2, (2, 1)), (3, 1, (3, 0)), (3, 2, (3, 2)), (4, 1, (4, 1)), (6, 2, (5, 0))]
    {
        let seats: Vec<(u16, u16)> = (0..members).map(|number| (number % 3, number / 3)).collect();
        let spares = (0..spares).map(|number| (NodeId::from_entropy([100 + number; 10]), spare.clone())).collect();
        let record = Record { spares, ..with_seats(&plain, &seats) };
        let voters = voters(&record);
        let of_members = voters.iter().filter(|node| record.members.contains_key(node)).count();
        assert_eq!(
            (of_members, voters.len() - of_members),
            expected,
            "{members} members, {} spares",
            record.spares.len()
        );
    }
}
