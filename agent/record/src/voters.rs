//! Who votes on the Record: a pure function of the Record, so that every agent gives the same answer.

use std::collections::BTreeSet;

use justmanage_model::{NodeId, Record, Seat};

/// How many vote in a cluster of so many agents.
///
/// Odd, since an even number survives no more losses than the odd one below it and waits for one voter more. Two would be
/// worse than one: either's loss stops everything. Five survive two losses, also in the middle of a replacement; more would
/// only make each change wait for more disks.
const fn seats(agents: usize) -> usize {
    match agents {
        0 => 0,
        1 | 2 => 1,
        3 | 4 => 3,
        _ => 5,
    }
}

/// The agents that vote: an odd number, at most five, spread over the shards.
///
/// First the first node of each shard, in order of shards, then the second ones, and so on: nodes of one shard are what a
/// platform keeps apart, so that the loss of a zone takes few voters with it. The order depends on seats alone, so a node that
/// takes the seat of another takes its vote too, and a change elsewhere moves at most the voters that it displaces.
///
/// Spares come last, so they vote only where there are fewer than five members: there each of them is the witness that lets the
/// others go on when one is lost.
#[must_use]
pub fn voters(record: &Record) -> BTreeSet<NodeId> {
    let rank = |seat: Option<Seat>| (seat.is_none(), seat.map(|Seat { shard, ordinal }| (ordinal, shard)));
    let mut ranked: Vec<_> = record.agents().map(|(node, agent)| (rank(agent.seat), node)).collect();
    ranked.sort_unstable();
    let count = seats(ranked.len());
    ranked.into_iter().take(count).map(|(_, node)| node).collect()
}
