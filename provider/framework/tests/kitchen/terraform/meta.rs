//! `provider_meta` in a module's `terraform` block.

use super::workspace::Workspace;

#[test]
fn what_a_module_says_reaches_its_resources() {
    let dish = "resource \"kitchen_dish\" \"a\" {\n  name = \"soup\"\n}\n";
    let meta =
        |name: &str| format!("terraform {{\n  provider_meta \"kitchen\" {{\n    name = \"{name}\"\n  }}\n}}\n{dish}");
    let workspace = Workspace::with(&meta("inn"));
    workspace.apply().code(0).says("1 added");
    let thing = std::fs::read_to_string(workspace.thing("dish-soup")).expect("it was made");
    assert!(thing.contains("\"house\":\"inn\""), "{thing}");
    workspace.configure(&meta("neighbour"));
    workspace.plan().code(1).says("We do not cook for the neighbour.");
}
