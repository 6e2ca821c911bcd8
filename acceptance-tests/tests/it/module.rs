//! The module of the examples, as users of OpenTofu and Terraform write them: two clusters from one `for_each`.

use acceptance_tests::{Login, Workspace, servers};
use redis::TypedCommands;

use crate::world::text;

#[test]
fn the_example_of_a_module_makes_two_clusters_with_users_of_their_own() {
    let mut workspace = Workspace::new();
    workspace.copy_example("module");
    let passwords = |cluster: &str, user: &str| format!("{cluster}-{user}-correct-horse-battery");
    workspace.set(
        "TF_VAR_passwords",
        &serde_json::json!({
            "cache": { "app": passwords("cache", "app") },
            "sessions": { "app": passwords("sessions", "app"), "audit": passwords("sessions", "audit") },
        })
        .to_string(),
    );
    // As the example says: the server program is on the search path.
    let path = std::env::var("PATH").expect("PATH");
    workspace.set("PATH", &format!("{}:{path}", servers::usual("redis").bin.display()));
    // The modules; the provider is there already.
    workspace.terraform(&["get"]).ok();
    workspace.apply().ok();

    let (endpoints, authorities) = (workspace.output("endpoints"), workspace.output("ca_certificates"));
    assert_eq!(endpoints["cache"].as_array().map(Vec::len), Some(1));
    assert_eq!(endpoints["sessions"].as_array().map(Vec::len), Some(3));
    let login = |cluster: &str, user: &str| {
        let login = Login {
            endpoint: text(&endpoints[cluster][0]),
            ca: text(&authorities[cluster]),
            user: user.to_owned(),
            password: passwords(cluster, user),
        };
        login.connect().unwrap_or_else(|error| panic!("{user} of {cluster} gets in: {error}"))
    };
    login("cache", "app").set("any:key", "value").expect("write");
    login("sessions", "app").set("session:1", "value").expect("write");
    let mut audit = login("sessions", "audit");
    assert_eq!(audit.get("session:1").expect("read").as_deref(), Some("value"));
    assert!(audit.set("session:1", "other").is_err(), "audit may only read");

    let state = std::fs::read_to_string(workspace.config().join("terraform.tfstate")).expect("the state");
    assert!(!state.contains("correct-horse"), "no password is in the state");
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}
