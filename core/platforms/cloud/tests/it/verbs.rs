//! What clouds do to whoever is not careful, and what becomes of it here.

use std::collections::BTreeSet;
use std::sync::Arc;

use justmanage_cloud_played::{PlayedClock, PlayedOperator, order_in, settings};
use justmanage_model::Bytes;
use justmanage_model::pool::{Label, LabelValue};
use justmanage_platform_cloud::{Cloud, Stage, Tags};
use justmanage_platform_contract::Fault;
use justmanage_platforms::{MachineOrder, MachineRef, MachineState, Needs, Platform, PlatformError};

use crate::api::{Memory, ZONES};
use crate::{claim, order, platform, platform_of, query};

fn count(memory: &Memory, call: &str) -> usize {
    memory.inside().calls.iter().filter(|made| **made == call).count()
}

#[tokio::test]
async fn the_nodes_of_a_shard_stand_in_different_zones() {
    let memory = Arc::new(Memory::default());
    for node in 0..3 {
        platform(&memory).ensure(&order(node)).await.expect("a machine");
    }
    let zones: BTreeSet<String> = memory.inside().instances.iter().map(|there| there.zone.clone()).collect();
    assert_eq!(zones, ZONES.map(str::to_owned).into());
    assert_eq!(memory.inside().firewalls.len(), 1, "one firewall for all of them");
}

#[tokio::test]
async fn where_there_is_no_room_it_is_the_next_zones_turn_and_then_the_next_types() {
    let memory = Arc::new(Memory::default());
    memory.inside().full = vec!["a"];
    platform(&memory).ensure(&order(0)).await.expect("a machine");
    assert_eq!(memory.inside().instances[0].zone, "b");
    memory.inside().full = ZONES.to_vec();
    let refused = platform(&memory).ensure(&order(1)).await.expect_err("all is full");
    let PlatformError::Quota { what, .. } = &refused else { panic!("{refused:?}") };
    assert!(["small in b", "small in a", "large in c"].iter().all(|tried| what.contains(tried)), "{what}");
    // The same machine, also when the first zone has room again.
    memory.inside().full.clear();
    let again = platform(&memory).ensure(&order(0)).await.expect("the machine");
    assert_eq!(again.reference.0, memory.inside().instances[0].shown.id);
    assert_eq!(memory.inside().instances.len(), 1);
}

#[tokio::test]
async fn a_quota_is_asked_once() {
    let memory = Arc::new(Memory::default());
    memory.inject(Fault::Quota, 0);
    let refused = platform(&memory).ensure(&order(0)).await.expect_err("a quota");
    assert!(matches!(refused, PlatformError::Quota { .. }), "{refused:?}");
    assert_eq!(count(&memory, "launch"), 1);
}

#[tokio::test]
async fn many_at_once_share_their_looks() {
    let memory = Arc::new(Memory::default());
    let platform = Arc::new(platform(&memory));
    let asked: Vec<_> = (0..20u8)
        .map(|node| {
            let platform = platform.clone();
            tokio::spawn(async move { platform.ensure(&order(node)).await })
        })
        .collect();
    for asked in asked {
        asked.await.expect("no panic").expect("a machine");
    }
    assert_eq!((count(&memory, "launch"), count(&memory, "tag")), (20, 20), "two calls for each");
    assert_eq!(memory.inside().instances.len(), 20);
    let looks = count(&memory, "instances");
    assert!(looks < 20 * 3, "{looks} looks");
}

#[tokio::test]
async fn who_comes_with_another_script_gets_the_machine_that_is_there() {
    let memory = Arc::new(Memory::default());
    memory.inside().is_strict = true;
    let first = platform(&memory).ensure(&order(0)).await.expect("a machine");
    // Lists forget it for a while: only the token says that it is there.
    memory.inside().instances[0].shown.tags = Tags::default();
    memory.inside().instances[0].script += "# another one\n";
    let tags = Tags::of(&order(0).claim);
    let (asked, mended) = {
        let (memory, own) = (memory.clone(), platform(&memory));
        let asked = tokio::spawn(async move { own.ensure(&order(0)).await });
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        memory.inside().instances[0].shown.tags.extend(&tags);
        (asked, count(&memory, "launch"))
    };
    assert!(mended >= 1);
    assert_eq!(asked.await.expect("no panic").expect("the machine").reference, first.reference);
    assert_eq!(memory.inside().instances.len(), 1);
}

