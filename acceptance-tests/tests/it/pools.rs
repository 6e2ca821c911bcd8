//! Server pools: planned by value, checked where they are written, and taken by a cluster and a data source as far as that goes yet.

use acceptance_tests::{Run, Workspace};

use crate::world::{CLUSTER, text};

const POOL: &str = "justmanage_server_pool.rack";

/// What a user begins with.
const MAIN: &str = r#"
resource "justmanage_server_pool" "rack" {
  user = "admin"
  servers = [
    {
      address   = "10.0.0.11"
      zone      = "a"
      labels    = { disk = "nvme" }
      host_keys = ["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"]
    },
    {
      address   = "10.0.0.12"
      zone      = "b"
      host_keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"]
    },
  ]
}
"#;

/// What that is as one text.
const DEFINITION: &str = "10.0.0.11 user admin key SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU zone a disk=nvme; \
                          10.0.0.12 user admin key ssh-ed25519 \
                          AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl zone b";

fn with(main: &str) -> Workspace {
    let workspace = Workspace::with_provider("");
    workspace.write("main.tf", main);
    workspace
}

/// A cluster on the pool's servers.
fn cluster(shards: u16) -> String {
    format!(
        r#"
resource "justmanage_redis_cluster" "cache" {{
  name    = "cache"
  engine  = "redis"
  version = "7.0"
  shards  = {shards}
  memory  = "64MiB"
  servers = {{ pool = justmanage_server_pool.rack.definition }}
}}
"#
    )
}

fn said(run: &Run) -> Vec<(&str, &str)> {
    run.errors().map(|error| (error.address.as_str(), error.summary.as_str())).collect()
}

#[test]
fn a_pool_is_planned_kept_changed_and_imported() {
    let workspace = with(MAIN);
    assert_eq!(workspace.planned().after(POOL)["definition"], DEFINITION, "known before anything is made");
    assert_eq!(workspace.plan().ok().warnings().count(), 0);
    workspace.apply().ok();
    workspace.assert_no_changes();

    // A server is hidden, and the key of another is not pinned any more, which is said.
    let (before, after) = MAIN.split_once("zone      = \"b\"").expect("the second server");
    let after = after.split_once(']').expect("its keys").1;
    workspace.write("main.tf", &format!("{before}zone = \"b\"\n      hidden = true{after}"));
    let run = workspace.plan().ok();
    let warned: Vec<(&str, &str)> = run.warnings().map(|one| (one.address.as_str(), one.summary.as_str())).collect();
    assert_eq!(warned, [(POOL, "Host keys not pinned")]);
    let plan = workspace.planned();
    assert_eq!(plan.actions(POOL), ["update"]);
    assert!(text(&plan.after(POOL)["definition"]).ends_with("10.0.0.12 user admin zone b hidden"), "{plan:?}");
    workspace.apply().ok();
    workspace.assert_no_changes();

    workspace.terraform(&["state", "rm", POOL]).ok();
    workspace.terraform(&["import", "-input=false", POOL, DEFINITION]).ok();
    workspace.write("main.tf", MAIN);
    workspace.assert_no_changes();
    workspace.destroy().ok();
}

#[test]
fn what_is_wrong_says_where_it_is() {
    let workspace = with(&MAIN.replace("SHA256:47DEQpj8HBSa", "SHA256:47DE"));
    let run = workspace.validate().fails();
    let found: Vec<_> = run.errors().collect();
    let [error] = found.as_slice() else { panic!("one error: {run}") };
    // Terraform underlines no deeper than an element of a list: the text says the rest.
    assert!(error.summary == "Host key not valid" && error.detail.starts_with("servers[0].host_keys[0]: "), "{run}");

    workspace.write("main.tf", &MAIN.replace("\"admin\"", "\"root admin\""));
    workspace.validate().fails().error("user", "User not valid");
}

#[test]
fn what_is_not_known_yet_is_judged_when_it_is() {
    let later = |address: &str| {
        let unknown = MAIN.replace("\"10.0.0.11\"", "terraform_data.host.output");
        format!("resource \"terraform_data\" \"host\" {{\n  input = \"{address}\"\n}}\n{unknown}")
    };
    let workspace = with(&later("10.0.0.300"));
    workspace.validate().ok();
    let plan = workspace.planned();
    assert!(plan.after(POOL).get("definition").is_none_or(serde_json::Value::is_null), "{plan:?}");
    let failed = workspace.apply().fails();
    assert_eq!(said(&failed), [(POOL, "Address not valid")]);

    let workspace = with(&later("10.0.0.11"));
    workspace.apply().ok();
    assert_eq!(workspace.resource(POOL)["definition"], DEFINITION);
    workspace.assert_no_changes();
}

#[test]
fn a_cluster_takes_the_definition_and_is_refused_before_anything_is_made() {
    let workspace = with(&(MAIN.to_owned() + &cluster(3)));
    let run = workspace.plan().fails();
    assert_eq!(said(&run), [(CLUSTER, "Not enough servers")]);
    let error = run.errors().next().expect("an error");
    assert!(error.detail.contains("3 in all") && error.detail.contains("The pool has 2."), "{run}");
    // There are enough, and none of them answers.
    let silent = MAIN.replace("10.0.0.1", "127.0.0.1").replace("\"admin\"", "\"admin\"\n  port = 1");
    workspace.write("main.tf", &(silent + &cluster(2)));
    let run = workspace.plan().fails();
    let error = run.errors().next().expect("an error");
    assert!(error.address == CLUSTER && error.detail.contains("127.0.0.11:1"), "{run}");
    assert_eq!(workspace.nodes(), Vec::<std::path::PathBuf>::new());
}

#[test]
fn servers_that_do_not_answer_are_shown_with_the_reason() {
    let workspace = Workspace::with_provider("  ssh = { connect_timeout = \"10s\" }");
    workspace.write(
        "main.tf",
        r#"
resource "justmanage_server_pool" "here" {
  port    = 1
  servers = [{ address = "127.0.0.1", zone = "a" }, { address = "127.0.0.2", hidden = true }]
}
data "justmanage_servers" "here" {
  pool = justmanage_server_pool.here.definition
}
output "states" {
  value = { for server in data.justmanage_servers.here.servers : server.address => server.state }
}
output "missing" {
  value = data.justmanage_servers.here.servers[0].missing
}
"#,
    );
    workspace.apply().ok();
    assert_eq!(workspace.output("states"), serde_json::json!({ "127.0.0.1": "unreachable", "127.0.0.2": "hidden" }));
    assert!(text(&workspace.output("missing")[0]).contains("is not reachable by SSH"));
    workspace.assert_no_changes();
    workspace.destroy().ok();
}

#[test]
fn the_examples_of_the_documentation_are_what_terraform_takes() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples");
    let read = |file: &str| std::fs::read_to_string(format!("{examples}/{file}")).expect("the example");
    let workspace = with(&read("resources/justmanage_server_pool/resource.tf"));
    let plan = workspace.planned();
    assert_eq!(plan.actions(POOL), ["create"]);
    let definition = text(&plan.after(POOL)["definition"]);
    let script = read("resources/justmanage_server_pool/import.sh");
    let (words, imported) = script.trim().split_once(" \"").expect("a definition");
    let mut arguments: Vec<&str> = words.strip_prefix("terraform ").expect("a command").split_whitespace().collect();
    arguments.push(imported.trim_end_matches('"'));
    workspace.terraform(&arguments).ok();
    assert_eq!(workspace.resource(POOL)["definition"], definition, "the one imports what the other makes");
}
