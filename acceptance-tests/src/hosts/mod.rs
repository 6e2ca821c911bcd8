//! Hosts on this machine, for tests of real servers over SSH: each a Debian of its own with systemd as PID 1.
//!
//! A host is namespaces and control groups over a common tree ([`System`]), so that it starts in less than a second; all else is as on
//! any server: sshd, units, users, sudo, a disk that outlives a crash. Hosts are plugged into a bridge of their test, and the
//! thread that [brings them up](Hosts::up) is on it from then on, with everything that it starts: Terraform, providers, clients. No
//! packet leaves it, and any number of tests can be at the same addresses at once.
//!
//! Faults: [`Host::crash`] and [`Host::boot`], [`Host::pause`] and [`Host::resume`], [`Host::cable`], [`Hosts::cut`] and
//! [`Hosts::heal`].
//!
//! When [`Hosts`] goes, everything goes; when its test is killed, the kernel ends every process at once, and the next test removes the
//! directories and control groups. Needs root.

mod cuts;
mod disk;
mod groups;
mod host;
mod keys;
mod run;
mod sweep;
mod tree;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::ops::Index;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tempfile::TempDir;

use crate::bridge::{Bridge, Home};
use cuts::End;
use groups::Hierarchies;
use keys::Keys;

pub use host::Host;
pub use run::Said;
pub use tree::System;

/// So many have addresses.
const MOST: usize = 200;

/// What hosts are like.
#[derive(Debug, Clone, Copy, Default)]
pub struct Options {
    /// What they run.
    pub system: System,
    /// So many bytes of memory each may use, and says that it has; the machine's, where nothing is said.
    pub memory: Option<u64>,
    /// So much time of processors each may use: 0.5 is half of one.
    pub processors: Option<f64>,
}

/// Some hosts on one bridge.
pub struct Hosts {
    shared: Arc<Shared>,
    all: Vec<Host>,
    home: Home,
    folder: TempDir,
}

/// What all hosts of a test have in common.
struct Shared {
    folder: PathBuf,
    /// Of the folder, and of the control groups: it leads to the test's process, also when that is dead.
    name: String,
    options: Options,
    tree: PathBuf,
    bridge: Bridge,
    keys: Keys,
    hierarchies: Hierarchies,
    cuts: Mutex<BTreeSet<(End, End)>>,
}

impl Hosts {
    /// Brings up so many hosts, `host0` and so on, and puts this thread on their bridge. Each accepts SSH then, and its units have
    /// begun to start. What killed tests left is removed first.
    ///
    /// # Panics
    /// When they do not come up; with what to do.
    pub fn up(count: usize, options: &Options) -> Self {
        assert!(count <= MOST, "{count} hosts have no addresses");
        let hierarchies = Hierarchies::of_this_machine();
        sweep::sweep(&env::temp_dir(), &hierarchies);
        let tree = options.system.tree();
        let prefix = format!("{}{}-", sweep::PREFIX, std::process::id());
        let folder = tempfile::Builder::new().prefix(&prefix).tempdir().expect("a temporary directory");
        let name = folder.path().file_name().expect("a name").to_string_lossy().into_owned();
        for (script, text) in host::SCRIPTS {
            fs::write(folder.path().join(script), text).expect("a script");
        }
        let shared = Arc::new(Shared {
            folder: folder.path().to_path_buf(),
            name,
            options: *options,
            tree,
            bridge: Bridge::new(),
            keys: Keys::make(folder.path().join("keys")),
            hierarchies,
            cuts: Mutex::default(),
        });
        let mut hosts = Self { shared: shared.clone(), all: Vec::new(), home: Home::of_this_thread(), folder };
        shared.bridge.enter();
        for number in 0..count {
            let host = Host::new(&shared, number, count);
            host.start();
            hosts.all.push(host);
        }
        hosts.all.iter().for_each(Host::wait_for_ssh);
        hosts
    }

    /// All of them.
    pub fn all(&self) -> &[Host] {
        &self.all
    }

    /// The directory with their disks, keys and consoles.
    pub fn folder(&self) -> &Path {
        &self.shared.folder
    }

    /// The file of the key by which they let in `root`, `admin` (who may use sudo) and `guest` (who may not).
    pub fn key(&self) -> PathBuf {
        self.shared.keys.own()
    }

    /// The file with the keys by which they are known.
    pub fn known_hosts(&self) -> PathBuf {
        self.shared.keys.known_hosts()
    }

    /// A program that is to run on their bridge, from whichever thread.
    pub fn command(&self, program: &str) -> Command {
        self.shared.bridge.command(program)
    }

    /// Lets nothing pass any more between each of these and each of those.
    pub fn cut(&self, some: &[usize], others: &[usize]) {
        let pairs = some.iter().flat_map(|one| others.iter().map(move |other| (End::Host(*one), End::Host(*other))));
        self.change_cuts(|cuts| cuts.extend(pairs));
    }

    /// Lets nothing pass any more between these and all others, the test among them. Among themselves they still meet.
    pub fn cut_off(&self, some: &[usize]) {
        let others: Vec<usize> = (0..self.all.len()).filter(|other| !some.contains(other)).collect();
        self.change_cuts(|cuts| cuts.extend(some.iter().map(|one| (End::Test, End::Host(*one)))));
        self.cut(some, &others);
    }

    /// Lets everything pass again.
    pub fn heal(&self) {
        self.change_cuts(BTreeSet::clear);
    }

    fn change_cuts(&self, change: impl FnOnce(&mut BTreeSet<(End, End)>)) {
        let mut held = self.shared.cuts.lock().unwrap_or_else(PoisonError::into_inner);
        let all: &mut BTreeSet<_> = &mut held;
        change(all);
        self.shared.bridge.run("nft", &["-f", "-"], &cuts::rules(all));
    }
}

impl Index<usize> for Hosts {
    type Output = Host;

    fn index(&self, number: usize) -> &Host {
        &self.all[number]
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        let failing = thread::panicking();
        if failing {
            self.all.iter().for_each(|host| eprintln!("--- end of the console of {}\n{}", host.name(), host.console()));
        }
        self.shared.bridge.end();
        self.all.iter().for_each(Host::bury);
        let mut complaints = self.home.go_back().err().into_iter().collect::<Vec<String>>();
        if !groups::remove(&self.shared.hierarchies, &self.shared.name) {
            complaints.push(format!("control groups {}", self.shared.name));
        }
        if failing && env::var_os("JUSTMANAGE_KEEP").is_some() {
            self.folder.disable_cleanup(true);
            eprintln!("kept: {}", self.folder.path().display());
        } else if let Err(error) = fs::remove_dir_all(self.folder.path()) {
            complaints.push(format!("{}: {error}", self.folder.path().display()));
        }
        assert!(failing || complaints.is_empty(), "left behind: {complaints:#?}");
    }
}