#[tokio::test]
async fn of_two_machines_of_one_claim_the_unused_one_goes() {
    let memory = Arc::new(Memory::default());
    let used = platform(&memory).ensure(&order(0)).await.expect("a machine");
    let script = memory.inside().instances[0].script.clone();
    let surplus = memory.put(&script, Tags::of(&order(0).claim));
    let found = platform(&memory).find(&query("cache")).await.expect("machines");
    assert_eq!(found.len(), 2, "whoever destroys sees both");
    assert_eq!(platform(&memory).ensure(&order(0)).await.expect("the machine"), used);
    assert!(!memory.inside().of(&surplus).expect("it").shown.stage.lives());

    // Two that were both used are for people to judge.
    let other = memory.put(&script, Tags::of(&order(0).claim));
    let tags = memory.inside().instances[0].shown.tags.clone();
    memory.inside().of(&other).expect("it").shown.tags = tags;
    let id = memory.inside().instances[0].shown.id.clone();
    memory.inside().of(&other).expect("it").shown.id = id;
    let refused = platform(&memory).ensure(&order(0)).await.expect_err("which of them?");
    assert!(matches!(refused, PlatformError::Conflict { .. }), "{refused:?}");
}

#[tokio::test]
async fn what_runs_without_its_disk_goes_unless_it_was_used() {
    let memory = Arc::new(Memory::default());
    let broken = memory.put("theirs", Tags::of(&order(0).claim));
    memory.inside().of(&broken).expect("it").shown.stage = Stage::Broken;
    let found = platform(&memory).find(&query("cache")).await.expect("machines");
    assert_eq!(found.iter().map(|machine| &machine.state).collect::<Vec<_>>(), [&MachineState::Stopped]);
    let made = platform(&memory).ensure(&order(0)).await.expect("another machine");
    assert_ne!(made.reference.0, broken);
    assert_eq!(memory.inside().of(&broken).expect("it").shown.stage, Stage::Gone);

    // One that was used has lost its disk by somebody's hand. It is theirs to say what becomes of it.
    let id = made.reference.0.clone();
    memory.inside().of(&id).expect("it").shown.stage = Stage::Broken;
    let refused = platform(&memory).ensure(&order(0)).await.expect_err("its disk is not there");
    assert!(matches!(&refused, PlatformError::Conflict { what, .. } if what.contains(&id)), "{refused:?}");
    assert_eq!(memory.inside().of(&id).expect("it").shown.stage, Stage::Broken, "it stays");
    let other = platform(&memory).ensure(&order(1)).await.expect("a machine");
    platform(&memory).remove(&other.reference).await.expect("the last one that lives");
    assert_eq!(memory.inside().firewalls.len(), 1, "it is not the last one");
    platform(&memory).remove(&made.reference).await.expect("removed");
    assert_eq!(memory.inside().firewalls.len(), 0);
    assert_eq!(platform(&memory).find(&query("cache")).await.expect("none"), []);
}

#[tokio::test]
async fn whose_claim_was_taken_from_it_and_is_listed_all_the_same_is_tagged_again() {
    let memory = Arc::new(Memory::default());
    let made = platform(&memory).ensure(&order(0)).await.expect("a machine");
    // Tags of ours, so it is in lists of ours; and another's claim.
    memory.inside().of(&made.reference.0).expect("it").shown.tags = Tags::of(&claim("queue", 2, 9));
    assert_eq!(platform(&memory).ensure(&order(0)).await.expect("the machine"), made);
    assert_eq!(memory.inside().instances.len(), 1);
}

