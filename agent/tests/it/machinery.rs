//! A machine where nobody logs in, as far as its root helper sees it: directories, a socket, and a systemd that is played.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use justmanage_model::{Claim, Warrant};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::machine::sha256;
use crate::node::{AGENT, Node};
use crate::servers::redis;

/// What systemd is asked for is played: it writes down what it was asked, restarts the agent as the unit would, and says that one
/// server runs. Everything else is real.
const SYSTEMCTL: &str = r#"#!/bin/sh
base=@BASE@
echo "$*" >>"$base/asked"
case "$1 $2" in
"restart justmanage-agent.service")
    pid=$(sed -n 's/.*"pid": *\([0-9]*\).*/\1/p' "$base/node/agent.json" 2>/dev/null)
    [ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null
    flock "$base/node/agent.lock" true
    "$base/bin/root" root recover --base "$base"
    "$base/bin/agent" start --dir "$base/node" >/dev/null 2>&1
    exit 0
    ;;
"show --property=NRestarts") cat "$base/restarts" 2>/dev/null || echo 0 ;;
"show --property=MemoryMax") echo infinity ;;
"show --property=MainPID") cat "$base/server" 2>/dev/null || echo 0 ;;
"list-units "*) echo "justmanage-server@1-2-3.service loaded active running" ;;
esac
exit 0
"#;

/// A machine's `/var/lib/justmanage` with a node in it, and the socket of its root helper.
pub(crate) struct Machinery {
    pub(crate) node: Node,
    pub(crate) base: PathBuf,
    pub(crate) socket: PathBuf,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _home: TempDir,
}

impl Machinery {
    /// With the program under test as its agent, which does not run.
    pub(crate) fn new() -> Self {
        let mut node = Node::new(&redis());
        let home = tempfile::tempdir().expect("a directory");
        // By the node's id what runs here is found when the test is over.
        let base = home.path().join(node.order.claim.node.to_string());
        for directory in ["bin", "stubs", "system"] {
            fs::create_dir_all(base.join(directory)).expect("a directory");
        }
        fs::rename(&node.path, base.join("node")).expect("moved");
        node.path = base.join("node");
        let program = format!("justmanage-agent-{}", &sha256(&fs::read(AGENT).expect("a program"))[..16]);
        fs::copy(AGENT, base.join("bin").join(&program)).expect("copied");
        for link in ["agent", "root"] {
            symlink(&program, base.join("bin").join(link)).expect("a link");
        }
        let systemctl = base.join("stubs/systemctl");
        fs::write(&systemctl, SYSTEMCTL.replace("@BASE@", &base.display().to_string())).expect("a file");
        fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).expect("a program");
        let socket = home.path().join("root.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let over = Arc::new(AtomicBool::new(false));
        let (seen, here, there) = (over.clone(), base.clone(), socket.clone());
        let thread = std::thread::spawn(move || {
            let mut helpers = Vec::new();
            for connection in listener.incoming() {
                if seen.load(Ordering::Relaxed) {
                    break;
                }
                let connection = OwnedFd::from(connection.expect("a connection"));
                let mut helper = helper(&here, &there);
                helpers.push(helper.stdin(connection).stderr(Stdio::inherit()).spawn().expect("the helper"));
            }
            for mut helper in helpers {
                let _ = helper.wait();
            }
        });
        Self { node, base, socket, over, thread: Some(thread), _home: home }
    }

    pub(crate) fn claim(&self) -> &Claim {
        &self.node.order.claim
    }

    pub(crate) fn bin(&self, name: &str) -> PathBuf {
        self.base.join("bin").join(name)
    }

    /// What is in `bin`, by name.
    pub(crate) fn programs(&self) -> Vec<String> {
        let entries = fs::read_dir(self.base.join("bin")).expect("a directory").flatten();
        let mut names: Vec<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// What systemd was asked.
    pub(crate) fn asked(&self) -> String {
        fs::read_to_string(self.base.join("asked")).unwrap_or_default()
    }

    /// Says a line, and hears one.
    pub(crate) fn say(&self, line: &Value) -> (UnixStream, Value) {
        let mut connection = UnixStream::connect(&self.socket).expect("a connection");
        connection.set_read_timeout(Some(Duration::from_secs(40))).expect("a limit");
        connection.write_all(format!("{line}\n").as_bytes()).expect("said");
        let answer = hear(&connection);
        (connection, answer)
    }

    pub(crate) fn ask(&self, warrant: &Warrant) -> Value {
        self.say(&json!({ "warrant": warrant, "length": 3 })).1
    }

    pub(crate) fn why(&self, warrant: &Warrant) -> String {
        let answer = self.ask(warrant);
        answer["refused"].as_str().unwrap_or_else(|| panic!("not refused: {answer}")).to_owned()
    }
}

impl Drop for Machinery {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes it.
        let _ = UnixStream::connect(&self.socket);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The helper as its unit has it; what it is started by, and what its systemd starts, has the agent's environment besides.
pub(crate) fn helper(base: &Path, socket: &Path) -> Command {
    let mut command = Command::new(base.join("bin/root"));
    command.args(["root", "--base"]).arg(base).arg("--system").arg(base.join("system"));
    let path = std::env::var("PATH").expect("PATH is set");
    command.env("PATH", format!("{}:{path}", base.join("stubs").display()));
    command.env("JUSTMANAGE_ROOT_SOCKET", socket).stdout(Stdio::null());
    command
}

/// A line of an answer.
pub(crate) fn hear(mut connection: &UnixStream) -> Value {
    let mut line = String::new();
    BufReader::new(&mut connection).read_line(&mut line).expect("an answer");
    serde_json::from_str(&line).unwrap_or_else(|error| panic!("{line:?}: {error}"))
}
