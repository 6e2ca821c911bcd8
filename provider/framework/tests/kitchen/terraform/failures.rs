//! What goes wrong, and what the state says then.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::workspace::Workspace;

fn oven(name: &str, mode: &str) -> String {
    format!("resource \"kitchen_oven\" \"{name}\" {{\n  name = \"{name}\"\n  mode = \"{mode}\"\n}}\n")
}

#[test]
fn a_partly_made_thing_is_tainted_and_replaced() {
    let workspace = Workspace::with(&oven("o", "fail late"));
    workspace.apply().code(1).says("Oven broken").says("It failed late.");
    let instance = workspace.instance("kitchen_oven", "o");
    assert_eq!((&instance["status"], &instance["attributes"]["id"]), (&"tainted".into(), &"o".into()));
    workspace.configure(&oven("o", "bake"));
    workspace.plan().code(2).says("is tainted, so must be replaced");
    workspace.apply().code(0).says("1 added, 0 changed, 1 destroyed");
    workspace.plan().code(0);
}

#[test]
fn a_thing_that_was_not_made_is_not_in_the_state() {
    let workspace = Workspace::with(&oven("o", "fail early"));
    workspace.apply().code(1).says("Oven broken");
    assert!(workspace.instance("kitchen_oven", "o").is_null());
}

#[test]
fn a_failed_update_saves_the_truth_and_does_not_taint() {
    let workspace = Workspace::with(&oven("o", "bake"));
    workspace.apply().code(0);
    workspace.configure(&oven("o", "fail late"));
    workspace.apply().code(1).says("Oven broken");
    let instance = workspace.instance("kitchen_oven", "o");
    assert!(instance["status"].is_null(), "{instance}");
    assert_eq!(instance["attributes"]["mode"], "fail late");
    assert_eq!(instance["attributes"]["status"], "ready");
}

#[test]
fn a_panic_is_a_diagnostic_and_others_are_made() {
    let workspace = Workspace::with(&[oven("p", "panic late"), oven("o", "bake"), oven("q", "panic early")].concat());
    let run = workspace.apply().code(1).says("Provider panicked").says("the oven exploded late");
    run.says("the oven exploded early").says_not("crash").says_not("Plugin did not respond");
    assert_eq!(workspace.instance("kitchen_oven", "o")["attributes"]["status"], "ready");
    assert_eq!(workspace.instance("kitchen_oven", "p")["status"], "tainted");
    assert!(workspace.instance("kitchen_oven", "q").is_null());
}

#[test]
fn illegal_answers_are_blamed_on_the_provider_before_terraform_does() {
    for (mode, rule) in [
        ("lie", "is not the value that was planned"),
        ("leave unknown", "must be known in this answer"),
        ("plan a lie", "the planned value is neither that of the configuration nor the prior one"),
    ] {
        let workspace = Workspace::with(&oven("o", mode).replace("}", "  degrees = 200\n}"));
        let run = workspace.apply().code(1).says("Provider bug").says("kitchen_oven").says(rule);
        run.says_not("Provider produced").says_not("Provider returned");
    }
}

#[test]
fn what_is_wrong_with_the_configuration_is_said_at_its_line() {
    let workspace = Workspace::with("resource \"kitchen_dish\" \"a\" {\n  name = \"soup\"\n  weight = \"much\"\n}\n");
    let run = workspace.terraform(&["validate"]).code(1);
    run.says("Write a weight such as 300g or 1kg.").says("weight = \"much\"");
    let root = "provider \"kitchen\" {\n  directory = \"/\"\n}\ndata \"kitchen_menu\" \"all\" {}\n";
    workspace.write(root);
    workspace.plan().code(1).says("The root directory is no kitchen.").says("directory = \"/\"");
}

#[test]
fn a_refused_destroy_destroys_nothing() {
    let config = "resource \"kitchen_dish\" \"a\" {\n  name = \"soup\"\n  labels = { protected = \"yes\" }\n}\n";
    let workspace = Workspace::with(config);
    workspace.apply().code(0);
    workspace.terraform(&["destroy", "-auto-approve"]).code(1).says("Dish protected");
    assert!(workspace.thing("dish-soup").exists());
}

#[test]
fn ctrl_c_during_a_slow_create_answers_the_truth() {
    use std::os::unix::process::CommandExt;

    let workspace = Workspace::with(&oven("o", "slow"));
    let mut command = workspace.command(["apply", "-auto-approve"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut terraform = command.spawn().expect("terraform is on the PATH");
    let group = Pid::from_raw(i32::try_from(terraform.id()).expect("a pid")).expect("not zero");

    wait_until("the create has begun", || workspace.thing("started-o").exists());
    let asked = Instant::now();
    // As a terminal does it: Terraform and the provider both get the signal.
    kill_process_group(group, Signal::INT).expect("it runs");
    wait_until("terraform has ended", || terraform.try_wait().expect("it is our child").is_some());
    assert!(asked.elapsed() < Duration::from_secs(15), "it took {:?}", asked.elapsed());

    let output = terraform.wait_with_output().expect("it has ended");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("Stopped"), "{text}");
    let instance = workspace.instance("kitchen_oven", "o");
    assert_eq!((&instance["status"], &instance["attributes"]["id"]), (&"tainted".into(), &"o".into()));
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
