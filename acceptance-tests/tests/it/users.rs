//! Users: made, changed, rotated, removed; and no secret anywhere but in the configuration.

use std::fs;
use std::path::Path;

use acceptance_tests::{Login, Workspace};
use redis::TypedCommands;

use crate::world::{CLUSTER, PASSWORD, USER, applied, cluster, login, prepared, user};

const OTHER: &str = "another-password-entirely-91c2";

#[test]
fn rules_change_in_place_and_take_effect_at_once() {
    let workspace = applied("redis");
    let mut client = login(&workspace).connect().expect("connect");
    assert!(client.set("other:key", "x").is_err());
    workspace.write("main.tf", &(cluster("redis", "7.0", "") + &user("~* +@all -@dangerous", 1)));
    assert_eq!(workspace.planned().actions(USER), ["update"]);
    workspace.apply().ok();
    client.set("other:key", "x").expect("the same connection, the new rules");
    workspace.assert_no_changes();
    workspace.destroy().ok();
}

#[test]
fn another_spelling_of_the_same_rules_is_no_change() {
    let workspace = applied("redis");
    workspace.write("main.tf", &(cluster("redis", "7.0", "") + &user("~app:*   +@all  -@dangerous", 1)));
    let plan = workspace.planned();
    assert!(plan.is_empty() || plan.actions(USER) == ["no-op"], "{plan:?}");
    workspace.destroy().ok();
}

#[test]
fn a_password_changes_with_its_version_and_only_then() {
    let mut workspace = applied("redis");
    workspace.set("TF_VAR_app_password", OTHER);
    workspace.assert_no_changes();
    login(&workspace).connect().expect("the old password still holds");

    workspace.write("main.tf", &(cluster("redis", "7.0", "") + &user("~app:* +@all -@dangerous", 2)));
    workspace.apply().ok();
    let old = login(&workspace);
    assert!(old.connect().is_err(), "the old password is gone");
    Login { password: OTHER.into(), ..old }.connect().expect("the new one holds");
    workspace.destroy().ok();
}

#[test]
fn a_user_that_goes_loses_its_connections() {
    let workspace = applied("redis");
    let login = login(&workspace);
    let mut client = login.connect().expect("connect");
    workspace.write("main.tf", &cluster("redis", "7.0", ""));
    workspace.apply().ok();
    assert!(client.get("app:x").is_err(), "its session is cut");
    assert!(login.connect().is_err(), "and it cannot come back");
    workspace.assert_no_changes();
    workspace.destroy().ok();
}

#[test]
fn rules_that_smuggle_credentials_are_refused_at_plan_time() {
    let workspace = prepared("redis");
    for rules in ["~* +@all >secret", "~* +@all nopass", "~* +@all #0000", "off"] {
        workspace.write("main.tf", &(cluster("redis", "7.0", "") + &user(rules, 1)));
        let run = workspace.validate().fails();
        assert!(run.errors().any(|error| error.attribute == "acl"), "{rules}\n{run}");
    }
}

#[test]
fn a_name_that_is_ours_is_refused_at_plan_time() {
    let workspace = prepared("redis");
    for name in ["default", "justmanage-agent", "two words"] {
        let text = cluster("redis", "7.0", "") + &user("~* +@all", 1).replace("\"app\"\n", &format!("\"{name}\"\n"));
        workspace.write("main.tf", &text);
        let run = workspace.validate().fails();
        assert!(run.errors().any(|error| error.attribute == "name"), "{name}\n{run}");
    }
}

#[test]
fn no_secret_is_in_state_logs_arguments_or_in_clear_on_disk() {
    let mut workspace = prepared("redis");
    let log = workspace.root().join("terraform.log");
    workspace.set("TF_LOG", "TRACE");
    workspace.set("TF_LOG_PATH", &log.display().to_string());
    workspace.apply().ok();
    workspace.plan().ok();
    assert!(fs::metadata(&log).expect("a log at trace level").len() > 10_000);

    let own = [fs::read_to_string(workspace.operator_key()).expect("operator key")];
    let private: Vec<String> = own.iter().filter_map(|pem| pem.lines().nth(1).map(str::to_owned)).collect();
    let secrets = [private, vec![PASSWORD.to_owned()]].concat();
    // The agent's own secrets may be in its own directory only, readable by nobody else.
    let kept = [workspace.config(), log.clone()];
    for file in kept.iter().flat_map(|path| files(path)) {
        for secret in &secrets {
            assert!(!contains(&file, secret), "{} holds a secret", file.display());
        }
    }
    for file in files(&workspace.clusters()) {
        assert!(!contains(&file, PASSWORD), "{} holds the user's password", file.display());
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&file).expect("metadata").permissions());
        let within_private =
            fs::metadata(workspace.clusters()).map(|m| std::os::unix::fs::PermissionsExt::mode(&m.permissions()));
        assert_eq!(within_private.expect("root") & 0o077, 0, "{} mode {mode:o}", file.display());
    }
    for process in workspace.processes() {
        assert!(!secrets.iter().any(|secret| process.command.contains(secret)), "{}", process.command);
    }
    let agents = secrets_of(&workspace);
    assert!(!agents.is_empty(), "the agent has secrets");
    for log in workspace.nodes().iter().flat_map(|node| [node.join("agent.log"), node.join("server.log")]) {
        for secret in &agents {
            assert!(!contains(&log, secret), "{} holds a secret of the agent", log.display());
        }
    }
    assert!(agents.iter().all(|secret| !contains(&workspace.config().join("terraform.tfstate"), secret)));
    assert_eq!(workspace.resource(USER)["password_wo"], serde_json::Value::Null);
    assert_eq!(workspace.resource(CLUSTER)["converged"], true);
    workspace.destroy().ok();
}

/// The contents of the agent's secret files: keys by their second line, passwords whole.
fn secrets_of(workspace: &Workspace) -> Vec<String> {
    let secrets = workspace.nodes().into_iter().flat_map(|node| files(&node.join("secrets")));
    secrets
        .map(|file| fs::read_to_string(file).expect("a secret"))
        .map(|text| text.lines().nth(1).unwrap_or(text.trim()).to_owned())
        .collect()
}

fn files(path: &Path) -> Vec<std::path::PathBuf> {
    if path.is_file() {
        return vec![path.to_owned()];
    }
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    // Binaries are not looked through: they are the same for everybody.
    entries.filter(|entry| entry.file_name() != ".bin").flat_map(|entry| files(&entry.path())).collect()
}

fn contains(file: &Path, secret: &str) -> bool {
    let bytes = fs::read(file).unwrap_or_default();
    bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
}
