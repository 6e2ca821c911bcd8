//! Servers that systemd starts for an agent that is not root.

#![allow(clippy::unwrap_used)] // The panic is the test's report, here and in its helpers.

use std::fs;
use std::io;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use justmanage_agent::process::{Launch, Launcher, Refusal, SERVICE_SOCKET};
use justmanage_agent::server::{Process, Supervisor, running};
use justmanage_model::Timestamp;
use justmanage_model::node::AgentInfo;
use serde_json::{Value, json};

use crate::node::{Node, answer, kill as kill_and_wait, lives};
use crate::operator::{Operator, Said, first_record};
use crate::process_support::{
    AGENT, PATIENCE, REDIS, World, answers, ask, down, inside, kill, redis, redis_answers, shell, start, until,
    wait_until,
};
use crate::systemd::Systemd;

/// An order of a server that does nothing.
fn order(directory: &Path, log: &Path) -> Value {
    json!({"alone": true, "directory": directory, "program": "/bin/true", "arguments": [], "log": log})
}

/// Whose child a process is.
fn parent(pid: u32) -> u32 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit_once(") ").unwrap().1.split(' ').nth(1).unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_server_that_systemd_starts_is_held_and_is_no_child_of_ours() {
    let (world, systemd) = (World::new(), Systemd::listen());
    let directory = world.directory();
    let supervisor = systemd.supervisor(&directory);
    let server = start(&supervisor, &redis(), &REDIS);
    redis_answers(&directory).await;
    assert_eq!(inside(&directory.data()), [server.pid]);
    assert_ne!(parent(server.pid), std::process::id());
    assert_eq!(running(&directory).unwrap().expect("noted").identity(), &server);
    assert_eq!(start(&supervisor, &redis(), &REDIS), server, "it runs: it is not started again");
    assert_eq!(ask(&directory, "SET key value").as_deref(), Some("+OK"));
    supervisor.stop(PATIENCE).await.unwrap();
    assert_eq!(supervisor.state(), Process::Stopped);
    assert_eq!(inside(&directory.data()), [0; 0]);
    assert!(directory.data().join("dump.rdb").exists(), "it saved its data");
}

#[tokio::test]
async fn a_server_of_systemd_lives_on_without_its_supervisor_and_is_adopted() {
    let (world, systemd) = (World::new(), Systemd::listen());
    let directory = world.directory();
    let first = systemd.supervisor(&directory);
    let before = start(&first, &redis(), &REDIS);
    redis_answers(&directory).await;
    let since = first.state();
    drop(first);
    let second = systemd.supervisor(&directory);
    assert_eq!(second.state(), since, "the same process, since the same moment");
    drop(second);
    // The agent died before it had noted which process it is.
    fs::remove_file(directory.server_process()).unwrap();
    let third = systemd.supervisor(&directory);
    assert_eq!(start(&third, &redis(), &REDIS), before);
    kill(before.pid);
    let (.., why) = down(&third).await;
    assert!(why.starts_with("the server ended"), "{why}");
}

#[tokio::test]
async fn the_death_of_a_server_of_systemd_is_seen_at_once() {
    let (world, systemd) = (World::new(), Systemd::listen());
    let directory = world.directory();
    let supervisor = systemd.supervisor(&directory);
    for round in 1..=2 {
        let server = start(&supervisor, &redis(), &REDIS);
        redis_answers(&directory).await;
        kill(server.pid);
        let killed = Instant::now();
        let (failures, _, why) = down(&supervisor).await;
        let took = killed.elapsed();
        assert!(took < Duration::from_secs(5), "{took:?}: systemd is asked for a second at most");
        assert_eq!(failures, round);
        // It is in no unit, and nobody can be asked. With one, the signal is said.
        assert!(why.starts_with("the server ended; its log ends:\n"), "{why}");
        assert!(why.contains("Ready to accept connections") || why.contains("ready to accept"), "its log: {why}");
        assert!(!supervisor.is_unfit(), "nobody knows whose doing it was");
    }
}

