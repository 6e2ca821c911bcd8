//! The disk of a claim, which is there once in a region: what becomes of it, and of whoever does not get it.

use std::sync::Arc;

use justmanage_digitalocean_fake::{Fake, Wrong};
use justmanage_platforms::{Machine, Platform, PlatformError};
use serde_json::json;

use crate::{count, fake, named, order, platform};

fn number(machine: &Machine) -> u64 {
    machine.reference.0.parse().expect("a number")
}

/// Droplets and volumes that are there.
fn counts(fake: &Fake) -> (usize, usize) {
    let world = fake.world();
    (world.droplets.len(), world.volumes.len())
}

/// A droplet with the tags and the script of one that is there, made long ago, which runs; its number is before or after all others.
fn put_like(fake: &Fake, of: u64, id: u64, with_agent: bool) {
    let mut world = fake.world();
    let mut like = world.droplets[&of].clone();
    like.id = id;
    like.address = "10.114.15.250".into();
    like.asked_volumes.clear();
    if !with_agent {
        like.tags.retain(|tag| !tag.contains(":agent-"));
    }
    world.droplets.insert(id, like);
}

/// Two who make the same machine where DigitalOcean looks at volumes late: when a droplet is made, and not when it is asked for.
#[tokio::test]
async fn two_at_once_make_one_droplet_also_where_volumes_are_bound_late() {
    for _ in 0..10 {
        let fake = fake().await;
        fake.world().binds_late = true;
        let asked: Vec<_> = (0..4)
            .map(|_| {
                let platform = platform(&fake);
                tokio::spawn(async move { platform.ensure(&order(0)).await })
            })
            .collect();
        let mut made = Vec::new();
        for asked in asked {
            made.push(asked.await.expect("no panic").expect("the machine"));
        }
        assert!(made.windows(2).all(|two| two[0] == two[1]), "{made:?}");
        assert_eq!(count(&fake.calls(), "POST", "/v2/droplets"), 1, "one of them makes it");
        assert_eq!(counts(&fake), (1, 1));
    }
}

#[tokio::test]
async fn a_droplet_without_the_disk_goes_whichever_was_first() {
    for is_first in [true, false] {
        let fake = fake().await;
        let made = platform(&fake).ensure(&order(0)).await.expect("a machine");
        // An hour later, of which nothing else is to be seen here.
        for _ in 0..60 {
            platform(&fake).find(&named("cache")).await.expect("machines");
        }
        let other = if is_first { number(&made) - 1 } else { number(&made) + 1 };
        put_like(&fake, number(&made), other, false);
        let found = platform(&fake).find(&named("cache")).await.expect("machines");
        assert_eq!(found.len(), 2, "whoever destroys sees both");
        assert_eq!(platform(&fake).ensure(&order(0)).await.expect("the machine"), made);
        // It is alone, and cannot become a node.
        let id = number(&made);
        fake.world().droplets.get_mut(&id).expect("it").is_ending = true;
        platform(&fake).find(&named("cache")).await.expect("machines");
        fake.world().droplets.remove(&id);
        for volume in fake.world().volumes.values_mut() {
            volume.droplet = None;
            volume.tags.retain(|tag| !tag.contains(":agent-"));
        }
        let again = platform(&fake).ensure(&order(0)).await.expect("another machine");
        assert_ne!(number(&again), other);
        assert!(!fake.world().droplets.contains_key(&other), "it went");
        assert_eq!(platform(&fake).find(&named("cache")).await.expect("machines"), [again]);
    }
}

#[tokio::test]
async fn who_removes_one_of_two_droplets_of_a_claim_leaves_the_other_its_disk_and_tags() {
    let fake = fake().await;
    let made = platform(&fake).ensure(&order(0)).await.expect("a machine");
    put_like(&fake, number(&made), number(&made) + 1, false);
    let other = justmanage_platforms::MachineRef((number(&made) + 1).to_string());
    platform(&fake).remove(&other).await.expect("it goes");
    assert_eq!(platform(&fake).find(&named("cache")).await.expect("machines"), [made]);
    assert_eq!(fake.world().volumes.values().filter(|volume| volume.droplet.is_some()).count(), 1);
}

