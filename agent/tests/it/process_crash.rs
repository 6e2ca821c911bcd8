//! An agent that is killed at any moment of a start leaves a server that is found, or none: never two, never a lost one.

#![allow(clippy::unwrap_used)] // The panic is the test's report, here and in its helpers.

use std::ffi::OsStr;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use justmanage_agent::Directory;
use justmanage_agent::server::{Process, running};

use crate::process_support::{REDIS, World, answers, inside, redis, supervisor, until};

const DIRECTORY: &str = "JUSTMANAGE_TEST_DIRECTORY";

/// Not a test: what runs in the process that is killed. It starts a server as soon as its input ends.
#[test]
#[ignore = "run by the test below, in a process of its own"]
fn helper_that_starts_a_server() {
    let Some(path) = std::env::var_os(DIRECTORY) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let supervisor = supervisor(&Directory::new(Path::new(&path)));
        println!("ready");
        std::io::stdin().read_line(&mut String::new()).unwrap();
        supervisor.start(&redis(), &REDIS.map(OsStr::new)).unwrap();
        std::future::pending::<()>().await;
    });
}

/// Starts an agent of sorts, lets it begin to start a server, and kills it after some time.
fn crash_after(directory: &Directory, time: Duration) {
    let mut agent = Command::new(std::env::current_exe().unwrap())
        .args(["process_crash::helper_that_starts_a_server", "--exact", "--ignored", "--nocapture"])
        .env(DIRECTORY, directory.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = std::io::BufReader::new(agent.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("ready") {
        line.clear();
        assert_ne!(std::io::BufRead::read_line(&mut output, &mut line).unwrap(), 0, "the helper ended");
    }
    agent.stdin.take().unwrap().write_all(b"go\n").unwrap();
    // This is no waiting for something: the moment of death is the input of this test.
    std::thread::sleep(time);
    agent.kill().unwrap();
    agent.wait().unwrap();
}

#[tokio::test]
async fn an_agent_killed_at_any_moment_of_a_start_leaves_one_server_or_none() {
    // By squares up to 80 ms; and where the machine, or its disk, is too busy for a start in that time, twice as long each time.
    let moments = (0..24_u64).map(|round| Duration::from_micros(round * round * 150));
    let later = (1..8_u32).map(|round| Duration::from_millis(80) * 2_u32.pow(round));
    let (mut adopted, mut rounds) = (0, 0);
    for moment in moments.chain(later) {
        if rounds >= 24 && adopted > 0 {
            break;
        }
        rounds += 1;
        let world = World::new();
        let directory = world.directory();
        crash_after(&directory, moment);
        let next = supervisor(&directory);
        adopted += u64::from(matches!(next.state(), Process::Running { .. }));
        // What a turn does: start what does not run. A launcher of the dead agent that is on its way to the lock may still
        // be first; then ours ends, and the next try finds the other.
        let held = || match next.state() {
            Process::Running { identity, .. } => Some(identity),
            _ => None,
        };
        until("one server answers, and is the one that is held", || {
            if held().is_none() {
                let _ = next.start(&redis(), &REDIS.map(OsStr::new));
            }
            answers(&directory) && held().is_some_and(|held| inside(&directory.data()) == [held.pid])
        })
        .await;
        let identity = held().expect("just seen");
        assert_eq!(running(&directory).unwrap().expect("noted").identity(), &identity);
        next.stop(crate::process_support::PATIENCE).await.unwrap();
        assert_eq!(inside(&directory.data()), [0; 0], "killed after {moment:?}");
    }
    assert!(adopted > 0 && adopted < rounds, "{adopted} of {rounds}: the moments of death were all on one side");
}
