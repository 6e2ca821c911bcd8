//! Timeouts as users meet them.

use super::workspace::Workspace;

fn oven(mode: &str, timeouts: &str) -> String {
    format!(
        "resource \"kitchen_oven\" \"o\" {{\n  name = \"o\"\n  mode = \"{mode}\"\n  timeouts = {{ {timeouts} }}\n}}\n"
    )
}

#[test]
fn a_timeout_that_passes_is_named_and_taints_what_was_begun() {
    let workspace = Workspace::with(&oven("slow", "create = \"100ms\""));
    workspace
        .apply()
        .code(1)
        .says("Timeout of the create reached")
        .says("raise timeouts.create")
        .says("with kitchen_oven.o");
    assert_eq!(workspace.instance("kitchen_oven", "o")["status"], "tainted");
    workspace.configure(&oven("bake", "create = \"10m\""));
    workspace.apply().code(0).says("1 added, 0 changed, 1 destroyed");
    workspace.plan().code(0);
}

#[test]
fn a_change_of_timeouts_alone_touches_nothing_else() {
    let workspace = Workspace::with(&oven("bake", "create = \"10m\""));
    workspace.apply().code(0);
    workspace.configure(&oven("bake", "delete = \"20m\""));
    let run = workspace.plan().code(2).says("0 to add, 1 to change, 0 to destroy");
    run.says("+ delete = \"20m\"").says_not("(known after apply)");
    workspace.apply().code(0).says("0 added, 1 changed, 0 destroyed");
    workspace.plan().code(0).says("No changes.");
    assert_eq!(workspace.instance("kitchen_oven", "o")["attributes"]["timeouts"]["delete"], "20m");
}
