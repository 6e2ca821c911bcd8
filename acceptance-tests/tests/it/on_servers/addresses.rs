//! Servers get other addresses under a cluster: one, and then all of them at once.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use acceptance_tests::hosts::{Host, Hosts};
use acceptance_tests::{DEADLINE, Login, Workspace, wait_until};
use redis::TypedCommands;
use serde_json::{Value, json};

use super::{left, prepared, shaped, user};
use crate::world::{CLUSTER, text};

/// The host is at another address from now on, and not where it was.
fn readdress(host: &Host, from: Ipv4Addr, to: Ipv4Addr) {
    host.root(&format!("ip address del {from}/24 dev eth0 && ip address add {to}/24 dev eth0")).ok();
}

/// The servers in the pool, where they are now.
fn list(hosts: &Hosts, at: &[Ipv4Addr], workspace: &mut Workspace) {
    let servers = hosts.all().iter().zip(at).map(|(host, address)| {
        // By the same key as before: whoever is at an address is still who they are.
        json!({ "address": address, "zone": "a", "host_keys": [host.key()] })
    });
    workspace.set("TF_VAR_servers", &Value::from(servers.collect::<Vec<_>>()).to_string());
}

/// The cluster is at these addresses, has what was written, and takes more.
fn assert_serves(workspace: &Workspace, at: &[Ipv4Addr], number: usize) {
    let state = workspace.resource(CLUSTER);
    let endpoints: BTreeSet<String> = state["endpoints"].as_array().expect("endpoints").iter().map(text).collect();
    assert_eq!(state["converged"], true);
    assert_eq!(endpoints, at.iter().map(|address| format!("{address}:6379")).collect());
    workspace.assert_no_changes();
    let logins = endpoints.into_iter().map(|endpoint| Login { endpoint, ..user(workspace) });
    let mut clients: Vec<_> = logins.map(|login| login.connect().expect("the user gets in")).collect();
    // Whoever is no primary sends on.
    let values: Vec<String> = clients.iter_mut().filter_map(|client| client.get("app:key").ok().flatten()).collect();
    assert_eq!(values, [(number - 1).to_string()]);
    let taken = clients.iter_mut().filter_map(|client| client.set("app:key", number).ok()).count();
    assert_eq!(taken, 1);
}

#[test]
fn a_cluster_goes_where_its_servers_have_gone() {
    let (hosts, mut workspace) = prepared(&["a", "a", "a"]);
    shaped(&workspace, 1, 2);
    workspace.apply().ok();
    let mut at: Vec<Ipv4Addr> = hosts.all().iter().map(Host::address).collect();
    let mut client = user(&workspace).connect().expect("the user gets in");
    wait_until("a write", DEADLINE, || client.set("app:key", 0).is_ok());
    drop(client);
    let nodes = |workspace: &Workspace| text(&workspace.resource(CLUSTER)["id"]);
    let id = nodes(&workspace);

    // One has another address, and the pool knows it before the cluster does.
    let to = Ipv4Addr::new(10, 99, 0, 201);
    readdress(&hosts[1], at[1], to);
    at[1] = to;
    list(&hosts, &at, &mut workspace);
    workspace.apply().ok();
    assert_serves(&workspace, &at, 1);

    // All have other addresses: nobody finds anybody any more.
    for (host, at) in hosts.all().iter().zip(&mut at) {
        let to = Ipv4Addr::new(10, 99, 0, at.octets()[3] + 20);
        readdress(host, *at, to);
        *at = to;
    }
    list(&hosts, &at, &mut workspace);
    workspace.apply().ok();
    assert_serves(&workspace, &at, 2);
    assert_eq!(nodes(&workspace), id, "it is the same cluster");
    // What leads to the cluster is kept beside the user when it is next looked at. A destroy reads the data source before the cluster, and
    // nothing but the id would lead that there.
    workspace.apply().ok();
    workspace.terraform(&["destroy", "-refresh=false", "-auto-approve", "-input=false", "-json"]).ok();
    hosts.all().iter().for_each(|host| assert_eq!(left(host), "", "{}", host.name()));
}
