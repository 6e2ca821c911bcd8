//! Three shards with a replica each, killed at some steps of a create and a destroy: which, a kept seed says.

use std::collections::VecDeque;

use acceptance_tests::Workspace;
use acceptance_tests::steps::Steps;

use super::{Case, TRIES, assert_whole, cases, killed, most, rehearsed};
use crate::world::{APPLY, DESTROY, cluster, user};

/// How many cases there are, unless all are wanted: each takes a quarter of a minute.
const CASES: usize = 4;
/// Which: change it when other steps are to be tried; `JUSTMANAGE_KILLS_SEED` does so for one run.
const SEED: usize = 7;

fn drawn(mut cases: VecDeque<Case>) -> VecDeque<Case> {
    if super::all() {
        return cases;
    }
    let seed = std::env::var("JUSTMANAGE_KILLS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(SEED);
    let every = (cases.len() / CASES).max(1);
    let first = seed % every;
    let mut number = 0;
    cases.retain(|_| {
        number += 1;
        (number - 1) % every == first
    });
    cases.truncate(CASES);
    cases
}

fn shaped() -> (Workspace, Steps) {
    let shape = "  shards = 3\n  replicas_per_shard = 1";
    rehearsed(&(cluster("redis", "7.0", shape) + &user("~app:* +@all -@dangerous", 1)))
}

#[test]
fn a_cluster_of_three_shards_is_finished_whoever_was_killed() {
    let (workspace, steps) = shaped();
    workspace.apply().ok();
    let create = drawn(cases(&steps.passed(most())));
    steps.begin();
    workspace.destroy().ok();
    let mut destroy = drawn(cases(&steps.passed(most())));
    assert!(create.len() >= CASES && destroy.len() >= CASES, "{create:?} {destroy:?}");
    for case in create {
        assert!(
            (0..TRIES).any(|_| {
                let _ = std::fs::remove_file(workspace.operator_key());
                let was = killed(&workspace, &steps, &case, APPLY);
                workspace.apply().ok();
                assert_whole(&workspace, 6, &case.to_string());
                let end = destroy.pop_front();
                if let Some(end) = end.filter(|end| !killed(&workspace, &steps, end, DESTROY)) {
                    destroy.push_back(end);
                }
                workspace.destroy().ok();
                workspace.assert_nothing_left();
                was
            }),
            "nobody came to {case}"
        );
    }
    // Those that nobody came to.
    for end in destroy {
        assert!(
            (0..TRIES).any(|_| {
                workspace.apply().ok();
                let was = killed(&workspace, &steps, &end, DESTROY);
                workspace.destroy().ok();
                workspace.assert_nothing_left();
                was
            }),
            "nobody came to {end}"
        );
    }
}
