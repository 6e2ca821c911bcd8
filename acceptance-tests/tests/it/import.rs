//! Import: what exists comes under Terraform, a matching configuration has no difference, and Terraform writes one itself.

use std::fs;

use acceptance_tests::Workspace;

use crate::world::{CLUSTER, USER, applied, login, text};

/// Terraform forgets everything, and nothing happens to it.
fn forget(workspace: &Workspace) {
    workspace.terraform(&["state", "rm", USER, CLUSTER]).ok();
}

#[test]
fn a_cluster_and_its_user_are_imported_and_a_matching_configuration_has_no_difference() {
    let workspace = applied("redis");
    let before = (workspace.resource(CLUSTER), login(&workspace));
    forget(&workspace);
    let options = ["import", "-input=false"];
    workspace.terraform(&[&options[..], &[CLUSTER, "local/cache"]].concat()).ok();
    workspace.terraform(&[&options[..], &[USER, "local/cache/app"]].concat()).ok();
    assert_eq!(text(&workspace.resource(USER)["cluster_id"]), text(&before.0["id"]));
    // An import protects what it finds; this configuration does not.
    assert_eq!(workspace.planned().actions(USER), ["no-op"]);
    let plan = workspace.planned();
    assert_eq!(plan.actions(CLUSTER), ["update"]);
    assert_eq!(plan.after(CLUSTER)["deletion_protection"], false);
    workspace.apply().ok();
    workspace.assert_no_changes();
    assert_eq!(workspace.resource(CLUSTER), before.0, "everything is found again");
    before.1.connect().expect("the password is what it was");
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn the_configuration_that_terraform_generates_of_an_import_validates_and_plans_nothing() {
    let workspace = applied("redis");
    forget(&workspace);
    workspace.write("main.tf", &format!("import {{\n  to = {CLUSTER}\n  id = \"local/cache\"\n}}\n"));
    let out = workspace.config().join("generated.tf");
    let option = format!("-generate-config-out={}", out.display());
    workspace.terraform(&["plan", "-input=false", &option]).ok();
    let generated = fs::read_to_string(&out).expect("it was generated");
    assert!(generated.contains("memory") && generated.contains("64MiB"), "{generated}");
    workspace.validate().ok();
    workspace.apply().ok();
    workspace.assert_no_changes();

    // Everything that it says is what a person would have to say, so a person can go on with it.
    fs::write(&out, generated.replace("deletion_protection = true", "deletion_protection = false")).expect("written");
    workspace.apply().ok();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}
