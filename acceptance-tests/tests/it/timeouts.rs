//! `timeouts`, and the one replacement that deletion protection does not stand in the way of: of a cluster that never held data.

use acceptance_tests::Workspace;

use crate::world::{CLUSTER, cluster, server};

fn with(engine: &str, timeouts: &str, more: &str) -> String {
    cluster(engine, "7.0", &format!("  timeouts = {{ {timeouts} }}\n{more}"))
}

/// As users have it who say nothing.
fn protected(text: &str) -> String {
    text.replace("  deletion_protection = false\n", "")
}

#[test]
fn a_create_that_takes_too_long_names_its_timeout_and_is_made_anew_although_it_is_protected() {
    let mut workspace = Workspace::with_provider("");
    workspace.allow_alarm("the server is down");
    // A directive that the servers refuse only when they start: it never comes to hold data.
    let broken = with("redis", "create = \"3s\"", "  config = { \"oom-score-adj-values\" = \"1 2 3 4\" }");
    workspace.write("main.tf", &protected(&broken));
    let run = workspace.apply().fails();
    let error = run.errors().find(|error| error.summary == "Timeout of the create reached");
    let error = error.unwrap_or_else(|| panic!("another error\n{run}"));
    assert!(error.detail.contains("within 3s") && error.detail.contains("raise timeouts.create"), "{run}");
    assert_eq!(workspace.nodes().len(), 1, "it is not forgotten");

    workspace.write("main.tf", &protected(&with("redis", "create = \"5m\"", "")));
    assert_eq!(workspace.planned().actions(CLUSTER), ["delete", "create"], "it never held data");
    workspace.apply().ok();
    assert_eq!(workspace.nodes().len(), 1);
    assert_eq!(workspace.resource(CLUSTER)["deletion_protection"], true);

    // Now it may hold some.
    let run = workspace.destroy().fails();
    assert!(run.errors().any(|error| error.detail.contains("deletion_protection")), "{run}");
    workspace.write("main.tf", &with("redis", "create = \"5m\"", ""));
    workspace.apply().ok();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

/// How often the agent said that it took a change of the Record. It says so before it answers.
fn changes(workspace: &Workspace) -> usize {
    workspace.log().into_iter().filter(|line| line.contains("an operator changed the Record")).count()
}

#[test]
fn another_timeout_is_no_change_of_the_cluster() {
    let workspace = Workspace::with_provider("");
    workspace.write("main.tf", &with("redis", "update = \"1h\"", ""));
    workspace.apply().ok();
    // The first look says that the cluster's id has arrived: that is a change of the Record, the last one.
    workspace.assert_no_changes();
    let (before, told) = (server(&workspace, "redis"), changes(&workspace));
    assert!(told > 0, "the agent says what it takes");
    workspace.write("main.tf", &with("redis", "update = \"2h\", delete = \"10m\"", ""));
    assert_eq!(workspace.planned().actions(CLUSTER), ["update"]);
    workspace.apply().ok();
    workspace.assert_no_changes();
    assert_eq!(server(&workspace, "redis"), before);
    assert_eq!(changes(&workspace), told, "nobody was told");
    workspace.destroy().ok();
}
