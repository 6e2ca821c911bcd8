//! A create and a destroy of one node, killed at every step of each.

use std::collections::VecDeque;
use std::sync::Mutex;

use acceptance_tests::Workspace;
use acceptance_tests::steps::Steps;

use super::{Case, Place, all_of, assert_whole, cases, killed, most, rehearsed};
use crate::world::{APPLY, DESTROY, cluster, user};

fn one_node() -> String {
    cluster("redis", "7.0", "") + &user("~app:* +@all -@dangerous", 1)
}

/// What a create and a destroy pass, of those who are wanted.
fn recorded(of_provider: bool) -> (VecDeque<Case>, VecDeque<Case>) {
    let (workspace, steps) = rehearsed(&one_node());
    let passed = || {
        let mut points = steps.passed(most());
        points.retain(|point| point.is_of_provider() == of_provider);
        cases(&points)
    };
    workspace.apply().ok();
    let create = passed();
    steps.begin();
    workspace.destroy().ok();
    (create, passed())
}

/// Each create that is killed is applied again; then each destroy that is killed is destroyed again.
fn killed_at_every_step(of_provider: bool) {
    let (create, destroy) = recorded(of_provider);
    eprintln!("{} points of a create, {} of a destroy", create.len(), destroy.len());
    let begin = || {
        let (workspace, steps) = rehearsed(&one_node());
        (workspace, steps, ())
    };
    let end = |(workspace, _, ()): Place<()>| workspace.assert_nothing_left();
    let destroys = Mutex::new(destroy);
    all_of(
        create,
        begin,
        |(workspace, steps, ()), case| {
            // The first apply of all makes it, and this is one.
            let _ = std::fs::remove_file(workspace.operator_key());
            let was = killed(workspace, steps, case, APPLY);
            workspace.apply().ok();
            assert_whole(workspace, 1, &case.to_string());
            // The destroys take their turn at the end of creates: a cluster that is made for one is enough for both.
            let next = destroys.lock().expect("no panic inside").pop_front();
            match next {
                Some(case) => destroyed(workspace, steps, &case, &destroys),
                None => drop(workspace.destroy().ok()),
            }
            workspace.assert_nothing_left();
            was
        },
        end,
    );
    let left = destroys.into_inner().expect("no panic inside");
    if !left.is_empty() {
        all_of(
            left,
            begin,
            |(workspace, steps, ()), case| {
                workspace.apply().ok();
                let was = killed(workspace, steps, case, DESTROY);
                workspace.destroy().ok();
                workspace.assert_nothing_left();
                was
            },
            end,
        );
    }
}

/// A destroy that nobody was killed in is tried again with the next cluster.
fn destroyed(workspace: &Workspace, steps: &Steps, case: &Case, destroys: &Mutex<VecDeque<Case>>) {
    let was = killed(workspace, steps, case, DESTROY);
    eprintln!("         destroy {case}{}", if was { "" } else { " - not reached" });
    if !was {
        destroys.lock().expect("no panic inside").push_back(case.clone());
    }
    workspace.destroy().ok();
}

#[test]
fn terraform_and_provider_killed_at_every_step_of_a_create_and_a_destroy() {
    killed_at_every_step(true);
}

#[test]
fn the_agent_killed_at_every_step_of_a_create_and_a_destroy() {
    killed_at_every_step(false);
}
