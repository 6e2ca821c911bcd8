//! The traps of the library and around it that were found before this was built, each with the test that it is not sprung.
//!
//! Trap 10 (what may be written without a sync) is in `disk/tests.rs`; trap 12 (the signature of a handshake must be looked at)
//! is where the handshake is, in `core/identity/tests/it/strangers.rs`. Trap 13 was found here.

mod layouts;
mod resumed;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use justmanage_agent_proto::v1::refusal::Kind;
use justmanage_agent_proto::v1::{PingRequest, RaftRequest};
use openraft::network::{RaftNetwork, RaftNetworkFactory};
use openraft::raft::VoteRequest;

use crate::calls::{CallError, Calls};
use crate::disk::key;
use crate::disk::sectors::Sectors;
use crate::network::Network;
use crate::types::{Metrics, RaftId, Vote, Voter, raft_config, raft_id};
use crate::world::{Agent, World, add_user, record, until};
use crate::{Group, RecordStore, Standing, StoreError};

fn metrics(agent: &Agent) -> Metrics {
    let raft = agent.group().raft.borrow().clone().expect("a core");
    raft.metrics().borrow_and_update().clone()
}

fn voters_of(agent: &Agent) -> BTreeSet<RaftId> {
    metrics(agent).membership_config.voter_ids().collect()
}

fn as_voter(agent: &Agent) -> Voter {
    Voter { node: agent.node, pin: agent.pin(), agent: agent.address }
}

/// Calls as an agent does, from its key alone.
fn calls_of(agent: &Agent) -> Calls {
    let calls = Calls::new(agent.key.clone(), None, tokio::sync::watch::Sender::new(None));
    calls.set_epoch(Some(crate::world::epoch(1)));
    calls
}

#[tokio::test]
async fn trap_01_a_lost_leader_is_replaced_in_the_time_that_the_settings_give() {
    let config = raft_config();
    assert!(config.heartbeat_interval >= 200, "time for 64 KiB and a slow disk's sync");
    // max + random + 1.5 signs of life; a split vote costs two more elections.
    let once = config.election_timeout_max * 2 + config.heartbeat_interval * 3 / 2;
    assert!(once <= 3000, "{once} ms");
    let mut world = World::founded(3).await;
    let leader = world.leader().await;
    world.agents[leader].stop().await;
    let begun = Instant::now();
    let next = world.leader().await;
    println!("{:?} from the end of one leader to the next", begun.elapsed());
    assert_ne!(next, leader);
    world.stop().await;
}

#[tokio::test]
async fn trap_02_nobody_votes_before_it_is_proven_to_be_there() {
    let mut world = World::founded(1).await;
    let there = Agent::started(1, 0).await;
    let dead = Agent::new(2, 0).await;
    let members = [&there, &dead].map(|agent| (agent.node, agent.member()));
    let next = world.agents[0].change(|record| record.members.extend(members.iter().cloned())).await;
    there.group().invite(next.clone()).await.expect("an invitation");
    let first = world.agents[0].pin();
    // With time enough to be promoted, it is not: two voters of whom one is dead could never change anything again.
    until("the one that is there has caught up", async || {
        let id = raft_id(&there.pin());
        let metrics = metrics(&world.agents[0]);
        let matched = metrics.replication.and_then(|replication| *replication.get(&id)?);
        (matched.map(|matched| matched.index) == metrics.last_log_index).then_some(())
    })
    .await;
    for round in 0..5 {
        world.agents[0].change(|record| add_user(record, &format!("user-{round}"))).await;
        assert_eq!(voters_of(&world.agents[0]), BTreeSet::from([raft_id(&first)]));
    }
    world.agents.extend([there, dead]);
    world.agents[2].start().await;
    world.agents[2].group().invite(next).await.expect("an invitation");
    until("three vote", async || (voters_of(&world.agents[0]).len() == 3).then_some(())).await;
    world.stop().await;
}

#[tokio::test]
async fn trap_03_a_change_without_a_majority_ends_and_does_not_pile_up() {
    let mut world = World::founded(3).await;
    let leader = world.leader().await;
    for other in (0..3).filter(|other| *other != leader) {
        world.agents[other].stop().await;
    }
    let agent = &world.agents[leader];
    // At first nobody knows: it is in the log, and may be taken when the others are back.
    let begun = Instant::now();
    let current = agent.get().expect("a Record");
    let mut next = current.clone();
    (next.generation, next.unclaimed) = (current.generation.next(), true);
    let asked = (current.epoch, current.generation);
    let first = agent.group().compare_and_set(asked, next.clone()).await;
    assert!(matches!(first, Err(StoreError::Unknown(_))), "{first:?}");
    assert!(begun.elapsed() < Duration::from_secs(20), "it has a time limit");
    // Then it is known that nobody answers, and nothing more is put into the log.
    agent.stands("alone", |standing| matches!(standing, Standing::NoMajority { .. })).await;
    let length = metrics(agent).last_log_index;
    for _ in 0..2 {
        let tried = agent.group().compare_and_set(asked, next.clone()).await;
        assert!(matches!(tried, Err(StoreError::NoMajority(_))), "{tried:?}");
    }
    assert_eq!(metrics(agent).last_log_index, length);
    for other in (0..3).filter(|other| *other != leader) {
        world.agents[other].start().await;
    }
    let read = until("a majority", async || world.agents[leader].group().read().await.ok()).await;
    assert!(read == Some(next) || read == Some(current), "taken once, or not at all: {read:?}");
    world.stop().await;
}

