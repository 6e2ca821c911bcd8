//! Processes that are recognised again, and the lock of an agent.

#![allow(clippy::unwrap_used)] // The panic is the test's report, here and in its helpers.

use std::fs;
use std::io;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use justmanage_agent::process::{Ending, LockGuard, Watched, Workplaces, boot_id, identity};
use justmanage_model::node::ProcessIdentity;
use rustix::process::Signal;

use crate::process_support::{PATIENCE, World, state_letter, wait_until};

/// A child that is killed at the end.
struct Guarded(Child);

impl Guarded {
    fn run(script: &str) -> Self {
        Self(Command::new("/bin/sh").args(["-c", script]).spawn().unwrap())
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn only_the_very_process_is_taken() {
    let child = Guarded::run("exec sleep 100");
    let right = identity(child.0.id()).unwrap();
    assert_eq!(right.boot_id, boot_id().unwrap());
    assert_eq!(Watched::open(&right).expect("it lives").identity(), &right);
    let reused = ProcessIdentity { start_time: right.start_time - 1, ..right.clone() };
    assert!(Watched::open(&reused).is_none(), "the pid is another process's now");
    let rebooted = ProcessIdentity { boot_id: "before".to_owned(), ..right.clone() };
    assert!(Watched::open(&rebooted).is_none(), "the start time counts from another boot");
    for pid in [0, u32::MAX, i32::MAX.cast_unsigned()] {
        assert!(Watched::open(&ProcessIdentity { pid, ..right.clone() }).is_none(), "{pid}");
    }
}

#[test]
fn what_has_ended_is_not_taken_not_even_as_a_zombie() {
    let mut child = Guarded::run("exit 0");
    let pid = child.0.id();
    let known = identity(pid).unwrap();
    wait_until("it is a zombie", || state_letter(pid) == Some('Z'));
    assert!(Watched::open(&known).is_none());
    child.0.wait().unwrap();
    assert_eq!(identity(pid).unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(Watched::open(&known).is_none());
}

#[tokio::test]
async fn the_end_of_a_child_is_seen_with_its_status_and_leaves_no_zombie() {
    for (script, signal, want) in [
        ("exit 7", None, Ending::Exited(7)),
        ("exec sleep 100", Some(Signal::KILL), Ending::Killed(9)),
        ("exec sleep 100", Some(Signal::TERM), Ending::Killed(15)),
    ] {
        let child = Guarded::run(script);
        let watched = Watched::child(&child.0).unwrap();
        if let Some(signal) = signal {
            assert_eq!(watched.wait(Duration::ZERO), None, "it lives");
            watched.signal(signal).unwrap();
        }
        // Two at once: the status is taken once, and both know it.
        let (one, two) = tokio::join!(watched.exited(), watched.exited());
        assert_eq!((one.unwrap(), two.unwrap()), (want, want));
        assert_eq!(watched.wait(Duration::ZERO), Some(want));
        assert_eq!(state_letter(child.0.id()), None, "a zombie is left");
        // Its pid may be another's by now; the signal reaches nobody.
        watched.signal(Signal::KILL).unwrap();
    }
}

#[tokio::test]
async fn a_stopped_process_is_alive_and_can_be_killed() {
    let child = Guarded::run("exec sleep 100");
    let watched = Watched::child(&child.0).unwrap();
    watched.signal(Signal::STOP).unwrap();
    wait_until("it is stopped", || state_letter(child.0.id()) == Some('T'));
    assert!(!watched.is_over());
    watched.signal(Signal::KILL).unwrap();
    assert_eq!(watched.exited().await.unwrap(), Ending::Killed(9));
}

#[test]
fn endings_are_said_in_words() {
    for (ending, words) in [
        (Ending::Exited(3), "ended with status 3"),
        (Ending::Killed(6), "was ended by SIGABRT"),
        (Ending::Killed(31), "was ended by signal 31"),
        (Ending::Unknown, "ended"),
    ] {
        assert_eq!(ending.to_string(), words);
    }
}

#[test]
fn somebody_who_stands_in_the_data_directory_is_no_server() {
    let world = World::new();
    let data = world.directory().data();
    // As a shell of a login: a session of its own, and working there.
    let mut shell = Command::new("setsid").args(["sleep", "100"]).current_dir(&data).spawn().unwrap();
    wait_until("it works there", || {
        fs::read_link(format!("/proc/{}/cwd", shell.id())).is_ok_and(|cwd| cwd == fs::canonicalize(&data).unwrap())
            && fs::read_to_string(format!("/proc/{}/comm", shell.id())).is_ok_and(|name| name.trim() == "sleep")
    });
    assert_eq!(Workplaces::look().unwrap().server_in(&data), None);
    shell.kill().unwrap();
    shell.wait().unwrap();
}

#[test]
fn a_lock_is_held_by_one_until_it_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("agent.lock");
    assert!(!LockGuard::is_held(&path).unwrap());
    let guard = LockGuard::take(&path, Duration::ZERO).unwrap().expect("nobody has it");
    assert!(LockGuard::is_held(&path).unwrap());
    assert!(LockGuard::take(&path, Duration::from_millis(20)).unwrap().is_none());
    // A program that is started meanwhile does not take the lock along.
    let child = Guarded::run("exec sleep 100");
    drop(guard);
    wait_until("the child has become sleep", || !LockGuard::is_held(&path).unwrap());
    drop(child);
}

#[test]
fn a_lock_in_a_directory_that_is_gone_is_no_lock() {
    let directory = tempfile::tempdir().unwrap();
    let node = directory.path().join("node");
    fs::create_dir(&node).unwrap();
    let path = node.join("agent.lock");
    let guard = LockGuard::take(&path, Duration::ZERO).unwrap().expect("nobody has it");
    let waiter = std::thread::spawn({
        let path = path.clone();
        move || LockGuard::take(&path, PATIENCE)
    });
    // As `remove` does it.
    fs::rename(&node, directory.path().join("gone")).unwrap();
    drop(guard);
    assert_eq!(waiter.join().unwrap().unwrap_err().kind(), io::ErrorKind::NotFound);
    assert!(!node.exists());
}

#[test]
fn those_who_only_look_do_not_keep_the_lock_from_its_owner() {
    let directory = tempfile::tempdir().unwrap();
    let path = &directory.path().join("agent.lock");
    drop(LockGuard::take(path, Duration::ZERO).unwrap());
    let (looks, enough) = (&AtomicU32::new(0), &AtomicBool::new(false));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !enough.load(Ordering::Relaxed) {
                LockGuard::is_held(path).unwrap();
                looks.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut taken = 0;
        while taken < 200 || looks.load(Ordering::Relaxed) < 200 {
            let guard = LockGuard::take(path, PATIENCE).unwrap();
            if guard.is_none() {
                enough.store(true, Ordering::Relaxed);
                panic!("a look was taken for an agent");
            }
            taken += 1;
        }
        enough.store(true, Ordering::Relaxed);
    });
}
