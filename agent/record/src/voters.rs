//! Who votes on the Record: a pure function of the Record, so that every agent gives the same answer.

use std::collections::BTreeSet;

use justmanage_model::{NodeId, Record};

/// How many vote in a cluster of so many members.
///
/// Odd, since an even number survives no more losses than the odd one below it and waits for one voter more. Two would be
/// worse than one: either's loss stops everything. Five survive two losses, also in the middle of a replacement; more would
/// only make each change wait for more disks.
const fn seats(members: usize) -> usize {
    match members {
        0 => 0,
        1 | 2 => 1,
        3 | 4 => 3,
        _ => 5,
    }
}

/// The members that vote: an odd number, at most five, spread over the shards.
///
/// First the first node of each shard, in order of shards, then the second ones, and so on: nodes of one shard are what a
/// platform keeps apart, so that the loss of a zone takes few voters with it. The order depends on seats alone, so a node that
/// takes the seat of another takes its vote too, and a change elsewhere moves at most the voters that it displaces.
#[must_use]
pub fn voters(record: &Record) -> BTreeSet<NodeId> {
    let mut ranked: Vec<_> =
        record.members.iter().map(|(node, member)| (member.seat.ordinal, member.seat.shard, *node)).collect();
    ranked.sort_unstable();
    ranked.into_iter().take(seats(record.members.len())).map(|(_, _, node)| node).collect()
}
