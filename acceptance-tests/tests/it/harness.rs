//! The harness itself: it sees what is left behind, it reads Terraform rightly, and it cleans up.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;

use acceptance_tests::{DEADLINE, Workspace, processes, wait_until};

/// What the end of a workspace complains about, if it does.
fn complaint(workspace: Workspace) -> Option<String> {
    let panic = catch_unwind(AssertUnwindSafe(|| drop(workspace))).err()?;
    Some(panic.downcast_ref::<String>().cloned().unwrap_or_default())
}

#[test]
fn a_process_that_is_left_is_killed_and_fails_the_test() {
    let workspace = Workspace::bare();
    let mut child = Command::new("sleep").arg("600").current_dir(workspace.config()).spawn().expect("sleep starts");
    let pid = i32::try_from(child.id()).expect("a pid is positive");
    wait_until("the process is seen", DEADLINE, || !workspace.processes().is_empty());
    let root = workspace.root().to_path_buf();
    let complaint = complaint(workspace).expect("a complaint");
    assert!(complaint.contains("left behind") && complaint.contains(&pid.to_string()), "{complaint}");
    child.wait().expect("our own child");
    assert!(!processes::is_alive(pid) && !root.exists());
}

#[test]
fn a_file_that_is_left_fails_the_test_unless_it_was_abandoned() {
    for (abandoned, complains) in [(false, true), (true, false)] {
        let mut workspace = Workspace::bare();
        fs::create_dir_all(workspace.clusters().join("cache/jmn1")).expect("a node's directory");
        if abandoned {
            workspace.abandon();
        }
        assert_eq!(complaint(workspace).is_some(), complains, "abandoned: {abandoned}");
    }
}

#[test]
fn an_alarm_in_a_log_that_is_gone_fails_the_test_unless_it_was_expected() {
    for (allowed, complains) in [(None, true), (Some("disk"), false), (Some("network"), true)] {
        let mut workspace = Workspace::bare();
        let node = workspace.clusters().join("cache/jmn1");
        fs::create_dir_all(&node).expect("a node's directory");
        fs::write(node.join("agent.log"), "{\"level\":\"WARN\",\"message\":\"disk is slow\"}\n").expect("a log");
        wait_until("the log was read", DEADLINE, || !workspace.log().is_empty());
        fs::remove_dir_all(workspace.clusters()).expect("remove");
        if let Some(text) = allowed {
            workspace.allow_alarm(text);
        }
        let complaint = complaint(workspace);
        assert_eq!(complaint.is_some(), complains, "{allowed:?}: {complaint:?}");
    }
}

#[test]
fn terraform_is_read_rightly() {
    let workspace = Workspace::bare();
    workspace.write(
        "main.tf",
        "resource \"terraform_data\" \"a\" {\n  input = \"b\"\n}\noutput \"o\" {\n  value = [1, 2]\n}\n",
    );
    workspace.validate().ok();
    assert_eq!(workspace.planned().actions("terraform_data.a"), ["create"]);
    workspace.apply().ok();
    workspace.assert_no_changes();
    assert!(workspace.planned().is_empty());
    assert_eq!(workspace.resource("terraform_data.a")["output"], "b");
    assert_eq!(workspace.output("o"), serde_json::json!([1, 2]));
    workspace.write("main.tf", "resource \"terraform_data\" \"a\" {\n  input = \"b\"\n  inputs = 1\n}\n");
    let refused = workspace.validate().fails();
    assert_eq!(refused.error("inputs", "Unsupported argument").address, "");
    workspace.write("main.tf", "");
    workspace.apply().ok();
    workspace.assert_nothing_left();
}

#[test]
fn nothing_of_the_users_own_world_is_seen() {
    let workspace = Workspace::bare();
    let command = workspace.command(&["version"]);
    let set: Vec<_> = command.get_envs().filter_map(|(name, value)| Some((name.to_str()?, value?.to_str()?))).collect();
    for home in ["HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "TMPDIR", "TF_CLI_CONFIG_FILE"] {
        let (_, value) = set.iter().find(|(name, _)| *name == home).expect(home);
        assert!(value.starts_with(&*workspace.root().to_string_lossy()), "{home}={value}");
    }
    assert!(!set.iter().any(|(name, _)| name.starts_with("CARGO")), "{set:?}");
}
