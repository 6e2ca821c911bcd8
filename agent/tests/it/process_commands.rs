//! The commands, with the real program.

#![allow(clippy::unwrap_used)] // The panic is the test's report, here and in its helpers.

use std::ffi::OsStr;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use justmanage_agent::Directory;
use justmanage_agent::process::Watched;
use justmanage_model::Engine;
use justmanage_model::node::{AgentInfo, NodeStatus, ServerProgram};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::Signal;
use serde::de::DeserializeOwned;

use crate::process_support::{
    AGENT, PATIENCE, REDIS, World, answers, inside, kill, redis, supervisor, until, wait_until,
};

fn agent(verb: &str, directory: &Directory) -> Output {
    Command::new(AGENT).args([verb, "--dir"]).arg(directory.path()).stdin(Stdio::null()).output().unwrap()
}

fn answer<T: DeserializeOwned>(output: &Output) -> T {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn start(directory: &Directory) -> AgentInfo {
    answer(&agent("start", directory))
}

fn status(directory: &Directory) -> NodeStatus {
    answer(&agent("status", directory))
}

/// The error and the hint of a command that failed.
fn error(output: &Output) -> (String, String) {
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stdout));
    let text = String::from_utf8_lossy(&output.stderr);
    let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).expect(&text);
    (last["error"].as_str().unwrap().to_owned(), last["hint"].as_str().unwrap().to_owned())
}

#[test]
fn an_agent_is_started_once_and_answers_where_it_says() {
    let world = World::new();
    let (directory, order) = world.node("one", 1, "127.1.2.1");
    assert_eq!(status(&directory).agent, None);
    let first = start(&directory);
    assert_eq!(first.claim, order.claim);
    assert_eq!(first.agent.ip(), order.address);
    assert_eq!(inside(world.path()), [first.process.pid]);
    TcpStream::connect(first.agent).expect("it listens");
    assert_eq!(start(&directory), first, "it runs already");
    let now = status(&directory);
    assert_eq!((now.agent, now.server_running, now.claim), (Some(first.clone()), false, order.claim));

    kill(first.process.pid);
    wait_until("the agent is dead", || status(&directory).agent.is_none());
    let second = start(&directory);
    assert_ne!(second.process, first.process);
    assert_eq!((second.pin, second.agent, second.client), (first.pin, first.agent, first.client));
}

#[test]
fn starts_at_the_same_moment_make_one_agent() {
    let world = World::new();
    let (directory, _) = world.node("one", 2, "127.1.2.2");
    let starts: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| start(&directory))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(starts.iter().all(|info| info == &starts[0]), "{starts:?}");
    wait_until("one is left", || inside(world.path()) == [starts[0].process.pid]);
}

#[test]
fn an_agent_in_the_background_holds_nothing_of_who_started_it() {
    let world = World::new();
    let (directory, _) = world.node("one", 3, "127.1.2.3");
    // As a pipe of go-plugin. `output()` itself would wait for ever if the agent held standard output or error.
    let (pipe, other_end) = std::io::pipe().unwrap();
    fcntl_setfd(other_end.as_fd(), FdFlags::empty()).unwrap();
    let info = start(&directory);
    let proc = format!("/proc/{}", info.process.pid);
    let links = fs::read_dir(format!("{proc}/fd")).unwrap().flatten();
    let pipes: Vec<_> = links.filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
    let ours = fs::read_link(format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&pipe))).unwrap();
    assert!(!pipes.contains(&ours), "{pipes:?}");
    let node = fs::canonicalize(directory.path()).unwrap();
    assert_eq!(fs::read_link(format!("{proc}/cwd")).unwrap(), node);
    assert_eq!(fs::read_link(format!("{proc}/fd/2")).unwrap(), node.join("agent.log"));
    assert_eq!(fs::read_link(format!("{proc}/fd/0")).unwrap(), Path::new("/dev/null"));
    let log = fs::read_to_string(directory.agent_log()).unwrap();
    assert!(log.contains("INFO") && log.contains('Z') && !log.contains('\u{1b}'), "{log}");
}

#[tokio::test]
async fn an_agent_that_is_told_to_end_leaves_its_server_alone() {
    let world = World::new();
    let (directory, _) = world.node("one", 4, "127.1.2.4");
    // A server as an earlier agent left it.
    let before = supervisor(&directory);
    before.start(&redis(), &REDIS.map(OsStr::new)).unwrap();
    until("Redis answers", || answers(&directory)).await;
    let info = start(&directory);
    let agent = Watched::open(&info.process).unwrap();
    // A hang-up is for terminals.
    agent.signal(Signal::HUP).unwrap();
    assert_eq!(start(&directory), info, "it lives");
    agent.signal(Signal::TERM).unwrap();
    assert!(agent.wait(PATIENCE).is_some());
    let now = status(&directory);
    assert_eq!((now.agent, now.server_running), (None, true));
    assert!(answers(&directory));
}

