//! Ctrl-C, once and twice, as a terminal sends it: to Terraform and its providers at once.

use std::os::unix::process::CommandExt;
use std::time::{Duration, Instant};

use acceptance_tests::{DEADLINE, Run, Workspace, wait_until};
use redis::TypedCommands;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::world::{APPLY, CLUSTER, DESTROY, agent, applied, cluster, login, prepared, server, user};

/// "Soon": what is under way at that moment is brought to a point from which the next apply goes on. A busy machine takes longer
/// than the second or two that this needs.
const SOON: Duration = Duration::from_secs(30);

/// Runs Terraform in a process group of its own, and sends so many SIGINT to all of it when the moment has come.
fn interrupted(workspace: &Workspace, arguments: &[&str], times: usize, moment: impl Fn() -> bool) -> Run {
    let mut child = workspace.command(arguments).process_group(0).spawn().expect("terraform starts");
    let group = Pid::from_raw(i32::try_from(child.id()).expect("a pid")).expect("a pid");
    wait_until("the moment comes", DEADLINE, || moment() || child.try_wait().expect("our child").is_some());
    let begun = Instant::now();
    for time in 0..times {
        if time > 0 {
            // Terraform takes the second for what it is only after it has heard the first.
            std::thread::sleep(Duration::from_millis(300));
        }
        let _ = kill_process_group(group, Signal::INT); // gone already is fine
    }
    let run = workspace.wait(child);
    assert!(begun.elapsed() < SOON, "it took {:?}\n{run}", begun.elapsed());
    wait_until("the providers are gone", DEADLINE, || workspace.running("terraform-provider-justmanage").is_empty());
    run
}

fn assert_whole(workspace: &Workspace) {
    workspace.apply().ok();
    assert_eq!(workspace.nodes().len(), 1);
    server(workspace, "redis");
    agent(workspace);
    assert_eq!(workspace.resource(CLUSTER)["converged"], true);
    workspace.assert_no_changes();
}

fn a_create(times: usize) {
    let workspace = prepared("redis");
    let run = interrupted(&workspace, APPLY, times, || !workspace.nodes().is_empty());
    // It may have been done by then. If not, nothing that exists is forgotten, and the next apply finishes or replaces it.
    assert!(run.code == Some(0) || run.code == Some(1), "{run}");
    assert_whole(&workspace);
    login(&workspace).connect().expect("the user gets in");
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn a_create_that_is_interrupted_once_is_finished_by_the_next_apply() {
    a_create(1);
}

#[test]
fn a_create_that_is_interrupted_twice_is_finished_by_the_next_apply() {
    a_create(2);
}

fn an_update(times: usize) {
    let workspace = applied("redis");
    login(&workspace).connect().expect("connect").set("app:kept", "yes").expect("write");
    let before = server(&workspace, "redis");
    let restart =
        cluster("redis", "7.0", "  config = { \"io-threads\" = \"2\" }") + &user("~app:* +@all -@dangerous", 1);
    workspace.write("main.tf", &restart);
    let servers = || workspace.running("redis-server");
    let run = interrupted(&workspace, APPLY, times, || servers().iter().all(|process| process.pid != before));
    assert!(run.code == Some(0) || run.code == Some(1), "{run}");
    if run.code == Some(1) && times == 1 {
        assert!(run.errors().any(|error| error.summary == "Interrupted"), "{run}");
        assert_eq!(workspace.resource(CLUSTER)["converged"], false, "the state says so");
    }
    assert_whole(&workspace);
    let kept = login(&workspace).connect().expect("connect").get("app:kept").expect("read");
    assert_eq!(kept.as_deref(), Some("yes"));
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn an_update_that_is_interrupted_once_tells_the_truth_and_is_finished_by_the_next_apply() {
    an_update(1);
}

#[test]
fn an_update_that_is_interrupted_twice_is_finished_by_the_next_apply() {
    an_update(2);
}

fn a_destroy(times: usize) {
    let workspace = applied("redis");
    let serving = server(&workspace, "redis");
    let run = interrupted(&workspace, DESTROY, times, || !acceptance_tests::processes::is_alive(serving));
    assert!(run.code == Some(0) || run.code == Some(1), "{run}");
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn a_destroy_that_is_interrupted_once_leaves_nothing_after_the_next() {
    a_destroy(1);
}

#[test]
fn a_destroy_that_is_interrupted_twice_leaves_nothing_after_the_next() {
    a_destroy(2);
}