#[tokio::test]
async fn trap_03_an_unknown_outcome_is_resolved_by_asking_again() {
    let mut world = World::founded(3).await;
    let leader = world.leader().await;
    let others: Vec<_> = (0..3).filter(|other| *other != leader).collect();
    for other in &others {
        world.agents[*other].stop().await;
    }
    let group = world.agents[leader].group().clone();
    let current = group.get().expect("a Record");
    let mut next = current.clone();
    (next.generation, next.unclaimed) = (current.generation.next(), true);
    let wanted = next.clone();
    let length = metrics(&world.agents[leader]).last_log_index;
    let change = tokio::spawn(async move { group.compare_and_set((current.epoch, current.generation), next).await });
    until("it is in the log", async || (metrics(&world.agents[leader]).last_log_index > length).then_some(())).await;
    for other in &others {
        world.agents[*other].start().await;
    }
    let outcome = change.await.expect("a change");
    assert!(matches!(outcome, Ok(()) | Err(StoreError::Unknown(_))), "{outcome:?}");
    if outcome.is_ok() {
        assert_eq!(world.agents[others[0]].group().read().await, Ok(Some(wanted)));
    }
    world.stop().await;
}

#[tokio::test]
async fn trap_04_reads_share_one_connection() {
    let world = World::founded(3).await;
    let leader = world.leader().await;
    let place = |address: std::net::SocketAddr| match address {
        std::net::SocketAddr::V4(v4) => {
            format!("{:08X}:{:04X}", u32::from_le_bytes(v4.ip().octets()), v4.port())
        }
        std::net::SocketAddr::V6(_) => unreachable!("the world has IPv4 addresses"),
    };
    // Also those that are closed already: the one who closes keeps them for a minute.
    let connections = || {
        let table = std::fs::read_to_string("/proc/self/net/tcp").expect("a table");
        let others = world.agents.iter().filter(|agent| agent.node != world.agents[leader].node);
        others.map(|agent| table.lines().filter(|line| line.contains(&place(agent.address))).count()).sum::<usize>()
    };
    world.agents[leader].group().read().await.expect("a majority");
    let before = connections();
    assert!(before >= 2, "the table has them");
    for _ in 0..100 {
        world.agents[leader].group().read().await.expect("a majority");
    }
    let after = connections();
    assert!(after <= before + 8, "{before} connections, then {after}");
    world.stop().await;
}

#[tokio::test]
async fn trap_05_a_core_that_died_is_started_again() {
    let mut agent = Agent::new(0, 0).await;
    let sectors = Sectors::default();
    agent.serve(Group::open_on(sectors.disk(&agent.home), agent.config()).await).await;
    agent.group().invite(record(&[&agent])).await.expect("an invitation");
    agent.group().found().await.expect("a group");
    agent.stands("alone", Standing::leads).await;
    let before = agent.change(|record| add_user(record, "before")).await;
    let ballast = agent.directory().join("ballast");
    until("room is kept", async || ballast.exists().then_some(())).await;

    sectors.full(true);
    let mut next = before.clone();
    next.generation = before.generation.next();
    let failed = agent.group().compare_and_set((before.epoch, before.generation), next).await;
    assert!(matches!(failed, Err(StoreError::Unknown(_) | StoreError::NoMajority(_))), "{failed:?}");
    let full = |standing: &Standing| matches!(standing, Standing::Broken { why } if why.contains("disk is full"));
    agent.stands("the disk is full", full).await;
    assert!(!ballast.exists(), "its room is given up");
    assert_eq!(agent.get(), Some(before.clone()), "the copy in memory is still there");

    sectors.full(false);
    agent.stands("there is room", Standing::leads).await;
    let after = agent.change(|record| add_user(record, "after")).await;
    assert!(after.generation > before.generation && after.users.len() == 2);
    agent.stop().await;
}

