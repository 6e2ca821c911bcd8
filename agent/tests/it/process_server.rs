//! The supervisor with real servers, and with programs that behave badly.

#![allow(clippy::unwrap_used)] // The panic is the test's report, here and in its helpers.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use justmanage_agent::process::{Launch, Launcher, Refusal, Workplaces};
use justmanage_agent::server::{Process, Supervisor, SupervisorError, running};
use justmanage_model::Timestamp;
use rustix::io::{FdFlags, fcntl_setfd};

use crate::process_support::{
    AGENT, PATIENCE, REDIS, World, ask, down, identity, inside, kill, redis, redis_answers, shell, start, state_letter,
    supervisor, until,
};

#[tokio::test]
async fn a_server_lives_on_without_its_supervisor_and_is_adopted() {
    let world = World::new();
    let directory = world.directory();
    let first = supervisor(&directory);
    let before = start(&first, &redis(), &REDIS);
    redis_answers(&directory).await;
    assert_eq!(ask(&directory, "SET key value").as_deref(), Some("+OK"));
    let since = first.state();
    drop(first);

    let second = supervisor(&directory);
    assert_eq!(second.state(), since, "the same process, since the same moment");
    assert_eq!(start(&second, &redis(), &REDIS), before, "it runs: it is not started again");
    assert!(ask(&directory, "GET key").unwrap().ends_with("value"));
    second.stop(PATIENCE).await.unwrap();
    assert_eq!(second.state(), Process::Stopped);
    assert_eq!(state_letter(before.pid), None, "a zombie is left");
    assert!(directory.data().join("dump.rdb").exists(), "it saved its data");
    assert_eq!(supervisor(&directory).state(), Process::Stopped, "a stop is no crash for the next agent either");
}

#[tokio::test]
async fn the_death_of_a_server_is_seen_at_once_with_its_reason() {
    let world = World::new();
    let directory = world.directory();
    let supervisor = supervisor(&directory);
    for round in 1..=2 {
        let server = start(&supervisor, &redis(), &REDIS);
        redis_answers(&directory).await;
        kill(server.pid);
        let (failures, _, why) = down(&supervisor).await;
        assert_eq!(failures, round);
        assert!(why.contains("SIGKILL"), "{why}");
        assert!(why.contains("Ready to accept connections") || why.contains("ready to accept"), "its log: {why}");
        assert_eq!(state_letter(server.pid), None, "a zombie is left");
    }
}

#[tokio::test]
async fn a_server_that_died_unseen_is_down_for_the_next_agent() {
    let world = World::new();
    let directory = world.directory();
    let first = supervisor(&directory);
    let server = start(&first, &redis(), &REDIS);
    redis_answers(&directory).await;
    drop(first);
    kill(server.pid);
    until("it is gone", || running(&directory).unwrap().is_none()).await;
    let second = supervisor(&directory);
    let (failures, rest, why) = down(&second).await;
    assert_eq!((failures, rest), (0, Duration::ZERO), "it may be started at once");
    assert!(why.contains("while no agent ran"), "{why}");
    // After a reboot no pid means anything.
    let note = fs::read_to_string(directory.server_process()).unwrap();
    fs::write(directory.server_process(), note.replace(&server.boot_id, "another-boot")).unwrap();
    let (.., why) = down(&crate::process_support::supervisor(&directory)).await;
    assert!(why.contains("machine was started anew"), "{why}");
}

#[tokio::test]
async fn a_server_without_a_note_is_found_by_where_it_works() {
    let world = World::new();
    let directory = world.directory();
    let first = supervisor(&directory);
    let server = start(&first, &redis(), &REDIS);
    redis_answers(&directory).await;
    drop(first);
    let whole = fs::read_to_string(directory.server_process()).unwrap();
    for damage in [None, Some(""), Some("{"), Some(&whole[..whole.len() / 2]), Some("[1]")] {
        match damage {
            None => fs::remove_file(directory.server_process()).unwrap(),
            Some(text) => fs::write(directory.server_process(), text).unwrap(),
        }
        let second = supervisor(&directory);
        assert_eq!(identity(&second), server, "{damage:?}");
        assert!(fs::read_to_string(directory.server_process()).unwrap().contains(&server.pid.to_string()));
    }
    // An agent that did not see it at its start finds it before it starts another.
    fs::remove_file(directory.server_process()).unwrap();
    assert_eq!(Workplaces::look().unwrap().server_in(&directory.data()), Some(server));
}

#[tokio::test]
async fn two_servers_never_work_on_one_directory() {
    let world = World::new();
    let directory = world.directory();
    // Two supervisors that know nothing of each other, as no lock of agents ever lets happen.
    let (one, two) = (supervisor(&directory), supervisor(&directory));
    let server = start(&one, &redis(), &REDIS);
    redis_answers(&directory).await;
    assert_eq!(start(&two, &redis(), &REDIS), server);
    // And one that does not even look.
    let launch = Launch { alone: true, ..Launch::new(&directory.data(), Path::new("/bin/true"), &[]) };
    let refused = launch.command(AGENT).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let words = String::from_utf8_lossy(&refused.stderr).into_owned();
    let reason = Refusal::NotAlone(directory.data()).to_string();
    assert!(words.contains(&reason.replace('"', "\\\"")), "{words}");
    assert_eq!(inside(&directory.data()), [server.pid]);
}

