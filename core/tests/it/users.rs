//! Database users: each writes its own entry, and is there when the servers know it.

use std::time::Duration;

use justmanage_core::manager::{UserOrder, hash_password};
use justmanage_core::{ClusterView, Manager};
use justmanage_model::record::USERS_MAX;
use justmanage_model::{AclRules, PasswordHash, Secret, Timestamp, User, UserName};
use tokio_util::sync::CancellationToken;

use crate::world::{Behaviour, World, name, running, shape, summary};

pub(crate) async fn made(world: &World, home: &tempfile::TempDir) -> (Manager, ClusterView) {
    let manager = world.manager(home);
    let view = manager.create(&name(), &shape(3, 1), &CancellationToken::new()).await.expect("create");
    (manager, view)
}

fn password(text: &str) -> PasswordHash {
    hash_password(&Secret::new(text.to_owned()))
}

fn acl(text: &str) -> AclRules {
    text.parse().expect("rules")
}

fn order(secret: &str, grace_s: u64) -> UserOrder {
    UserOrder {
        acl: acl("~app:* +@all"),
        password: Some(password(secret)),
        grace: Duration::from_secs(grace_s),
        given: Default::default(),
    }
}

pub(crate) fn user() -> (UserName, UserOrder) {
    ("app".parse().expect("name"), order("correct horse", 86_400))
}

fn user_of(world: &World, name: &UserName) -> Option<User> {
    world.record().users.get(name).cloned()
}

pub(crate) fn made_of(order: &UserOrder) -> User {
    User::new(order.acl.clone(), order.password.expect("a password"))
}

#[tokio::test]
async fn a_change_takes_whatever_somebody_else_changed_before_it() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    world.inside().somebody_first = 3;
    let (name, user) = user();
    manager.put_user(&view.id, &name, &user, &CancellationToken::new()).await.expect("put");
    assert_eq!(user_of(&world, &name), Some(made_of(&user)));
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
    assert_eq!(user_of(&world, &name), Some(made_of(&user)));
}

#[tokio::test]
async fn a_new_password_leaves_the_old_one_its_grace_by_the_latest_clock_of_all() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let cancel = CancellationToken::new();
    let (name, first) = user();
    manager.put_user(&view.id, &name, &first, &cancel).await.expect("put");
    // One agent's clock is ten minutes ahead: should it lead when the time comes, it must not be early.
    let ahead = Timestamp::now() + Duration::from_secs(600);
    world.inside().clocks = [(world.nodes()[2], ahead), (world.nodes()[3], Timestamp::UNIX_EPOCH)].into();
    let user = manager.put_user(&view.id, &name, &order("battery staple", 3600), &cancel).await.expect("rotated");
    assert_eq!(user_of(&world, &name).as_ref(), Some(&user));
    assert_eq!(user.password(), Some(password("battery staple")));
    let until = user.last_end().expect("an end");
    let hour = Duration::from_secs(3600);
    assert!(until >= ahead + hour && until < ahead + hour + Duration::from_secs(2), "{until}");
    assert!(world.record().layout >= 2, "ends need it");

    // The same again, as after an apply that was killed: nothing changes, and nothing is prolonged.
    let before = world.record();
    manager.put_user(&view.id, &name, &order("battery staple", 3600), &cancel).await.expect("again");
    assert_eq!(world.record(), before);

    // Other rules leave passwords as they are; a shorter grace ends the old one at once.
    let keep = |grace| UserOrder {
        acl: acl("~* +@read"),
        password: None,
        grace: Duration::from_secs(grace),
        given: Default::default(),
    };
    let user = manager.put_user(&view.id, &name, &keep(3600), &cancel).await.expect("rules");
    assert_eq!((user.acl.as_str(), user.last_end()), ("~* +@read", Some(until)));
    let user = manager.put_user(&view.id, &name, &keep(0), &cancel).await.expect("no grace");
    assert_eq!((user.password(), user.last_end()), (Some(password("battery staple")), None));
}

#[tokio::test]
async fn a_user_who_is_gone_has_no_password_to_keep() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let (name, order) = user();
    let before = world.record();
    let keep = UserOrder { password: None, ..order };
    let failed = manager.put_user(&view.id, &name, &keep, &CancellationToken::new()).await.expect_err("gone");
    assert_eq!(summary(&failed), "User not found");
    assert_eq!(world.record(), before);
}

/// Fills the cluster with users; those that `ends` says have ended.
fn fill(world: &World, ends: impl Fn(usize) -> bool) {
    let mut inside = world.inside();
    let record = inside.groups.values_mut().next().expect("a group");
    record.layout = 2;
    for number in 0..USERS_MAX {
        let user = match ends(number) {
            true => User::temporary(acl("~*"), password("x"), Timestamp::UNIX_EPOCH, Duration::from_secs(60)),
            false => User { acl: acl("~*"), passwords: Vec::new(), given: Default::default() },
        };
        record.users.insert(format!("user-{number}").parse().expect("a name"), user);
    }
    record.generation = record.generation.next();
}

#[tokio::test]
async fn a_full_cluster_says_so_before_anything_is_changed_and_what_has_ended_does_not_count() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let cancel = CancellationToken::new();
    fill(&world, |_| false);
    let before = world.record();
    let (name, order) = user();
    let failed = manager.put_user(&view.id, &name, &order, &cancel).await.expect_err("full");
    assert_eq!(summary(&failed), "Cluster is full");
    assert!(failed.detail.contains("201 users; at most 200"), "{failed}");
    let failed = manager.open_credentials(&view.id, &acl("~* +get"), Duration::from_secs(60), &cancel).await;
    assert_eq!(summary(&failed.expect_err("full")), "Cluster is full");
    let long = UserOrder { acl: acl(&format!("~{}", "a".repeat(4000))), ..order.clone() };
    world.inside().groups.values_mut().for_each(|record| {
        record.users = (0..14).map(|n| (format!("u{n}").parse().expect("a name"), made_of(&long))).collect();
        record.users.values_mut().for_each(|user| user.passwords.clear());
    });
    let failed = manager.put_user(&view.id, &name, &long, &cancel).await.expect_err("too large");
    assert!(failed.detail.contains("bytes; at most 61440"), "{failed}");
    assert_eq!(world.record().generation, before.generation, "nothing was changed");

    fill(&world, |number| number == 7);
    world.inside().groups.values_mut().for_each(|record| record.users.retain(|name, _| name.as_str().len() > 3));
    manager.put_user(&view.id, &name, &order, &cancel).await.expect("one has ended");
    let users = world.record().users;
    assert_eq!(users.len(), USERS_MAX);
    assert!(users.contains_key(&name) && !users.contains_key(&"user-7".parse().expect("a name")));
}
