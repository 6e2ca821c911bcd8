//! What is not known while planning.

use super::workspace::Workspace;

/// A directory that is only known after apply.
fn late(workspace: &Workspace, rest: &str) -> String {
    let things = workspace.things();
    format!(
        "resource \"terraform_data\" \"where\" {{\n  input = {things:?}\n}}\nprovider \"kitchen\" {{\n  directory = \
         terraform_data.where.output\n}}\n{rest}"
    )
}

#[test]
fn a_provider_that_is_configured_late_plans_and_applies_in_one_run() {
    let workspace = Workspace::new();
    workspace.write(&late(&workspace, "resource \"kitchen_dish\" \"a\" {\n  name = \"soup\"\n}\n"));
    workspace.plan().code(2).says("Kitchen not known yet").says("2 to add");
    workspace.apply().code(0).says("2 added");
    assert!(workspace.thing("dish-soup").exists());
    workspace.plan().code(0).says("No changes.");
}

#[test]
fn a_data_source_of_an_unconfigured_provider_says_why() {
    let workspace = Workspace::new();
    workspace.write(&late(&workspace, "data \"kitchen_menu\" \"all\" {}\n"));
    workspace.plan().code(1).says("Provider configuration not known yet");
}

#[test]
fn a_data_source_with_unknown_configuration_is_read_during_apply() {
    let workspace = Workspace::with(
        "resource \"kitchen_dish\" \"a\" {\n  name = \"soup\"\n}\ndata \"kitchen_menu\" \"some\" {\n  prefix = \
         kitchen_dish.a.id\n}\noutput \"menu\" {\n  value = data.kitchen_menu.some.names\n}\n",
    );
    workspace.plan().code(2).says("will be read during apply");
    workspace.apply().code(0).says("menu = tolist([ \"soup\", ])");
    workspace.plan().code(0);
}

#[test]
fn values_of_one_resource_flow_into_another() {
    let workspace = Workspace::with(
        "resource \"kitchen_oven\" \"o\" {\n  name = \"o\"\n}\nresource \"kitchen_dish\" \"a\" {\n  name = \
         \"dish-${kitchen_oven.o.id}\"\n  steps = [kitchen_oven.o.status]\n  sides = [{ name = kitchen_oven.o.status }]\n}\n",
    );
    workspace.plan().code(2).says("steps = [ + (known after apply), ]");
    workspace.apply().code(0).says("2 added");
    workspace.plan().code(0).says("No changes.");
    assert_eq!(workspace.instance("kitchen_dish", "a")["attributes"]["steps"][0], "ready");
}

#[test]
fn a_dynamic_attribute_keeps_the_type_of_what_is_unknown_or_null() {
    let workspace = Workspace::with(
        "resource \"kitchen_oven\" \"o\" {\n  name = \"o\"\n}\nresource \"kitchen_dish\" \"a\" {\n  name = \"a\"\n  \
         anything = kitchen_oven.o.status\n}\nresource \"kitchen_dish\" \"b\" {\n  name = \"b\"\n  anything = \
         kitchen_oven.o.degrees\n}\n",
    );
    workspace.plan().code(2).says("anything = (known after apply)");
    workspace.apply().code(0).says("3 added");
    workspace.plan().code(0).says("No changes.");
    assert_eq!(workspace.instance("kitchen_dish", "a")["attributes"]["anything"]["value"], "ready");
}
