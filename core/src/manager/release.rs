//! From one release to another: whether there is a way, and with which program.

use std::collections::BTreeSet;

use justmanage_model::spec::NODES_MAX;
use justmanage_model::{ClusterSpec, Failure, FieldPath, NodeId, Program, Record, Release, ServerState, Shape};
use justmanage_releases::{NoHop, hop};

use super::Manager;
use super::look::Looked;
use super::replace::query;

/// Where the servers of a cluster are on their way, as far as that is known.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// What they run, or go over to.
    pub release: &'a Release,
    /// What they come from, as long as not all have gone over.
    pub previous: Option<&'a Release>,
}

impl<'a> Standing<'a> {
    /// As the Record says.
    pub fn of(record: &'a Record) -> Self {
        Self { release: &record.release, previous: record.previous.as_ref().map(|previous| &previous.release) }
    }

    /// Whether nothing changes: a spec asks for what is there. To say otherwise which release is wanted ("7.0" or "7.0.15") changes
    /// nothing as long as it is the one that runs.
    pub fn stays(&self, spec: &ClusterSpec) -> bool {
        asks_for(spec, self.release)
    }

    /// Whether a spec asks for what they come from.
    pub fn goes_back(&self, spec: &ClusterSpec) -> bool {
        self.previous.is_some_and(|previous| asks_for(spec, previous))
    }
}

fn asks_for(spec: &ClusterSpec, release: &Release) -> bool {
    spec.engine == release.engine && spec.version.admits(release.version)
}

/// Why servers cannot go over to a release, if they cannot. `field_ttls`: how many keys have fields that expire, if that was seen.
pub fn refuse_release(
    from: Standing<'_>,
    to: &Release,
    spec: &ClusterSpec,
    field_ttls: Option<u64>,
) -> Option<Failure> {
    let refuse = |detail: String, hint: String| {
        let failure = Failure::at(FieldPath::of("version"), "Version cannot be reached from here", detail);
        Some(failure.hint(hint).next("Nothing was changed."))
    };
    let Standing { release, previous } = from;
    if let Some(previous) = previous {
        return refuse(
            format!("The servers are on their way from {previous} to {release}, and not all have arrived."),
            format!("Let an apply see that through first, or go back: version = \"{}\".", previous.version),
        );
    }
    match hop(release, to) {
        Err(NoHop { why, instead }) => refuse(why, instead),
        Ok(hop) if hop.empties && spec.replicas_per_shard == 0 && !spec.surge => refuse(
            format!(
                "What {release} has written cannot be read by {to}: a node has to be emptied and copy everything from another one \
                 of its shard, and there is no other."
            ),
            "Set surge = true: then there is another one for that time. Or set replicas_per_shard = 1, apply, and change the version then."
                .into(),
        ),
        Ok(hop) if hop.refuses_field_ttls && field_ttls.is_some_and(|keys| keys > 0) => refuse(
            format!(
                "{} keys are hashes with fields that expire, which {to} cannot receive from {release}.",
                field_ttls.unwrap_or_default()
            ),
            "Remove the times of these fields (HPERSIST), or the keys; or stay.".into(),
        ),
        Ok(_) => refuse_surge(spec),
    }
}

/// Why each shard cannot get a replica more for the time of a roll, if that is asked for.
fn refuse_surge(spec: &ClusterSpec) -> Option<Failure> {
    let nodes = spec.machines() + temporary(spec);
    (nodes > NODES_MAX).then(|| {
        let detail = format!(
            "A temporary replica for each of {} shards makes {nodes} nodes, and {NODES_MAX} are possible.",
            spec.shards
        );
        Failure::at(FieldPath::of("surge"), "Too many nodes on the way", detail)
            .hint("Set surge = false for this change.")
            .next("Nothing was changed.")
    })
}

/// How many temporary replicas a version change makes.
pub fn temporary(spec: &ClusterSpec) -> u32 {
    if spec.surge { spec.shards.into() } else { 0 }
}

