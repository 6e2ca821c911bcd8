//! Functions in Terraform's language.

use serde_json::Value as Json;

use super::workspace::Workspace;

fn output(call: &str) -> String {
    format!("output \"said\" {{\n  value = provider::kitchen::order_text({call})\n}}\n")
}

#[test]
fn a_function_is_called_in_an_output() {
    let workspace = Workspace::with(&output("\"soup\", null, \"salt\", \"bread\""));
    workspace.apply().code(0).says("said = \"soup to take away, with salt, with bread\"");
    workspace.configure(&output("[\"soup\", \"stew\"][1], 7"));
    workspace.apply().code(0).says("said = \"stew for table 7\"");
    workspace.plan().code(0).says("No changes.");
}

#[test]
fn a_function_of_what_is_not_known_yet_is_called_at_apply() {
    let oven = "resource \"kitchen_oven\" \"o\" {\n  name = \"o\"\n}\n";
    let workspace = Workspace::with(&[oven, &output("kitchen_oven.o.status, 1")].concat());
    workspace.plan().code(2).says("said = (known after apply)");
    workspace.apply().code(0).says("said = \"ready for table 1\"");
}

/// What `terraform validate` says of a configuration with one error, and what it underlines.
fn refusal(workspace: &Workspace) -> (String, String) {
    let output = workspace.command(["validate", "-json"]).output().expect("terraform is on the PATH");
    let said: Json = serde_json::from_slice(&output.stdout).expect("JSON");
    let errors = said["diagnostics"].as_array().expect("a list").iter().filter(|one| one["severity"] == "error");
    let [error] = errors.collect::<Vec<_>>()[..] else { panic!("{said}") };
    let snippet = &error["snippet"];
    let offset = |name: &str| usize::try_from(snippet[name].as_u64().expect("a number")).expect("small");
    let (start, end) = (offset("highlight_start_offset"), offset("highlight_end_offset"));
    let underlined = snippet["code"].as_str().and_then(|code| code.get(start..end)).expect("it is in the line");
    (error["detail"].as_str().expect("a text").to_owned(), underlined.to_owned())
}

#[test]
fn a_failure_underlines_its_argument() {
    for (call, underlined, text) in [
        ("local.no, 7", "local.no", "Invalid value for \"dish\" parameter: Name a dish."),
        ("\"soup\", 0", "0", "Invalid value for \"table\" parameter: Tables are numbered from 1."),
        ("\"soup\", 7, \"a\", local.no", "local.no", "Invalid value for \"extras\" parameter: An extra has no name."),
        ("null, 7", "null", "Invalid value for \"dish\" parameter: argument must not be null."),
    ] {
        let said = refusal(&Workspace::with(&format!("locals {{\n  no = \"\"\n}}\n{}", output(call))));
        assert_eq!(said, (text.to_owned(), underlined.to_owned()), "{call}");
    }
}

#[test]
fn a_failure_that_no_argument_is_to_blame_for_names_the_function() {
    let workspace = Workspace::with(&output("\"soup\", 7, \"a\", \"b\", \"c\", \"d\""));
    let run = workspace.terraform(&["validate"]).code(1).says("Error in function call");
    run.says("Call to function \"provider::kitchen::order_text\" failed: Nobody can remember more than three extras.");
    workspace.configure(&output("\"poison\", 7"));
    workspace.terraform(&["validate"]).code(1).says("the cook fainted").says_not("crash");
}