/// Somebody takes the disk off a machine that was used: nothing is taken away by a guess.
#[tokio::test]
async fn what_was_used_and_lost_its_disk_is_for_people_to_judge() {
    let fake = fake().await;
    let made = platform(&fake).ensure(&order(0)).await.expect("a machine");
    fake.world().volumes.values_mut().for_each(|volume| volume.droplet = None);
    for _ in 0..30 {
        platform(&fake).find(&named("cache")).await.expect("machines");
    }
    let refused = platform(&fake).ensure(&order(0)).await.expect_err("its disk is not there");
    assert!(matches!(&refused, PlatformError::Conflict { what, .. } if what.contains("disk")), "{refused:?}");
    assert_eq!(counts(&fake), (1, 1));
    // Attached again, it is as it was.
    fake.world().volumes.values_mut().for_each(|volume| volume.droplet = Some(number(&made)));
    assert_eq!(platform(&fake).ensure(&order(0)).await.expect("the machine"), made);

    // And somebody destroys the droplet: what is on its disk is nobody's to throw away but theirs.
    fake.world().droplets.clear();
    fake.world().volumes.values_mut().for_each(|volume| volume.droplet = None);
    let refused = platform(&fake).ensure(&order(0)).await.expect_err("there are data");
    assert!(matches!(&refused, PlatformError::Conflict { what, .. } if what.contains("has data of")), "{refused:?}");
    assert_eq!(counts(&fake), (0, 1));
    // Whoever destroys the cluster means its data as well.
    for machine in platform(&fake).find(&named("cache")).await.expect("what is left") {
        platform(&fake).remove(&machine.reference).await.expect("it goes");
    }
    assert_eq!(counts(&fake), (0, 0));
}

/// Somebody takes a machine away, and is killed when its droplet is gone: what they meant to go goes.
#[tokio::test]
async fn what_somebody_was_taking_away_when_they_were_killed_is_nobodys() {
    let fake = fake().await;
    let made = platform(&fake).ensure(&order(0)).await.expect("a machine");
    for cut in 1.. {
        fake.inject(Wrong::CutOff(cut));
        let ended = platform(&fake).remove(&made.reference).await;
        let _ = fake.heal();
        let (droplets, volumes) = counts(&fake);
        if droplets == 0 && volumes == 1 && fake.world().droplets.is_empty() {
            break;
        }
        assert!(ended.is_err() && droplets == 1, "cut at {cut}: {ended:?}");
    }
    let old = fake.world().volumes.keys().next().cloned();
    let again = platform(&fake).ensure(&order(0)).await.expect("another machine");
    assert_ne!(again, made);
    assert_ne!(fake.world().volumes.keys().next().cloned(), old, "with a disk of its own");
    assert_eq!(counts(&fake), (1, 1));
    // The other one comes again, and takes nothing away of what is new.
    platform(&fake).remove(&made.reference).await.expect("it is gone");
    assert_eq!(platform(&fake).find(&named("cache")).await.expect("machines"), [again]);
    assert_eq!(counts(&fake), (1, 1));
}

/// A disk without a droplet, of somebody who was killed between the two calls, is not used: it is made again, when it is old enough for
/// nobody to be on their way with it.
#[tokio::test]
async fn a_disk_that_somebody_has_left_is_made_again_and_not_used() {
    let fake = fake().await;
    let disk = format!("justmanage-{}", order(0).claim.node);
    let body = json!({ "name": disk, "region": "fra1", "size_gigabytes": 8, "tags": [] });
    let left = fake.ask("POST", "/v2/volumes", body)["volume"]["id"].as_str().expect("an id").to_owned();
    platform(&fake).ensure(&order(0)).await.expect("a machine");
    let world = fake.world();
    assert_eq!(world.volumes.len(), 1);
    assert!(!world.volumes.contains_key(&left), "a new one");
}

/// Whoever is turned away when they ask for the droplet comes again with the disk that they have made, and does not wait for it to age.
#[tokio::test]
async fn who_is_turned_away_keeps_the_disk_for_the_next_try() {
    let fake = fake().await;
    fake.inject(Wrong::ThrottledDroplets(3));
    platform(&fake).ensure(&order(0)).await.expect("a machine");
    assert_eq!(fake.heal(), 3);
    let calls = fake.calls();
    assert_eq!((count(&calls, "POST", "/v2/volumes"), count(&calls, "POST", "/v2/droplets")), (1, 4));
}

/// The disk is at somebody else's droplet, by somebody's hand.
#[tokio::test]
async fn a_disk_at_a_foreign_droplet_makes_that_none_of_ours() {
    let fake: Arc<Fake> = fake().await;
    let body = json!({ "name": "web", "region": "fra1", "size": "s-2vcpu-4gb", "image": "debian-12-x64" });
    let web = fake.ask("POST", "/v2/droplets", body)["droplet"]["id"].as_u64().expect("a number");
    let disk = format!("justmanage-{}", order(0).claim.node);
    fake.ask("POST", "/v2/volumes", json!({ "name": disk, "region": "fra1", "size_gigabytes": 8, "tags": [] }));
    fake.world().volumes.values_mut().for_each(|volume| volume.droplet = Some(web));
    fake.world().droplets.get_mut(&web).expect("it").status = "active";
    let refused = platform(&fake).ensure(&order(0)).await.expect_err("it is not ours");
    assert!(matches!(&refused, PlatformError::Conflict { what, .. } if what.contains("not ours")), "{refused:?}");
    assert!(fake.world().droplets[&web].tags.is_empty(), "nobody tags it");
}