/// Why a cluster cannot go another way besides the one that it is on, if it is: a node is emptied only where another has its data,
/// and slots move only between servers of one release. `reshaping`: it has not got the shape yet that was asked for last.
pub fn refuse_second_way(
    standing: Standing<'_>,
    (from, to): (&ClusterSpec, &ClusterSpec),
    reshaping: bool,
) -> Option<Failure> {
    let Standing { release, previous } = standing;
    let refuse = |field: &str, detail: String| {
        let failure = Failure::at(FieldPath::of(field), "One way at a time", detail);
        Some(
            failure
                .hint("Put the old value back, let an apply see that through, and then change it.")
                .next("Nothing was changed."),
        )
    };
    let field = if from.shards == to.shards { "replicas_per_shard" } else { "shards" };
    let reshapes = Shape::of(from) != Shape::of(to);
    let new = !standing.stays(to) && !standing.goes_back(to);
    match previous {
        Some(previous) if reshapes || from.surge != to.surge && !standing.goes_back(to) => refuse(
            if reshapes { field } else { "surge" },
            format!("The servers are on their way from {previous} to {release}, and not all have arrived."),
        ),
        _ if new && reshaping => refuse(
            "version",
            "The cluster has not got the shards and replicas yet that were asked for last, or has temporary ones left.".into(),
        ),
        _ if new && reshapes && to.surge => refuse(
            field,
            "With surge = true each shard gets a temporary replica while the version changes, and the cluster cannot take another \
             shape at the same time."
                .into(),
        ),
        _ => None,
    }
}

/// Why servers cannot go back to where they come from, if they cannot: whoever has gone over would have to be emptied, and nobody has
/// its data.
fn refuse_back(record: &Record, previous: &Release, looked: &[Looked]) -> Option<Failure> {
    let release = &record.release;
    let running: Vec<(NodeId, &Release)> = looked
        .iter()
        .filter_map(|one| match &one.reply()?.1.node.server {
            ServerState::Running(server) => Some((one.machine.claim.node, &server.release)),
            _ => None,
        })
        .collect();
    let gone_over = running.iter().filter(|(_, runs)| runs.agrees_with(release));
    let shards: BTreeSet<u16> = gone_over.filter_map(|(node, _)| record.shard_of(*node)).collect();
    // Temporary replicas have their data.
    let alone = |shard: &u16| running.iter().filter(|(node, _)| record.shard_of(*node) == Some(*shard)).count() < 2;
    let empties = hop(release, previous).is_ok_and(|hop| hop.empties);
    if record.spec.replicas_per_shard > 0 || !empties || !shards.iter().any(alone) {
        return None;
    }
    let detail = format!(
        "Some servers run {release} already. What they have written cannot be read by {previous}, and no other node has their data."
    );
    let failure = Failure::at(FieldPath::of("version"), "No way back without replicas", detail);
    Some(
        failure
            .hint("Apply the version that they go over to, and let that be seen through.")
            .next("Nothing was changed."),
    )
}

impl Manager {
    /// The program that the servers of a cluster are to go over to, to be as a spec asks; `None`: they run it, or go over to it
    /// already.
    ///
    /// # Errors
    /// There is no such program, or no way to it.
    pub(super) async fn way(
        &self,
        record: &Record,
        spec: &ClusterSpec,
        field_ttls: Option<u64>,
        looked: &[Looked],
    ) -> Result<Option<Program>, Failure> {
        let standing = Standing::of(record);
        if let Some(refusal) = refuse_second_way(standing, (&record.spec, spec), record.reshaping.is_some()) {
            return Err(refusal);
        }
        if standing.stays(spec) {
            return Ok(None);
        }
        if let Some(previous) = record.previous.as_ref().filter(|_| standing.goes_back(spec)) {
            return match refuse_back(record, &previous.release, looked) {
                Some(refusal) => Err(refusal),
                None => Ok(Some(previous.clone())),
            };
        }
        let cluster = Some(query(record));
        let (release, artefact) = self.artefacts.obtain(self.platform.as_ref(), spec, cluster.as_ref()).await?;
        match refuse_release(standing, &release, spec, field_ttls) {
            Some(refusal) => Err(refusal),
            None => Ok(Some(Program { release, artefact })),
        }
    }
}

