//! Which program a node's agent is started with, and what becomes of programs that nobody runs any more.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use justmanage_model::Version;
use justmanage_platform_local::{AgentBinary, Local, Root};
use justmanage_platforms::{Machine, MachineState, Platform};

use crate::{Place, order};

/// A node whose agent, of another build than the provider's, has been killed; and where that program is.
async fn stopped(place: &Place) -> (Machine, PathBuf) {
    let made = place.local().ensure(&order("cache", 1)).await.expect("ensure");
    let node = PathBuf::from(&made.reference.0);
    let theirs = place.root().programs().join("justmanage-agent-of-another-build");
    fs::write(&theirs, place.script().replace("calls", "their-calls")).expect("another program");
    fs::set_permissions(&theirs, fs::Permissions::from_mode(0o700)).expect("a program");
    symlink(&theirs, node.join("program")).expect("what an agent notes when it answers");
    fs::remove_file(node.join("running")).expect("killed");
    fs::remove_file(place.calls_file()).expect("forget");
    (made, theirs)
}

#[tokio::test]
async fn an_agent_is_started_again_with_the_program_that_it_had() {
    let place = Place::new();
    let (made, _) = stopped(&place).await;
    let found = place.local().ensure(&order("cache", 1)).await.expect("ensure");
    assert!(matches!(found.state, MachineState::Running(_)));
    assert!(!place.calls().contains(&"start".to_owned()), "not with the provider's own");
    let theirs = place.calls_file().with_file_name("their-calls");
    assert_eq!(fs::read_to_string(theirs).expect("their calls"), "start\n");
    assert_eq!(found.reference, made.reference);
}

#[tokio::test]
async fn one_that_does_not_start_any_more_is_started_with_ours_if_that_is_newer() {
    for (ours, starts) in [("0.2.0", true), ("0.1.0", false), ("0.0.9", false)] {
        let place = Place::new();
        let (_, theirs) = stopped(&place).await;
        fs::write(&theirs, "#!/bin/sh\nexit 1\n").expect("it is broken");
        place.install(&place.script().replace("justmanage-agent 0.1.0", &format!("justmanage-agent {ours}")));
        assert_eq!(place.local().agent_version().await.expect("version"), ours.parse::<Version>().expect("a version"));
        assert_eq!(place.local().ensure(&order("cache", 1)).await.is_ok(), starts, "{ours}");
    }
}

#[tokio::test]
async fn an_upgrade_puts_ours_in_its_place_and_clears_away_what_nobody_runs() {
    let place = Place::new();
    let (made, theirs) = stopped(&place).await;
    let node = PathBuf::from(&made.reference.0);
    let (unused, fresh) =
        (theirs.with_file_name("justmanage-agent-unused"), theirs.with_file_name("justmanage-agent-new"));
    for (program, age) in [(&unused, 7200), (&fresh, 5), (&theirs, 7200)] {
        let file = fs::File::options().create(true).append(true).open(program).expect("a program");
        file.set_modified(SystemTime::now() - Duration::from_secs(age)).expect("its age");
    }
    let upgraded = place.local().upgrade(&made).await.expect("upgrade");
    assert!(matches!(upgraded.state, MachineState::Running(_)));
    assert!(place.calls().contains(&"upgrade".to_owned()));
    assert!(!unused.exists() && fresh.exists() && theirs.exists(), "the node still notes theirs");
    fs::remove_file(node.join("program")).expect("an agent of the first release notes nothing");
    place.local().upgrade(&made).await.expect("upgrade");
    assert!(theirs.exists(), "then nobody knows what runs");
}

#[tokio::test]
async fn an_upgrade_by_way_of_a_symbolic_link_clears_away_nothing_that_runs() {
    let place = Place::new();
    let (made, theirs) = stopped(&place).await;
    let note = PathBuf::from(&made.reference.0).join("program");
    fs::remove_file(&note).expect("what was noted");
    symlink(fs::canonicalize(&theirs).expect("as the kernel tells it"), &note).expect("what an agent notes");
    let unused = theirs.with_file_name("justmanage-agent-unused");
    for program in [&unused, &theirs] {
        let file = fs::File::options().create(true).append(true).open(program).expect("a program");
        file.set_modified(SystemTime::now() - Duration::from_secs(7200)).expect("its age");
    }
    let link = place.root().path().with_file_name("link");
    symlink(place.root().path(), &link).expect("a link");
    let local = Local::new(Root::new(link), AgentBinary::new(place.agent()));
    local.upgrade(&made).await.expect("upgrade");
    assert!(theirs.exists(), "it is noted by another path, and runs");
    assert!(!unused.exists());
}

#[tokio::test]
async fn commands_are_not_ended_by_the_interrupt_of_a_terminal() {
    let place = Place::new();
    place.local().ensure(&order("cache", 1)).await.expect("ensure");
    let groups = fs::read_to_string(place.calls_file().with_extension("groups")).expect("pids and groups");
    for line in groups.lines() {
        let (pid, group) = line.split_once(' ').expect("two numbers");
        assert_eq!(pid, group, "a command leads a process group of its own");
    }
    assert!(!groups.is_empty());
}
