//! What the user should know before they say yes.

use justmanage_core::manager::{Usage, evicts, mib, policy};
use justmanage_model::{ClusterSpec, Seat};
use tfkit::{Diagnostic, Path};

/// What the shape of a cluster can stand; said when it is chosen and not again.
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
    if spec.shards == 1 && spec.replicas_per_shard == 1 && spec.spares == 0 {
        return at(
            "Two nodes will not survive the loss of the first machine",
            "A majority of two is two, so the first node's agent decides alone. When its machine is lost, the second node \
             cannot know whether it is the one that is cut off: it does not take over, and takes no writes. (The loss of the \
             second machine is survived, and so is the death of either server's process.)\n\n\
             Set replicas_per_shard = 2, shards = 3 or spares = 1 for a cluster that survives the loss of a machine.",
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
    let all = u32::from(spec.shards) * copies;
    let all_nodes = if all == 1 { "node" } else { "nodes" };
    Diagnostic::warning(format!("{count} of {all} {all_nodes} lost, will be replaced"), detail)
}

/// A change of configuration that the servers take only when they start.
pub(super) fn restarts(from: &ClusterSpec, to: &ClusterSpec) -> Option<Diagnostic> {
    let keys = justmanage_releases::restarts(to.engine, to.version.line(), &from.config, &to.config);
    let first = keys.first()?;
    let (removed, set): (Vec<&String>, Vec<&String>) = keys.iter().partition(|key| !to.config.contains_key(*key));
    let list = |keys: Vec<&String>| keys.into_iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let mut detail = String::new();
    if !set.is_empty() {
        detail.push_str(&format!("Servers take these keys only when they start: {}. ", list(set)));
    }
    if !removed.is_empty() {
        detail.push_str(&format!(
            "These keys go back to the server's own default at its next start: {}. ",
            list(removed)
        ));
    }
    let nodes = if to.nodes() == 1 {
        "The only node is restarted: it saves its data first, and cannot be reached for that moment."
    } else if to.replicas_per_shard == 0 {
        "The nodes are restarted one after the other, each when the one before is back. Each saves its data first, and its keys \
         cannot be reached for that moment."
    } else {
        "The nodes are restarted one after the other, shard by shard, each when the one before is back and in sync. Each saves its \
         data first. Replicas come first; then each primary hands its shard over to one of them, for which its writers wait some \
         tens of milliseconds, and is restarted as a replica. It does not get its place back."
    };
    detail.push_str(nodes);
    if to.replicas_per_shard > 0 {
        detail.push_str(&format!(" In all: {} restarts, {}.", to.nodes(), handovers(to)));
    }
    let at = Path::attribute("config");
    let at = if to.config.contains_key(first) { at.key(first.as_str()) } else { at };
    Some(Diagnostic::warning("Rolling restart", detail).at(at))
}

/// How many handovers a roll takes: one for each shard; and one back, where all that there is to hand over to is a temporary replica.
pub(super) fn handovers(spec: &ClusterSpec) -> String {
    let there_and_back = spec.replicas_per_shard == 0 && spec.surge;
    match u32::from(spec.shards) * if there_and_back { 2 } else { 1 } {
        1 => "1 handover".to_owned(),
        count => format!("{count} handovers"),
    }
}

/// The same of a shape that a cluster is to take, if that was not so of the one before.
pub(super) fn new_shape(from: &ClusterSpec, to: &ClusterSpec) -> Option<Diagnostic> {
    let before = shape(from).map(|warning| warning.summary);
    shape(to).filter(|warning| before.as_ref() != Some(&warning.summary))
}

/// Less memory than before: what becomes of data that do not fit any more. What surely does not fit where nothing makes room was
/// refused before.
pub(super) fn less_memory(from: &ClusterSpec, to: &ClusterSpec, usage: Option<&Usage>) -> Option<Diagnostic> {
    let used = usage.and_then(Usage::fullest);
    if used.is_some_and(|used| used <= to.memory) {
        return None;
    }
    let policy = policy(to);
    let then = match (evicts(to), usage) {
        (true, Some(usage)) => format!(
            "With maxmemory-policy = {policy}, a server that holds more removes keys by that policy, at once: about {} MiB in all.",
            mib(usage.above(to.memory))
        ),
        (true, None) => {
            format!("With maxmemory-policy = {policy}, a server that holds more removes keys by that policy, at once.")
        }
        (false, _) => format!(
            "With maxmemory-policy = {policy}, a server that holds more refuses writes when there is nothing that it may remove. \
             What the servers use could not be seen now; it is looked at again when this is applied."
        ),
    };
    let used = used.map(|used| format!(" The fullest node uses {} MiB.", mib(used)));
    let detail =
        format!("Each node gets {} for data instead of {}.{} {then}", to.memory, from.memory, used.unwrap_or_default());
    Some(Diagnostic::warning("Data may not fit any more", detail).at(Path::attribute("memory")))
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

    fn with(spec: ClusterSpec, config: &[(&str, &str)]) -> ClusterSpec {
        let config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        ClusterSpec { config, ..spec }
    }

    #[test]
    fn a_change_that_restarts_servers_says_so_and_how() {
        let none: &[(&str, &str)] = &[];
        for (from, to, says) in [
            (none, &[("maxmemory-policy", "allkeys-lru")][..], None),
            (none, &[("io-threads", "2")], Some("start: io-threads.")),
            (&[("io-threads", "2")], &[("io-threads", "2")], None),
            (&[("timeout", "5")], none, Some("own default at its next start: timeout.")),
        ] {
            let warning = restarts(&with(spec(3, 1), from), &with(spec(3, 1), to));
            let detail = warning.as_ref().map(|warning| warning.detail.as_str());
            assert_eq!(detail.is_some(), says.is_some(), "{from:?} -> {to:?}: {detail:?}");
            assert!(says.is_none_or(|says| detail.is_some_and(|detail| detail.contains(says))), "{detail:?}");
        }
        for (shards, replicas, says) in [
            (1, 0, "The only node"),
            (3, 0, "one after the other"),
            (3, 1, "6 restarts, 3 handovers"),
            (1, 2, "1 handover."),
        ] {
            let to = with(spec(shards, replicas), &[("io-threads", "2")]);
            let warning = restarts(&spec(shards, replicas), &to).expect("a restart");
            assert!(warning.detail.contains(says), "{}", warning.detail);
            assert_eq!(warning.path, Path::attribute("config").key("io-threads"));
        }
    }

    #[test]
    fn less_memory_than_is_used_says_what_becomes_of_the_data() {
        let (from, to) = (spec(3, 1), ClusterSpec { memory: Bytes::mib(32), ..spec(3, 1) });
        let unseen = less_memory(&from, &to, None).expect("it may not fit");
        assert!(unseen.detail.contains("refuses writes") && !unseen.detail.contains("fullest"), "{}", unseen.detail);
        let evicting = with(to, &[("maxmemory-policy", "allkeys-lru")]);
        let unseen = less_memory(&from, &evicting, None).expect("it may not fit");
        assert!(unseen.detail.contains("removes keys") && !unseen.detail.contains("fullest"), "{}", unseen.detail);
    }

    #[test]
    fn a_shape_that_stands_less_than_the_one_before_is_named_again() {
        assert!(new_shape(&spec(3, 1), &spec(3, 0)).is_some_and(|warning| warning.summary.contains("No copy")));
        assert_eq!(new_shape(&spec(3, 0), &spec(4, 0)), None, "it was said when that was chosen");
        assert_eq!(new_shape(&spec(1, 1), &spec(1, 2)), None);
    }

    #[test]
    fn what_will_be_replaced_is_counted_and_a_shard_that_is_lost_is_named() {
        let seat = |shard, ordinal| Seat { shard, ordinal };
        let one = replaced(&[seat(1, 0)], &spec(3, 1));
        assert_eq!(one.summary, "1 of 6 nodes lost, will be replaced");
        assert!(one.detail.contains("shard 1, node 0.") && !one.detail.contains("lost"), "{}", one.detail);
        let two = replaced(&[seat(1, 0), seat(1, 1)], &spec(3, 1));
        assert_eq!(two.summary, "2 of 6 nodes lost, will be replaced");
        assert!(two.detail.contains("No node is left of shard 1: its keys are lost"), "{}", two.detail);
    }
}
