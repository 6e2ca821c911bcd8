//! Servers whose hosts are directories: the scripts are the real ones, carried out by this machine's shell below a root of each host's
//! own, and what they call of the system (systemd, users) is played by the programs in `host/tests/stubs`. What all platforms have to keep is in
//! `contract`.

mod claims;
mod contract;
mod packages;
mod programs;
mod steps;
mod verbs;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use justmanage_model::pool::Host;
use justmanage_model::{Claim, ClusterId, NodeId, Pin, Seat, Version};
use justmanage_platform_servers::script::ENTRY;
use justmanage_platform_servers::{Programs, Script, Servers, Shell};
use justmanage_platforms::{ClaimQuery, MachineOrder, Stream};
use justmanage_ssh::{Output, SshError};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::runtime::Handle;
use tokio::sync::RwLock;

/// What changes something on a host, and stands for a step of a script therefore.
const STEPS: &[&str] = &[
    "mkdir",
    "mktemp",
    "chmod",
    "mv",
    "rm",
    "rmdir",
    "ln",
    "chown",
    "systemctl",
    "useradd",
    "userdel",
    "groupdel",
    "apt-get",
    "apt-mark",
    "dpkg",
];

/// A place for one test.
struct Place {
    directory: tempfile::TempDir,
    hosts: Arc<Hosts>,
}

/// The hosts of a place, as a shell leads to them.
struct Hosts {
    directory: PathBuf,
    /// Where hosts carry out what they were told, whoever hears of its end.
    own: Handle,
    /// Held by every script that is being carried out.
    at_work: Arc<RwLock<()>>,
    wrong: Mutex<Wrong>,
    /// Nobody gets there.
    cut_off: Mutex<BTreeSet<String>>,
    /// At which step a script dies.
    stop_after: Mutex<Option<usize>>,
    /// What was carried out, and where.
    calls: Mutex<Vec<String>>,
}

/// What goes wrong between a shell and its hosts.
#[derive(Debug, Default)]
struct Wrong {
    /// So many calls do not get there.
    turned_away: usize,
    /// After so many calls more, the answer of one is lost.
    lost_after: Option<usize>,
    /// How often something went wrong.
    struck: usize,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().expect("temporary directory");
        let own = directory.path().to_owned();
        for folder in ["steps", "full"] {
            fs::create_dir(own.join(folder)).expect("a directory");
        }
        for step in STEPS {
            symlink(stubs().join("step"), own.join("steps").join(step)).expect("a step");
        }
        let place = Self {
            directory,
            hosts: Arc::new(Hosts {
                directory: own,
                own: Handle::current(),
                at_work: Arc::default(),
                wrong: Mutex::default(),
                cut_off: Mutex::default(),
                stop_after: Mutex::default(),
                calls: Mutex::default(),
            }),
        };
        place.install("");
        place
    }

    /// Servers of a pool, as another process has them that comes to the same hosts.
    fn servers(&self, pool: &str) -> Servers {
        self.servers_of(pool, "0.1.0")
    }

    /// The same with agents that are called so.
    fn servers_of(&self, pool: &str, version: &str) -> Servers {
        let pool: justmanage_model::pool::Pool = pool.parse().expect("a pool");
        for server in &pool.servers {
            self.hosts.install(&server.host.address);
        }
        let version: Version = version.parse().expect("a version");
        let programs = Programs::new(version, [(std::env::consts::ARCH.to_owned(), self.agent())]);
        Servers::new(pool, self.hosts.clone(), programs)
    }

    fn agent(&self) -> PathBuf {
        self.directory.path().join("justmanage-agent")
    }

    /// Puts an agent's program where the provider has it, with something behind its end.
    fn install(&self, more: &str) {
        let text = include_str!("agent.sh").to_owned() + more;
        fs::write(self.agent(), text).expect("an agent");
    }

    /// The same with a newer one.
    fn install_newer(&self, more: &str) {
        let text = include_str!("agent.sh").replace("0.1.0", "0.2.0") + more;
        fs::write(self.agent(), text).expect("an agent");
    }

    fn root(&self, host: &str) -> PathBuf {
        self.hosts.root(host)
    }

    /// The scripts that were carried out.
    fn calls(&self) -> Vec<String> {
        self.hosts.calls.lock().expect("calls").clone()
    }

    /// From now on nobody gets to a host, or everybody.
    fn cut_off(&self, host: &str, is_cut_off: bool) {
        let mut cut_off = self.hosts.cut_off.lock().expect("hosts");
        if is_cut_off {
            cut_off.insert(host.to_owned());
        } else {
            cut_off.remove(host);
        }
    }
}

impl Hosts {
    fn root(&self, host: &str) -> PathBuf {
        self.directory.join("hosts").join(host)
    }

    /// That a call gets to a host, and whether its answer gets lost.
    fn get_to(&self, name: &str) -> Result<bool, SshError> {
        let unreachable = |why: &str| Err(SshError::Unreachable { host: name.to_owned(), why: why.to_owned() });
        if self.cut_off.lock().expect("hosts").contains(name) {
            return unreachable("it is cut off");
        }
        let mut wrong = self.wrong.lock().expect("what goes wrong");
        if wrong.turned_away > 0 {
            wrong.turned_away -= 1;
            wrong.struck += 1;
            // As sshd does it where too many log in at once.
            return unreachable("Connection reset by peer");
        }
        let is_lost = wrong.lost_after == Some(0);
        wrong.lost_after = wrong.lost_after.and_then(|calls| calls.checked_sub(1));
        wrong.struck += usize::from(is_lost);
        Ok(is_lost)
    }

