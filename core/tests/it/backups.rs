//! Which backups there are: asked of the agent that leads, or of another one, page by page.

use justmanage_core::ClusterView;
use justmanage_core::Manager;
use justmanage_model::backup::{BackupEntry, BackupStatus, EntryState};

use crate::users::made;
use crate::world::{Behaviour, World, summary};

/// Newest first: of these, the one in the middle is being made.
fn entries(ids: [&str; 5]) -> Vec<BackupEntry> {
    let entry = |(place, id): (usize, &str)| {
        let id: justmanage_model::backup::BackupId = id.parse().expect("an id");
        let state = if place == 2 { EntryState::Running } else { EntryState::Unfinished };
        BackupEntry { begun: id.begun(), id, occasion: None, state }
    };
    ids.into_iter().enumerate().map(entry).collect()
}

const OURS: [&str; 5] =
    ["20261129T033005Z-9", "20261129T033004Z-9", "20261129T033003Z-9", "20261129T033002Z-9", "20261129T033001Z-9"];
const THEIRS: [&str; 5] =
    ["20261130T033005Z-9", "20261130T033004Z-9", "20261130T033003Z-9", "20261130T033002Z-9", "20261130T033001Z-9"];

async fn ids(manager: &Manager, view: &ClusterView, most: usize) -> Vec<String> {
    let listed = manager.backups(&view.id, |_| true, most).await.expect("a list");
    listed.into_iter().map(|entry| entry.id.to_string()).collect()
}

#[tokio::test]
async fn the_leader_is_asked_for_as_many_as_are_wanted() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    assert_eq!(ids(&manager, &view, 100).await, [""; 0], "there are none");
    let record = world.record();
    let leader = world.inside().leader(&record).expect("a leader");
    for node in world.nodes() {
        let found = if node == leader { OURS } else { THEIRS };
        world.inside().backups.insert(node, Ok(entries(found)));
    }
    assert_eq!(ids(&manager, &view, 100).await, OURS);
    assert_eq!(ids(&manager, &view, 5).await, OURS);
    assert_eq!(ids(&manager, &view, 3).await, OURS[..3], "the newest");
    let running = |entry: &BackupEntry| entry.status() == BackupStatus::Running;
    let listed = manager.backups(&view.id, running, 1).await.expect("a list");
    assert_eq!(listed, entries(OURS)[2..3], "also where it is on a later page");
}

#[tokio::test]
async fn another_agent_is_asked_where_the_leader_is_silent_and_none_where_it_says_why_not() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let record = world.record();
    let leader = world.inside().leader(&record).expect("a leader");
    for node in world.nodes() {
        let found = if node == leader { Err("there is a file in the way".to_owned()) } else { Ok(entries(THEIRS)) };
        world.inside().backups.insert(node, found);
    }
    let refused = manager.backups(&view.id, |_| true, 100).await.expect_err("not listed");
    assert_eq!(summary(&refused), "Backups cannot be listed");
    assert!(refused.to_string().contains("there is a file in the way"), "{refused}");
    world.inside().odd.insert(leader, Behaviour::Silent);
    assert_eq!(ids(&manager, &view, 100).await, THEIRS);
    world.inside().behaviour = Behaviour::Silent;
    assert_eq!(summary(&manager.backups(&view.id, |_| true, 100).await.expect_err("nobody")), "Agent not reachable");
}

#[tokio::test]
async fn a_cluster_that_is_not_there_is_no_empty_list() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    for node in world.nodes() {
        world.lose(node);
    }
    assert_eq!(summary(&manager.backups(&view.id, |_| true, 100).await.expect_err("gone")), "Cluster not found");
}
