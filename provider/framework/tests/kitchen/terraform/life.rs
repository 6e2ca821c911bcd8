//! What goes well: apply, nothing to do, update, replace, destroy, import, upgrade.

use serde_json::{Value as Json, json};

use super::workspace::Workspace;

const EVERYTHING: &str = r#"
resource "kitchen_dish" "a" {
  name              = "soup"
  weight            = "1000g"
  price             = 0.1
  crumbs            = 18446744073709551615
  stars             = 3
  tastes            = ["salty", "hot"]
  labels            = { huge = 1e30 }
  anything          = { x = [1, "two", 1e30, 0.1] }
  plate             = { colour = "red" }
  ingredients       = [{ name = "water" }, { name = "salt", amount = "2" }]
  sides             = [{ name = "bread" }, { name = "wine", extra = true }]
  orders            = { t1 = { count = 2 } }
  recipe            = "hush-hush"
  secret_wo         = "never-stored"
  secret_wo_version = 1
}
data "kitchen_menu" "all" {
  depends_on = [kitchen_dish.a]
}
output "menu" {
  value = data.kitchen_menu.all.names
}
"#;

#[test]
fn apply_then_nothing_to_do_then_update_then_replace_then_destroy() {
    let workspace = Workspace::with(EVERYTHING);
    workspace.terraform(&["validate"]).code(0);
    workspace.apply().code(0).says("1 added, 0 changed, 0 destroyed").says_not("hush-hush").says_not("never-stored");
    workspace.plan().code(0).says("No changes.");
    let state = workspace.state_text();
    assert!(!state.contains("never-stored"), "{state}");
    for exact in ["\"price\": 0.1,", "\"crumbs\": 18446744073709551615,", "1000000000000000000000000000000"] {
        assert!(state.contains(exact), "{exact} in {state}");
    }
    let attributes = &workspace.instance("kitchen_dish", "a")["attributes"];
    assert_eq!((&attributes["secret_length"], &attributes["weight"]), (&json!(12), &json!("1000g")));

    // Another spelling is no change.
    workspace.configure(&EVERYTHING.replace("1000g", "1kg"));
    workspace.plan().code(0).says("No changes.");

    workspace.configure(&EVERYTHING.replace("stars             = 3", "stars = 4"));
    workspace.plan().code(2).says("~ stars = 3 -> 4").says("0 to add, 1 to change, 0 to destroy");
    workspace.apply().code(0).says("0 added, 1 changed, 0 destroyed");
    workspace.plan().code(0);
    assert_eq!(workspace.instance("kitchen_dish", "a")["attributes"]["revision"], 2);

    workspace.configure(&EVERYTHING.replace("\"soup\"", "\"stew\""));
    workspace.plan().code(2).says("must be replaced").says("# forces replacement");
    workspace.apply().code(0).says("1 added, 0 changed, 1 destroyed").says("\"stew\"");
    workspace.plan().code(0);
    assert!(workspace.thing("dish-stew").exists() && !workspace.thing("dish-soup").exists());

    workspace.terraform(&["destroy", "-auto-approve"]).code(0).says("1 destroyed");
    assert!(!workspace.thing("dish-stew").exists());
}

#[test]
fn logs_name_calls_and_types_and_never_secrets() {
    let workspace = Workspace::with(EVERYTHING);
    let mut command = workspace.command(["apply", "-auto-approve"]);
    let output = command.env("TF_LOG_PROVIDER", "TRACE").output().expect("terraform is on the PATH");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{log}");
    let line = log.lines().find(|line| line.contains("ApplyResourceChange") && line.contains("kitchen_dish"));
    assert!(line.is_some(), "{log}");
    assert!(!log.contains("hush-hush") && !log.contains("never-stored"), "{log}");
}

#[test]
fn nested_changes_touch_only_what_changes() {
    let workspace = Workspace::with(EVERYTHING);
    workspace.apply().code(0);
    let changed = EVERYTHING
        .replace("{ name = \"water\" }, ", "")
        .replace("extra = true", "extra = false")
        .replace("t1 = { count = 2 }", "t1 = { count = 2 }, t2 = { count = 1 }");
    workspace.configure(&changed);
    workspace.apply().code(0).says("1 changed");
    workspace.plan().code(0).says("No changes.");
    let attributes = &workspace.instance("kitchen_dish", "a")["attributes"];
    assert_eq!(attributes["ingredients"], json!([{ "name": "salt", "amount": "2" }]));
    assert_eq!(attributes["orders"]["t2"], json!({ "count": 1, "ticket": "t2 x 1" }));
}

#[test]
fn a_thing_that_is_gone_is_made_again() {
    let workspace = Workspace::with(EVERYTHING);
    workspace.apply().code(0);
    std::fs::remove_file(workspace.thing("dish-soup")).expect("it was made");
    workspace.plan().code(2).says("1 to add, 0 to change, 0 to destroy");
    workspace.apply().code(0).says("1 added");
}

#[test]
fn an_imported_thing_needs_no_change() {
    let config = "resource \"kitchen_dish\" \"a\" {\n  name = \"soup\"\n  weight = \"2kg\"\n}\n";
    let workspace = Workspace::with(config);
    std::fs::create_dir(workspace.things()).expect("a directory");
    let thing = r#"{"revision": 5, "weight": "2kg", "owner": "guest", "garnish": "dill"}"#;
    std::fs::write(workspace.thing("dish-soup"), thing).expect("written");
    workspace.terraform(&["import", "kitchen_dish.a", "nothing"]).code(1).says("No such dish");
    workspace.terraform(&["import", "kitchen_dish.a", "soup"]).code(0).says("Import successful!");
    workspace.plan().code(0).says("No changes.");
    assert_eq!(workspace.instance("kitchen_dish", "a")["attributes"]["owner"], "guest");
}

#[test]
fn a_state_of_an_older_version_is_upgraded() {
    let config = "resource \"kitchen_dish\" \"a\" {\n  name = \"soup\"\n  price = 0.1\n}\n";
    let workspace = Workspace::with(config);
    workspace.apply().code(0);
    let mut state: Json = serde_json::from_str(&workspace.state_text()).expect("JSON");
    let instance = &mut state["resources"][0]["instances"][0];
    instance["schema_version"] = json!(0);
    let attributes = instance["attributes"].as_object_mut().expect("an object");
    let name = attributes.remove("name").expect("it has a name");
    attributes.insert("title".to_owned(), name);
    attributes.remove("weight").expect("it has a weight");
    std::fs::write(workspace.state_file(), state.to_string()).expect("written");
    workspace.plan().code(0).says("No changes.");
    workspace.configure(&config.replace("0.1", "0.2"));
    workspace.apply().code(0).says("1 changed");
    assert_eq!(workspace.instance("kitchen_dish", "a")["schema_version"], 1);
    assert_eq!(workspace.instance("kitchen_dish", "a")["attributes"]["name"], "soup");
}
