//! Maintenance windows and backup policies: planned by value, kept by the cluster, noticed by no server.

use acceptance_tests::Workspace;
use serde_json::{Value, json};

use crate::world::{CLUSTER, PASSWORD, text};

const WINDOW: &str = "justmanage_maintenance_window.sunday_night";
const BACKUP: &str = "justmanage_backup_policy.nightly";

/// What a user begins with, whole.
const MAIN: &str = r#"
resource "justmanage_maintenance_window" "sunday_night" {
  schedule = ["Sun 02:00-03:00 Asia/Kolkata"]
  upgrade  = "patch"                       # none | patch
}
resource "justmanage_backup_policy" "nightly" {
  schedule    = ["daily 03:30 Asia/Kolkata"]
  destination = "s3://backups/redis"
  retention   = { last = 7, daily = 30 }
}
resource "justmanage_redis_cluster" "cache" {
  name               = "cache"
  engine             = "redis"             # redis | valkey
  version            = "7.0"               # a line (newest patch known) or an exact x.y.z
  shards             = 3
  replicas_per_shard = 1
  memory             = "256MiB"            # maxmemory of each node
  config             = { "maxmemory-policy" = "allkeys-lru" }
  local              = {}                  # where: exactly one platform block
  maintenance_window = justmanage_maintenance_window.sunday_night.definition
  backup_policy      = justmanage_backup_policy.nightly.definition
  deletion_protection = false
}
resource "justmanage_redis_user" "app" {
  cluster_id          = justmanage_redis_cluster.cache.id
  name                = "app"
  acl                 = "~app:* +@all -@dangerous"
  password_wo         = var.app_password
  password_wo_version = 1
}
variable "app_password" {
  type      = string
  sensitive = true
  ephemeral = true
}
output "endpoints" { value = justmanage_redis_cluster.cache.endpoints }
"#;

/// Functions of what is there.
const CALLS: &str = r#"
output "next" {
  value = provider::justmanage::next_openings([justmanage_maintenance_window.sunday_night.definition], "2026-11-21T00:00:00Z", 2)
}
output "uri" {
  value = provider::justmanage::connection_uri(justmanage_redis_cluster.cache.endpoints[0], "app", null, { protocol = "3" })
}
"#;

fn prepared(main: &str) -> Workspace {
    let mut workspace = Workspace::with_provider("");
    workspace.set("TF_VAR_app_password", PASSWORD);
    workspace.write("main.tf", main);
    workspace
}

fn servers(workspace: &Workspace) -> Vec<i32> {
    let mut pids: Vec<i32> = workspace.running("redis-server").iter().map(|server| server.pid).collect();
    pids.sort_unstable();
    pids
}

fn warned(run: &acceptance_tests::Run) -> Vec<(String, String)> {
    run.warnings().map(|warning| (warning.attribute.clone(), warning.summary.clone())).collect()
}

