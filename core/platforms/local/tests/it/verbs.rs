//! The four verbs, as far as `local` has something of its own there.

use std::fs;
use std::path::PathBuf;

use justmanage_platforms::{ClaimQuery, MachineRef, Platform, PlatformError};

use crate::{Place, mode, order};

fn query(name: &str) -> ClaimQuery {
    ClaimQuery { name: name.parse().expect("name"), cluster: None }
}

/// Each call on a thread of its own, as other processes would make it.
fn alone<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("runtime").block_on(work)
}

#[test]
fn many_nodes_are_made_at_once_and_found_by_one_call_of_the_agent() {
    let place = Place::new();
    let local = &place.local();
    let orders: Vec<_> = (1..=6).map(|number| order("cache", number)).collect();
    let mut made: Vec<_> = std::thread::scope(|scope| {
        let run = |order| scope.spawn(move || alone(local.ensure(order)).expect("ensure"));
        let runs: Vec<_> = orders.iter().map(run).collect();
        runs.into_iter().map(|run| run.join().expect("no panic")).collect()
    });
    let before = place.calls().len();
    let mut found = alone(local.find(&query("cache"))).expect("find");
    assert_eq!(place.calls().len(), before + 1, "{:?}", place.calls());
    found.sort_by(|a, b| a.reference.cmp(&b.reference));
    made.sort_by(|a, b| a.reference.cmp(&b.reference));
    assert_eq!(found, made);
    let programs = fs::read_dir(place.root().programs()).expect("programs").count();
    assert_eq!(programs, 1, "one copy of the agent's program, and nothing unfinished");

    std::thread::scope(|scope| {
        for machine in &made {
            scope.spawn(|| alone(local.remove(&machine.reference)).expect("remove"));
        }
        // Whoever looks meanwhile sees some of them, and no error.
        for _ in 0..20 {
            assert!(alone(local.find(&query("cache"))).expect("find").len() <= 6);
        }
    });
    assert!(!place.root().path().exists(), "the last one takes the root with it");
}

#[tokio::test]
async fn a_newer_agent_stands_beside_the_one_that_runs() {
    let place = Place::new();
    let local = place.local();
    local.ensure(&order("cache", 1)).await.expect("with the first");
    let script = fs::read_to_string(place.agent()).expect("agent") + "# newer\n";
    fs::remove_file(place.agent()).expect("remove");
    place.install(&script);
    local.ensure(&order("cache", 2)).await.expect("with the second");
    assert_eq!(fs::read_dir(place.root().programs()).expect("programs").count(), 2);
}

#[tokio::test]
async fn the_agents_own_words_reach_the_user() {
    let place = Place::new();
    let local = place.local();
    let made = local.ensure(&order("cache", 1)).await.expect("ensure");
    fs::write(PathBuf::from(&made.reference.0).join("refuse"), "").expect("refuse");
    let failed = local.ensure(&order("cache", 1)).await.expect_err("refused");
    assert!(failed.to_string().contains("the port is taken. Free it."), "{failed}");
    assert!(failed.hint().is_some_and(|hint| hint.contains("agent.log")), "{failed:?}");
}

#[tokio::test]
async fn nobody_else_can_look_into_a_node() {
    let place = Place::new();
    let made = place.local().ensure(&order("cache", 1)).await.expect("ensure");
    let directory = PathBuf::from(&made.reference.0);
    assert_eq!(mode(&directory), 0o700);
    assert_eq!(mode(place.root().path()), 0o700);
    assert_eq!(mode(&place.root().programs()), 0o700);
}

#[tokio::test]
async fn a_directory_outside_the_root_is_never_removed() {
    let place = Place::new();
    let elsewhere = tempfile::tempdir().expect("temporary directory");
    let refused = place.local().remove(&MachineRef(elsewhere.path().display().to_string())).await.expect_err("refused");
    assert!(matches!(refused, PlatformError::Invalid { .. }), "{refused:?}");
    assert!(elsewhere.path().exists());
    assert_eq!(place.calls(), Vec::<String>::new(), "the agent is not even asked");
}

#[tokio::test]
async fn a_provider_without_its_agent_says_so() {
    let place = Place::new();
    fs::remove_file(place.agent()).expect("take the agent away");
    let failed = place.local().ensure(&order("cache", 1)).await.expect_err("no agent");
    assert!(matches!(&failed, PlatformError::Invalid { field, .. } if field == "agent"), "{failed:?}");
    assert_eq!(place.local().find(&query("cache")).await.expect("find"), [], "nothing half-made");
}

#[tokio::test]
async fn what_a_killed_removal_left_goes_when_its_cluster_is_looked_for() {
    let order = order("cache", 1);
    let whose = ClaimQuery { cluster: Some(order.claim.cluster), ..query("cache") };
    let left = |place: &Place, folders: &[&str]| {
        for folder in folders {
            fs::create_dir_all(place.root().path().join(folder)).expect("what is left");
        }
    };
    for folders in [&["cache/.new-jmn1", ".bin/x"][..], &["cache", ".bin"], &["cache"], &[""]] {
        let place = Place::new();
        left(&place, folders);
        assert_eq!(place.local().find(&query("cache")).await.expect("find"), []);
        assert!(place.root().path().exists(), "whoever is about to make it is not disturbed: {folders:?}");
        assert_eq!(place.local().find(&whose).await.expect("find"), []);
        assert!(!place.root().path().exists(), "{folders:?}");
    }
    let place = Place::new();
    place.local().ensure(&crate::order("queue", 2)).await.expect("another cluster");
    left(&place, &["cache/.new-jmn1"]);
    assert_eq!(place.local().find(&whose).await.expect("find"), []);
    assert!(!place.root().path().join("cache").exists() && place.root().programs().exists());
    assert_eq!(place.local().find(&query("queue")).await.expect("find").len(), 1);
}
