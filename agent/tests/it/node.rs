//! A node's directory as a platform makes it, and the program's commands on it.

use std::fs::{self, File};
use std::io::Write;
use std::net::Ipv4Addr;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;

use justmanage_identity::KeyPair;
use justmanage_model::node::{AgentInfo, NodeOrder, NodeStatus, ProcessIdentity, ServerProgram};
use justmanage_model::{Claim, ClusterId, NodeId, Seat};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use crate::network::{Host, Network};
use crate::servers;
use crate::wait::until;

/// The program under test.
pub(crate) const AGENT: &str = env!("CARGO_BIN_EXE_justmanage-agent");
/// The password of the user `app`, who stands in every Record of these tests.
pub(crate) const APP_PASSWORD: &str = "app-password";

/// A node; whatever runs in it ends with it.
pub(crate) struct Node {
    /// Gone with the last node in it.
    home: Arc<TempDir>,
    pub(crate) path: PathBuf,
    pub(crate) order: NodeOrder,
    pub(crate) operator: Arc<KeyPair>,
    /// The directory of its server's programs.
    server: PathBuf,
    pub(crate) program: ServerProgram,
    /// The host that it is on, if not on this one.
    pub(crate) host: Option<Arc<Host>>,
}

impl Node {
    /// A directory with an order in it, and nothing started.
    pub(crate) fn new(server: &Path) -> Self {
        let home = Arc::new(tempfile::tempdir().expect("a directory"));
        let operator = Arc::new(KeyPair::generate().expect("a key"));
        let seat = Some(Seat { shard: 0, ordinal: 0 });
        Self::make(home, (operator, ClusterId::from_entropy(random())), seat, server, None)
    }

    /// As [`Node::new`], on a host.
    pub(crate) fn on(host: Arc<Host>, server: &Path) -> Self {
        let home = Arc::new(tempfile::tempdir().expect("a directory"));
        let operator = Arc::new(KeyPair::generate().expect("a key"));
        let seat = Some(Seat { shard: 0, ordinal: 0 });
        Self::make(home, (operator, ClusterId::from_entropy(random())), seat, server, Some(host))
    }

    /// The seat that it was made for.
    pub(crate) fn seat(&self) -> Seat {
        self.order.claim.seat.expect("a node with a seat")
    }

    /// Another node of the same cluster, in another seat, or a spare.
    pub(crate) fn beside(&self, seat: Option<Seat>, host: Option<Arc<Host>>) -> Self {
        let whose = (self.operator.clone(), self.order.claim.cluster);
        Self::make(self.home.clone(), whose, seat, &self.server, host)
    }

