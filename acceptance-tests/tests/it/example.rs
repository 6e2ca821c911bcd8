//! The example works exactly as users copy it.

use acceptance_tests::{Login, Workspace, servers};
use redis::TypedCommands;

use crate::world::{PASSWORD, text};

#[test]
fn local_node_works_as_it_is_written() {
    let mut workspace = Workspace::new();
    workspace.copy_example("local-node");
    workspace.set("TF_VAR_app_password", PASSWORD);
    // As the example says: the server program is on the search path.
    let path = std::env::var("PATH").expect("PATH");
    workspace.set("PATH", &format!("{}:{path}", servers::usual("redis").bin.display()));

    workspace.apply().ok();
    let login = Login {
        endpoint: text(&workspace.output("endpoints")[0]),
        ca: text(&workspace.output("ca_certificate")),
        user: "app".into(),
        password: PASSWORD.into(),
    };
    let mut client = login.connect().expect("the user gets in");
    client.set("app:key", "value").expect("write");
    assert_eq!(client.get("app:key").expect("read").as_deref(), Some("value"));
    assert!(client.set("other:key", "value").is_err(), "the rules say app:* only");
    assert_eq!(text(&workspace.output("version_actual")), servers::usual("redis").version);
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn an_existing_cluster_is_imported_by_the_command_of_the_documentation() {
    let workspace = crate::world::applied("redis");
    workspace.write("main.tf", &crate::world::cluster("redis", "7.0", ""));
    workspace.apply().ok();
    let before = workspace.resource(crate::world::CLUSTER);
    workspace.terraform(&["state", "rm", crate::world::CLUSTER]).ok();

    let run = workspace.terraform(&["import", crate::world::CLUSTER, "local/nobody"]).fails();
    assert!(run.stderr.contains("there is no cluster local/nobody"), "{run}");
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/resources/justmanage_redis_cluster/import.sh");
    let script = std::fs::read_to_string(example).expect("the example");
    let command = script.lines().find_map(|line| line.strip_prefix("terraform ")).expect("a command of terraform");
    workspace.terraform(&command.split_whitespace().collect::<Vec<_>>()).ok();
    let mut imported = workspace.resource(crate::world::CLUSTER);
    // Whatever was so before: what is imported is protected until the configuration says otherwise.
    assert_eq!(imported["deletion_protection"], true);
    imported["deletion_protection"] = before["deletion_protection"].clone();
    assert_eq!(imported, before);
    assert_eq!(workspace.planned().actions(crate::world::CLUSTER), ["update"]);
    workspace.apply().ok();
    workspace.assert_no_changes();

    workspace.destroy().ok();
}
