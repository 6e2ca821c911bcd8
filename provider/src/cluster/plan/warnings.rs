//! What the user should know before they say yes.

use justmanage_model::{ClusterSpec, Seat};
use tfkit::{Diagnostic, Path};

/// What the shape of a new cluster can stand. (It cannot be changed afterwards, so it is said when it is chosen and not again.)
pub(super) fn shape(spec: &ClusterSpec) -> Option<Diagnostic> {
    let at = |summary: &str, detail: &str| {
        Some(Diagnostic::warning(summary, detail).at(Path::attribute("replicas_per_shard")))
    };
    if spec.replicas_per_shard == 0 {
        return at(
            "No copy of the data",
            "Without replicas, each shard's keys are on one node alone: while its server is down they cannot be reached, and when \
             its machine is lost, so are they.\n\nSet replicas_per_shard = 1 or more, unless the keys can be had again from \
             elsewhere, as those of a cache can.",
        );
    }
    if spec.shards == 1 && spec.replicas_per_shard == 1 {
        return at(
            "Two nodes will not survive the loss of the first machine",
            "A majority of two is two, so the first node's agent decides alone. When its machine is lost, the second node \
             cannot know whether it is the one that is cut off: it does not take over, and takes no writes. (The loss of the \
             second machine is survived, and so is the death of either server's process.)\n\n\
             Set replicas_per_shard = 2 or shards = 3 for a cluster that survives the loss of a machine.",
        );
    }
    None
}

/// Members that an apply will replace, because their machines are gone.
pub(super) fn replaced(missing: &[Seat], spec: &ClusterSpec) -> Diagnostic {
    let count = missing.len();
    let nodes = if count == 1 { "node" } else { "nodes" };
    let mut detail = format!("The machine of {count} {nodes} does not exist any more:");
    for Seat { shard, ordinal } in missing {
        detail.push_str(&format!(" shard {shard}, node {ordinal};"));
    }
    detail.pop();
    detail.push_str(". An apply makes a new one for each, in the same place, and leaves all others as they are.");
    let copies = u32::from(spec.replicas_per_shard) + 1;
    let mut lost: Vec<u16> = missing.iter().map(|seat| seat.shard).collect();
    lost.dedup();
    lost.retain(|shard| missing.iter().filter(|seat| seat.shard == *shard).count() >= copies as usize);
    if !lost.is_empty() {
        let shards: Vec<String> = lost.iter().map(ToString::to_string).collect();
        detail.push_str(&format!("\n\nNo node is left of shard {}: its keys are lost.", shards.join(", ")));
    }
    Diagnostic::warning(format!("Will replace {count} {nodes}"), detail)
}

#[cfg(test)]
mod tests {
    use justmanage_model::{Bytes, Engine};

    use super::*;

    fn spec(shards: u16, replicas_per_shard: u16) -> ClusterSpec {
        let version = "7.0".parse().expect("a version");
        ClusterSpec::new(Engine::Redis, version, shards, replicas_per_shard, Bytes::mib(64))
    }

    #[test]
    fn a_shape_that_loses_data_or_service_with_one_machine_is_named() {
        for (shards, replicas, says) in [
            (1, 0, Some("No copy")),
            (3, 0, Some("No copy")),
            (1, 1, Some("Two nodes")),
            (1, 2, None),
            (2, 1, None),
            (3, 1, None),
        ] {
            let warning = shape(&spec(shards, replicas));
            let summary = warning.as_ref().map(|warning| warning.summary.as_str());
            assert_eq!(summary.is_some(), says.is_some(), "{shards} x {replicas}: {summary:?}");
            assert!(says.is_none_or(|says| summary.is_some_and(|summary| summary.contains(says))), "{summary:?}");
        }
    }

    #[test]
    fn what_will_be_replaced_is_counted_and_a_shard_that_is_lost_is_named() {
        let seat = |shard, ordinal| Seat { shard, ordinal };
        let one = replaced(&[seat(1, 0)], &spec(3, 1));
        assert_eq!(one.summary, "Will replace 1 node");
        assert!(one.detail.contains("shard 1, node 0.") && !one.detail.contains("lost"), "{}", one.detail);
        let two = replaced(&[seat(1, 0), seat(1, 1)], &spec(3, 1));
        assert_eq!(two.summary, "Will replace 2 nodes");
        assert!(two.detail.contains("No node is left of shard 1: its keys are lost"), "{}", two.detail);
    }
}