#[tokio::test]
async fn a_second_server_on_a_directory_is_refused() {
    let (world, systemd) = (World::new(), Systemd::listen());
    let directory = world.directory();
    let (one, two) = (systemd.supervisor(&directory), systemd.supervisor(&directory));
    let server = start(&one, &redis(), &REDIS);
    redis_answers(&directory).await;
    assert_eq!(start(&two, &redis(), &REDIS), server, "it is found before another is asked for");
    // And one that does not even look.
    let launch = Launch { alone: true, ..Launch::new(&directory.data(), Path::new("/bin/true"), &[]) };
    let error = systemd.launcher().launch(&launch, &directory.server_log()).unwrap_err();
    let reason = Refusal::NotAlone(directory.data()).to_string();
    assert_eq!((error.kind(), error.to_string()), (io::ErrorKind::ResourceBusy, reason.clone()));
    let order = order(&directory.data(), &directory.server_log());
    assert_eq!(systemd.answer(&order), json!({"refused": reason, "alone": false}));
    // Those who were refused have said so before they end.
    wait_until("the server is alone there", || inside(&directory.data()) == [server.pid]);
    assert!(answers(&directory));
}

#[test]
fn what_cannot_be_launched_is_answered() {
    let (world, systemd) = (World::new(), Systemd::listen());
    let directory = world.directory();
    for (order, reason) in [
        (order(Path::new("/nowhere"), &directory.server_log()), "cannot go to \"/nowhere\""),
        (order(&directory.data(), Path::new("/nowhere/log")), "cannot write to \"/nowhere/log\""),
        (json!({"alone": true}), "no order came"),
        (json!("hello"), "no order came"),
    ] {
        let answer = systemd.answer(&order);
        assert!(answer["refused"].as_str().is_some_and(|why| why.contains(reason)), "{order}: {answer}");
        assert_eq!(answer["alone"], json!(true), "{order}: {answer}");
    }
    assert_eq!(inside(&directory.data()), [0; 0]);
}

#[tokio::test]
async fn a_program_that_cannot_be_run_is_down_with_its_reason() {
    let (world, systemd) = (World::new(), Systemd::listen());
    let directory = world.directory();
    let supervisor = systemd.supervisor(&directory);
    let text = directory.path().join("text");
    fs::write(&text, "not a program").unwrap();
    supervisor.start(&text, &[]).unwrap();
    let (failures, _, why) = down(&supervisor).await;
    assert_eq!(failures, 1);
    assert!(why.contains("cannot be run") && why.contains("Permission denied"), "{why}");
    shell(&supervisor, "echo the port is taken >&2; exit 3");
    let mut states = supervisor.watch();
    let second = states.wait_for(|state| matches!(state, Process::Down { failures: 2, .. }));
    let second = tokio::time::timeout(PATIENCE, second).await.unwrap().unwrap().clone();
    assert!(matches!(&second, Process::Down { why, .. } if why.ends_with("the port is taken")), "{second:?}");
}

#[tokio::test]
async fn a_launcher_that_answers_nothing_is_an_error_within_the_limit() {
    let world = World::new();
    let directory = world.directory();
    let socket = world.path().join("silent.sock");
    let silent = UnixListener::bind(&socket).unwrap();
    let limit = Duration::from_millis(200);
    let launcher = Launcher::service_within(&socket, limit);
    let supervisor = Supervisor::adopt(directory.clone(), Timestamp::now, launcher).unwrap();
    let begun = Instant::now();
    let error = supervisor.start(Path::new("/bin/true"), &[]).unwrap_err().to_string();
    let took = begun.elapsed();
    assert!(took >= limit && took < PATIENCE, "{took:?}");
    assert!(error.contains("no answer within 200ms") && error.contains("journalctl"), "{error}");
    let (failures, _, why) = down(&supervisor).await;
    assert_eq!((failures, why), (1, error));
    // Nobody listens any more.
    drop(silent);
    let error = supervisor.start(Path::new("/bin/true"), &[]).unwrap_err().to_string();
    assert!(error.contains("refused"), "{error}");
    assert!(matches!(supervisor.state(), Process::Down { failures: 2, .. }));
}

#[test]
fn whoever_has_given_up_gets_no_server() {
    let (world, systemd) = (World::new(), Systemd::listen());
    let directory = world.directory();
    let log = directory.server_log();
    let (data, script) = (directory.data(), ["-c", "echo began"]);
    let order = json!({"alone": true, "directory": data, "program": "/bin/sh", "arguments": script, "log": log});
    drop(systemd.order(&order));
    let words = || fs::read_to_string(&log).unwrap_or_default();
    wait_until("the launcher says so", || words().contains("does not take the answer"));
    wait_until("it has ended", || inside(&directory.data()).is_empty());
    assert!(!words().contains("began"), "{}", words());
}