#[tokio::test]
async fn a_node_is_removed_whatever_state_it_is_in() {
    type Spoil = fn(&Directory, &AgentInfo);
    let dead_agent: Spoil = |_, info| kill(info.process.pid);
    let hung_agent: Spoil = |_, info| Watched::open(&info.process).unwrap().signal(Signal::STOP).unwrap();
    let cases: [(&str, Spoil); 5] = [
        ("whole", |_, _| {}),
        ("the agent is dead", dead_agent),
        ("the agent hangs", hung_agent),
        ("half the files are gone", |directory, _| {
            for file in [directory.agent_info(), directory.server_process(), directory.agent_lock()] {
                fs::remove_file(file).unwrap();
            }
            fs::remove_dir_all(directory.data()).unwrap();
        }),
        ("all files are gone", |directory, _| fs::remove_dir_all(directory.path()).unwrap()),
    ];
    for (what, spoil) in cases {
        let world = World::new();
        let (directory, _) = world.node("one", 5, "127.1.2.5");
        let before = supervisor(&directory);
        before.start(&redis(), &REDIS.map(OsStr::new)).unwrap();
        until("Redis answers", || answers(&directory)).await;
        let info = start(&directory);
        assert_eq!(inside(world.path()).len(), 2);
        spoil(&directory, &info);
        for _ in 0..2 {
            let removed = agent("remove", &directory);
            assert!(removed.status.success(), "{what}: {}", String::from_utf8_lossy(&removed.stderr));
            assert_eq!(inside(world.path()), [0; 0], "{what}");
            let cluster = directory.path().parent().unwrap();
            assert_eq!(fs::read_dir(cluster).unwrap().count(), 0, "{what}: something is left");
        }
    }
}

#[test]
fn what_is_no_node_is_not_removed() {
    let world = World::new();
    let home = world.path().join("home");
    fs::create_dir(&home).unwrap();
    fs::write(home.join("thesis.tex"), "years of work").unwrap();
    let directory = Directory::new(&home);
    for verb in ["remove", "start", "status", "run"] {
        let (what, hint) = error(&agent(verb, &directory));
        assert!(what.contains("no node's directory") && !hint.is_empty(), "{verb}: {what}");
    }
    assert_eq!(fs::read_dir(&home).unwrap().count(), 1, "nothing was removed, and nothing made");
}

#[test]
fn a_port_that_is_taken_is_said_by_start() {
    let world = World::new();
    let (directory, order) = world.node("one", 6, "127.1.2.6");
    let info = start(&directory);
    kill(info.process.pid);
    wait_until("the agent is dead", || status(&directory).agent.is_none());
    let _somebody = TcpListener::bind((order.address, info.client.port())).unwrap();
    let (what, hint) = error(&agent("start", &directory));
    assert!(what.contains(&info.client.port().to_string()) && what.contains("clients"), "{what}");
    assert!(hint.contains("ss -ltnp"), "{hint}");
    assert_eq!(inside(world.path()), [0; 0]);
}

#[test]
fn a_second_agent_in_the_foreground_is_refused() {
    let world = World::new();
    let (directory, _) = world.node("one", 7, "127.1.2.7");
    let info = start(&directory);
    let (what, _) = error(&agent("run", &directory));
    assert!(what.contains("already"), "{what}");
    assert_eq!(status(&directory).agent, Some(info));
}

#[test]
fn files_that_are_server_programs_are_told_from_others() {
    let files = [Path::new("/nowhere"), &redis(), Path::new("/bin/true"), Path::new("/etc/hostname"), &redis()];
    let found: Vec<ServerProgram> = answer(&Command::new(AGENT).arg("inspect").args(files).output().unwrap());
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], found[1]);
    assert_eq!((&found[0].path, found[0].release.engine, found[0].tls), (&redis(), Engine::Redis, true));
    assert_eq!(found[0].release.version.to_string(), "7.0.15");
    let sum = Command::new("sha256sum").arg(redis()).output().unwrap();
    assert!(String::from_utf8(sum.stdout).unwrap().starts_with(&found[0].sha256));
    let none: Vec<ServerProgram> = answer(&Command::new(AGENT).arg("inspect").output().unwrap());
    assert_eq!(none, []);
}

#[test]
fn arguments_that_are_wrong_are_said() {
    for arguments in
        [&["fly"][..], &["start"], &["start", "--dir"], &["start", "--dir", "/x", "--dir", "/y"], &["--fly"]]
    {
        let (what, hint) = error(&Command::new(AGENT).args(arguments).output().unwrap());
        assert!(!what.is_empty() && hint.contains("--help"), "{arguments:?}: {what}");
    }
    let version = Command::new(AGENT).arg("--version").output().unwrap();
    assert_eq!(
        String::from_utf8(version.stdout).unwrap(),
        concat!("justmanage-agent ", env!("CARGO_PKG_VERSION"), "\n")
    );
    let help = Command::new(AGENT).arg("--help").output().unwrap();
    assert!(String::from_utf8(help.stdout).unwrap().contains("remove --dir DIR"));
}
