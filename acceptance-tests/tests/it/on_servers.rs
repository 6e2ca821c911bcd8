//! Clusters on servers of the user's own: real Terraform, real sshd, real systemd.

use std::fs;
use std::path::Path;
use std::process::Command;

use acceptance_tests::hosts::{Host, Hosts, Options};
use acceptance_tests::{Workspace, servers};

use crate::world::{CLUSTER, PASSWORD, login, text, user};

/// Where the database is installed on every host, as a distribution would.
const INSTALLED: &str = "/opt/redis";

/// Hosts with a database program, and a workspace whose provider gets onto them.
fn prepared(count: usize) -> (Hosts, Workspace) {
    let hosts = Hosts::up(count, &Options::default());
    let mut workspace = Workspace::new();
    workspace.set("TF_VAR_app_password", PASSWORD);
    let program = relocated(workspace.root());
    hosts.all().iter().for_each(|host| install(&hosts, host, &program));
    let key = workspace.root().join("operator.key");
    run(Command::new("openssl").args(["genpkey", "-algorithm", "ed25519", "-out"]).arg(&key));
    run(Command::new("chmod").arg("600").arg(&key));
    workspace.write(
        "provider.tf",
        &format!(
            "terraform {{\n  required_providers {{\n    justmanage = {{\n      source = \"justmanage/justmanage\"\n    }}\n  }}\n}}\n\n\
             provider \"justmanage\" {{\n  operator_key = {:?}\n  artifacts    = [{{ directory = \"{INSTALLED}\" }}]\n  ssh = {{\n    \
             private_key_file  = {:?}\n    known_hosts_files = [{:?}]\n  }}\n}}\n",
            key.display().to_string(),
            hosts.key().display().to_string(),
            hosts.known_hosts().display().to_string(),
        ),
    );
    (hosts, workspace)
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
        "tar -C {} -cf - . | ssh -F none -i {key} -o UserKnownHostsFile={known} root@{} 'mkdir -p {INSTALLED} && tar -C {INSTALLED} -xf -'",
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

/// A cluster on these hosts, who log in as somebody who may use sudo.
fn cluster(hosts: &Hosts, more: &str) -> String {
    let listed: Vec<String> =
        hosts.all().iter().map(|host| format!("{{ address = \"{}\" }}", host.address())).collect();
    format!(
        r#"
resource "justmanage_server_pool" "rack" {{
  user    = "admin"
  servers = [{}]
}}
resource "justmanage_redis_cluster" "cache" {{
  name    = "cache"
  engine  = "redis"
  version = "7.0"
  memory  = "64MiB"
  servers = {{ pool = justmanage_server_pool.rack.definition }}
  deletion_protection = false
{more}
}}
"#,
        listed.join(", ")
    )
}

/// What of ours is on a host.
fn left(host: &Host) -> String {
    let places = "/var/lib/justmanage /etc/systemd/system/justmanage* /etc/sysctl.d/*justmanage* /run/justmanage";
    host.root(&format!("ls -d {places} 2>/dev/null; id -un justmanage 2>/dev/null; pgrep -a '^(justmanage|redis)'; true")).ok()
}

#[test]
fn one_node_is_made_used_and_removed_without_a_trace() {
    let (hosts, workspace) = prepared(1);
    workspace.write("main.tf", &(cluster(&hosts, "") + &user("~app:* +@all -@dangerous", 1)));
    workspace.apply().ok();
    let state = workspace.resource(CLUSTER);
    assert_eq!(state["converged"], true);
    let address = hosts[0].address();
    assert_eq!(text(&state["endpoints"][0]), format!("{address}:6379"));
    assert!(text(&state["id"]).starts_with(&format!("servers/admin@{address}/cache/")), "{}", state["id"]);
    let mut connection = login(&workspace).connect().expect("connect");
    redis::cmd("SET").arg("app:key").arg("value").exec(&mut connection).expect("a write");
    assert_eq!(hosts[0].root("ps -o user= -C redis-server").ok(), "justmanage");
    workspace.assert_no_changes();
    workspace.destroy().ok();
    assert_eq!(left(&hosts[0]), "", "removed without a trace");
}

#[test]
fn three_shards_with_replicas_stand_on_a_server_each() {
    let (hosts, workspace) = prepared(6);
    let shape = "  shards = 3\n  replicas_per_shard = 1";
    workspace.write("main.tf", &(cluster(&hosts, shape) + &user("~app:* +@all -@dangerous", 1)));
    workspace.apply().ok();
    let state = workspace.resource(CLUSTER);
    assert_eq!((&state["converged"], state["endpoints"].as_array().map(Vec::len)), (&true.into(), Some(6)));
    for host in hosts.all() {
        assert_eq!(host.root("pgrep -c redis-server").ok(), "1", "{}", host.name());
    }
    workspace.assert_no_changes();
    workspace.destroy().ok();
    for host in hosts.all() {
        assert_eq!(left(host), "", "{}", host.name());
    }
}
