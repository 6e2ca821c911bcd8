//! Servers on which nothing is but their distribution: the database comes as an archive of a mirror, and is put on all six of them.
//!
//! Beside it the same by hand, side by side and without TLS, users or agents: the archive over SSH, six servers started, and
//! `redis-cli --cluster create`. `JUSTMANAGE_SERVERS_RUNS` says how often (once, if nothing is said), and `JUSTMANAGE_SERVERS_TABLE`
//! names a file to which each time adds a line of JSON. `cargo xtask bench --only servers` shows the table.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::Instant;

use acceptance_tests::hosts::{Host, Hosts};
use serde_json::{Value, json};

use super::{CLUSTER, Load, address, left, run, servers, text, up, user};
use crate::artifacts::{packed_with, serve};

/// What it is linked with stands here on every host: a distribution has it where the loader looks.
const LIBRARIES: &str = "/opt/redis/lib";

#[test]
fn six_of_them_become_a_cluster_with_the_program_of_a_mirror() {
    let zones = ["a", "a", "b", "b", "c", "c"];
    let runs = std::env::var("JUSTMANAGE_SERVERS_RUNS").map_or(1, |runs| runs.parse().expect("a number of runs"));
    for _ in 0..runs {
        let (hosts, workspace) = up(&zones);
        let server = servers::usual("redis");
        let (archive, digest) = packed_with(Some(Path::new(LIBRARIES)), workspace.root(), "redis", &server);
        let libraries = server.bin.join("../lib");
        side_by_side(&hosts, &format!("tar -C {} -chf - .", libraries.display()), &|_| {
            format!("mkdir -p {LIBRARIES} && tar -C {LIBRARIES} -xf -")
        });
        let by_hand = by_hand(&hosts, &workspace.root().join("redis.tar.gz"), &server.bin.join("redis-cli"));

        let entry = format!(
            "artifacts = [{{ url = \"http://{}/redis.tar.gz\", sha256 = \"{digest}\", engine = \"redis\", version = \"{}\" }}]",
            serve(archive),
            server.version
        );
        let example = fs::read_to_string(workspace.config().join("main.tf")).expect("the example");
        workspace.write("main.tf", &example.replace("  ssh = {\n", &format!("  {entry}\n  ssh = {{\n")));
        let began = Instant::now();
        workspace.apply().ok();
        let applied = began.elapsed().as_secs_f64();
        let state = workspace.resource(CLUSTER);
        assert_eq!((&state["converged"], text(&state["version_actual"])), (&Value::from(true), server.version.clone()));
        let endpoints: Vec<String> = state["endpoints"].as_array().expect("endpoints").iter().map(text).collect();
        let writers = Load::begin(&user(&workspace), &endpoints, "app:", 4);
        workspace.assert_no_changes();
        let seen = writers.end();
        assert!(seen.acknowledged > 0 && seen.lost == 0 && seen.errors.is_empty(), "{seen:?}");
        for host in hosts.all() {
            assert_eq!(
                host.root("readlink /proc/$(pgrep redis-server)/exe | cut -d/ -f-5").ok(),
                "/var/lib/justmanage/artifacts"
            );
        }
        workspace.destroy().ok();
        hosts.all().iter().for_each(|host| assert_eq!(left(host), "", "{}", host.name()));
        if let Some(path) = std::env::var_os("JUSTMANAGE_SERVERS_TABLE") {
            let mut table = File::options().append(true).create(true).open(path).expect("the table");
            writeln!(table, "{}", json!({ "applied_s": applied, "by_hand_s": by_hand })).expect("a line");
        }
    }
}

/// A cluster of six servers without anything else, made of an archive by whoever knows how. How long it took, in seconds.
fn by_hand(hosts: &Hosts, archive: &Path, redis_cli: &Path) -> f64 {
    let began = Instant::now();
    side_by_side(hosts, &format!("cat {}", archive.display()), &|host| {
        format!(
            "mkdir /opt/by-hand && cd /opt/by-hand && tar -xzf - && ./redis-server --bind {} --cluster-enabled yes \
             --appendonly yes --protected-mode no --daemonize yes > /dev/null",
            host.address()
        )
    });
    let create = ["--cluster", "create", "--cluster-replicas", "1", "--cluster-yes"];
    run(hosts.command(&redis_cli.display().to_string()).args(create).args(hosts.all().iter().map(address)));
    let took = began.elapsed().as_secs_f64();
    for host in hosts.all() {
        host.root("pkill redis-server; while pgrep redis-server > /dev/null; do sleep 0.1; done; rm -r /opt/by-hand")
            .ok();
    }
    took
}

/// Sends what a command writes to all hosts at the same time, each of which does something with it.
fn side_by_side(hosts: &Hosts, sent: &str, done: &(dyn Fn(&Host) -> String + Sync)) {
    let [key, known] = [hosts.key(), hosts.known_hosts()].map(|path| path.display().to_string());
    thread::scope(|scope| {
        for host in hosts.all() {
            let ssh = format!("ssh -F none -i {key} -o UserKnownHostsFile={known} root@{}", host.address());
            let mut command = hosts.command("sh");
            command.arg("-c").arg(format!("{sent} | {ssh} '{}'", done(host)));
            scope.spawn(move || run(&mut command));
        }
    });
}
