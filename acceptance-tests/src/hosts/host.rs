//! One host: how it starts, how it is hurt, and how it ends.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::groups::{self, Group};
use super::{Shared, disk};
use crate::bridge::announced;
use crate::{DEADLINE, wait_until};

const ENTER: &str = "enter.sh";
const INIT: &str = "init.sh";

/// What PID 1 of a host runs before it is systemd, in the folder of all hosts: one script after the other.
pub(super) const SCRIPTS: [(&str, &str); 2] =
    [(ENTER, include_str!("../../hosts/enter.sh")), (INIT, include_str!("../../hosts/init.sh"))];

/// Where programs are: this machine's, as long as a host has none of its own.
pub(super) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Longest wait for an answer of sshd before it is asked anew.
const ANSWER: Duration = Duration::from_secs(5);

/// A server of its own.
pub struct Host {
    pub(super) shared: Arc<Shared>,
    name: String,
    number: usize,
    address: Ipv4Addr,
    folder: PathBuf,
    key: String,
    running: Mutex<Option<Running>>,
}

/// A host that was started.
pub(super) struct Running {
    /// It ends when PID 1 of the host has.
    process: Child,
    /// PID 1 of the host, and no other process that gets its number later.
    init: OwnedFd,
    /// Its number on this machine.
    pub(super) pid: i32,
    pub(super) group: Group,
}

impl Running {
    fn has_ended(&mut self) -> bool {
        self.process.try_wait().expect("our own child").is_some()
    }
}

impl Host {
    /// A host that has never been started, one of so many.
    pub(super) fn new(shared: &Arc<Shared>, number: usize, count: usize) -> Self {
        let (name, address) = (name(number), address(number));
        let folder = shared.folder.join(&name);
        let key = disk::make(&folder, &name, address, &names(count), &shared.keys);
        Self { shared: shared.clone(), name, number, address, folder, key, running: Mutex::default() }
    }

    /// `host0`, by which other hosts find it, too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address, which it keeps.
    pub const fn address(&self) -> Ipv4Addr {
        self.address
    }

    /// The public key by which its sshd is known, as in the file that `ssh-keygen` writes.
    pub fn key(&self) -> &str {
        self.key.trim()
    }

    /// The number of its PID 1 on this machine.
    ///
    /// # Panics
    /// When it is off.
    pub fn pid(&self) -> i32 {
        self.on(|running| running.pid)
    }

    /// Whether it runs: it may also have ended by itself.
    pub fn is_up(&self) -> bool {
        self.running().as_mut().is_some_and(|running| !running.has_ended())
    }

    /// What it has of a machine that was switched on again: its disk. It accepts SSH when this returns.
    ///
    /// # Panics
    /// When it is up, or does not come up.
    pub fn boot(&self) {
        self.start();
        self.wait_for_ssh();
    }

    /// Ends all its processes at once, as if the power were cut. Unlike then, what was written and not synced stays written: the
    /// page cache is this machine's.
    ///
    /// # Panics
    /// When it is off.
    pub fn crash(&self) {
        let mut running = self.running().take().unwrap_or_else(|| panic!("{} is off", self.name));
        // Also when it is stopped. It may have ended by itself just now.
        let _ = pidfd_send_signal(&running.init, Signal::KILL);
        wait_until(&format!("{} is off", self.name), DEADLINE, || running.has_ended());
        self.put_away();
    }

    /// Stops all its processes where they are. Its kernel still takes connections, and nobody answers.
    pub fn pause(&self) {
        self.on(|running| running.group.freeze(true));
    }

    /// Has them go on.
    pub fn resume(&self) {
        self.on(|running| running.group.freeze(false));
    }

    /// Pulls its cable out, or puts it back. A host that starts has it in.
    ///
    /// # Panics
    /// When it is off.
    pub fn cable(&self, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        self.shared.bridge.run("ip", &["link", "set", &self.name, state], "");
    }