#[tokio::test]
async fn another_operators_machine_is_found_and_cannot_be_taken() {
    let memory = Arc::new(Memory::default());
    platform(&memory).ensure(&order(0)).await.expect("a machine");
    let found = platform_of(&memory, 8).find(&query("cache")).await.expect("machines");
    assert_eq!(found[0].state, MachineState::Stopped, "nobody whom they trust says whose agent it is");
    let refused = platform_of(&memory, 8).ensure(&order(0)).await.expect_err("another operator's");
    assert!(matches!(refused, PlatformError::Denied { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_machine_whose_address_has_changed_is_enrolled_again() {
    let memory = Arc::new(Memory::default());
    let first = platform(&memory).ensure(&order(0)).await.expect("a machine");
    memory.inside().instances[0].shown.address = Some([10, 9, 9, 9].into());
    let found = platform(&memory).find(&query("cache")).await.expect("machines");
    assert_eq!(found[0].state, MachineState::Stopped);
    let again = platform(&memory).ensure(&order(0)).await.expect("the machine");
    let (MachineState::Running(before), MachineState::Running(after)) = (&first.state, &again.state) else {
        panic!("{again:?}")
    };
    assert_eq!((before.pin, after.agent.ip().to_string()), (after.pin, "10.9.9.9".to_owned()));
}

#[tokio::test]
async fn a_machine_that_ends_by_itself_is_not_made_again_and_again() {
    let memory = Arc::new(Memory::default());
    memory.inside().ends = true;
    let failed = platform(&memory).ensure(&order(0)).await.expect_err("it ends");
    assert!(matches!(failed, PlatformError::Failed { .. }), "{failed:?}");
    assert_eq!(memory.inside().instances.len(), 1);
    memory.inside().ends = false;
    platform(&memory).ensure(&order(0)).await.expect("another one");
    let stages: Vec<Stage> = memory.inside().instances.iter().map(|there| there.shown.stage).collect();
    assert_eq!(stages, [Stage::Gone, Stage::Running]);
}

#[tokio::test]
async fn who_never_answers_is_waited_for_so_long_and_the_console_says_why() {
    let memory = Arc::new(Memory::default());
    memory.inside().is_mute = true;
    memory.inside().console = Some("Linux\njustmanage: https://mirror/agent cannot be fetched: 404\r\nlogin:".into());
    let late = platform(&memory).ensure(&order(0)).await.expect_err("nobody answers");
    let PlatformError::Unreachable { what, .. } = &late else { panic!("{late:?}") };
    assert!(what.contains("https://mirror/agent cannot be fetched: 404") && what.contains("i-0000"), "{what}");
    memory.inside().is_mute = false;
    platform(&memory).ensure(&order(0)).await.expect("it is found as it is");
    assert_eq!(memory.inside().instances.len(), 1);
}

#[tokio::test]
async fn a_name_is_locked_by_its_firewall_alone_and_freed_by_removing_that() {
    let memory = Arc::new(Memory::default());
    memory.inside().full = ZONES.to_vec();
    platform(&memory).ensure(&order(0)).await.expect_err("there is no room");
    let found = platform(&memory).find(&query("cache")).await.expect("machines");
    assert_eq!(found.len(), 1, "what was made is found");
    assert_eq!((&found[0].claim, &found[0].state), (&order(0).claim, &MachineState::Stopped));
    assert!(found[0].reference.0.starts_with("fw-"), "{found:?}");
    let names = platform(&memory).clusters().await.expect("names");
    assert_eq!(names.iter().map(|name| name.as_str()).collect::<Vec<_>>(), ["cache"]);
    platform(&memory).remove(&found[0].reference).await.expect("removed");
    assert_eq!(memory.inside().firewalls.len(), 0);
    assert_eq!(platform(&memory).find(&query("cache")).await.expect("machines"), []);
}

#[tokio::test]
async fn a_firewall_that_foreign_machines_use_stays_and_it_is_said() {
    let memory = Arc::new(Memory::default());
    let made = platform(&memory).ensure(&order(0)).await.expect("a machine");
    let theirs = memory.put("theirs", Tags::default());
    let firewall = memory.inside().firewalls[0].0.id.clone();
    memory.inside().of(&theirs).expect("it").firewall = firewall;
    let refused = platform(&memory).remove(&made.reference).await.expect_err("somebody uses it");
    assert!(matches!(refused, PlatformError::Conflict { .. }), "{refused:?}");
    memory.inside().of(&theirs).expect("it").firewall.clear();
    platform(&memory).remove(&made.reference).await.expect("nobody does any more");
    assert_eq!(memory.inside().firewalls.len(), 0);
}

#[tokio::test]
async fn a_firewall_that_somebody_has_edited_shows_and_is_made_right() {
    let memory = Arc::new(Memory::default());
    platform(&memory).ensure(&order(0)).await.expect("a machine");
    let cache = query("cache");
    assert_eq!(platform(&memory).find_seen(&cache).await.expect("machines").amiss, [""; 0]);
    memory.inside().firewalls[0].0.is_right = false;
    let id = memory.inside().firewalls[0].0.id.clone();
    let seen = platform(&memory).find_seen(&cache).await.expect("machines");
    assert!(seen.machines.len() == 1 && seen.amiss.len() == 1 && seen.amiss[0].contains(&id), "{seen:?}");
    assert_eq!(platform(&memory).find_seen(&query("other")).await.expect("machines").amiss, [""; 0]);
    platform(&memory).mend(&query("other")).await.expect("nothing to do");
    assert!(!memory.inside().firewalls[0].0.is_right);
    platform(&memory).mend(&cache).await.expect("made right");
    assert_eq!(platform(&memory).find_seen(&cache).await.expect("machines").amiss, [""; 0]);
    assert_eq!(count(&memory, "open"), 2, "once when it was made, and once now");
}

#[tokio::test]
async fn what_an_operator_has_signed_who_is_to_go_is_signed_anew_while_their_word_still_counts() {
    let memory = Arc::new(Memory::default());
    let (old, new) = (3, 4);
    let made = platform_of(&memory, old).ensure(&order(0)).await.expect("a machine");
    let theirs = MachineOrder { claim: claim("other", 2, 5), ..order(5) };
    let other = platform_of(&memory, old).ensure(&theirs).await.expect("another cluster's");
    let cache = query("cache");
    let state = async |operator: Cloud, name: &str| {
        operator.find(&query(name)).await.expect("machines").into_iter().next().expect("one").state
    };
    assert_eq!(
        state(platform_of(&memory, new), "cache").await,
        MachineState::Stopped,
        "nobody whom they trust says so"
    );
    let holder = || PlayedOperator::new(new, memory.clone()).after(old);
    let heir = || Cloud::new(memory.clone(), Arc::new(holder()), Arc::new(PlayedClock::default()), settings());
    assert_eq!(state(heir(), "cache").await, made.state);
    heir().mend(&cache).await.expect("signed anew");
    assert_eq!(state(platform_of(&memory, new), "cache").await, made.state, "from now on");
    assert_eq!(state(platform_of(&memory, old), "other").await, other.state, "of this cluster alone");
    let tagged = count(&memory, "tag");
    heir().mend(&cache).await.expect("nothing is to be done");
    assert_eq!(count(&memory, "tag"), tagged);
}

#[tokio::test]
async fn an_order_says_its_needs_and_labels_are_for_servers() {
    let memory = Arc::new(Memory::default());
    let gib = |gib: u64| Bytes::mib(gib * 1024);
    let large = MachineOrder { needs: Needs { memory: gib(4), disk: gib(100), ..Needs::default() }, ..order(0) };
    platform(&memory).ensure(&large).await.expect("a machine");
    let (kind, script) = {
        let inside = memory.inside();
        (inside.instances[0].kind.clone(), inside.instances[0].script.clone())
    };
    assert_eq!(kind, "large");
    assert!(script.contains(&format!("DISK='{}'", gib(100).get())));
    assert_eq!(order_in(&script).claim, large.claim);

    let (label, value): (Label, LabelValue) = ("rack".parse().expect("a label"), "7".parse().expect("a value"));
    let labelled = MachineOrder { needs: Needs { labels: [(label, value)].into(), ..Needs::default() }, ..order(1) };
    let refused = platform(&memory).ensure(&labelled).await.expect_err("no labels");
    assert!(matches!(&refused, PlatformError::Invalid { field, .. } if field == "labels"), "{refused:?}");
}

#[tokio::test]
async fn what_was_removed_behind_our_back_is_gone_and_what_was_never_there_too() {
    let memory = Arc::new(Memory::default());
    let made = platform(&memory).ensure(&order(0)).await.expect("a machine");
    memory.inside().instances.clear();
    platform(&memory).remove(&made.reference).await.expect("gone");
    // Its firewall is what is left of it, and stands for it.
    let found = platform(&memory).find(&query("cache")).await.expect("machines");
    assert_eq!(found.iter().map(|machine| machine.claim.clone()).collect::<Vec<_>>(), [claim("cache", 1, 0)]);
    platform(&memory).remove(&found[0].reference).await.expect("removed");
    assert_eq!(platform(&memory).find(&query("cache")).await.expect("machines"), []);
    platform(&memory).remove(&MachineRef("i-99999".into())).await.expect("never there");
}
