//! What applications see, by the library of their language, while their cluster goes over to another version and another shape: nothing
//! that the library's own patience does not absorb.

use std::fs::File;
use std::io::Write;

use acceptance_tests::Workspace;
use acceptance_tests::clients::{Client, Library};
use acceptance_tests::load::{Load, Seen};
use acceptance_tests::servers::{self, Server};
use serde_json::{Value, json};

use crate::scale::endpoints;
use crate::versions::{directory, prepared, write};
use crate::world::{CLUSTER, login, text};

/// Clients of this language's library beside the others.
const CLIENTS: usize = 12;

/// Applies this with all of them at work; what each saw.
fn goes_to(workspace: &Workspace, release: (&str, &str), shape: (u16, u16), turn: usize) {
    let was = workspace.resource(CLUSTER)["shards"].as_u64();
    let (login, endpoints) = (login(workspace), endpoints(workspace));
    let load = Load::begin(&login, &endpoints, &format!("app:{turn}-"), CLIENTS);
    let others = Library::ALL.map(|library| {
        (library, Client::begin(library, workspace, &login, &endpoints, &format!("app:{turn}-{library:?}-")))
    });
    write(workspace, release, shape);
    assert_eq!(workspace.planned().actions(CLUSTER), ["update"], "{release:?} {shape:?}");
    workspace.apply().ok();
    let mut seen: Vec<(String, Seen)> =
        others.into_iter().map(|(library, client)| (format!("{library:?}"), client.end())).collect();
    seen.push(("redis-rs".to_owned(), load.end()));
    let (operation, to) = match was == Some(shape.0.into()) {
        true => ("upgrade", release.1.to_owned()),
        false => ("scaling", format!("{} shards", shape.0)),
    };
    for (library, seen) in &seen {
        eprintln!("{release:?} {shape:?}: {library}: {seen:?}");
        note(&json!({
            "library": library, "engine": release.0, "operation": operation, "to": to,
            "acknowledged": seen.acknowledged, "lost": seen.lost,
            "errors": seen.errors.len(), "gap_s": seen.gap.as_secs_f64(),
        }));
    }
    for (library, seen) in &seen {
        assert_eq!((seen.lost, &seen.errors), (0, &vec![]), "{library}, on the way to {release:?} {shape:?}");
        assert!(seen.acknowledged > 0, "{library} wrote nothing");
    }
    let state = workspace.resource(CLUSTER);
    assert_eq!((text(&state["version_actual"]).as_str(), &state["shards"]), (release.1, &shape.0.into()));
    workspace.assert_no_changes();
}

/// For `cargo xtask bench --only clients`: a line more in the file that `JUSTMANAGE_CLIENTS_TABLE` names.
fn note(row: &Value) {
    if let Some(path) = std::env::var_os("JUSTMANAGE_CLIENTS_TABLE") {
        let mut table = File::options().append(true).create(true).open(path).expect("the table");
        writeln!(table, "{row}").expect("a row of the table");
    }
}

fn absorbed(engine: &str, servers: &[Server; 2]) {
    let [old, new] = servers.each_ref().map(|server| (engine, server.version.as_str()));
    let workspace = prepared(&servers.each_ref().map(directory), old, (3, 1));
    workspace.apply().ok();
    for (turn, shards) in [3, 4, 3].into_iter().enumerate() {
        goes_to(&workspace, new, (shards, 1), turn);
    }
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

/// Slots move key by key: clients are asked to ask elsewhere.
#[test]
fn clients_of_redis_see_no_error_while_it_is_upgraded_and_scaled() {
    absorbed("redis", &[servers::of_line("redis", "8.0"), servers::patch_of_line("redis", "8.0")]);
}

/// Slots move whole.
#[test]
fn clients_of_valkey_see_no_error_while_it_is_upgraded_and_scaled() {
    absorbed("valkey", &["8.1", "9.1"].map(|line| servers::of_line("valkey", line)));
}