    /// Starts it, and returns as soon as its cable is in.
    pub(super) fn start(&self) {
        let mut running = self.running();
        if let Some(before) = running.as_mut() {
            assert!(before.has_ended(), "{} is up", self.name);
            self.put_away();
        }
        let shared = &self.shared;
        let group = Group::make(&shared.hierarchies, &self.group(), &shared.options);
        let mut process = self.command(&group).spawn().expect("nsenter (Debian: util-linux)");
        let Some(pid) = announced(&mut process) else { panic!("{} did not start:\n{}", self.name, self.console()) };
        let init = Pid::from_raw(pid).expect("a pid is positive");
        let init = pidfd_open(init, PidfdFlags::empty()).expect("PID 1 of the host waits for its cable");
        self.plug(pid);
        // One that has died meanwhile is noticed as soon as somebody waits for it.
        let _ = writeln!(process.stdin.take().expect("a pipe"), "plugged");
        *running = Some(Running { process, init, pid, group });
    }

    fn command(&self, group: &Group) -> Command {
        let shared = &self.shared;
        let mut command = Command::new("nsenter");
        // In the bridge's process namespace, so that it ends with it.
        command.args(["--target", &shared.bridge.pid().to_string(), "--pid", "--"]);
        command.args(["unshare", "--pid", "--fork", "--kill-child", "--mount", "--net", "--uts", "--ipc", "--", "sh"]);
        command.arg(shared.folder.join(ENTER)).args(group.places());
        let memory = shared.options.memory.map(|bytes| (bytes / 1024).to_string()).unwrap_or_default();
        command.env_clear().env("PATH", PATH);
        command.env("HOST_INIT", shared.folder.join(INIT)).env("HOST_FOLDER", &self.folder);
        command.env("HOST_TREE", &shared.tree).env("HOST_ADDRESS", format!("{}/24", self.address));
        // Always the same: others remember it.
        command.env("HOST_MAC", format!("02:99:00:00:00:{:02x}", self.number)).env("HOST_MEMORY_KIB", memory);
        let console = File::options().append(true).create(true).open(self.folder.join("console.log"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(console.expect("a console")).process_group(0);
        command
    }

    /// Puts a cable between the host of this process and the bridge.
    fn plug(&self, pid: i32) {
        let name = &self.name;
        let cable = format!(
            "link add {name} type veth peer name eth0 netns {pid}\nlink set {name} master br0\nlink set {name} up\n"
        );
        self.shared.bridge.run("ip", &["-batch", "-"], &cable);
    }

    /// Waits until somebody can log in.
    ///
    /// # Panics
    /// When that does not come to be.
    pub(super) fn wait_for_ssh(&self) {
        let address = SocketAddr::from((self.address, 22));
        self.shared.bridge.inside(|| {
            wait_until(&format!("{} accepts SSH", self.name), DEADLINE, || {
                assert!(self.is_up(), "{} ended while it was starting:\n{}", self.name, self.console());
                greets(address)
            });
        });
    }

    /// Removes what a host leaves that has ended, and keeps its disk.
    fn put_away(&self) {
        // The other end may have gone with the host's network already.
        let _ = self.shared.bridge.try_run("ip", &["link", "delete", &self.name], "");
        assert!(groups::remove(&self.shared.hierarchies, &self.group()), "processes of {} are left", self.name);
    }

    /// Takes the status of a host that has ended with its bridge.
    pub(super) fn bury(&self) {
        if let Some(mut running) = self.running().take() {
            let _ = running.process.wait();
        }
    }

    /// The end of what it said on its console.
    pub(super) fn console(&self) -> String {
        let text = fs::read(self.folder.join("console.log")).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(40)..].join("\n")
    }

    fn group(&self) -> String {
        format!("{}/{}", self.shared.name, self.name)
    }

    /// Asks something of a host that was started.
    #[track_caller]
    pub(super) fn on<T>(&self, ask: impl FnOnce(&Running) -> T) -> T {
        let running = self.running();
        ask(running.as_ref().unwrap_or_else(|| panic!("{} is off", self.name)))
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn name(number: usize) -> String {
    format!("host{number}")
}

fn address(number: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 99, 0, u8::try_from(10 + number).expect("an address"))
}

/// The `/etc/hosts` of each of so many hosts.
fn names(count: usize) -> String {
    let lines = (0..count).map(|number| format!("{} {}\n", address(number), name(number)));
    "127.0.0.1 localhost\n".to_owned() + &lines.collect::<String>()
}

/// Whether sshd says at this address what it is.
fn greets(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect_timeout(&address, ANSWER) else { return false };
    let mut said = [0; 4];
    stream.set_read_timeout(Some(ANSWER)).is_ok() && stream.read_exact(&mut said).is_ok() && &said == b"SSH-"
}