#[tokio::test]
async fn trap_06_a_change_of_voters_that_was_left_half_way_is_finished() {
    let mut world = World::founded(3).await;
    let leader = world.leader().await;
    let newcomer = Agent::started(0, 1).await;
    let member = newcomer.member();
    let next = world.agents[leader].change(|record| record.members.extend([(newcomer.node, member.clone())])).await;
    newcomer.group().invite(next).await.expect("an invitation");
    // Somebody begins to move a vote, and is gone after the first of the two steps.
    let raft = world.agents[leader].group().raft.borrow().clone().expect("a core");
    let id = raft_id(&newcomer.pin());
    let gone = (0..3).find(|other| *other != leader).expect("another");
    let mut moved = voters_of(&world.agents[leader]);
    moved.remove(&raft_id(&world.agents[gone].pin()));
    moved.insert(id);
    let mut seen = raft.metrics();
    let joint = |metrics: &Metrics| metrics.membership_config.membership().get_joint_config().len() == 2;
    // What settles the voters would take the learner out at once: it is no voter by the Record.
    loop {
        raft.add_learner(id, as_voter(&newcomer), false).await.expect("a learner");
        tokio::select! {
            biased;
            _ = seen.wait_for(joint) => break,
            changed = raft.change_membership(moved.clone(), false) => assert!(changed.is_err(), "it was not left half way"),
        }
    }
    world.agents.push(newcomer);
    until("those vote whom the Record wants", async || {
        let metrics = metrics(&world.agents[leader]);
        let wanted: BTreeSet<_> = world.agents[..3].iter().map(|agent| raft_id(&agent.pin())).collect();
        (!joint(&metrics) && voters_of(&world.agents[leader]) == wanted).then_some(())
    })
    .await;
    world.agents[leader].change(|record| add_user(record, "later")).await;
    world.stop().await;
}

#[tokio::test]
async fn trap_07_one_who_was_out_of_reach_is_called_again_soon() {
    let agent = Agent::new(0, 0).await;
    let mut network = Network { calls: calls_of(&agent).into() };
    let mut pauses = network.new_client(1, &as_voter(&agent)).await.backoff();
    for _ in 0..3 {
        assert_eq!(pauses.next(), Some(Duration::from_millis(100)), "the library's own is 500 ms");
    }
}

#[test]
fn trap_08_nobody_holds_on_to_what_the_core_says_of_itself() {
    // A guard that is held stops the core, and the compiler does not mind.
    let mut looked = 0;
    for file in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src")).expect("the sources") {
        let path = file.expect("a file").path();
        if !path.is_file() || path.ends_with("traps.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a text");
        for (at, _) in text.match_indices("metrics().borrow()") {
            let rest = &text[at + "metrics().borrow()".len()..];
            let cloned = rest.starts_with(".clone();") || rest.starts_with(".membership_config.clone()");
            assert!(cloned, "{}: {}", path.display(), &rest[..60]);
            looked += 1;
        }
    }
    assert!(looked >= 5, "this test looks at {looked} places: did the core's words change their name?");
}

#[tokio::test]
async fn trap_09_a_generation_is_not_a_place_in_the_log() {
    let mut world = World::founded(3).await;
    for round in 0..3 {
        let leader = world.leader().await;
        world.agents[leader].stop().await;
        let other = world.leader().await;
        let next = world.agents[other].change(|record| add_user(record, &format!("user-{round}"))).await;
        assert_eq!(next.generation.get(), 2 + round, "one on, whatever else is in the log");
        world.agents[leader].start().await;
    }
    let leader = world.leader().await;
    let index = metrics(&world.agents[leader]).last_log_index.expect("entries");
    assert!(index > 4, "blanks and memberships took places, too: {index}");
    world.stop().await;
}

#[tokio::test]
async fn trap_10_entries_go_only_after_the_snapshot_is_on_the_disk() {
    let mut agent = Agent::new(0, 0).await;
    let sectors = Sectors::default();
    agent.serve(Group::open_on(sectors.disk(&agent.home), agent.config()).await).await;
    agent.group().invite(record(&[&agent])).await.expect("an invitation");
    agent.group().found().await.expect("a group");
    let mut last = agent.get().expect("a Record");
    // Past several snapshots.
    for round in 0..200 {
        let mut next = last.clone();
        (next.generation, next.unclaimed) = (last.generation.next(), round % 2 == 0);
        agent.group().compare_and_set((last.epoch, last.generation), next.clone()).await.expect("taken");
        last = next;
    }
    until("entries are gone", async || metrics(&agent).purged.filter(|purged| purged.index > 100)).await;
    agent.stop().await;
    // Nothing that was not synced survives.
    sectors.after_cut(|| false);
    agent.serve(Group::open_on(sectors.disk(&agent.home), agent.config()).await).await;
    agent.stands("alone", Standing::leads).await;
    assert_eq!(agent.group().read().await, Ok(Some(last)));
    let kept = agent.group().disk.reading(|db| crate::disk::entries(db, .., true)).expect("entries");
    assert!(kept.len() < 120, "{} entries", kept.len());
    assert!(agent.group().disk.get::<crate::machine::Kept>(key::SNAPSHOT).expect("read").is_some());
    agent.stop().await;
}

