//! What the user should know before they say yes.

use justmanage_model::{Bytes, ClusterSpec, Seat};
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
        let handovers = if to.shards == 1 { "1 handover".to_owned() } else { format!("{} handovers", to.shards) };
        detail.push_str(&format!(" In all: {} restarts, {handovers}.", to.nodes()));
    }
    let at = Path::attribute("config");
    let at = if to.config.contains_key(first) { at.key(first.as_str()) } else { at };
    Some(Diagnostic::warning("Rolling restart", detail).at(at))
}

/// Less memory than before: what becomes of data that do not fit any more. `used`: of the node that uses most.
pub(super) fn less_memory(from: &ClusterSpec, to: &ClusterSpec, used: Option<Bytes>) -> Option<Diagnostic> {
    if used.is_some_and(|used| used <= to.memory) {
        return None;
    }
    let policy = to.config.get("maxmemory-policy").map_or("noeviction", String::as_str);
    let then = match policy.to_ascii_lowercase().as_str() {
        "noeviction" => {
            "With maxmemory-policy = noeviction, a server that holds more refuses writes until keys are removed.".into()
        }
        other => {
            format!("With maxmemory-policy = {other}, a server that holds more removes keys by that policy, at once.")
        }
    };
    let used = used.map(|used| format!(" The fullest node uses {}MiB.", used.get().div_ceil(1 << 20)));
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
        assert_eq!(less_memory(&from, &to, Some(Bytes::mib(20))), None, "it fits");
        let full = less_memory(&from, &to, Some(Bytes::mib(40))).expect("it does not fit");
        assert!(full.detail.contains("uses 40MiB") && full.detail.contains("refuses writes"), "{}", full.detail);
        let evicting = with(to, &[("maxmemory-policy", "allkeys-lru")]);
        let unseen = less_memory(&from, &evicting, None).expect("it may not fit");
        assert!(unseen.detail.contains("removes keys") && !unseen.detail.contains("uses"), "{}", unseen.detail);
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