    /// The shell of a host.
    fn shell_on(&self, name: &str) -> Command {
        let stop_after = *self.stop_after.lock().expect("a number");
        let path = std::env::var("PATH").expect("PATH");
        let steps = stop_after.map_or(String::new(), |_| format!("{}:", self.directory.join("steps").display()));
        let full = self.directory.join("full");
        let mut shell = Command::new("sh");
        shell
            .args(["-c", &format!("GROUP=$$; export GROUP; {ENTRY}")])
            .env("ROOT", self.root(name))
            .env("PATH", format!("{steps}{}:{}:{path}", full.display(), stubs().display()))
            .env("COUNT", self.directory.join("count"))
            .env("STOP_AFTER", stop_after.unwrap_or_default().to_string())
            .env("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
            // Whoever dies, dies with everything that it has started.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        shell
    }

    /// A host as it comes from whoever made it. One that is there stays.
    fn install(&self, host: &str) {
        let root = self.root(host);
        if root.exists() {
            return;
        }
        for folder in
            ["var/lib", "etc/systemd/system", "etc/sysctl.d", "run/systemd/system", "proc/sys/vm", "proc/sys/net/core"]
        {
            fs::create_dir_all(root.join(folder)).expect("a directory");
        }
        for (file, text) in [
            ("etc/passwd", "root:x:0:0::/root:/bin/sh\n"),
            ("etc/group", "root:x:0:\n"),
            ("proc/sys/vm/overcommit_memory", "0\n"),
            ("proc/sys/net/core/somaxconn", "128\n"),
        ] {
            fs::write(root.join(file), text).expect("a file");
        }
    }
}

#[async_trait]
impl Shell for Hosts {
    async fn carry_out(&self, host: &Host, script: &Script, _limit: Duration) -> Result<Output, SshError> {
        let name = host.address.clone();
        let is_lost = self.get_to(&name)?;
        self.calls.lock().expect("calls").push(format!("{name} {script:?}"));
        let at_work = self.at_work.clone().try_read_owned().expect("nobody waits for the end");
        let (command, input) = (self.shell_on(&name), script.stdin());
        let ended = self.own.spawn(async move {
            let ended = play(command, &input).await;
            drop(at_work);
            ended
        });
        let ended = ended.await.expect("an end");
        let status = ended.status.code().map(|code| u32::try_from(code).expect("a status"));
        if status.is_none() {
            // As if the whole connection had gone with it.
            self.cut_off.lock().expect("hosts").insert(name.clone());
        }
        match status {
            Some(_) if !is_lost => Ok(Output { status, stdout: ended.stdout, stderr: ended.stderr }),
            _ => Err(SshError::Broken { host: name, why: "killed".into() }),
        }
    }

    async fn dial(&self, host: &Host, to: SocketAddr) -> Result<Box<dyn Stream>, SshError> {
        let (ours, mut theirs) = tokio::io::duplex(1024);
        theirs.write_all(format!("{to} through {host}").as_bytes()).await.expect("room");
        Ok(Box::new(ours))
    }
}

fn stubs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../host/tests/stubs")
}

/// A shell carries out what comes on its input.
async fn play(mut shell: Command, input: &[u8]) -> std::process::Output {
    let mut child = shell.spawn().expect("a shell");
    let mut stdin = child.stdin.take().expect("input");
    let feed = async move {
        // A script need not read everything, and one that dies does not.
        let _ = stdin.write_all(input).await;
    };
    let (ended, ()) = tokio::join!(child.wait_with_output(), feed);
    ended.expect("an end")
}

/// An order for a node of the cluster `cache`.
fn order(number: u8) -> MachineOrder {
    order_of("cache", number)
}

/// An order for a node of a cluster with this name.
fn order_of(name: &str, number: u8) -> MachineOrder {
    let claim = Claim {
        cluster: ClusterId::from_entropy([u8::try_from(name.len()).expect("a short name"); 10]),
        name: name.parse().expect("a name"),
        node: NodeId::from_entropy([number; 10]),
        seat: Some(Seat { shard: 0, ordinal: number.into() }),
    };
    MachineOrder::new(claim, [Pin::from_digest([number; 32])].into())
}

fn query(name: &str) -> ClaimQuery {
    ClaimQuery { name: name.parse().expect("a name"), cluster: None }
}

/// Everything below a directory but what is noted there of calls: its kind, its rights, and what is in it.
fn tree(root: &Path) -> BTreeMap<PathBuf, String> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a directory") {
            let path = entry.expect("an entry").path();
            let metadata = fs::symlink_metadata(&path).expect("metadata");
            let content = if metadata.is_symlink() {
                fs::read_link(&path).expect("a link").display().to_string()
            } else if metadata.is_dir() {
                folders.push(path.clone());
                String::new()
            } else {
                fs::read_to_string(&path).expect("text")
            };
            if !path.ends_with("run/calls") {
                let mode = metadata.permissions().mode();
                found.insert(path, format!("{mode:o} {content}"));
            }
        }
    }
    found
}
