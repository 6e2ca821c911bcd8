//! Clients are told names of the servers, from one apply to the next, while the servers run.

use std::fs;

use acceptance_tests::hosts::Hosts;
use acceptance_tests::load::Load;
use acceptance_tests::{DEADLINE, Workspace, servers, wait_until};
use serde_json::{Value, json};

use super::{address, prepared, shaped, user};
use crate::world::{CLUSTER, PASSWORD, text};

const NAMES: [&str; 2] = ["db1.example.com", "db2.example.com"];

/// The servers in the pool, with names or without.
fn list(hosts: &Hosts, workspace: &mut Workspace, named: bool) {
    let servers = hosts.all().iter().zip(NAMES).map(|(host, name)| {
        let announce = if named { json!(name) } else { Value::Null };
        json!({ "address": host.address(), "announce": announce, "host_keys": [host.key()] })
    });
    workspace.set("TF_VAR_servers", &Value::from(servers.collect::<Vec<_>>()).to_string());
}

/// Where a server sends its clients, and whether it proves to be called so.
fn assert_told(hosts: &Hosts, workspace: &Workspace, places: &[String]) {
    let cli = servers::usual("redis").bin.join("redis-cli");
    let ca = workspace.root().join("ca.pem");
    fs::write(&ca, text(&workspace.output("ca_certificate"))).expect("a file");
    for host in hosts.all() {
        let said = || {
            let mut command = hosts.command(&cli.to_string_lossy());
            command.args(["-h", &host.address().to_string(), "--tls", "--cacert"]).arg(&ca);
            command.args(["--user", "app", "--no-auth-warning", "CLUSTER", "SLOTS"]).env("REDISCLI_AUTH", PASSWORD);
            String::from_utf8_lossy(&command.output().expect("redis-cli").stdout).into_owned()
        };
        wait_until("clients are told where the servers are", DEADLINE, || {
            let said = said();
            let lines: Vec<&str> = said.lines().map(str::trim).collect();
            // Of each server: its place, then its port.
            let told = |place: &String| lines.windows(2).any(|two| two == [place.as_str(), "6379"]);
            places.iter().all(told)
        });
    }
}

/// Whether a host's server has a certificate of the cluster for this name.
fn is_called(hosts: &Hosts, workspace: &Workspace, host: &str, name: &str) -> bool {
    let mut command = hosts.command("openssl");
    command.args(["s_client", "-connect", &format!("{host}:6379"), "-verify_return_error", "-verify_hostname", name]);
    command.arg("-CAfile").arg(workspace.root().join("ca.pem")).stdin(std::process::Stdio::null());
    command.output().expect("openssl").status.success()
}

#[test]
fn clients_are_told_names_when_the_pool_has_them_and_addresses_when_not() {
    let (hosts, mut workspace) = prepared(&["a", "a"]);
    shaped(&workspace, 1, 1);
    let example = fs::read_to_string(workspace.config().join("main.tf")).expect("the example");
    let named = example.replace("zone      = optional(string)", "announce  = optional(string)");
    assert_ne!(named, example);
    workspace.write("main.tf", &named);
    list(&hosts, &mut workspace, false);
    workspace.apply().ok();
    let addresses: Vec<String> = hosts.all().iter().map(address).collect();
    let mut endpoints: Vec<String> =
        workspace.resource(CLUSTER)["endpoints"].as_array().expect("endpoints").iter().map(text).collect();
    endpoints.sort();
    assert_eq!(endpoints, addresses);
    let hosts_alone: Vec<String> = hosts.all().iter().map(|host| host.address().to_string()).collect();
    assert_told(&hosts, &workspace, &hosts_alone);
    let pids = || hosts.all().iter().map(|host| host.root("pgrep redis-server").ok()).collect::<Vec<_>>();
    let before = pids();

    let writers = Load::begin(&user(&workspace), &endpoints, "app:", 2);
    list(&hosts, &mut workspace, true);
    workspace.apply().ok();
    let state = workspace.resource(CLUSTER);
    assert_eq!(state["impact"], json!(["announced names of servers: live"]));
    let mut endpoints: Vec<String> = state["endpoints"].as_array().expect("endpoints").iter().map(text).collect();
    endpoints.sort();
    assert_eq!(endpoints, NAMES.map(|name| format!("{name}:6379")));
    assert_told(&hosts, &workspace, &NAMES.map(str::to_owned));
    for (host, name) in hosts_alone.iter().zip(NAMES) {
        assert!(is_called(&hosts, &workspace, host, name), "{name}");
        assert!(!is_called(&hosts, &workspace, host, "db3.example.com"));
    }
    workspace.assert_no_changes();

    list(&hosts, &mut workspace, false);
    workspace.apply().ok();
    assert_told(&hosts, &workspace, &hosts_alone);
    workspace.assert_no_changes();
    assert_eq!(pids(), before, "nobody was restarted");
    let seen = writers.end();
    assert!(seen.acknowledged > 0 && seen.lost == 0, "{seen:?}");
    workspace.destroy().ok();
}
