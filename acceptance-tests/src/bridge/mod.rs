//! What hosts and guests are plugged into: a bridge in a network of its own, and the one process with which everything ends.
//!
//! That process is the first of a process namespace in which all of them are. It ends when its standard input does, which is with the
//! test, however that ends; the kernel then kills whatever is in the namespace. Networks and mounts have no names: they go with the
//! last process in them.

mod home;
mod resident;

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::panic::resume_unwind;
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

pub(crate) use home::Home;
pub(crate) use resident::Resident;

/// The holder: it says which process it is, as the machine counts, and waits for the end of its input.
const HOLD: &str = "read -r pid rest </proc/self/stat; echo \"$pid\"; exec cat >/dev/null 2>&1";

/// What becomes of a bridge: it is known by an address that does not change, whoever is plugged in.
const SET_UP: &str = "link set lo up\n\
                      link add br0 address 02:99:00:00:01:00 type bridge forward_delay 0 mcast_snooping 0\n\
                      address add 10.99.0.1/24 dev br0\n\
                      link set br0 up\n";

/// The bridge, and who keeps it.
pub(crate) struct Bridge {
    holder: Mutex<Child>,
    pid: i32,
}

impl Bridge {
    /// A bridge with nobody on it.
    ///
    /// # Panics
    /// When this is not root.
    pub(crate) fn new() -> Self {
        let mut unshare = Command::new("unshare");
        unshare.args(["--net", "--pid", "--fork", "--kill-child", "--", "sh", "-c", HOLD]);
        // In a process group of its own: what is sent to the test's is not meant for it.
        unshare.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0);
        let mut holder = unshare.spawn().expect("unshare (Debian: util-linux)");
        let pid = announced(&mut holder).expect("no namespaces could be made: this needs root");
        let bridge = Self { holder: Mutex::new(holder), pid };
        bridge.run("ip", &["-batch", "-"], SET_UP);
        bridge
    }

    /// The holder's process.
    pub(crate) const fn pid(&self) -> i32 {
        self.pid
    }

    /// A program that is to run on the bridge.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid.to_string(), "--net", "--", program]);
        command
    }

    /// Runs a program on the bridge with this input.
    ///
    /// # Errors
    /// What it said when it failed.
    pub(crate) fn try_run(&self, program: &str, arguments: &[&str], input: &str) -> Result<(), String> {
        let mut command = self.command(program);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("nsenter (Debian: util-linux)");
        // One that ended before it had read everything says why.
        let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
        let output = child.wait_with_output().expect("our own child");
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(format!("{program} {arguments:?} {input:?}: {said}")) }
    }

    /// As [`Self::try_run`].
    ///
    /// # Panics
    /// When it fails.
    pub(crate) fn run(&self, program: &str, arguments: &[&str], input: &str) {
        if let Err(why) = self.try_run(program, arguments, input) {
            panic!("{why} (`cargo xtask test` installs what is missing)");
        }
    }

    /// Does something on the bridge, whichever thread asks.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        thread::scope(|scope| {
            let there = scope.spawn(|| {
                self.enter();
                work()
            });
            there.join().unwrap_or_else(|panic| resume_unwind(panic))
        })
    }

    /// Puts this thread on the bridge, with what it starts from now on.
    pub(crate) fn enter(&self) {
        let network = File::open(format!("/proc/{}/ns/net", self.pid)).expect("the bridge's network");
        move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).expect("root");
    }

    /// Ends everything that runs on it, and on what is plugged in; it is over when this returns.
    pub(crate) fn end(&self) {
        let mut holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        drop(holder.stdin.take());
        let _ = holder.wait();
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.end();
    }
}

/// The first line that a process prints: its number.
pub(crate) fn announced(process: &mut Child) -> Option<i32> {
    let mut line = String::new();
    BufReader::new(process.stdout.take()?).read_line(&mut line).ok()?;
    line.trim().parse().ok()
}
