//! Temporary users: opened, prolonged, closed; and gone with nobody's help.

use std::time::Duration;

use justmanage_core::manager::hash_password;
use justmanage_model::{AclRules, Timestamp, UserName};
use tokio_util::sync::CancellationToken;

use crate::users::made;
use crate::world::{World, running, summary};

const HOUR: Duration = Duration::from_secs(3600);

fn acl() -> AclRules {
    "~* +@read".parse().expect("rules")
}

#[tokio::test]
async fn whoever_opens_gets_a_user_that_nobody_can_name_and_that_ends() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let cancel = CancellationToken::new();
    world.inside().lose_answers = 1;
    let one = manager.open_credentials(&view.id, &acl(), HOUR, &cancel).await.expect("open");
    let other = manager.open_credentials(&view.id, &acl(), HOUR, &cancel).await.expect("another");
    assert!(one.user != other.user && one.password.expose() != other.password.expose(), "each is of its own");
    assert_eq!(world.record().users.len(), 2, "an answer that was lost makes no second one");
    let user = world.record().users[&one.user].clone();
    assert_eq!(user.passwords[0].hash, hash_password(&one.password));
    assert_eq!((user.acl, user.passwords[0].until), (acl(), Some(one.until)));
    let in_an_hour = Timestamp::now() + Duration::from_secs(3600);
    assert!(one.until <= in_an_hour + Duration::from_secs(1), "{}", one.until);
    assert!(one.user.as_str().parse::<UserName>().is_err(), "no resource can have that name");
    assert!(!format!("{one:?}").contains(one.password.expose()));

    let later = manager.renew_credentials(&view.id, &one.user, HOUR * 2).await.expect("renew");
    assert!(later > one.until);
    assert_eq!(world.record().users[&one.user].last_end(), Some(later));
    assert_eq!(manager.renew_credentials(&view.id, &one.user, HOUR).await.expect("renew"), later, "never shorter");
}

#[tokio::test]
async fn closing_removes_it_and_twice_is_no_fault() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    let cancel = CancellationToken::new();
    let open = manager.open_credentials(&view.id, &acl(), HOUR, &cancel).await.expect("open");
    manager.close_credentials(&view.id, &open.user).await.expect("close");
    assert!(world.record().users.is_empty());
    manager.close_credentials(&view.id, &open.user).await.expect("again");
    let failed = manager.renew_credentials(&view.id, &open.user, HOUR).await.expect_err("gone");
    assert_eq!(summary(&failed), "Temporary user gone");
    let app = "app".parse().expect("a name");
    let failed = manager.close_credentials(&view.id, &app).await.expect_err("not temporary");
    assert_eq!(summary(&failed), "Not a temporary user");
    manager.destroy(&view.id).await.expect("destroy");
    manager.close_credentials(&view.id, &open.user).await.expect("the cluster is gone, and the user with it");
}

#[tokio::test]
async fn what_cannot_be_opened_leaves_nothing_behind() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home).await;
    // One server goes on with the users that it has, so nobody can say that the user is there.
    let (slow, old) = (world.nodes()[4], running(&world.record()));
    world.inside().servers.insert(slow, old);
    let failed = manager.open_credentials(&view.id, &acl(), HOUR, &CancellationToken::new()).await.expect_err("slow");
    assert_eq!(summary(&failed), "Cluster makes no progress");
    assert!(world.record().users.is_empty());
}
