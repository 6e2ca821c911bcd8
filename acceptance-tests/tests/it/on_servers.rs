//! Clusters on servers of the user's own: real Terraform, real sshd, real systemd.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance_tests::hosts::{Host, Hosts, Options};
use acceptance_tests::load::Load;
use acceptance_tests::{DEADLINE, Login, Workspace, servers, wait_until};
use redis::TypedCommands;
use serde_json::{Value, json};

use crate::world::{CLUSTER, PASSWORD, text};

mod addresses;
mod announced;
mod bare;
mod packaged;

/// Where the database is installed on every host, as a distribution would: a link is on the search path.
const INSTALLED: &str = "/opt/redis";

/// Hosts with a database program, of these zones, and a workspace with the example, whose variables say who they are.
fn prepared(zones: &[&str]) -> (Hosts, Workspace) {
    let (hosts, workspace) = up(zones);
    let program = relocated(workspace.root());
    hosts.all().iter().for_each(|host| install(&hosts, host, &program));
    (hosts, workspace)
}

/// The same without any database.
fn up(zones: &[&str]) -> (Hosts, Workspace) {
    let hosts = Hosts::up(zones.len(), &Options::default());
    let mut workspace = Workspace::new();
    workspace.copy_example("servers");
    let key = workspace.root().join("operator.key");
    run(Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&key));
    let read = |path: &Path| fs::read_to_string(path).expect("a key");
    workspace.set("TF_VAR_servers", &listed(hosts.all().iter().zip(zones.iter().copied())));
    workspace.set("TF_VAR_ssh_key", &read(&hosts.key()));
    workspace.set("TF_VAR_operator_key", &read(&key));
    workspace.set("TF_VAR_app_password", PASSWORD);
    (hosts, workspace)
}

/// Hosts with their zones, as the example lists servers.
fn listed<'a>(hosts: impl IntoIterator<Item = (&'a Host, &'a str)>) -> String {
    let server =
        |(host, zone): (&Host, &str)| json!({ "address": host.address(), "zone": zone, "host_keys": [host.key()] });
    Value::from(hosts.into_iter().map(server).collect::<Vec<_>>()).to_string()
}

/// The usual Redis with its libraries, to be put anywhere.
fn relocated(folder: &Path) -> std::path::PathBuf {
    let server = servers::usual("redis");
    let made = folder.join("redis");
    fs::create_dir(&made).expect("a directory");
    run(Command::new("cp").arg("-rL").arg(&server.bin).arg(server.bin.join("../lib")).arg(&made));
    for program in ["redis-server", "redis-cli"] {
        run(Command::new("patchelf").args(["--set-rpath", "$ORIGIN/../lib"]).arg(made.join("bin").join(program)));
    }
    made
}

/// Puts a directory onto a host.
fn install(hosts: &Hosts, host: &Host, program: &Path) {
    let [key, known] = [hosts.key(), hosts.known_hosts()].map(|path| path.display().to_string());
    let copy = format!(
        "tar -C {} -cf - . | ssh -F none -i {key} -o UserKnownHostsFile={known} root@{} 'mkdir -p {INSTALLED} && tar -C {INSTALLED} -xf - && ln -s {INSTALLED}/bin/* /usr/local/bin/'",
        program.display(),
        host.address(),
    );
    run(hosts.command("sh").arg("-c").arg(copy));
}

