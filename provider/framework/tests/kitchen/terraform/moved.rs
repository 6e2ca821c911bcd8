//! Moves between types by real Terraform, and the configuration that it generates of an import.

use serde_json::json;

use super::workspace::Workspace;

#[test]
fn a_moved_block_takes_a_state_of_another_provider_over() {
    let workspace = Workspace::with("resource \"terraform_data\" \"a\" {\n  input = \"plums\"\n}\n");
    workspace.apply().code(0).says("1 added");
    std::fs::create_dir_all(workspace.things()).expect("a directory");
    std::fs::write(workspace.thing("jar-data.plums"), r#"{"content": "jam", "writes": 3}"#).expect("a jar");
    let jar = |more: &str| {
        format!(
            "resource \"kitchen_jar\" \"a\" {{\n  shelf = \"data\"\n  name = \"plums\"\n  content = \"jam\"\n}}\n{more}"
        )
    };
    workspace.configure(&jar("moved {\n  from = terraform_data.a\n  to   = kitchen_jar.a\n}\n"));
    workspace.apply().code(0).says("0 added, 0 changed, 0 destroyed");
    let attributes = &workspace.instance("kitchen_jar", "a")["attributes"];
    assert_eq!((&attributes["id"], &attributes["writes"]), (&json!("data/plums"), &json!(3)));
    workspace.configure(&jar(""));
    workspace.plan().code(0).says("No changes.");
}

#[test]
fn a_move_that_no_type_supports_is_refused_with_what_can_be_moved() {
    let workspace = Workspace::with("resource \"kitchen_oven\" \"a\" {\n  name = \"hot\"\n}\n");
    workspace.apply().code(0);
    workspace.configure(
        "resource \"kitchen_jar\" \"a\" {\n  shelf = \"top\"\n  name = \"plums\"\n}\n\
         moved {\n  from = kitchen_oven.a\n  to   = kitchen_jar.a\n}\n",
    );
    let plan = workspace.plan().code(1).says("Move not supported");
    plan.says("To kitchen_jar can be moved: kitchen_dish of justmanage/kitchen, terraform_data of");
    assert!(workspace.instance("kitchen_oven", "a").is_object(), "the state is unchanged");
}

#[test]
fn an_import_generates_a_configuration_that_plans_nothing() {
    let workspace = Workspace::with("");
    std::fs::create_dir_all(workspace.things()).expect("a directory");
    let file = r#"{"content": "jam", "writes": 3, "labels": [{"text": "sour", "colour": "white"}]}"#;
    std::fs::write(workspace.thing("jar-top.plums"), file).expect("a jar");
    workspace.configure("import {\n  to = kitchen_jar.a\n  id = \"top/plums\"\n}\n");
    let out = workspace.things().parent().expect("the workspace").join("generated.tf").display().to_string();
    workspace.terraform(&["plan", &format!("-generate-config-out={out}")]).code(0).says("1 to import, 0 to add");
    workspace.apply().code(0).says("1 imported, 0 added, 0 changed");
    workspace.plan().code(0).says("No changes.");
}
