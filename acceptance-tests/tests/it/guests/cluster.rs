//! The example as its user applies it, on virtual machines: three instances become a cluster, its door is shut again, and nothing is left.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use acceptance_tests::binaries::{AGENT, built};
use acceptance_tests::guests::Guests;
use acceptance_tests::load::Load;
use acceptance_tests::{Login, Workspace, servers, wait_until};
use justmanage_ec2_proxy::ec2::value;
use serde_json::{Value, json};

use crate::artifacts::packed_with;
use crate::world::{CLUSTER, PASSWORD, text};

/// The example, told where everything is.
fn prepared(guests: &Guests) -> Workspace {
    let mut workspace = Workspace::new();
    // Three systems boot side by side, on two processors or less.
    workspace.wait_for(Duration::from_secs(600));
    workspace.copy_example("aws");
    // Its table of what is granted is for IAM.
    fs::remove_file(workspace.config().join("policy.json")).expect("the policy");
    let key = workspace.root().join("operator.key");
    let made = Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&key).output();
    assert!(made.expect("openssl").status.success());
    let server = servers::usual("redis");
    // What it is linked with is a part of the image.
    packed_with(None, workspace.root(), "redis", &server);
    let archive = guests.mirror(&workspace.root().join("redis.tar.gz"));
    let agent = guests.mirror(&built(AGENT));
    let range = json!([guests.range()]).to_string();
    let program = json!({ "url": archive.url, "sha256": archive.sha256, "engine": "redis", "version": server.version });
    for (name, value) in [
        ("subnets", json!(guests.subnets()).to_string()),
        ("operator_cidrs", range.clone()),
        ("client_cidrs", range),
        ("server", program.to_string()),
        ("agent_urls", json!([agent.url]).to_string()),
        ("operator_key", fs::read_to_string(&key).expect("a key")),
        ("app_password", PASSWORD.to_owned()),
    ] {
        workspace.set(&format!("TF_VAR_{name}"), &value);
    }
    for (name, value) in guests.environment() {
        workspace.set(name, &value);
    }
    workspace
}

fn login(workspace: &Workspace) -> Login {
    Login {
        endpoint: text(&workspace.output("endpoints")[0]),
        ca: text(&workspace.output("ca_certificate")),
        user: "app".into(),
        password: PASSWORD.into(),
    }
}

fn endpoints(workspace: &Workspace) -> Vec<String> {
    workspace.output("endpoints").as_array().expect("endpoints").iter().map(text).collect()
}

/// What the example's policy grants.
fn granted() -> Vec<String> {
    let policy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/aws/policy.json");
    let policy: Value = serde_json::from_slice(&fs::read(policy).expect("the policy")).expect("JSON");
    let actions = |statement: &Value| statement["Action"].as_array().expect("actions").clone();
    policy["Statement"].as_array().expect("statements").iter().flat_map(actions).map(|action| text(&action)).collect()
}

/// The cluster's security group, and who gets in.
fn group(guests: &Guests) -> (String, String) {
    let groups = guests.block_on(guests.ec2().list("DescribeSecurityGroups", "securityGroupInfo"));
    let ours = groups.into_iter().find(|item| value(item, "groupName") == Some("justmanage-cache")).expect("its group");
    let id = value(&ours, "groupId").expect("an id").to_owned();
    let rules = value(&ours, "ipPermissions").expect("rules").to_owned();
    (id, rules)
}

/// Waits until a plan finds nothing to do. Systems without the processor's help are slow: agents may elect another leader, and a node may be
/// away for a moment, while whoever looks gives up within seconds.
fn settles(workspace: &Workspace) {
    let plan = ["plan", "-input=false", "-no-color", "-detailed-exitcode"];
    wait_until("a plan finds nothing to do", Duration::from_secs(300), || workspace.terraform(&plan).code == Some(0));
}

#[test]
fn three_instances_become_a_cluster_that_is_used_and_mended_and_leaves_nothing() {
    let guests = Guests::up();
    let workspace = prepared(&guests);
    guests.ec2().grant(granted());
    let began = Instant::now();
    workspace.apply().ok();
    eprintln!("three guests became a cluster in {:.1} s", began.elapsed().as_secs_f64());
    let state = workspace.resource(CLUSTER);
    assert_eq!(
        (&state["converged"], text(&state["version_actual"])),
        (&Value::from(true), servers::usual("redis").version)
    );
    assert!(text(&state["id"]).starts_with("aws/eu-central-1/cache/jmc"), "{}", state["id"]);
    let before = endpoints(&workspace);
    assert_eq!(before.len(), 3);
    settles(&workspace);

    let writers = Load::begin(&login(&workspace), &before, "app:", 2);
    writers.goes_on(100);
    let seen = writers.end();
    assert!(seen.acknowledged > 0 && seen.lost == 0 && seen.errors.is_empty(), "{seen:?}");

    // Somebody opens the door to everybody: it shows, and an apply shuts it.
    let (id, open) = group(&guests);
    assert!(!open.contains("0.0.0.0/0"), "{open}");
    guests.ask(&[
        ("Action", "AuthorizeSecurityGroupIngress"),
        ("GroupId", &id),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", "6379"),
        ("IpPermissions.1.ToPort", "6379"),
        ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
    ]);
    let plan = workspace.planned();
    assert_eq!(plan.actions(CLUSTER), ["update"], "the next plan shows it");
    wait_until("an apply goes through", Duration::from_secs(300), || workspace.apply().code == Some(0));
    assert!(!group(&guests).1.contains("0.0.0.0/0"));
    settles(&workspace);

    workspace.destroy().ok();
    guests.assert_nothing_left();
}
