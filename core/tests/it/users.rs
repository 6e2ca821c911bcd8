//! Database users: each writes its own entry, and is there when the servers know it.

use justmanage_core::manager::hash_password;
use justmanage_core::{ClusterView, Manager};
use justmanage_model::{Secret, User, UserName};
use tokio_util::sync::CancellationToken;

use crate::world::{Behaviour, World, name, running, shape, summary};

async fn made(world: &World, home: &tempfile::TempDir) -> (Manager, ClusterView) {
    let manager = world.manager(home);
    let view = manager.create(&name(), &shape(3, 1), &CancellationToken::new()).await.expect("create");
    (manager, view)
}

pub(crate) fn user() -> (UserName, User) {
    let password = hash_password(&Secret::new("correct horse".to_owned()));
    ("app".parse().expect("name"), User { acl: "~app:* +@all".parse().expect("acl"), passwords: vec![password] })
}

#[tokio::test]
async fn a_change_takes_whatever_somebody_else_changed_before_it() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    world.inside().somebody_first = 3;
    let (name, user) = user();
    manager.put_user(&view.id, &name, &user, &CancellationToken::new()).await.expect("put");
    assert_eq!(world.record().users.get(&name), Some(&user));
}

#[tokio::test]
async fn an_answer_that_was_lost_is_looked_up_and_not_repeated() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let before = world.record().generation;
    world.inside().lose_answers = 1;
    let (name, user) = user();
    manager.put_user(&view.id, &name, &user, &CancellationToken::new()).await.expect("put");
    assert_eq!(world.record().generation, before.next(), "one change, one generation");
}

#[tokio::test]
async fn somebody_who_is_always_first_is_an_error_and_not_an_endless_loop() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    world.inside().somebody_first = u32::MAX;
    let (name, user) = user();
    let failed = manager.put_user(&view.id, &name, &user, &CancellationToken::new()).await.expect_err("never first");
    assert_eq!(summary(&failed), "Cluster is being changed by somebody else");
}

#[tokio::test]
async fn a_user_goes_and_one_that_is_gone_stays_gone() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let cancel = CancellationToken::new();
    let (name, user) = user();
    manager.put_user(&view.id, &name, &user, &cancel).await.expect("put");
    manager.remove_user(&view.id, &name, &cancel).await.expect("remove");
    assert!(world.record().users.is_empty());
    manager.remove_user(&view.id, &name, &cancel).await.expect("again");
    manager.destroy(&view.id).await.expect("destroy");
    manager.remove_user(&view.id, &name, &cancel).await.expect("the cluster is gone, and the user with it");
}

#[tokio::test]
async fn a_user_is_there_only_when_every_server_that_runs_knows_it() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    // One server goes on with the users that it has.
    let (slow, old) = (world.nodes()[4], running(&world.record()));
    world.inside().servers.insert(slow, old);
    let (name, user) = user();
    let failed = manager.put_user(&view.id, &name, &user, &CancellationToken::new()).await.expect_err("not there");
    assert_eq!(summary(&failed), "Cluster makes no progress");
    world.inside().servers.clear();
    manager.put_user(&view.id, &name, &user, &CancellationToken::new()).await.expect("now it is");
}

#[tokio::test]
async fn a_node_that_is_down_keeps_nobody_from_setting_a_password() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let down = world.nodes()[0];
    world.inside().odd.insert(down, Behaviour::Silent);
    let (name, user) = user();
    manager.put_user(&view.id, &name, &user, &CancellationToken::new()).await.expect("put");
    assert_eq!(world.record().users.get(&name), Some(&user));
}
