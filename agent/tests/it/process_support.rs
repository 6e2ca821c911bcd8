//! A node's directory whose processes are gone when the test ends, however it ends.

#![allow(clippy::unwrap_used)] // The panic is the test's report, here and in its helpers.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{Read, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use justmanage_agent::Directory;
use justmanage_agent::process::Launcher;
use justmanage_agent::server::{Process, Supervisor};
use justmanage_model::node::{NodeOrder, ProcessIdentity};
use justmanage_model::{Claim, ClusterId, NodeId, Seat, Timestamp};
use rustix::process::{Pid, Signal, kill_process};

/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The agent's program.
pub(crate) const AGENT: &str = env!("CARGO_BIN_EXE_justmanage-agent");

/// A directory of clusters. What works in it is killed at the end.
pub(crate) struct World {
    root: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> &Path {
        self.root.path()
    }

    /// A node as a platform makes it. Each test has an address of its own: loopback is 127.0.0.0/8.
    pub(crate) fn node(&self, cluster: &str, id: u8, address: &str) -> (Directory, NodeOrder) {
        let node = NodeId::from_entropy([id; 10]);
        let directory = Directory::new(self.path().join(cluster).join(node.to_string()));
        let order = NodeOrder {
            claim: Claim {
                cluster: ClusterId::from_entropy([1; 10]),
                name: cluster.parse().unwrap(),
                node,
                seat: Some(Seat { shard: 0, ordinal: 0 }),
            },
            operators: BTreeSet::from([format!("sha256:{:064x}", 7).parse().unwrap()]),
            address: address.parse::<IpAddr>().unwrap(),
            peer_names: None,
            token: None,
        };
        directory.make(directory.path()).unwrap();
        directory.write(&directory.order(), &order).unwrap();
        (directory, order)
    }

    /// A node for tests that need nothing but a directory.
    pub(crate) fn directory(&self) -> Directory {
        let (directory, _) = self.node("test", 1, "127.0.0.1");
        directory.make(&directory.data()).unwrap();
        directory
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = inside(self.path());
            if left.is_empty() || Instant::now() > deadline {
                return;
            }
            for pid in left {
                let _ = kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The living processes that work in a directory or below, also if it is deleted.
pub(crate) fn inside(root: &Path) -> Vec<u32> {
    let pids = fs::read_dir("/proc").unwrap().flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd.starts_with(root))).collect()
}

/// The state letter of a process; `None` when there is no such process, not even a zombie.
pub(crate) fn state_letter(pid: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.chars().next()
}

pub(crate) fn kill(pid: u32) {
    kill_process(Pid::from_raw(pid.cast_signed()).unwrap(), Signal::KILL).unwrap();
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The same without blocking the runtime.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A supervisor as an agent has it.
pub(crate) fn supervisor(directory: &Directory) -> Supervisor {
    Supervisor::adopt(directory.clone(), Timestamp::now, Launcher::at(AGENT)).unwrap()
}

/// Starts a program as a server, and says which process it is.
pub(crate) fn start(supervisor: &Supervisor, program: &Path, arguments: &[&str]) -> ProcessIdentity {
    let arguments: Vec<&OsStr> = arguments.iter().map(OsStr::new).collect();
    supervisor.start(program, &arguments).unwrap();
    identity(supervisor)
}

/// The same with a script.
pub(crate) fn shell(supervisor: &Supervisor, script: &str) -> ProcessIdentity {
    start(supervisor, Path::new("/bin/sh"), &["-c", script])
}

/// The server that runs.
pub(crate) fn identity(supervisor: &Supervisor) -> ProcessIdentity {
    match supervisor.state() {
        Process::Running { identity, .. } => identity,
        other => panic!("it does not run: {other:?}"),
    }
}

/// Waits until the server is down: how often in a row, how long it is to rest, and why.
pub(crate) async fn down(supervisor: &Supervisor) -> (u32, Duration, String) {
    let mut states = supervisor.watch();
    let seen = tokio::time::timeout(PATIENCE, states.wait_for(|state| matches!(state, Process::Down { .. }))).await;
    match seen.expect("it goes down").unwrap().clone() {
        Process::Down { since, failures, retry_at, why, .. } => {
            (failures, Duration::try_from(retry_at.duration_since(since)).unwrap(), why)
        }
        other => panic!("{other:?}"),
    }
}

/// A real Redis server of the cache.
pub(crate) fn redis() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = cache.unwrap_or_else(|| std::env::home_dir().unwrap().join(".cache"));
    let program = cache.join("justmanage/servers/redis-7.0.15/bin/redis-server");
    assert!(program.exists(), "no {}: run `cargo xtask servers`", program.display());
    program
}

/// Arguments for a Redis that listens on a socket in its data directory, and saves a snapshot when it ends.
pub(crate) const REDIS: [&str; 6] = ["--port", "0", "--unixsocket", "redis.sock", "--save", "3600 1"];

/// What a Redis answers; `None` when it does not.
pub(crate) fn ask(directory: &Directory, call: &str) -> Option<String> {
    let mut socket = UnixStream::connect(directory.data().join("redis.sock")).ok()?;
    socket.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    socket.write_all(format!("{call}\r\n").as_bytes()).ok()?;
    let mut buffer = [0; 256];
    let read = socket.read(&mut buffer).ok()?;
    Some(String::from_utf8_lossy(&buffer[..read]).trim_end().to_owned())
}

pub(crate) fn answers(directory: &Directory) -> bool {
    ask(directory, "PING").as_deref() == Some("+PONG")
}

pub(crate) async fn redis_answers(directory: &Directory) {
    until("Redis answers", || answers(directory)).await;
}