#[tokio::test]
async fn trap_11_nobody_speaks_for_another() {
    let world = World::founded(3).await;
    let leader = world.leader().await;
    let [thief, victim] = [(leader + 1) % 3, (leader + 2) % 3].map(|index| &world.agents[index]);
    let calls = calls_of(thief);
    let term = metrics(thief).current_term;
    let vote = |as_whom: &Agent| {
        let request = VoteRequest::new(Vote::new(term + 100, raft_id(&as_whom.pin())), None);
        let body = serde_json::to_vec(&request).expect("a request");
        let request = RaftRequest { epoch: calls.epoch_text(), body };
        let to = as_voter(&world.agents[leader]);
        let calls = &calls;
        async move { calls.ask(&to, crate::judge::PROOF_LIMIT, |mut c| async move { c.vote(request).await }).await }
    };
    let stolen = vote(victim).await.expect_err("refused");
    assert_eq!(stolen.refused(), Some(Kind::Stranger));
    vote(thief).await.expect("a member with its own voice is heard");
    world.stop().await;
}

#[tokio::test]
async fn calls_of_another_epoch_and_of_strangers_are_refused() {
    let world = World::founded(3).await;
    let calls = calls_of(&world.agents[1]);
    calls.ping(&as_voter(&world.agents[0])).await.expect("a member");
    calls.set_epoch(Some(crate::world::epoch(2)));
    let refused = calls.ping(&as_voter(&world.agents[0])).await.expect_err("refused");
    assert_eq!(refused.refused(), Some(Kind::OtherEpoch));
    calls.set_epoch(None);
    let refused = calls.ping(&as_voter(&world.agents[0])).await.expect_err("refused");
    assert_eq!(refused.refused(), Some(Kind::OtherEpoch), "no epoch is another one");
    // One who does not belong does not even get through the door; an operator does, and is refused behind it.
    let stranger = Agent::new(9, 0).await;
    let calls = calls_of(&stranger);
    assert!(matches!(calls.ping(&as_voter(&world.agents[0])).await, Err(CallError::NotSent(_))));
    let request = PingRequest { epoch: calls.epoch_text() };
    let mut request = tonic::Request::new(request);
    request.extensions_mut().insert(justmanage_identity::Peer { pin: stranger.pin() });
    let refused = world.agents[0].group().admit(&request, &request.get_ref().epoch).expect_err("refused");
    assert_eq!(CallError::from(refused).refused(), Some(Kind::Stranger));
    world.stop().await;
}

#[tokio::test]
async fn whoever_was_removed_stands_for_no_election() {
    let mut world = World::founded(4).await;
    let away = (world.leader().await + 1) % 3;
    let node = world.agents[away].node;
    world.agents[away].stop().await;
    let other = world.leader().await;
    world.agents[other].change(|record| record.members.retain(|member, _| *member != node)).await;
    until("another votes in its place", async || {
        (!voters_of(&world.agents[other]).contains(&raft_id(&world.agents[away].pin()))).then_some(())
    })
    .await;
    world.agents[away].start().await;
    world.agents[away].stands("removed", |standing| *standing == Standing::Removed).await;
    // The time in which it would have stood at least once: nothing else tells that it does not. What it began before it heard is over
    // by then, too.
    let longest = Duration::from_millis(raft_config().election_timeout_max * 3);
    tokio::time::sleep(longest).await;
    let term = metrics(&world.agents[away]).current_term;
    tokio::time::sleep(longest).await;
    assert_eq!(metrics(&world.agents[away]).current_term, term);
    world.stop().await;
}

/// Beside another who was cut off with it, too: that one cannot decide anything, but knows what was decided.
#[tokio::test]
async fn whoever_was_removed_hears_it_from_one_without_a_majority() {
    let mut world = World::founded(4).await;
    let away = (world.leader().await + 1) % 3;
    let node = world.agents[away].node;
    world.agents[away].stop().await;
    let leader = world.leader().await;
    world.agents[leader].change(|record| record.members.retain(|member, _| *member != node)).await;
    until("another votes in its place", async || {
        (!voters_of(&world.agents[leader]).contains(&raft_id(&world.agents[away].pin()))).then_some(())
    })
    .await;
    for other in (0..4).filter(|other| ![away, leader].contains(other)) {
        world.agents[other].stop().await;
    }
    world.agents[leader].stands("alone", |standing| matches!(standing, Standing::NoMajority { .. })).await;
    world.agents[away].start().await;
    world.agents[away].stands("removed", |standing| *standing == Standing::Removed).await;
    assert!(!world.agents[leader].get().expect("a Record").members.contains_key(&node));
    world.stop().await;
}
