//! Hosts leave nothing behind, however their test ends.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use acceptance_tests::hosts::{Hosts, Options};
use acceptance_tests::{DEADLINE, processes, wait_until};
use rustix::process::Signal;

/// What hosts are to the machine.
struct Traces {
    folder: PathBuf,
    pids: Vec<i32>,
}

impl Traces {
    fn of(hosts: &Hosts) -> Self {
        let one = hosts.command("true");
        let holder = one.get_args().filter_map(|word| word.to_str()?.parse().ok());
        let pids = holder.chain(hosts.all().iter().map(acceptance_tests::hosts::Host::pid));
        Self::by(hosts.folder().into(), &pids.collect::<Vec<_>>())
    }

    /// Everything in the networks of these processes.
    fn by(folder: PathBuf, pids: &[i32]) -> Self {
        let network = |pid: i32| fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        let networks: BTreeSet<PathBuf> = pids.iter().filter_map(|pid| network(*pid)).collect();
        assert_eq!(networks.len(), pids.len(), "each has one of its own");
        let own = i32::try_from(std::process::id()).expect("a pid is positive");
        let all = fs::read_dir("/proc").expect("/proc").flatten();
        let all = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(|pid| *pid != own);
        let pids = all.filter(|pid| network(*pid).is_some_and(|network| networks.contains(&network))).collect();
        Self { folder, pids }
    }

    /// Processes that still run.
    fn alive(&self) -> Vec<i32> {
        self.pids.iter().copied().filter(|pid| processes::is_alive(*pid)).collect()
    }

    /// The folder and control groups that are still there.
    fn places(&self) -> Vec<PathBuf> {
        let name = self.folder.file_name().expect("a name");
        let groups = hierarchies().into_iter().map(|hierarchy| hierarchy.join(name));
        groups.chain([self.folder.clone()]).filter(|place| place.exists()).collect()
    }
}

/// Where control groups are.
fn hierarchies() -> Vec<PathBuf> {
    let mounts = fs::read_to_string("/proc/mounts").expect("/proc/mounts");
    let words = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    words.filter(|words| words[2].starts_with("cgroup")).map(|words| PathBuf::from(words[1])).collect()
}

fn own_network() -> PathBuf {
    fs::read_link("/proc/thread-self/ns/net").expect("a network")
}

/// With a limit, so that there are groups of every kind.
fn limited() -> Options {
    Options { memory: Some(256 << 20), processors: Some(1.0), ..Options::default() }
}

#[test]
fn nothing_is_left_when_they_go() {
    let before = own_network();
    let hosts = Hosts::up(2, &limited());
    let traces = Traces::of(&hosts);
    assert!(traces.pids.len() > 6 && traces.places().len() > 1, "{:?} {:?}", traces.pids, traces.places());
    assert_ne!(own_network(), before);
    hosts[1].pause();
    drop(hosts);
    assert_eq!((traces.alive(), traces.places(), own_network()), (vec![], vec![], before));
}

#[test]
fn nothing_is_left_when_a_test_panics() {
    let mut traces = None;
    let panic = catch_unwind(AssertUnwindSafe(|| {
        let hosts = Hosts::up(1, &limited());
        traces = Some(Traces::of(&hosts));
        panic!("on purpose");
    }));
    assert!(panic.is_err());
    let traces = traces.expect("they were up");
    assert_eq!((traces.alive(), traces.places()), (vec![], vec![]));
}

/// As if nextest had given it up: nothing of it runs any more that could tidy up.
#[test]
fn nothing_is_left_when_a_test_is_killed() {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_test-hosts"));
    let mut owner = owner.arg("2").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("test-hosts");
    let said = BufReader::new(owner.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let said: Vec<String> = said.take_while(|line| line != "up").collect();
    let [folder, hosts @ .., way] = &said[..] else { panic!("{said:?}") };
    let holder = way.split(' ').nth(2).expect("nsenter --target PID");
    let hosts = hosts.iter().map(|line| line.rsplit(' ').next().expect("a pid"));
    let pids: Vec<i32> = hosts.chain([holder]).map(|pid| pid.parse().expect("a pid")).collect();
    let traces = Traces::by(folder.into(), &pids);
    assert!(traces.pids.len() > 6 && traces.places().len() > 1, "{:?}", traces.pids);
    // What is stopped ends as well.
    let group = traces.places().into_iter().map(|place| place.join("host0/cgroup.freeze")).find(|file| file.exists());
    fs::write(group.expect("a group of host0"), "1").expect("it is stopped");

    processes::signal(i32::try_from(owner.id()).expect("a pid is positive"), Signal::KILL);
    owner.wait().expect("our own child");
    // This is the kernel's work, whether there is another test or not.
    wait_until("no process is left", DEADLINE, || traces.alive().is_empty());
    // And this is the next one's. Another than the one below may be at it already.
    drop(Hosts::up(0, &Options::default()));
    wait_until("no place is left", DEADLINE, || traces.places().is_empty());
    assert!(!Path::new(folder).exists());
}
