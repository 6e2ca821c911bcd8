//! From one release to another: refused where there is no way, and told how it goes where there is one.

use justmanage_core::artefacts::Choice;
use justmanage_core::manager::{Observed, Standing, refuse_release, refuse_second_way, temporary};
use justmanage_model::{Bytes, ClusterSpec, Failure, FieldPath, Release};
use justmanage_releases::hop;
use tfkit::{Diagnostic, Diagnostics, Path};

use super::super::{Cluster, Context, platform, private, spec};
use super::warnings::handovers;
use crate::diagnostics;

/// The release that a spec asks for here and now.
pub(super) async fn chosen(cx: &Context, planned: &Cluster, spec: &ClusterSpec) -> Result<Release, Diagnostics> {
    let manager = platform::manager(cx.client()?, planned, None)?;
    if spec::is_old(spec.engine, spec.version) && !spec.testing.old_releases {
        let offered = justmanage_releases::check_target(spec.engine, spec.version);
        return Err(offered.map_or_else(Diagnostics::new, |failure| diagnostics::error(&failure).into()));
    }
    let choice = manager.artefacts().choose(manager.platform(), spec).await;
    Ok(match choice.map_err(|failure| diagnostics::error(&failure))? {
        Choice::Present(program) => program.release,
        Choice::Install(package) => package.release,
        Choice::Fetch { version, .. } => Release::new(spec.engine, version),
    })
}

/// The release that servers are to go over to; `None`: they run it already, or it cannot be said yet.
pub(super) async fn change(
    cx: &Context,
    (prior, planned): (&Cluster, &Cluster),
    running: Option<&Release>,
    (from, to): (&ClusterSpec, &ClusterSpec),
) -> Result<Option<Release>, Diagnostics> {
    let Some(running) = running else {
        // It was never seen, so nobody knows whether there is a way.
        let same = from.engine == to.engine && from.version == to.version;
        return if same { Ok(None) } else { Err(diagnostics::error(&never_seen()).into()) };
    };
    let previous = private::previous(cx);
    let standing = Standing { release: running, previous: previous.as_ref() };
    // Of a shape that it has not got yet the agents know, and the apply asks them.
    if let Some(failure) = refuse_second_way(standing, (from, to), false) {
        return Err(diagnostics::error(&failure).into());
    }
    if standing.stays(to) {
        return Ok(None);
    }
    if standing.goes_back(to) {
        return Ok(previous);
    }
    if cx.provider_config_unknown() {
        return Ok(None);
    }
    let chosen = chosen(cx, planned, to).await?;
    let loses = hop(running, &chosen).is_ok_and(|hop| hop.refuses_field_ttls);
    let field_ttls = if loses { field_ttls(cx, prior).await } else { None };
    match refuse_release(standing, &chosen, to, field_ttls) {
        Some(failure) => Err(diagnostics::error(&failure).into()),
        None => Ok(Some(chosen)),
    }
}

/// Keys with fields that expire, if the servers can be asked now.
async fn field_ttls(cx: &Context, prior: &Cluster) -> Option<u64> {
    let manager = platform::manager(cx.client().ok()?, prior, None).ok()?;
    match manager.observe(&prior.locator().ok()?).await {
        Ok(Observed::Here(view)) => {
            let primaries = view.nodes.iter().filter(|node| !node.slots.is_empty());
            primaries.filter_map(|node| node.field_ttls).reduce(|sum, keys| sum + keys)
        }
        _ => None,
    }
}

fn never_seen() -> Failure {
    let detail =
        "What the servers of this cluster run has not been seen yet, so nobody can say whether there is a way.";
    Failure::at(FieldPath::of("version"), "Version not known", detail)
        .hint("Put the old version back, run terraform refresh while the cluster can be reached, and change it then.")
        .next("Nothing was changed.")
}

