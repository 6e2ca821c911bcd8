//! From one shape to another: what moves, who comes and who goes.

use std::collections::BTreeMap;

use justmanage_core::ClusterView;
use justmanage_core::manager::{Usage, evicts, mib};
use justmanage_core::view::RoleView;
use justmanage_model::slots::balance::{Move, balance};
use justmanage_model::{Bytes, ClusterSpec, Seat, Shape, SlotSet};
use tfkit::{Diagnostic, Path};

/// Most nodes that are named one by one.
const NAMED: usize = 12;

/// The moves from one number of shards to another, by the slots that each shard has now, or where these were not seen, by even ones.
pub(super) fn moves(from: &ClusterSpec, to: &ClusterSpec, usage: Option<&Usage>) -> Vec<Move> {
    let even = || (0..from.shards).map(|shard| (shard, SlotSet::share(shard, from.shards))).collect();
    let current: BTreeMap<u16, SlotSet> = usage.map_or_else(even, Usage::slots);
    balance(&current, None, to.shards)
}

/// How many slots these are.
pub(super) fn count(moves: &[Move]) -> u32 {
    moves.iter().map(|one| u32::from(one.slots.len())).sum()
}

/// What the user should know of a change of shape. `seen`: the cluster as it is now, where it could be asked.
pub(super) fn warnings(from: &ClusterSpec, to: &ClusterSpec, seen: Option<&ClusterView>) -> Vec<Diagnostic> {
    let usage = seen.map(Usage::of).filter(Usage::is_whole);
    let mut said = Vec::new();
    if from.shards != to.shards {
        said.push(data_move(from, to, usage.as_ref()));
        said.extend(evicted(from, to, usage.as_ref()));
    }
    if from.replicas_per_shard < to.replicas_per_shard {
        said.push(replicas_added(from, to, usage.as_ref()));
    }
    if from.replicas_per_shard > to.replicas_per_shard {
        said.push(replicas_removed(from, to, seen));
    }
    said
}

fn data_move(from: &ClusterSpec, to: &ClusterSpec, usage: Option<&Usage>) -> Diagnostic {
    let moves = moves(from, to, usage);
    let bytes = usage.map(|usage| format!(", about {} MiB", mib(usage.moved(&moves)))).unwrap_or_default();
    let mut detail = format!("Shards {} -> {}: data move ({} slots{bytes}). ", from.shards, to.shards, count(&moves));
    detail.push_str(
        "Every slot is served all the while, and no acknowledged write is lost. As long as slots are on their way, the nodes that \
         give or get some sync each write to their disks before they answer (appendfsync = always, unless config says otherwise), \
         which makes writes slower.",
    );
    let (added, gone) = nodes_of_shards(from, to);
    if added > 0 {
        detail.push_str(&format!(
            " {} made for {}.",
            machines(added, "is", "are"),
            shards(to.shards - from.shards, "new")
        ));
    }
    if gone > 0 {
        detail.push_str(&format!(
            " Then {} removed with everything on {}: all nodes of {}.",
            machines(gone, "is", "are"),
            if gone == 1 { "it" } else { "them" },
            match from.shards - to.shards {
                1 => format!("shard {}", to.shards),
                _ => format!("shards {} to {}", to.shards, from.shards - 1),
            }
        ));
        if usage.is_none() && !evicts(to) {
            detail
                .push_str(" Whether the data fit is looked at when it is applied: the cluster could not be asked now.");
        }
    }
    Diagnostic::warning("Data move", detail).at(Path::attribute("shards"))
}

/// How many nodes new shards get, and how many nodes shards have that go.
fn nodes_of_shards(from: &ClusterSpec, to: &ClusterSpec) -> (u32, u32) {
    let added = u32::from(to.shards.saturating_sub(from.shards)) * (u32::from(to.replicas_per_shard) + 1);
    let gone = u32::from(from.shards.saturating_sub(to.shards)) * (u32::from(from.replicas_per_shard) + 1);
    (added, gone)
}

/// Fewer shards than the data fit into, where servers make room by themselves: how much goes.
fn evicted(from: &ClusterSpec, to: &ClusterSpec, usage: Option<&Usage>) -> Option<Diagnostic> {
    let each = usage.filter(|_| to.shards < from.shards && evicts(to))?.each_of(to.shards);
    let over = each.get().checked_sub(to.memory.get()).filter(|over| *over > 0)?;
    let detail = format!(
        "Spread over {} each node would use {} MiB, and has {}. What does not fit is evicted by maxmemory-policy: about {} MiB in all.",
        shards(to.shards, ""),
        mib(each),
        to.memory,
        mib(Bytes::new(over.saturating_mul(to.shards.into()))),
    );
    Some(Diagnostic::warning("Data will be evicted", detail).at(Path::attribute("shards")))
}

