//! Ephemeral resources, which are in no state.

use serde_json::{Value as Json, json};

use super::workspace::Workspace;

/// A dish whose secret is the code of a key; `more` is about the dish.
fn dish(key: &str, more: &str) -> String {
    format!(
        "ephemeral \"kitchen_key\" \"k\" {{\n  name = \"k\"\n{key}}}\nresource \"kitchen_dish\" \"a\" {{\n  name = \"soup\"\n  \
         secret_wo = ephemeral.kitchen_key.k.code\n  secret_wo_version = 1\n{more}}}\n"
    )
}

fn key(workspace: &Workspace) -> Json {
    serde_json::from_slice(&std::fs::read(workspace.thing("key-k")).expect("it was opened")).expect("JSON")
}

#[test]
fn a_result_reaches_a_write_only_attribute_and_nothing_else() {
    let workspace = Workspace::with(&dish("", ""));
    workspace.plan().code(2).says_not("sesame");
    assert_eq!(key(&workspace), json!({ "opened": 1, "closed": 1 }));
    let mut command = workspace.command(["apply", "-auto-approve"]);
    let output = command.env("TF_LOG", "TRACE").output().expect("terraform is on the PATH");
    let said = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(output.status.success(), "{said}");
    assert!(said.contains("CloseEphemeralResource") && !said.contains("sesame"), "{said}");
    assert_eq!(workspace.instance("kitchen_dish", "a")["attributes"]["secret_length"], json!("sesame-k".len()));
    assert!(!workspace.state_text().contains("sesame"));
    // Opened while planning and while applying, and closed as often.
    assert_eq!(key(&workspace), json!({ "opened": 3, "closed": 3 }));
}

#[test]
fn it_is_renewed_while_it_is_used_and_then_closed() {
    let workspace = Workspace::with(&dish("  renewed = true\n", "  labels = { waits_for = \"k\" }\n"));
    workspace.apply().code(0).says("1 added");
    let key = key(&workspace);
    assert!(key["renewed"].as_u64().is_some_and(|times| times >= 1), "{key}");
    assert_eq!(key["opened"], key["closed"], "{key}");
}

/// What [`tfkit::Ephemeral`] says of Terraform 1.11: whatever is opened must also end by itself.
#[test]
fn it_stays_open_when_what_depends_on_it_fails() {
    let oven = "resource \"kitchen_oven\" \"o\" {\n  name = \"o\"\n  mode = \"fail early\"\n  depends_on = \
                [kitchen_dish.a]\n}\n";
    let workspace = Workspace::with(&[&dish("", ""), oven].concat());
    workspace.apply().code(1).says("Oven broken");
    assert_eq!(key(&workspace), json!({ "opened": 2, "closed": 1 }), "closed after the plan only");
}

#[test]
fn what_cannot_be_opened_is_said_at_its_block() {
    let workspace = Workspace::with(&dish("  mode = \"fail\"\n", ""));
    workspace.apply().code(1).says("Door locked").says("ephemeral \"kitchen_key\" \"k\"");
    workspace.configure(&dish("  mode = \"lie\"\n", ""));
    workspace.apply().code(1).says("Provider bug").says("open of kitchen_key").says_not("Provider produced");
    assert_eq!(key(&workspace), json!({ "opened": 1, "closed": 1 }));
}