#[test]
fn a_launcher_of_a_container_whose_session_began_outside_becomes_the_program() {
    let world = World::new();
    let script =
        r#"[ "$(cut -d' ' -f6 /proc/self/stat)" = 0 ] && exec "$0" launch / /bin/sh -c 'cut -d" " -f6 /proc/$$/stat'"#;
    let arguments = ["--pid", "--fork", "--kill-child", "--mount-proc", "--", "sh", "-c", script, AGENT];
    let output = Command::new("unshare").args(arguments).current_dir(world.path()).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "no container (this needs root), or none that becomes it: {words}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "1", "the session is its own: {words}");
}

#[tokio::test]
async fn a_server_that_ends_at_once_is_down_for_longer_each_time() {
    let world = World::new();
    let directory = world.directory();
    let clock = || Timestamp::from_second(1_700_000_000).unwrap();
    let supervisor = Supervisor::adopt(directory.clone(), clock, Launcher::at(AGENT)).unwrap();
    for (failures, rest) in [(1, 200), (2, 400), (3, 800), (4, 1600)] {
        let server = shell(&supervisor, "echo the port is taken >&2; exit 3");
        let (seen, rested, why) = down(&supervisor).await;
        assert_eq!((seen, rested), (failures, Duration::from_millis(rest)));
        assert!(why.starts_with("the server ended with status 3; its log ends:\n"), "{why}");
        assert!(why.ends_with("the port is taken") && why.len() < 2200, "{why}");
        assert_eq!(state_letter(server.pid), None, "a zombie is left");
    }
    supervisor.stop(PATIENCE).await.unwrap();
    assert_eq!(supervisor.state(), Process::Stopped);
    shell(&supervisor, "exit 1");
    assert_eq!(down(&supervisor).await.0, 1, "after a stop it is a new story");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_said_and_counted() {
    let world = World::new();
    let directory = world.directory();
    let supervisor = supervisor(&directory);
    let error = supervisor.start(Path::new("/nowhere/redis-server"), &[]).unwrap_err();
    assert!(matches!(error, SupervisorError::Launch { .. }), "{error}");
    let (failures, _, why) = down(&supervisor).await;
    assert_eq!(failures, 1);
    assert!(why.contains("/nowhere/redis-server") && why.contains("No such file"), "{why}");
    // One that is there and cannot be run ends in the launcher, whose words are in the log.
    let text = directory.path().join("text");
    fs::write(&text, "not a program").unwrap();
    supervisor.start(&text, &[]).unwrap();
    let mut states = supervisor.watch();
    let second = states.wait_for(|state| matches!(state, Process::Down { failures: 2, .. }));
    let Process::Down { why, .. } = tokio::time::timeout(PATIENCE, second).await.unwrap().unwrap().clone() else {
        unreachable!("it was waited for");
    };
    assert!(why.contains("cannot be run") && why.contains("Permission denied"), "{why}");
}

#[tokio::test]
async fn who_does_not_end_in_time_is_killed_with_all_forks() {
    let world = World::new();
    let directory = world.directory();
    let supervisor = supervisor(&directory);
    let server = shell(&supervisor, "trap '' TERM; echo deaf; while :; do sleep 1; done");
    let log = directory.server_log();
    until("it is deaf", || fs::read_to_string(&log).is_ok_and(|log| log.contains("deaf"))).await;
    assert!(matches!(supervisor.start(Path::new("/bin/true"), &[]), Ok(())), "it runs already");
    supervisor.stop(Duration::from_millis(50)).await.unwrap();
    assert_eq!(supervisor.state(), Process::Stopped);
    assert_eq!(state_letter(server.pid), None);
    assert_eq!(inside(&directory.data()), [0; 0], "its `sleep` outlived it");
    supervisor.stop(Duration::ZERO).await.unwrap();
}

#[tokio::test]
async fn whether_a_server_that_was_stopped_has_saved_is_told_by_how_it_ended() {
    let world = World::new();
    let directory = world.directory();
    let supervisor = supervisor(&directory);
    let log = directory.server_log();
    let trapped = |what: &str| format!("trap '{what}' TERM; echo ready; while :; do sleep 0.05; done");
    let stories = [
        ("it ends by itself", trapped("exit 0"), PATIENCE, true),
        ("it cannot save, and says so", trapped("exit 1"), PATIENCE, false),
        ("it does not end, and is killed", trapped(""), Duration::from_millis(50), false),
        ("it does not know SIGTERM, and dies of it", "echo ready; exec sleep 1000".to_owned(), PATIENCE, false),
    ];
    for (number, (story, script, limit, saves)) in stories.into_iter().enumerate() {
        shell(&supervisor, &script);
        let begun = || fs::read_to_string(&log).is_ok_and(|log| log.matches("ready").count() == number + 1);
        until(story, begun).await;
        assert_eq!(supervisor.stop_saving(limit).await.unwrap(), saves, "{story}");
        assert_eq!((supervisor.state(), inside(&directory.data())), (Process::Stopped, Vec::new()), "{story}");
    }
    assert!(!supervisor.stop_saving(PATIENCE).await.unwrap(), "what does not run saves nothing");
}

#[tokio::test]
async fn a_hung_server_can_be_stopped() {
    let world = World::new();
    let directory = world.directory();
    let supervisor = supervisor(&directory);
    let server = start(&supervisor, &redis(), &REDIS);
    redis_answers(&directory).await;
    running(&directory).unwrap().expect("it runs").signal(rustix::process::Signal::STOP).unwrap();
    until("it hangs", || state_letter(server.pid) == Some('T')).await;
    supervisor.stop(Duration::from_millis(100)).await.unwrap();
    assert_eq!((supervisor.state(), state_letter(server.pid)), (Process::Stopped, None));
}

#[tokio::test]
async fn a_stop_that_was_cut_short_is_still_no_crash() {
    let world = World::new();
    let directory = world.directory();
    let first = supervisor(&directory);
    let server = shell(&first, "trap '' TERM; echo deaf; while :; do sleep 1; done");
    let log = directory.server_log();
    until("it is deaf", || fs::read_to_string(&log).is_ok_and(|log| log.contains("deaf"))).await;
    // The agent dies while it waits for the end.
    tokio::time::timeout(Duration::from_millis(20), first.stop(PATIENCE)).await.unwrap_err();
    drop(first);
    let second = supervisor(&directory);
    assert_eq!(identity(&second), server, "it has not ended yet");
    kill(server.pid);
    let mut states = second.watch();
    let ended = states.wait_for(|state| !matches!(state, Process::Running { .. }));
    let ended = tokio::time::timeout(PATIENCE, ended).await.unwrap().unwrap().clone();
    assert_eq!(ended, Process::Stopped);
    assert_eq!(supervisor(&directory).state(), Process::Stopped);
}

#[tokio::test]
async fn a_fork_that_outlived_its_server_does_not_meet_the_next() {
    let world = World::new();
    let directory = world.directory();
    let supervisor = supervisor(&directory);
    // As a server that saves in the background: the fork has its working directory, its session and its lock.
    let first = shell(&supervisor, "sleep 1000 & echo forked; wait");
    let log = directory.server_log();
    until("it forked", || fs::read_to_string(&log).is_ok_and(|log| log.contains("forked"))).await;
    assert_eq!(inside(&directory.data()).len(), 2);
    kill(first.pid);
    down(&supervisor).await;
    assert_eq!(inside(&directory.data()).len(), 1, "the fork");
    assert_eq!(Workplaces::look().unwrap().server_in(&directory.data()), None, "it is not the server");
    let second = start(&supervisor, &redis(), &REDIS);
    redis_answers(&directory).await;
    assert_eq!(inside(&directory.data()), [second.pid]);
}

#[tokio::test]
async fn a_server_inherits_nothing_but_its_log_and_its_lock() {
    let world = World::new();
    let directory = world.directory();
    let supervisor = supervisor(&directory);
    // As a pipe of go-plugin that somebody above us left open for everybody.
    let (pipe, _other_end) = std::io::pipe().unwrap();
    fcntl_setfd(pipe.as_fd(), FdFlags::empty()).unwrap();
    let server = shell(&supervisor, "umask; echo ready; exec sleep 1000");
    let log = directory.server_log();
    until("it runs", || fs::read_to_string(format!("/proc/{}/comm", server.pid)).is_ok_and(|name| name == "sleep\n"))
        .await;
    assert_eq!(fs::read_to_string(&log).unwrap(), "0077\nready\n");
    let mut want = vec!["/dev/null".into(), fs::canonicalize(directory.data()).unwrap()];
    want.extend([fs::canonicalize(&log).unwrap(), fs::canonicalize(&log).unwrap()]);
    want.sort();
    // While it starts, a program has its libraries open, too.
    until("it holds only these", || {
        let entries = fs::read_dir(format!("/proc/{}/fd", server.pid)).unwrap().flatten();
        let mut open: Vec<_> = entries.filter_map(|entry| fs::read_link(entry.path()).ok()).collect();
        open.sort();
        open == want
    })
    .await;
    let environment = fs::read_to_string(format!("/proc/{}/environ", server.pid)).unwrap();
    let names: Vec<&str> = environment.split_terminator('\0').filter_map(|entry| entry.split('=').next()).collect();
    assert!(names.iter().all(|name| ["PATH", "TZ", "PWD"].contains(name)), "{names:?}");
    let ids = Command::new("ps").args(["-o", "sid=,pgid=,tty=", "-p", &server.pid.to_string()]).output().unwrap();
    let ids = String::from_utf8(ids.stdout).unwrap();
    let own = server.pid.to_string();
    assert_eq!(ids.split_whitespace().collect::<Vec<_>>(), [&*own, &*own, "?"], "session, group, terminal");
}