#[track_caller]
fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// The example with another shape.
fn shaped(workspace: &Workspace, shards: u16, replicas_per_shard: u16) {
    let example = fs::read_to_string(workspace.config().join("main.tf")).expect("the example");
    let line = |name: &str, number: u16| format!("  {name:<19} = {number}");
    let number = |text: &str, name: &str, number: u16| {
        let lines = text.lines().map(|one| match one.trim_start().split(' ').next() == Some(name) {
            true => line(name, number),
            false => one.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n") + "\n"
    };
    // Who does not answer is waited for.
    let example = example.replace("  ssh = {\n", "  ssh = {\n    connect_timeout = \"5s\"\n");
    let text = number(&number(&example, "shards", shards), "replicas_per_shard", replicas_per_shard);
    assert!(text.contains(&line("shards", shards)) && text.contains(&line("replicas_per_shard", replicas_per_shard)));
    workspace.write("main.tf", &text);
}

fn user(workspace: &Workspace) -> Login {
    Login {
        endpoint: text(&workspace.output("endpoints")[0]),
        ca: text(&workspace.output("ca_certificate")),
        user: "app".into(),
        password: PASSWORD.into(),
    }
}

fn address(host: &Host) -> String {
    format!("{}:6379", host.address())
}

/// Whether the primary is there, by a look at this moment.
fn is_primary(workspace: &Workspace, host: &Host) -> bool {
    workspace.terraform(&["apply", "-refresh-only", "-auto-approve", "-input=false", "-json"]).ok();
    workspace.output("nodes")[&address(host)].as_str().is_some_and(|role| role.starts_with("primary"))
}

/// What of ours is on a host.
fn left(host: &Host) -> String {
    let places = "/var/lib/justmanage /etc/systemd/system/justmanage* /etc/sysctl.d/*justmanage* /run/justmanage \
                  /run/systemd/system.control/justmanage*";
    host.root(&format!(
        "ls -d {places} 2>/dev/null; id -un justmanage 2>/dev/null; pgrep -a '^(justmanage|redis)'; true"
    ))
    .ok()
}

#[test]
fn one_node_is_made_used_and_removed_without_a_trace() {
    let (hosts, workspace) = prepared(&["a"]);
    shaped(&workspace, 1, 0);
    workspace.apply().ok();
    let state = workspace.resource(CLUSTER);
    assert_eq!(state["converged"], true);
    let address = hosts[0].address();
    assert_eq!(text(&state["endpoints"][0]), format!("{address}:6379"));
    assert!(text(&state["id"]).starts_with(&format!("servers/admin@{address}/cache/")), "{}", state["id"]);
    let mut client = user(&workspace).connect().expect("the user gets in");
    client.set("app:key", "value").expect("a write");
    assert_eq!(hosts[0].root("ps -o user= -C redis-server").ok(), "justmanage");
    resources_are_its_units_and_its_slices(&hosts[0], &workspace);
    workspace.assert_no_changes();
    workspace.destroy().ok();
    assert_eq!(left(&hosts[0]), "", "removed without a trace");
}

/// What is asked for is limited by the unit and kept for it by the slice above; other figures are in force for the server that runs.
fn resources_are_its_units_and_its_slices(host: &Host, workspace: &Workspace) {
    let properties = |unit: &str, names: &[&str]| {
        let names: Vec<String> = names.iter().map(|name| format!("-p {name}")).collect();
        let said = host.root(&format!("systemctl show {} '{unit}'", names.join(" "))).ok();
        let mut said: Vec<String> = said.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
        said.sort();
        said
    };
    let kept = ["MemoryMin", "MemoryLow", "CPUWeight"];
    let (unit, slice) = ("justmanage-server@*", "justmanage.slice");
    let limits = ["MemoryMax", "CPUQuotaPerSecUSec", "IOWriteBandwidthMax", "IOReadIOPSMax", "Slice"];
    let in_force = |mib: u64, quota: &str, rate: u64| {
        vec![
            format!("CPUQuotaPerSecUSec={quota}"),
            "IOReadIOPSMax=/var/lib/justmanage/node 50000".to_owned(),
            format!("IOWriteBandwidthMax=/var/lib/justmanage/node {}", rate << 20),
            format!("MemoryMax={}", mib << 20),
            format!("Slice={slice}"),
        ]
    };
    let shares = |mib: u64| {
        vec!["CPUWeight=10000".to_owned(), format!("MemoryLow={}", mib << 20), format!("MemoryMin={}", 64 << 20)]
    };
    assert_eq!(properties(unit, &limits), in_force(448, "1s", 500));
    assert_eq!((properties(unit, &kept), properties(slice, &kept)), (shares(448), shares(448)));
    assert_eq!(properties("justmanage-agent.service", &["Slice"]), [format!("Slice={slice}")]);

    let server = host.root("pgrep redis-server").ok();
    let text = fs::read_to_string(workspace.config().join("main.tf")).expect("the example");
    let changed = text.replace("\"448MiB\"", "\"400MiB\"").replace("cpu    = \"1\"", "cpu    = \"500m\"");
    let changed = changed.replace("write_bandwidth = \"500MiB\"", "write_bandwidth = \"100MiB\"");
    workspace.write("main.tf", &changed);
    workspace.apply().ok();
    let impact = workspace.resource(CLUSTER)["impact"].clone();
    assert_eq!(impact, serde_json::json!(["resources.cpu: live", "resources.memory: live", "resources.io: live"]));
    assert_eq!(properties(unit, &limits), in_force(400, "500ms", 100));
    assert_eq!((properties(unit, &kept), properties(slice, &kept)), (shares(400), shares(400)));
    assert_eq!(host.root("pgrep redis-server").ok(), server, "nobody was restarted");
}

#[test]
fn the_example_puts_three_shards_with_replicas_on_six_servers_of_three_zones() {
    let (hosts, workspace) = prepared(&["a", "a", "b", "b", "c", "c"]);
    workspace.apply().ok();
    let state = workspace.resource(CLUSTER);
    assert_eq!((&state["converged"], state["endpoints"].as_array().map(Vec::len)), (&true.into(), Some(6)));
    for host in hosts.all() {
        assert_eq!(host.root("pgrep -c redis-server").ok(), "1", "{}", host.name());
    }
    let zone = |endpoint: &str| {
        let at = hosts.all().iter().position(|host| endpoint == address(host));
        at.unwrap_or_else(|| panic!("{endpoint}: whose?")) / 2
    };
    let nodes = workspace.output("nodes");
    let mut zones: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
    for (endpoint, what) in nodes.as_object().expect("nodes") {
        let (_, shard) =
            text(what).split_once(" of ").map(|(role, shard)| (role.to_owned(), shard.to_owned())).expect("a shard");
        zones.entry(shard).or_default().insert(zone(endpoint));
    }
    assert!(zones.len() == 3 && zones.values().all(|zones| zones.len() == 2), "two zones for each shard: {nodes}");
    let endpoints: Vec<String> = state["endpoints"].as_array().expect("endpoints").iter().map(text).collect();
    let writers = Load::begin(&user(&workspace), &endpoints, "app:", 4);
    workspace.assert_no_changes();
    let seen = writers.end();
    assert!(seen.acknowledged > 0 && seen.lost == 0 && seen.errors.is_empty(), "{seen:?}");
    workspace.destroy().ok();
    for host in hosts.all() {
        assert_eq!(left(host), "", "{}", host.name());
    }
}

/// One of three servers loses its power for good, and a fourth one is free.
#[test]
fn a_server_that_is_lost_is_replaced_by_another_one_when_it_is_taken_out_of_the_pool() {
    let zones = ["a", "b", "c", "d"];
    let (hosts, mut workspace) = prepared(&zones);
    shaped(&workspace, 1, 2);
    workspace.apply().ok();
    let mut client = user(&workspace).connect().expect("the user gets in");
    client.set("app:key", "value").expect("a write");
    assert_eq!(redis::cmd("WAIT").arg(2).arg(5000).query::<i64>(&mut client).expect("copies"), 2);
    drop(client);
    let lost = hosts.all().iter().position(|host| is_primary(&workspace, host)).expect("a primary");
    hosts[lost].crash();
    // Nobody can know whether it comes back: a plan says so, and takes nothing away.
    let silent = "1 server does not answer";
    wait_until("another one is the primary", DEADLINE, || {
        hosts.all().iter().enumerate().any(|(number, host)| number != lost && is_primary(&workspace, host))
    });
    let plan = workspace.plan().ok();
    assert!(
        plan.warnings().any(|said| said.summary == silent && said.detail.contains("take it out of the pool")),
        "{plan}"
    );
    assert_eq!(workspace.planned().actions(CLUSTER), ["no-op"]);

    let left: Vec<usize> = (0..zones.len()).filter(|number| *number != lost).collect();
    workspace.set("TF_VAR_servers", &listed(left.iter().map(|number| (&hosts[*number], zones[*number]))));
    workspace.apply().ok();
    let state = workspace.resource(CLUSTER);
    let endpoints: BTreeSet<String> = state["endpoints"].as_array().expect("endpoints").iter().map(text).collect();
    assert_eq!(state["converged"], true);
    assert_eq!(endpoints, left.iter().map(|number| address(&hosts[*number])).collect());
    workspace.assert_no_changes();
    let primary = left.iter().find(|number| is_primary(&workspace, &hosts[**number])).expect("a primary");
    let login = Login { endpoint: address(&hosts[*primary]), ..user(&workspace) };
    let mut client = login.connect().expect("the user gets in");
    assert_eq!(client.get("app:key").expect("a read").as_deref(), Some("value"));
    workspace.destroy().ok();
    left.iter().for_each(|number| assert_eq!(self::left(&hosts[*number]), "", "{}", hosts[*number].name()));
}
