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
    workspace.set("PATH", &format!("{}:{path}", servers::newest("redis").bin.display()));

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
    assert_eq!(text(&workspace.output("version_actual")), servers::newest("redis").version);
    workspace.assert_no_changes();
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}
