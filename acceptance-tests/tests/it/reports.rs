//! What an operation came to is in the state, and is never a difference.

use serde_json::Value;

use crate::clusters::shaped;
use crate::world::{CLUSTER, text};

fn last(workspace: &acceptance_tests::Workspace) -> Value {
    workspace.resource(CLUSTER)["last_operation"].clone()
}

#[test]
fn a_rolling_restart_leaves_its_report_and_no_difference() {
    let mut workspace = shaped(1, 1);
    workspace.apply().ok();
    assert_eq!(last(&workspace), Value::Null, "making a cluster disturbs nobody");

    let file = workspace.config().join("main.tf");
    let before = std::fs::read_to_string(file).expect("configuration");
    let shape = "  shards = 1\n";
    let threads = |count: u8| before.replace(shape, &format!("{shape}  config = {{ \"io-threads\" = \"{count}\" }}\n"));
    workspace.write("main.tf", &threads(2));
    let log = workspace.root().join("trace.log");
    workspace.set("TF_LOG", "INFO");
    workspace.set("TF_LOG_PATH", &log.display().to_string());
    workspace.apply().ok();
    let report = last(&workspace);
    assert_eq!(report["what"], "rolling restart for config io-threads", "{report}");
    assert_eq!((&report["outcome"], &report["proven"]), (&"done".into(), &true.into()), "{report}");
    assert_eq!(report["lost_writes"], 0, "{report}");
    assert!(report["acknowledged_writes"].as_u64() > Some(0), "{report}");
    assert!(report["longest_write_pause_ms"].as_u64() > Some(0), "{report}");
    let steps: Vec<String> = report["steps"].as_array().expect("steps").iter().map(|s| text(&s["what"])).collect();
    assert_eq!(steps, ["restart", "handover", "restart"], "{report}");
    assert_eq!(report["shards"].as_array().map(Vec::len), Some(1), "{report}");
    let told = std::fs::read_to_string(&log).expect("Terraform's log");
    let lines: Vec<&str> =
        told.lines().filter(|line| line.contains("rolling restart for config io-threads: done")).collect();
    assert_eq!(lines.len(), 1, "it is told once in Terraform's log: {lines:#?}");
    workspace.assert_no_changes();

    // A change that disturbs nobody leaves it as it is, also one that is Terraform's alone.
    workspace.write("main.tf", &threads(2).replace("64MiB", "96MiB"));
    workspace.apply().ok();
    assert_eq!(last(&workspace), report);
    workspace.write("main.tf", &threads(2).replace("64MiB", "96MiB").replace("deletion_protection = false", ""));
    workspace.apply().ok();
    assert_eq!(last(&workspace), report);
    workspace.assert_no_changes();

    workspace.write("main.tf", &threads(3));
    workspace.apply().ok();
    let next = last(&workspace);
    assert!(text(&next["began_at"]) > text(&report["ended_at"]), "{next}");
    workspace.assert_no_changes();
    workspace.destroy().ok();
}