fn replicas_added(from: &ClusterSpec, to: &ClusterSpec, usage: Option<&Usage>) -> Diagnostic {
    let each = to.replicas_per_shard - from.replicas_per_shard;
    // What new shards get is told with these.
    let stay = from.shards.min(to.shards);
    let count = u32::from(each) * u32::from(stay);
    let bytes = usage.map(|usage| {
        let all: u64 = (0..stay).map(|shard| usage.data(shard).get()).sum();
        format!(", about {} MiB in all", mib(Bytes::new(all.saturating_mul(each.into()))))
    });
    let detail = format!(
        "{} made, {each} for each of {}. Each receives a full copy of its shard{}: its primary forks for that and sends it, and goes \
         on serving. Nothing is restarted.",
        machines(count, "is", "are"),
        shards(stay, ""),
        bytes.unwrap_or_default(),
    );
    Diagnostic::warning("Replicas added", detail).at(Path::attribute("replicas_per_shard"))
}

fn replicas_removed(from: &ClusterSpec, to: &ClusterSpec, seen: Option<&ClusterView>) -> Diagnostic {
    let shape = Shape { shards: from.shards.min(to.shards), replicas_per_shard: from.replicas_per_shard };
    let seats: Vec<Seat> = shape.seats().filter(|seat| seat.ordinal > to.replicas_per_shard).collect();
    let mut detail = format!(
        "{} removed with everything on {}: {}. ",
        machines(u32::try_from(seats.len()).unwrap_or(u32::MAX), "is", "are"),
        if seats.len() == 1 { "it" } else { "them" },
        list(&seats)
    );
    let primaries = seen.map(|view| {
        let goes = |seat: Seat| seats.contains(&seat);
        view.nodes.iter().filter(|node| node.seat.is_some_and(goes) && node.role == RoleView::Primary).count()
    });
    let pause = "for which its writers wait some tens of milliseconds";
    detail.push_str(&match primaries {
        Some(0) => "None of them is a primary now, so nothing is handed over.".to_owned(),
        Some(1) => format!("One of them is a primary now, and hands its shard over first, {pause}: 1 handover."),
        Some(count) => {
            format!("{count} of them are primaries now. Each hands its shard over first, {pause}: {count} handovers.")
        }
        None => format!("Whichever of them is a primary by then hands its shard over first, {pause}."),
    });
    Diagnostic::warning("Replicas removed", detail).at(Path::attribute("replicas_per_shard"))
}

fn list(seats: &[Seat]) -> String {
    let named: Vec<String> =
        seats.iter().take(NAMED).map(|Seat { shard, ordinal }| format!("shard {shard}, node {ordinal}")).collect();
    match seats.len().saturating_sub(NAMED) {
        0 => named.join("; "),
        more => format!("{}; and {more} more", named.join("; ")),
    }
}

fn machines(count: u32, one: &str, many: &str) -> String {
    if count == 1 { format!("1 machine {one}") } else { format!("{count} machines {many}") }
}

fn shards(count: u16, what: &str) -> String {
    let noun = if count == 1 { "shard" } else { "shards" };
    if what.is_empty() { format!("{count} {noun}") } else { format!("{count} {what} {noun}") }
}

#[cfg(test)]
mod tests {
    use justmanage_model::Engine;

    use super::*;

    fn spec(shards: u16, replicas: u16) -> ClusterSpec {
        ClusterSpec::new(Engine::Redis, "7.2".parse().expect("a version"), shards, replicas, Bytes::mib(64))
    }

    #[test]
    fn each_change_says_what_moves_and_who_comes_and_goes() {
        for (from, to, says) in [
            (
                (3, 1),
                (4, 1),
                &[("Data move", &["data move (4096 slots).", "2 machines are made for 1 new shard", "always"][..])][..],
            ),
            (
                (4, 1),
                (3, 1),
                &[(
                    "Data move",
                    &["(4096 slots)", "2 machines are removed", "nodes of shard 3.", "when it is applied"],
                )],
            ),
            ((4, 0), (2, 0), &[("Data move", &["(8192 slots)", "2 machines are removed", "shards 2 to 3"])]),
            ((2, 0), (3, 0), &[("Data move", &["1 machine is made for 1 new shard"])]),
            ((3, 1), (3, 2), &[("Replicas added", &["3 machines are made, 1 for each of 3 shards", "full copy"])]),
            (
                (2, 2),
                (2, 1),
                &[("Replicas removed", &["2 machines are removed", "shard 0, node 2; shard 1, node 2.", "Whichever"])],
            ),
            (
                (2, 0),
                (3, 1),
                &[
                    ("Data move", &["2 machines are made"]),
                    ("Replicas added", &["2 machines are made, 1 for each of 2"]),
                ],
            ),
            ((20, 1), (20, 0), &[("Replicas removed", &["and 8 more."])]),
            ((3, 1), (3, 1), &[]),
        ] {
            let said = warnings(&spec(from.0, from.1), &spec(to.0, to.1), None);
            assert_eq!(said.len(), says.len(), "{from:?} -> {to:?}: {said:?}");
            for (warning, (summary, words)) in said.iter().zip(says) {
                assert_eq!(warning.summary, *summary);
                assert!(words.iter().all(|words| warning.detail.contains(words)), "{}", warning.detail);
            }
        }
    }
}