#[cfg(test)]
mod tests {
    use justmanage_model::{Bytes, Engine, Version};

    use super::*;

    fn spec(engine: Engine, version: &str, replicas: u16) -> ClusterSpec {
        ClusterSpec::new(engine, version.parse().expect("a version"), 3, replicas, Bytes::mib(64))
    }

    fn release(engine: Engine, version: &str) -> Release {
        Release::new(engine, version.parse::<Version>().expect("a version"))
    }

    #[test]
    fn what_runs_and_where_it_came_from_are_told_from_what_is_new() {
        let (now, before) = (release(Engine::Redis, "7.2.4"), release(Engine::Redis, "7.0.15"));
        for (previous, engine, version, stays, back) in [
            (None, Engine::Redis, "7.2", true, false),
            (None, Engine::Redis, "7.2.4", true, false),
            (None, Engine::Redis, "7.2.5", false, false),
            (None, Engine::Valkey, "7.2.4", false, false),
            (Some(&before), Engine::Redis, "7.0", false, true),
            (Some(&before), Engine::Redis, "7.2.4", true, false),
            (Some(&before), Engine::Redis, "7.4", false, false),
        ] {
            let standing = Standing { release: &now, previous };
            let spec = spec(engine, version, 1);
            assert_eq!(
                (standing.stays(&spec), standing.goes_back(&spec)),
                (stays, back),
                "{previous:?} {engine} {version}"
            );
        }
    }

    #[test]
    fn a_cluster_goes_one_way_at_a_time() {
        let (now, before) = (release(Engine::Redis, "7.2.4"), release(Engine::Redis, "7.0.15"));
        let shape = |version: &str, shards, replicas| {
            ClusterSpec::new(Engine::Redis, version.parse().expect("a version"), shards, replicas, Bytes::mib(64))
        };
        for (previous, reshaping, to, refused) in [
            (None, false, shape("7.4.1", 4, 0), None),
            (None, true, shape("7.2.4", 4, 2), None),
            (None, true, shape("7.4.1", 3, 1), Some("version")),
            (Some(&before), false, shape("7.2.4", 3, 0), Some("replicas_per_shard")),
            (Some(&before), false, shape("7.0", 4, 1), Some("shards")),
            (Some(&before), true, shape("7.0", 3, 1), None),
        ] {
            let standing = Standing { release: &now, previous };
            let failure = refuse_second_way(standing, (&shape("7.2.4", 3, 1), &to), reshaping);
            let at = failure.map(|failure| failure.about.to_string());
            assert_eq!(at.as_deref(), refused, "{previous:?} {reshaping} {to:?}");
        }
    }

    #[test]
    fn a_way_that_would_lose_something_is_refused_with_the_reason() {
        let redis = |version: &str| release(Engine::Redis, version);
        let refused = |from: &Release, previous: Option<&Release>, to: &str, replicas, ttls| {
            let standing = Standing { release: from, previous };
            let failure = refuse_release(standing, &redis(to), &spec(Engine::Redis, to, replicas), ttls);
            failure.map(|failure| failure.to_string())
        };
        let says = |said: Option<String>, what: &str| {
            let said = said.expect("it is refused");
            assert!(said.contains(what), "{said}");
        };
        assert_eq!(refused(&redis("8.0.2"), None, "8.0.6", 0, None), None);
        assert_eq!(refused(&redis("8.0.6"), None, "8.0.2", 1, None), None);
        says(refused(&redis("8.0.6"), None, "8.0.2", 0, None), "has to be emptied");
        says(refused(&redis("7.0.15"), Some(&redis("6.2.14")), "7.2.4", 1, None), "on their way from redis 6.2.14");
    }
}
