//! Users: made, changed, rotated, removed.

use std::fs;

use acceptance_tests::Login;
use redis::TypedCommands;

use crate::world::{PASSWORD, USER, applied, cluster, login, prepared, text, user};

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

/// The user block with a version of the password, and how long the one before it stays valid.
pub(crate) fn graced(version: u32, grace: &str) -> String {
    let version_line = format!("  password_wo_version = {version}\n");
    let graced = format!("{version_line}  password_grace      = \"{grace}\"\n");
    user("~app:* +@all -@dangerous", version).replace(&version_line, &graced)
}

#[test]
fn a_password_changes_with_its_version_and_only_then() {
    let mut workspace = applied("redis");
    workspace.set("TF_VAR_app_password", OTHER);
    workspace.assert_no_changes();
    login(&workspace).connect().expect("the old password still holds");

    workspace.write("main.tf", &(cluster("redis", "7.0", "") + &graced(2, "0s")));
    workspace.apply().ok();
    let old = login(&workspace);
    assert!(old.connect().is_err(), "the old password is gone at once");
    Login { password: OTHER.into(), ..old }.connect().expect("the new one holds");
    workspace.assert_no_changes();
    workspace.destroy().ok();
}

/// How long both passwords are valid in the test: an apply takes a second or two, on a busy machine some more.
const GRACE_S: u64 = 20;

#[test]
fn both_passwords_are_valid_until_the_agents_end_the_old_one_without_terraform() {
    let mut workspace = applied("redis");
    let old = login(&workspace);
    workspace.set("TF_VAR_app_password", OTHER);
    workspace.write("main.tf", &(cluster("redis", "7.0", "") + &graced(2, &format!("{GRACE_S}s"))));
    workspace.apply().ok();
    let new = Login { password: OTHER.into(), ..old.clone() };
    let mut session = old.connect().expect("the old password holds");
    new.connect().expect("and the new one");
    let until = text(&workspace.resource(USER)["previous_password_valid_until"]);
    assert!(until.ends_with('Z'), "{until}");

    // From here on nobody runs Terraform.
    acceptance_tests::wait_until("the old password is refused", acceptance_tests::DEADLINE, || old.connect().is_err());
    new.connect().expect("the new one holds");
    session.set("app:x", "1").expect("who is in stays in");
    workspace.assert_no_changes();
    workspace.terraform(&["apply", "-refresh-only", "-auto-approve", "-input=false"]).ok();
    assert_eq!(workspace.resource(USER)["previous_password_valid_until"], serde_json::Value::Null);
    workspace.destroy().ok();
}

#[test]
fn a_hash_in_the_place_of_the_password_lets_in_whoever_has_the_password() {
    let workspace = prepared("redis");
    let hashed = |password: &str| {
        let hash = format!("  password_sha256 = sha256(\"{password}\")\n");
        let user = user("~app:* +@all -@dangerous", 1);
        let lines = user.lines().filter(|line| !line.contains("password_wo_version"));
        let user: String = lines.map(|line| format!("{line}\n")).collect();
        cluster("redis", "7.0", "") + &user.replace("  password_wo         = var.app_password\n", &hash)
    };
    workspace.write("main.tf", &hashed(PASSWORD));
    workspace.apply().ok();
    let first = login(&workspace);
    first.connect().expect("the password");
    workspace.assert_no_changes();
    let state = fs::read_to_string(workspace.config().join("terraform.tfstate")).expect("the state");
    assert!(!state.contains(PASSWORD) && state.contains("password_sha256"), "{state}");

    workspace.write("main.tf", &hashed(OTHER));
    assert_eq!(workspace.planned().actions(USER), ["update"]);
    workspace.apply().ok();
    first.connect().expect("for a day by default");
    Login { password: OTHER.into(), ..first }.connect().expect("the new one");
    workspace.assert_no_changes();

    let both = hashed(OTHER).replace("  password_sha256", "  password_wo = var.app_password\n  password_sha256");
    workspace.write("main.tf", &both);
    // The variable is not known before a plan.
    workspace.plan().fails().error("password_sha256", "Two passwords");
    let none = hashed(OTHER).replace(&format!("  password_sha256 = sha256(\"{OTHER}\")\n"), "");
    workspace.write("main.tf", &none);
    // What is not there has no line to point at.
    workspace.validate().fails().error("", "Password missing");
    workspace.write("main.tf", &hashed(OTHER));
    workspace.destroy().ok();
}

#[test]
fn rules_with_which_a_cluster_client_gets_nowhere_are_warned_of_in_the_plan() {
    let workspace = prepared("redis");
    workspace.write("main.tf", &(cluster("redis", "7.0", "") + &user("~app:* +@read +@write", 1)));
    let run = workspace.plan().ok();
    assert!(run.warnings().any(|warning| warning.detail.contains("+cluster|slots")), "{run}");
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
