//! An upgrade of the agent of one node, killed at every step: the next apply finishes it, and the server never notices.

use std::collections::VecDeque;

use super::{Case, Place, all_of, assert_whole, cases, killed, most, rehearsed, saved};
use crate::upgrades::release;
use crate::world::{APPLY, cluster, server, user};

/// The node, its server's process, and the last version that was put on it.
fn made() -> Place<(i32, u16)> {
    let (workspace, steps) = rehearsed(&(cluster("redis", "7.0", "") + &user("~app:* +@all -@dangerous", 1)));
    workspace.apply().ok();
    let server = server(&workspace, "redis");
    (workspace, steps, (server, 1))
}

/// What an upgrade passes.
fn recorded() -> VecDeque<Case> {
    let (workspace, steps, _) = made();
    release(&workspace, "0.2.0");
    steps.begin();
    workspace.apply().ok();
    let points = steps.passed(most());
    workspace.destroy().ok();
    cases(&points)
}

#[test]
fn everybody_killed_at_every_step_of_an_upgrade_of_the_agent() {
    let recorded = recorded();
    eprintln!("{} points of an upgrade", recorded.len());
    all_of(
        recorded,
        made,
        |(workspace, steps, (serving, minor)), case| {
            *minor += 1;
            let version = format!("0.{minor}.0");
            release(workspace, &version);
            let was = killed(workspace, steps, case, APPLY);
            workspace.apply().ok();
            assert_whole(workspace, 1, &case.to_string());
            assert_eq!(saved(workspace)["agent_version"], *version, "{case}");
            assert_eq!(server(workspace, "redis"), *serving, "{case}: the server runs on");
            was
        },
        |(workspace, _, _)| {
            workspace.destroy().ok();
            workspace.assert_nothing_left();
        },
    );
}