/// What happens on the way.
pub(super) fn warning(from: &Release, over: &Release, spec: &ClusterSpec) -> Diagnostic {
    let empties = hop(from, over).is_ok_and(|hop| hop.empties);
    let nodes = spec.nodes() + temporary(spec);
    let mut detail = format!("The servers go over from {from} to {over}. ");
    detail.push_str(&surge(spec));
    if spec.replicas_per_shard == 0 && !spec.surge {
        detail.push_str(if nodes == 1 {
            "The only node is restarted: it saves its data first, and cannot be reached for that moment. There is no copy to fall \
             back on: take a backup first."
        } else {
            "The nodes are restarted one after the other, each when the one before is back. Each saves its data first, and its keys \
             cannot be reached for that moment. There are no copies to fall back on: take a backup first."
        });
    } else {
        let each = if empties {
            "Each node is emptied first, because the new program may not be able to read what the one before has written, and copies \
             everything anew from its primary"
        } else {
            "Each node saves its data first, and is waited for until it is in sync again"
        };
        detail.push_str(&format!(
            "One node at a time, shard by shard, replicas first; then each primary hands its shard over to a replica, for which its \
             writers wait some tens of milliseconds, and follows. {each}. In all: {nodes} restarts, {}.",
            handovers(spec)
        ));
        if spec.replicas_per_shard == 1 && !spec.surge {
            detail.push_str(" While one node of a shard is restarted, the other has its data alone.");
        }
        detail.push_str(
            "\n\nIf the new program does not start, or ends by its own doing within a minute of its start, that node is put back to \
             the old one, and no further one goes over.",
        );
    }
    let summary = if empties { "Rolling downgrade" } else { "Rolling upgrade" };
    let at = if from.engine == over.engine { "version" } else { "engine" };
    Diagnostic::warning(summary, detail).at(Path::attribute(at))
}

/// What is made for the roll and removed after it.
fn surge(spec: &ClusterSpec) -> String {
    let count = temporary(spec);
    if count == 0 {
        return String::new();
    }
    let (replicas, each) =
        if count == 1 { ("replica is", "the shard") } else { ("replicas are", "each of the shards") };
    let memory = Bytes::new(spec.memory.get().saturating_mul(count.into()));
    format!(
        "{count} temporary {replicas} made for the roll and removed after it, one for {each}: up to {memory} of memory for data on top, \
         and a full copy of each shard before its first node is restarted. "
    )
}

#[cfg(test)]
mod tests {
    use justmanage_model::{Bytes, Engine};

    use super::*;

    fn release(version: &str) -> Release {
        Release::new(Engine::Redis, version.parse().expect("a version"))
    }

    #[test]
    fn the_way_is_told_by_the_shape_and_the_direction() {
        for (from, to, shards, replicas, says) in [
            ("8.0.2", "8.0.6", 3, 1, &["Rolling upgrade", "6 restarts, 3 handovers", "alone", "put back"][..]),
            ("8.0.2", "8.0.6", 1, 2, &["Rolling upgrade", "3 restarts, 1 handover."]),
            ("8.0.6", "8.0.2", 3, 1, &["Rolling downgrade", "emptied first"]),
            ("8.0.2", "8.0.6", 1, 0, &["Rolling upgrade", "The only node", "backup"]),
            ("8.0.2", "8.0.6", 3, 0, &["one after the other", "backup"]),
        ] {
            let target = to.parse().expect("a version");
            let spec = ClusterSpec::new(Engine::Redis, target, shards, replicas, Bytes::mib(64));
            let warning = warning(&release(from), &release(to), &spec);
            let text = format!("{} {}", warning.summary, warning.detail);
            assert!(says.iter().all(|words| text.contains(words)), "{text}");
            assert_eq!(warning.path, Path::attribute("version"));
            assert!(!text.contains("temporary"), "{text}");
        }
    }

    #[test]
    fn temporary_replicas_are_counted_with_what_they_take() {
        for (shards, replicas, says) in [
            (3, 1, &["3 temporary replicas are made", "up to 192MiB", "9 restarts, 3 handovers"][..]),
            (1, 1, &["1 temporary replica is made", "up to 64MiB", "3 restarts, 1 handover."]),
            (3, 0, &["3 temporary replicas are made", "hands its shard over", "6 restarts, 6 handovers"]),
        ] {
            let target = "8.0.6".parse().expect("a version");
            let spec = ClusterSpec::new(Engine::Redis, target, shards, replicas, Bytes::mib(64));
            let spec = ClusterSpec { surge: true, ..spec };
            let text = warning(&release("8.0.2"), &release("8.0.6"), &spec).detail;
            assert!(says.iter().all(|words| text.contains(words)), "{text}");
            assert!(!text.contains("alone") && !text.contains("backup"), "{text}");
        }
    }
}
