//! A network of hosts on this machine: a bridge and hosts in network namespaces of their own, each with its own `/etc/hosts`.
//!
//! Nothing of the machine's own network or files is touched, and there are no names that could be left behind: each namespace
//! lives as long as the processes in it, and those end with the test, whatever becomes of it. Needs root.

use std::fs::{self, File};
use std::net::Ipv4Addr;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use justmanage_model::{PeerNames, Seat};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tempfile::TempDir;

use crate::wait::until;

/// How many seats a shard has room for in the numbers of hosts.
const SEATS: u16 = 10;

/// The bridge, and the names of its hosts.
pub(crate) struct Network {
    bridge: Arc<Space>,
    home: TempDir,
}

/// One host: a namespace with an address, plugged into the bridge.
pub(crate) struct Host {
    space: Space,
    bridge: Arc<Space>,
    /// Its end at the bridge.
    port: String,
    number: u16,
    address: Mutex<Ipv4Addr>,
}

/// A network and mount namespace, kept by a process that ends when its standard input does: also when the test is killed.
struct Space(Child);

impl Space {
    fn new() -> Self {
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "--", "cat"]).stdin(Stdio::piped()).stdout(Stdio::null());
        let holder = command.spawn().expect("unshare (Debian: util-linux)");
        let mut space = Self(holder);
        // It becomes `cat` when both namespaces are made, and mounts in them are nobody else's. Not before.
        until("namespaces (this needs root)", || {
            assert_eq!(space.0.try_wait().expect("unshare"), None, "no namespaces could be made: this needs root");
            let name = fs::read_to_string(format!("/proc/{}/comm", space.0.id())).ok()?;
            (name.trim() == "cat").then_some(())
        });
        space.run("ip", &["link", "set", "lo", "up"]);
        space
    }

    /// A program that is to run inside.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.0.id().to_string(), "-n", "-m", "--", program]);
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let output = self.command(program).args(arguments).output().expect("nsenter (Debian: util-linux)");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {arguments:?}: {said} (`ip` is in Debian's package iproute2)");
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Network {
    /// A bridge, and this thread on it: whatever it does in the network from now on, it does there.
    pub(crate) fn new() -> Self {
        let bridge = Space::new();
        bridge.run("ip", &["link", "add", "br0", "type", "bridge"]);
        bridge.run("ip", &["address", "add", "10.99.0.1/16", "dev", "br0"]);
        bridge.run("ip", &["link", "set", "br0", "up"]);
        let space = File::open(format!("/proc/{}/ns/net", bridge.0.id())).expect("the bridge's network");
        move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).expect("root");
        let home = tempfile::tempdir().expect("a directory");
        fs::write(home.path().join("hosts"), "127.0.0.1 localhost\n").expect("a file");
        Self { bridge: Arc::new(bridge), home }
    }

    /// By which names hosts find each other.
    pub(crate) fn names() -> PeerNames {
        "cache-{shard}-{ordinal}.cache.internal".parse().expect("names")
    }

    /// A host for a seat.
    pub(crate) fn host(&self, seat: Seat) -> Arc<Host> {
        let number = 10 + seat.shard * SEATS + seat.ordinal;
        let (space, port) = (Space::new(), format!("host{number}"));
        let pid = space.0.id().to_string();
        let cable = ["link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &pid];
        self.bridge.run("ip", &cable);
        self.bridge.run("ip", &["link", "set", &port, "master", "br0", "up"]);
        space.run("ip", &["link", "set", "eth0", "up"]);
        space.run("mount", &["--bind", &self.hosts_file().to_string_lossy(), "/etc/hosts"]);
        let address = Mutex::new(Ipv4Addr::UNSPECIFIED);
        let host = Arc::new(Host { space, bridge: self.bridge.clone(), port, number, address });
        host.take_address(1);
        self.enter(&[(seat, host.address())]);
        host
    }

    fn hosts_file(&self) -> PathBuf {
        self.home.path().join("hosts")
    }

    /// Names lead to these addresses from now on. The file stays the same one: hosts see it by a mount.
    pub(crate) fn enter(&self, places: &[(Seat, Ipv4Addr)]) {
        let text = fs::read_to_string(self.hosts_file()).expect("the hosts' names");
        let names: Vec<_> = places.iter().map(|(seat, at)| (name(*seat), at)).collect();
        let named = |line: &&str| names.iter().any(|(name, _)| line.ends_with(name.as_str()));
        let mut lines: Vec<String> = text.lines().filter(|line| !named(line)).map(str::to_owned).collect();
        lines.extend(names.iter().map(|(name, at)| format!("{at} {name}")));
        fs::write(self.hosts_file(), lines.join("\n") + "\n").expect("a file");
    }
}

fn name(seat: Seat) -> String {
    let name = Network::names().of(justmanage_model::NodeId::from_entropy([0; 10]), Some(seat));
    name.expect("a name for each seat")
}

impl Host {
    /// A program that is to run on it.
    pub(crate) fn command(&self, program: &Path) -> Command {
        self.space.command(&program.to_string_lossy())
    }

    /// Its address.
    pub(crate) fn address(&self) -> Ipv4Addr {
        *self.address.lock().expect("an address")
    }

    /// From now on it has its address of another range, and no other.
    pub(crate) fn take_address(&self, range: u8) -> Ipv4Addr {
        let [_, number] = self.number.to_be_bytes();
        let address = Ipv4Addr::new(10, 99, range, number);
        self.space.run("ip", &["address", "flush", "dev", "eth0", "scope", "global"]);
        self.space.run("ip", &["address", "add", &format!("{address}/16"), "dev", "eth0"]);
        *self.address.lock().expect("an address") = address;
        address
    }

    /// Does something there in a thread of its own, which reaches what this host reaches, and nothing else.
    pub(crate) fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let space = File::open(format!("/proc/{}/ns/net", self.space.0.id())).expect("the host's network");
        std::thread::spawn(move || {
            move_into_link_name_space(space.as_fd(), Some(LinkNameSpaceType::Network)).expect("root");
            work()
        })
    }

    /// Pulls its cable out, or puts it back.
    pub(crate) fn cable(&self, plugged: bool) {
        self.bridge.run("ip", &["link", "set", &self.port, if plugged { "up" } else { "down" }]);
    }
}
