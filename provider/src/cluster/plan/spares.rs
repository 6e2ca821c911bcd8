//! What a plan says of spares: those that were used, and those that never can be.

use justmanage_model::ClusterSpec;
use tfkit::{Diagnostic, Path};

/// Spares that have taken the places of nodes that were lost, or are gone themselves: what an apply does about it.
pub(super) fn used(missing: usize, lost: usize, spec: &ClusterSpec) -> Option<Diagnostic> {
    let missing = missing.min(spec.spares.into());
    if missing == 0 {
        return None;
    }
    let of = plural(spec.spares.into(), "spare", "spares");
    let removed = match lost {
        0 => String::new(),
        _ => format!("{} removed, ", plural(lost, "lost machine is", "lost machines are")),
    };
    let made = plural(missing, "spare is", "spares are");
    let detail = format!(
        "{missing} of {of} used; {removed}{made} made. Until then a node that is lost next {}.",
        match missing == usize::from(spec.spares) {
            true => "stays lost",
            false => "still finds one",
        }
    );
    Some(Diagnostic::warning("Spares used", detail).at(Path::attribute("spares")))
}

/// Spares that are of no use, or not soon enough, said when that is chosen.
pub(super) fn idle(spec: &ClusterSpec) -> Option<Diagnostic> {
    if spec.spares == 0 || spec.replicas_per_shard > 0 {
        return None;
    }
    let detail = "A spare takes the place of a node whose shard another node serves. Without replicas there is never one: a node \
                  that is lost takes its keys along, and no spare has them.\n\nSet replicas_per_shard = 1 or more, or leave out spares.";
    Some(Diagnostic::warning("Spares without use", detail).at(Path::attribute("spares")))
}

fn plural(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

#[cfg(test)]
mod tests {
    use justmanage_model::{Bytes, Engine};

    use super::*;

    fn spec(replicas_per_shard: u16, spares: u16) -> ClusterSpec {
        let version = "7.0".parse().expect("a version");
        let spec = ClusterSpec::new(Engine::Redis, version, 3, replicas_per_shard, Bytes::mib(64));
        ClusterSpec { spares, ..spec }
    }

    #[test]
    fn spares_that_were_used_are_counted_and_so_is_what_an_apply_does() {
        let said = |missing, lost, spares| used(missing, lost, &spec(1, spares)).map(|warning| warning.detail);
        assert_eq!(said(0, 1, 1), None);
        assert_eq!(said(1, 1, 0), None, "they are not wanted any more");
        for (missing, lost, spares, begins) in [
            (
                1,
                1,
                1,
                "1 of 1 spare used; 1 lost machine is removed, 1 spare is made. Until then a node that is lost next stays",
            ),
            (1, 0, 1, "1 of 1 spare used; 1 spare is made. "),
            (
                2,
                2,
                3,
                "2 of 3 spares used; 2 lost machines are removed, 2 spares are made. Until then a node that is lost next still",
            ),
        ] {
            assert!(said(missing, lost, spares).is_some_and(|said| said.starts_with(begins)), "{begins}");
        }
    }

    #[test]
    fn spares_where_nothing_has_a_copy_are_named() {
        assert!(idle(&spec(0, 1)).is_some());
        assert!(idle(&spec(0, 0)).is_none() && idle(&spec(1, 1)).is_none());
    }
}