#[test]
fn without_a_connection_there_is_nothing_to_launch() {
    let launch = |arguments: &[&str]| {
        let output = Command::new(AGENT).arg("launch").args(arguments).stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(launch(&["--stdin"]).contains("no order came over standard input"));
    for more in [&["--stdin", "/tmp"][..], &["--stdin", "--alone"], &["--alone", "--stdin"]] {
        assert!(launch(more).contains("--help"), "{more:?}");
    }
}

#[tokio::test]
async fn a_server_of_systemd_inherits_nothing_but_its_log_and_its_lock() {
    let (world, systemd) = (World::new(), Systemd::listen());
    let directory = world.directory();
    let supervisor = systemd.supervisor(&directory);
    let server = shell(&supervisor, "umask; echo ready; exec sleep 1000");
    let (log, proc) = (directory.server_log(), format!("/proc/{}", server.pid));
    until("it runs", || fs::read_to_string(format!("{proc}/comm")).is_ok_and(|name| name == "sleep\n")).await;
    assert_eq!(fs::read_to_string(&log).unwrap(), "0077\nready\n");
    let mut want = vec!["/dev/null".into(), fs::canonicalize(directory.data()).unwrap()];
    want.extend([fs::canonicalize(&log).unwrap(), fs::canonicalize(&log).unwrap()]);
    want.sort();
    // While it starts, a program has its libraries open, too.
    until("it holds only these", || {
        let entries = fs::read_dir(format!("{proc}/fd")).unwrap().flatten();
        let mut open: Vec<_> = entries.filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
        open.sort();
        open == want
    })
    .await;
    let environment = fs::read_to_string(format!("{proc}/environ")).unwrap();
    let names: Vec<&str> = environment.split_terminator('\0').filter_map(|entry| entry.split('=').next()).collect();
    assert!(names.iter().all(|name| ["PATH", "TZ", "PWD"].contains(name)), "{names:?}");
    let ids = Command::new("ps").args(["-o", "sid=,pgid=,tty=", "-p", &server.pid.to_string()]).output().unwrap();
    let ids = String::from_utf8(ids.stdout).unwrap();
    let own = server.pid.to_string();
    assert_eq!(ids.split_whitespace().collect::<Vec<_>>(), [&*own, &*own, "?"], "session, group, terminal");
}

#[tokio::test]
async fn an_agent_with_a_socket_has_its_server_from_there() {
    let systemd = Systemd::listen();
    let node = Node::new(&crate::servers::redis());
    let start = || -> AgentInfo {
        let mut command = Command::new(AGENT);
        command.arg("start").arg("--dir").arg(&node.path).env(SERVICE_SOCKET, &systemd.socket);
        answer(&command.output().unwrap())
    };
    let agent = start();
    let mut operator = Operator::of(&node, &agent);
    operator.found(&first_record(&node, &agent)).await.expect("founded");
    operator.converged().await;
    let server = node.noted_server().expect("a note");
    assert_eq!(node.servers(), [server.pid]);
    assert_ne!(parent(server.pid), agent.process.pid);
    let environment = fs::read_to_string(format!("/proc/{}/environ", server.pid)).unwrap();
    assert!(!environment.contains(SERVICE_SOCKET), "{environment}");
    let said = operator.until("limits", |said| !said.node.limits.is_empty()).await;
    assert!(said.node.limits.iter().all(|sentence| sentence.contains("its unit")), "{:?}", said.node.limits);
    assert!(!node.file("limits.json").exists(), "it makes no groups");

    node.kill_agent();
    assert!(lives(&server));
    let again = start();
    let mut operator = Operator::of(&node, &again);
    let said = operator.converged().await;
    assert_eq!(said.server().expect("a server").pid, server.pid, "adopted, not started again");

    kill_and_wait(&server);
    let another = |said: &Said| said.converged && said.server().is_some_and(|running| running.pid != server.pid);
    operator.until("another server", another).await;
    let server = node.noted_server().expect("a note");
    assert_eq!(node.servers(), [server.pid]);
    assert_ne!(parent(server.pid), again.process.pid);
}
