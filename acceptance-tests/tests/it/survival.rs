//! Agents die, servers die, machines restart: data and identity stay, and what needs an apply shows in the plan.

use acceptance_tests::{DEADLINE, Workspace, processes, wait_for, wait_until};
use redis::TypedCommands;
use rustix::process::Signal;

use crate::world::{CLUSTER, agent, applied, login, server};

fn write(workspace: &Workspace) {
    let mut client = login(workspace).connect().expect("connect");
    client.set("app:kept", "yes").expect("write");
    // The append-only file is written before the answer is sent, so a killed process loses nothing; only a power cut could.
}

fn assert_kept(workspace: &Workspace) {
    let login = login(workspace);
    let value = wait_for("the server answers", DEADLINE, || login.connect().ok()?.get("app:kept").ok()).expect("value");
    assert_eq!(value, "yes");
}

fn kill(pid: i32) {
    processes::signal(pid, Signal::KILL);
    wait_until("the process is gone", DEADLINE, || !processes::is_alive(pid));
}

#[test]
fn a_server_that_is_killed_is_started_again_without_terraform() {
    let mut workspace = applied("redis");
    workspace.allow_alarm("the server is down");
    // Said when it dies in the middle of a look.
    workspace.allow_alarm("the server does not answer");
    write(&workspace);
    let killed = server(&workspace, "redis");
    kill(killed);
    // Whether the agent has started another one by now or not: it is the agent's work, and none of Terraform's.
    workspace.assert_no_changes();
    wait_until("another server runs", DEADLINE, || {
        workspace.running("redis-server").iter().any(|process| process.pid != killed)
    });
    assert_kept(&workspace);
    wait_until("it is converged again", DEADLINE, || {
        workspace.terraform(&["refresh"]).ok();
        workspace.resource(CLUSTER)["converged"] == true
    });
    workspace.assert_no_changes();
    workspace.destroy().ok();
}

#[test]
fn an_agent_that_is_killed_shows_in_the_plan_and_the_next_takes_the_server_over() {
    let mut workspace = applied("redis");
    workspace.allow_alarm("the server is down");
    workspace.allow_alarm("the server does not answer");
    write(&workspace);
    let (killed, serving) = (agent(&workspace), server(&workspace, "redis"));
    kill(killed);
    assert_kept(&workspace);

    let plan = workspace.planned();
    assert_eq!(plan.actions(CLUSTER), ["update"]);
    assert_eq!(plan.after(CLUSTER)["converged"], true);
    workspace.apply().ok();
    assert_ne!(agent(&workspace), killed);
    assert_eq!(server(&workspace, "redis"), serving, "the server was adopted, not restarted");
    workspace.assert_no_changes();

    // Adopted means watched, too.
    kill(serving);
    wait_until("the adopted server's death was noticed", DEADLINE, || {
        workspace.running("redis-server").iter().any(|process| process.pid != serving)
    });
    assert_kept(&workspace);
    workspace.destroy().ok();
}

#[test]
fn after_a_restart_of_the_machine_an_apply_brings_everything_back() {
    let workspace = applied("redis");
    write(&workspace);
    let endpoint = login(&workspace).endpoint;
    // As a restart does: both at once, nobody is asked.
    let (agent, server) = (agent(&workspace), server(&workspace, "redis"));
    for pid in [agent, server] {
        processes::signal(pid, Signal::KILL);
    }
    for pid in [agent, server] {
        wait_until("the process is gone", DEADLINE, || !processes::is_alive(pid));
    }
    assert_eq!(workspace.running("redis-server"), []);

    assert_eq!(workspace.planned().actions(CLUSTER), ["update"]);
    workspace.apply().ok();
    assert_eq!(login(&workspace).endpoint, endpoint, "clients find it where it was");
    assert_kept(&workspace);
    workspace.assert_no_changes();
    workspace.destroy().ok();
}

#[test]
fn a_cluster_whose_processes_are_all_dead_is_removed_all_the_same() {
    let workspace = applied("redis");
    for pid in [agent(&workspace), server(&workspace, "redis")] {
        kill(pid);
    }
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn a_cluster_whose_agent_is_dead_takes_its_server_along() {
    let workspace = applied("redis");
    kill(agent(&workspace));
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn a_cluster_that_is_gone_is_made_again() {
    let workspace = applied("redis");
    for pid in [agent(&workspace), server(&workspace, "redis")] {
        kill(pid);
    }
    std::fs::remove_dir_all(workspace.clusters()).expect("somebody removes it all");
    assert_eq!(workspace.planned().actions(CLUSTER), ["create"]);
    workspace.apply().ok();
    login(&workspace).connect().expect("serves again");
    workspace.destroy().ok();
}