    fn make(
        home: Arc<TempDir>,
        (operator, cluster): (Arc<KeyPair>, ClusterId),
        seat: Option<Seat>,
        server: &Path,
        host: Option<Arc<Host>>,
    ) -> Self {
        let claim =
            Claim { cluster, name: "demo".parse().expect("a name"), node: NodeId::from_entropy(random()), seat };
        let address = host.as_ref().map_or(Ipv4Addr::LOCALHOST, |host| host.address()).into();
        let peer_names = host.as_ref().map(|_| Network::names());
        let order = NodeOrder { claim, operators: [operator.pin()].into(), address, peer_names, token: None };
        // A blank in the path: whoever writes paths into files has to quote them.
        let path = home.path().join("a demo").join(order.claim.node.to_string());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&path).expect("a directory");
        let mut file = File::options().write(true).create_new(true).mode(0o600).open(path.join("order.json"));
        file.as_mut().expect("a file").write_all(&serde_json::to_vec(&order).expect("JSON")).expect("an order");
        let program = inspect(&servers::program(server));
        Self { home, path, order, operator, server: server.to_owned(), program, host }
    }

    /// A file in its directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The file of the authorities that its server trusts.
    pub(crate) fn authorities(&self) -> PathBuf {
        let files = fs::read_dir(self.file("tls")).expect("a directory").map(|entry| entry.expect("a file").path());
        let mut files = files.filter(|path| path.extension().is_some_and(|extension| extension == "crt"));
        files.next().expect("a file of authorities")
    }

    /// Runs a command of the program on the directory.
    pub(crate) fn command(&self, verb: &str) -> Output {
        let here = || Command::new(AGENT);
        let mut agent = self.host.as_ref().map_or_else(here, |host| host.command(Path::new(AGENT)));
        agent.arg(verb).arg("--dir").arg(&self.path).output().expect("the program")
    }

    /// `start`.
    pub(crate) fn start(&self) -> AgentInfo {
        answer(&self.command("start"))
    }

    /// What the agent that runs has written of itself.
    pub(crate) fn agent(&self) -> Option<AgentInfo> {
        serde_json::from_slice(&fs::read(self.file("agent.json")).ok()?).ok()
    }

    /// `status`.
    pub(crate) fn status(&self) -> NodeStatus {
        answer(&self.command("status"))
    }

    /// `remove`, which prints nothing.
    pub(crate) fn remove(&self) {
        let output = self.command("remove");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    }

    /// Kills the agent, as the kernel's out-of-memory killer does, and waits until it is gone.
    pub(crate) fn kill_agent(&self) {
        let agent = self.status().agent.expect("an agent that runs");
        kill(&agent.process);
    }

    /// What `server.json` says.
    pub(crate) fn noted_server(&self) -> Option<ProcessIdentity> {
        let note: serde_json::Value = serde_json::from_slice(&fs::read(self.file("server.json")).ok()?).ok()?;
        serde_json::from_value(note["process"].clone()).ok()
    }

    /// Everything of our user that works in the data directory: by the kernel's word, not the agent's.
    pub(crate) fn servers(&self) -> Vec<u32> {
        let data = self.file("data");
        let deleted = PathBuf::from(format!("{} (deleted)", data.display()));
        processes(|proc| fs::read_link(proc.join("cwd")).is_ok_and(|cwd| cwd == data || cwd == deleted))
    }

    /// Everything that names the node's directory in its arguments, or works in it.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let id = self.order.claim.node.to_string();
        processes(|proc| {
            let arguments = fs::read(proc.join("cmdline")).unwrap_or_default();
            let cwd = fs::read_link(proc.join("cwd")).unwrap_or_default();
            String::from_utf8_lossy(&arguments).contains(&id) || cwd.to_string_lossy().contains(&id)
        })
    }

    /// What the engine's own client program is told over TLS as the user `app`.
    pub(crate) fn redis(&self, command: &[&str]) -> String {
        self.redis_as("app", APP_PASSWORD, command)
    }

    /// As [`Node::redis`], as any user.
    pub(crate) fn redis_as(&self, user: &str, password: &str, command: &[&str]) -> String {
        let info: AgentInfo =
            serde_json::from_slice(&fs::read(self.file("agent.json")).expect("a file")).expect("JSON");
        let Output { stdout, stderr, .. } = Command::new(servers::client(&self.server))
            .args(["-h", "127.0.0.1", "-p", &info.client.port().to_string(), "--tls", "--cacert"])
            .arg(self.authorities())
            .args(["--user", user, "--no-auth-warning"])
            .env("REDISCLI_AUTH", password)
            .env("VALKEYCLI_AUTH", password)
            .args(command)
            .output()
            .expect("the client program");
        format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)).trim().to_owned()
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.file("agent.log")).unwrap_or_default()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the agent's log:\n{}", self.log());
            eprintln!("the server's log:\n{}", fs::read_to_string(self.file("server.log")).unwrap_or_default());
        }
        for server in self.servers() {
            // A stopped process does not hear that it is to end.
            signal(server, "-CONT");
        }
        let _ = self.command("remove");
        for process in self.processes() {
            signal(process, "-KILL");
        }
    }
}

/// What `inspect` says of a server program.
pub(crate) fn inspect(program: &Path) -> ServerProgram {
    let output = Command::new(AGENT).arg("inspect").arg(program).output().expect("the program");
    let mut programs: Vec<ServerProgram> = answer(&output);
    programs.pop().unwrap_or_else(|| panic!("{program:?} is no server program"))
}

/// The JSON that a command printed.
pub(crate) fn answer<T: DeserializeOwned>(output: &Output) -> T {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The error that a command gave: what is wrong, and what to do.
pub(crate) fn error(output: &Output) -> (String, String) {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    let last = text.lines().last().expect("a line");
    let error: serde_json::Value = serde_json::from_str(last).unwrap_or_else(|_| panic!("no JSON: {text}"));
    let word = |key: &str| error[key].as_str().expect("text").to_owned();
    (word("error"), word("hint"))
}

pub(crate) fn random<const N: usize>() -> [u8; N] {
    use ring::rand::{SecureRandom, SystemRandom};
    let mut bytes = [0; N];
    SystemRandom::new().fill(&mut bytes).expect("random numbers");
    bytes
}

pub(crate) fn signal(pid: u32, signal: &str) {
    let _ = Command::new("kill").args([signal, &pid.to_string()]).status().expect("kill");
}

/// SIGKILL, and waits until the process is gone (or a zombie that nobody waits for).
pub(crate) fn kill(process: &ProcessIdentity) {
    signal(process.pid, "-KILL");
    until("the process is gone", || (!lives(process)).then_some(()));
}

/// Whether exactly this process lives.
pub(crate) fn lives(process: &ProcessIdentity) -> bool {
    fs::read_to_string(format!("/proc/{}/stat", process.pid)).is_ok_and(|stat| {
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        fields[0] != "Z" && fields[19] == process.start_time.to_string()
    })
}

fn processes(wanted: impl Fn(&Path) -> bool) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let numbered = entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
    let alive = |proc: &Path| !fs::read_to_string(proc.join("stat")).unwrap_or_default().contains(") Z ");
    numbered.filter(|(_, proc)| wanted(proc) && alive(proc)).map(|(pid, _)| pid).collect()
}
