//! From one shape to another: slots are spread over the shards that there are to be, and nodes that nobody needs hold nothing.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_model::record::Operation;
use justmanage_model::slots::balance::{Move, Weights, balance};
use justmanage_model::{Grant, NodeStep, Phase, RecordChange, Reshaping, SlotSet, Waiting};

use crate::draft::Draft;
use crate::view::{Serving, View};
use crate::{back_up, handover, roll, safety};

/// How many percent more than its even share a shard may weigh after slots were spread by their number alone. Below that, slots
/// stay together in runs; above, they are chosen by what they weigh.
pub const UNEVEN_PERCENT: u64 = 10;

/// Gives leave to move slots, when all nodes are there and nothing else goes on. What somebody has left half-way is put right in
/// any case; slots are spread anew only when another number of shards was asked for, so whoever has moved slots by hand finds them
/// there.
pub(crate) fn rebalance(view: &View<'_>, draft: &mut Draft) {
    let astray = view.serving().any(|one| !one.bus.astray.is_empty());
    let reshaping = view.record.reshaping.is_some();
    let spreads = view.record.reshaping.is_some_and(Reshaping::spreads);
    if !view.is(Phase::Formed) || !(reshaping || astray) {
        return;
    }
    // Keys of a newer release may be none that an older one takes. As long as nobody has gone over, what was left half-way is put
    // right: the backup before that waits for it.
    let goes_over = view.record.previous.is_some();
    let gone_over = goes_over && view.serving().any(|one| !view.is_behind(one));
    if gone_over || goes_over && !astray || view.record.grant.is_some() {
        return;
    }
    let spreads = spreads && !goes_over;
    if spreads {
        weigh(view, draft);
    }
    if !draft.is_calm() {
        return;
    }
    if let Some(halted) = roll::halted(view) {
        return draft.wait(halted);
    }
    if let Some(backing_up) = back_up::why_not_disturb(view) {
        return draft.wait(backing_up);
    }
    if let Some(reason) = safety::why_not_disturb(view) {
        return draft.wait(reason);
    }
    let moves = if spreads { moves(view) } else { Vec::new() };
    match moves.is_empty() && !astray {
        true => shrink(view, draft),
        false => give(view, draft, moves, astray),
    }
}

/// Who owns slots says what they weigh, each of its own, before anybody decides which move.
fn weigh(view: &View<'_>, draft: &mut Draft) {
    let now = view.record.generation;
    let weighed = |one: &Serving<'_>| one.seen.weights.as_ref().is_some_and(|weights| weights.at == now);
    let unweighed = view.serving().filter(|one| one.owns() && !weighed(one) && draft.is_free(one.node));
    for one in unweighed.collect::<Vec<_>>() {
        draft.act(one.node, NodeStep::WeighSlots);
    }
}

/// What is to move so that all shards have their share.
fn moves(view: &View<'_>) -> Vec<Move> {
    let owners: BTreeMap<u16, Serving<'_>> =
        view.shards().into_iter().filter_map(|shard| Some((shard, view.primary_of(shard)?))).collect();
    let current: BTreeMap<u16, SlotSet> = owners.iter().map(|(shard, one)| (*shard, one.bus.slots.clone())).collect();
    let shards = view.record.spec.shards;
    let by_number = balance(&current, None, shards);
    let mut weights = Weights::new();
    for one in owners.values() {
        weights.extend(one.seen.weights.iter().flat_map(|weights| weights.of(&one.bus.slots)));
    }
    if heaviest(&current, &by_number, &weights, shards) <= 100 + UNEVEN_PERCENT {
        return by_number;
    }
    let by_weight = balance(&current, Some(&weights), shards);
    let better = heaviest(&current, &by_weight, &weights, shards) < heaviest(&current, &by_number, &weights, shards);
    if better { by_weight } else { by_number }
}

/// What the heaviest shard weighs after these moves, in percent of its even share.
fn heaviest(current: &BTreeMap<u16, SlotSet>, moves: &[Move], weights: &Weights, shards: u16) -> u64 {
    let weigh = |slots: &SlotSet| slots.slots().filter_map(|slot| weights.get(&slot)).sum::<u64>();
    let mut of: BTreeMap<u16, u64> = (0..shards).map(|shard| (shard, 0)).collect();
    for (shard, slots) in current {
        *of.entry(*shard).or_default() += weigh(slots);
    }
    for Move { from, to, slots } in moves {
        let bytes = weigh(slots);
        *of.entry(*from).or_default() -= bytes;
        *of.entry(*to).or_default() += bytes;
    }
    let (most, all) = (of.values().max().copied().unwrap_or_default(), of.values().sum::<u64>());
    (u128::from(most) * 100 * u128::from(shards)).checked_div(u128::from(all)).map_or(100, |percent| percent as u64)
}

/// Gives leave to the shards that give or get; where something was left half-way, to all, since it can be anybody's.
fn give(view: &View<'_>, draft: &mut Draft, moves: Vec<Move>, astray: bool) {
    let shards: BTreeSet<u16> = moves.iter().flat_map(|one| [one.from, one.to]).collect();
    let of = |shard: u16| astray || shards.contains(&shard);
    let members = view.record.members.iter().filter(|(_, member)| of(member.seat.shard));
    let nodes = members.map(|(node, _)| *node).collect();
    let given = view.record.generation.next();
    draft.change(RecordChange::Give(Grant { operation: Operation::Reshard, nodes, given, moves }));
}

/// Slots are where they are to be: a primary in a place that nobody needs hands over, and then whoever has such a place may go.
fn shrink(view: &View<'_>, draft: &mut Draft) {
    let shape = view.record.shape();
    let mut outside = view.serving().filter(|one| !shape.has(one.member.seat));
    if let Some(one) = outside.find(|one| one.owns()) {
        return match handover::heir(view, one, |seat| shape.has(seat)) {
            handover::Heir::Ready(heir) => roll::give(view, draft, Operation::Handover, heir),
            handover::Heir::Later(reason) => draft.wait(reason),
            handover::Heir::Nobody => draft.wait(Waiting::NoPrimary { shard: one.member.seat.shard }),
        };
    }
    let nodes: Vec<_> = view.record.surplus().collect();
    match nodes.is_empty() {
        true => draft.change(RecordChange::EndReshaping),
        false => draft.wait(Waiting::MembersSurplus { nodes }),
    }
}