#[test]
fn policies_are_planned_kept_and_changed_without_a_server_noticing() {
    let workspace = prepared(MAIN);
    let plan = workspace.planned();
    let definition = "Sun 02:00-03:00 Asia/Kolkata; upgrade patch";
    assert_eq!(plan.after(WINDOW)["definition"], definition, "known before anything is made");
    assert_eq!(plan.after(CLUSTER)["maintenance_window"], definition);
    assert_eq!(
        plan.after(CLUSTER)["backup_policy"],
        "daily 03:30 Asia/Kolkata; destination s3://backups/redis; retention last 7, daily 30"
    );
    let said = warned(&workspace.plan().ok());
    let expected = [
        ("maintenance_window".to_owned(), "No upgrade will be found".to_owned()),
        ("backup_policy".to_owned(), "No backups are made".to_owned()),
    ];
    assert!(expected.iter().all(|one| said.contains(one)), "{said:?}");
    workspace.apply().ok();
    workspace.assert_no_changes();
    let running = servers(&workspace);
    assert_eq!(running.len(), 6);

    // Another window: both show in one plan, and no server notices. So does what the functions make of it.
    workspace.write("main.tf", &(MAIN.replace("[\"Sun 02", "[\"sat,sunday 02") + CALLS));
    let plan = workspace.planned();
    assert_eq!(
        (plan.actions(WINDOW), plan.actions(CLUSTER), plan.actions(BACKUP)),
        (vec!["update"], vec!["update"], vec!["no-op"])
    );
    assert_eq!(plan.after(CLUSTER)["maintenance_window"], "Sat,Sun 02:00-03:00 Asia/Kolkata; upgrade patch");
    workspace.apply().ok();
    workspace.assert_no_changes();
    assert_eq!(servers(&workspace), running);
    let opens = |day: &str| json!({ "start": format!("2026-11-{day}T02:00:00+05:30"), "end": format!("2026-11-{day}T03:00:00+05:30") });
    assert_eq!(workspace.output("next"), json!([opens("22"), opens("28")]));
    let endpoint = text(&workspace.output("endpoints")[0]);
    assert_eq!(text(&workspace.output("uri")), format!("rediss://app@{endpoint}?protocol=3"));

    // What the agents keep is what an import finds.
    workspace.terraform(&["state", "rm", CLUSTER]).ok();
    workspace.terraform(&["import", "-input=false", CLUSTER, "local/cache"]).ok();
    assert_eq!(workspace.resource(CLUSTER)["maintenance_window"], "Sat,Sun 02:00-03:00 Asia/Kolkata; upgrade patch");
    workspace.terraform(&["state", "rm", WINDOW]).ok();
    let definition = text(&workspace.resource(CLUSTER)["maintenance_window"]);
    workspace.terraform(&["import", "-input=false", WINDOW, &definition]).ok();
    // Deletion protection is on after an import, and the configuration says otherwise: that alone changes.
    let plan = workspace.planned();
    assert_eq!((plan.actions(WINDOW), plan.actions(CLUSTER)), (vec!["no-op"], vec!["update"]));
    workspace.apply().ok();
    workspace.assert_no_changes();

    // The order of destruction is Terraform's; nothing stays.
    workspace.destroy().ok();
    workspace.assert_nothing_left();
}

#[test]
fn what_is_wrong_is_underlined_where_it_is_written() {
    let workspace = prepared(&MAIN.replace("Sun 02:00-03:00 Asia/Kolkata", "Sun 02:00-03:00 IST"));
    let refused = workspace.validate().fails();
    let error = refused.error("schedule[0]", "Schedule not valid");
    assert!(error.detail.contains("\"Asia/Kolkata\", \"Europe/Dublin\", \"Asia/Jerusalem\""), "{refused}");

    workspace.write("main.tf", &MAIN.replace("s3://backups/redis", "s3://key:hunter2@bucket"));
    let refused = workspace.validate().fails();
    let error = refused.error("destination", "Destination not valid");
    assert!(!error.detail.contains("hunter2"), "{refused}");

    // The window is known in the plan, and so is that it would leave the pinned version.
    let pin = format!("\"{}\"", acceptance_tests::servers::usual("redis").version);
    workspace.write("main.tf", &MAIN.replace("\"7.0\"  ", &pin));
    let refused = workspace.plan().fails();
    refused.error("version", "Pinned version would be upgraded");
    assert_eq!(servers(&workspace), Vec::<i32>::new());
}

#[test]
fn the_examples_of_the_documentation_are_what_terraform_takes() {
    for kind in ["maintenance_window", "backup_policy"] {
        let file = format!("{}/../examples/resources/justmanage_{kind}/resource.tf", env!("CARGO_MANIFEST_DIR"));
        let workspace = prepared(&std::fs::read_to_string(file).expect("the example"));
        let changes: Value = workspace.planned().0["resource_changes"].clone();
        assert_eq!(changes.as_array().map(Vec::len), Some(2), "{changes}");

        let file = format!("{}/../examples/resources/justmanage_{kind}/import.sh", env!("CARGO_MANIFEST_DIR"));
        let script = std::fs::read_to_string(file).expect("the example");
        let command = script.strip_prefix("terraform ").expect("a command of terraform");
        let (words, definition) = command.trim().split_once(" \"").expect("a definition");
        let mut arguments: Vec<&str> = words.split_whitespace().collect();
        arguments.push(definition.trim_end_matches('"'));
        workspace.terraform(&arguments).ok();
    }
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/functions/next_openings/function.tf");
    let workspace = prepared(&std::fs::read_to_string(file).expect("the example"));
    let plan = workspace.planned();
    let output = |name: &str| plan.0["planned_values"]["outputs"][name]["value"].clone();
    assert_eq!(output("next_openings")[0]["start"], "2026-11-22T02:00:00+05:30");
    assert_eq!(output("next_openings").as_array().map(Vec::len), Some(3));
    assert!(text(&output("next_maintenance")).ends_with("T02:00:00+05:30"), "{plan:?}");
}
