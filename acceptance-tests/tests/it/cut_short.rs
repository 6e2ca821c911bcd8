//! Applies that are killed or interrupted: the next one ends in exactly what is asked, and nothing is leaked.

use acceptance_tests::{DEADLINE, Workspace, processes, wait_until};
use rustix::process::Signal;

use crate::world::{APPLY, CLUSTER, login, prepared};

/// Starts an apply, and kills Terraform with its providers as soon as `moment` has come.
pub(crate) fn killed_when(workspace: &Workspace, moment: impl Fn(&Workspace) -> bool) {
    let mut command = workspace.command(&["apply", "-auto-approve", "-input=false"]);
    let mut terraform = command.spawn().expect("terraform starts");
    wait_until("the moment comes", DEADLINE, || moment(workspace) || terraform.try_wait().expect("child").is_some());
    let pid = i32::try_from(terraform.id()).expect("pid");
    // Terraform first: it writes its state when a provider ends, in place, and whoever dies then leaves none.
    processes::signal(pid, Signal::KILL);
    terraform.wait().expect("it is dead");
    for process in workspace.running("terraform-provider-justmanage") {
        processes::signal(process.pid, Signal::KILL);
    }
    wait_until("its providers are gone", DEADLINE, || workspace.running("terraform-provider-justmanage").is_empty());
}

/// Applies again, and everything is as if nothing had happened.
fn assert_whole(workspace: &Workspace) {
    // A lock of the state that the dead Terraform held is released by the system.
    workspace.apply().ok();
    assert_eq!(workspace.nodes().len(), 1, "one node, whoever made it");
    assert_eq!(workspace.running("redis-server").len(), 1);
    assert_eq!(workspace.running("justmanage-agent").len(), 1);
    assert_eq!(workspace.resource(CLUSTER)["converged"], true);
    login(workspace).connect().expect("the user gets in");
    workspace.assert_no_changes();
    workspace.destroy().ok();
    // A killed provider cannot remove its own socket; the next one of the same user does.
    workspace.assert_nothing_left();
}

#[test]
fn killed_as_soon_as_the_node_exists() {
    let workspace = prepared("redis");
    killed_when(&workspace, |workspace| !workspace.nodes().is_empty());
    assert_whole(&workspace);
}

#[test]
fn killed_as_soon_as_the_agent_runs() {
    let workspace = prepared("redis");
    killed_when(&workspace, |workspace| workspace.nodes().iter().any(|node| node.join("agent.json").exists()));
    assert_whole(&workspace);
}

#[test]
fn killed_as_soon_as_the_cluster_is_founded() {
    let workspace = prepared("redis");
    killed_when(&workspace, |workspace| workspace.log().iter().any(|line| line.contains("FoundAuthority")));
    assert_whole(&workspace);
}

#[test]
fn killed_as_soon_as_the_server_runs() {
    let workspace = prepared("redis");
    killed_when(&workspace, |workspace| !workspace.running("redis-server").is_empty());
    assert_whole(&workspace);
}

#[test]
fn killed_before_terraform_saved_that_it_was_formed() {
    let workspace = prepared("redis");
    killed_when(&workspace, |workspace| workspace.log().iter().any(|line| line.contains("Record(Formed(")));
    assert_whole(&workspace);
}

#[test]
fn a_create_that_cannot_end_is_tainted_and_made_anew() {
    let mut workspace = prepared("redis");
    workspace.allow_alarm("the server is down");
    // A directive that this build's table knows and the server refuses only when it starts.
    let broken = crate::world::cluster("redis", "7.0", "  config = { \"oom-score-adj-values\" = \"1 2 3 4\" }");
    workspace.write("main.tf", &broken);
    let run = workspace.terraform(&["validate", "-json"]);
    if run.code != Some(0) {
        // The table knows better by now: then there is nothing to try here, and the refusal is the better answer.
        run.fails();
        return;
    }
    let child = workspace.command(APPLY).spawn().expect("terraform");
    let pid = i32::try_from(child.id()).expect("pid");
    wait_until("the server was tried", DEADLINE, || {
        workspace
            .nodes()
            .iter()
            .any(|node| std::fs::read_to_string(node.join("server.log")).is_ok_and(|log| !log.is_empty()))
    });
    processes::signal(pid, Signal::INT);
    let run = workspace.wait(child);
    assert_eq!(run.code, Some(1), "{run}");
    assert!(run.errors().any(|error| error.summary == "Interrupted"), "{run}");
    assert_eq!(workspace.nodes().len(), 1, "it is not forgotten");

    workspace.write("main.tf", &crate::world::cluster("redis", "7.0", ""));
    assert_eq!(workspace.planned().actions(CLUSTER), ["delete", "create"], "it never held data");
    workspace.apply().ok();
    assert_eq!(workspace.nodes().len(), 1);
    workspace.destroy().ok();
}

#[test]
fn an_interrupt_ends_an_apply_soon_and_tells_the_truth() {
    let workspace = prepared("redis");
    let child = workspace.command(APPLY).spawn().expect("terraform");
    let pid = i32::try_from(child.id()).expect("pid");
    wait_until("the node exists", DEADLINE, || !workspace.nodes().is_empty());
    processes::signal(pid, Signal::INT);
    let run = workspace.wait(child);
    // It may have been done by then: then it says so. Otherwise it says that it was interrupted.
    assert!(run.code == Some(0) || run.code == Some(1), "{run}");
    assert_whole(&workspace);
}

/// A provider that is killed while Terraform lives on: Terraform reports it, and the next apply goes on.
#[test]
fn a_provider_that_is_killed_leaves_what_the_next_apply_finishes() {
    let workspace = prepared("redis");
    let child = workspace.command(APPLY).spawn().expect("terraform");
    wait_until("the node exists", DEADLINE, || !workspace.nodes().is_empty());
    for process in workspace.running("terraform-provider-justmanage") {
        processes::signal(process.pid, Signal::KILL);
    }
    let run = workspace.wait(child);
    assert!(run.code.is_some(), "{run}");
    assert_whole(&workspace);
}
