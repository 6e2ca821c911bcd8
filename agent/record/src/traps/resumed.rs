//! Trap 13: a leader that is started again goes on leading, and must not read the past.

use super::metrics;
use crate::change::Attempt;
use crate::disk::sectors::Sectors;
use crate::group::lock;
use crate::types::Command;
use crate::world::{Agent, World, record, until};
use crate::{Group, RecordStore, Standing};

#[tokio::test]
async fn trap_13_a_leader_that_resumes_does_not_read_the_past() {
    // Met here, by the processes in tests/it/chaos.rs: of what a leader has agreed on only the log is synced, and it resumes
    // without an election. The library (0.9.25; its issue 1511) lets it read at once.
    let mut world = World::of(2).await;
    let sectors = Sectors::default();
    let mut first = Agent::new(0, 0).await;
    first.serve(Group::open_on(sectors.disk(&first.home), first.config()).await).await;
    world.agents[0].seat.ordinal = 1;
    world.agents.insert(0, first);
    world.found().await;
    let mut resumed = 0;
    for round in 0..5 {
        world.agents[0].stands("it leads", Standing::hears_the_majority).await;
        let leader = world.leader().await;
        let known = world.agents[leader].change(|record| record.unclaimed = !record.unclaimed).await;
        world.agents[0].stop().await;
        sectors.after_cut(|| false);
        let agent = &mut world.agents[0];
        let group = Group::open_on(sectors.disk(&agent.home), agent.config()).await;
        resumed += u32::from(lock(&group.resumed).is_some());
        // At once, while the others are being told what the log holds.
        let read = until("a majority", async || group.read().await.ok().flatten()).await;
        agent.serve(group).await;
        assert!(read.generation >= known.generation, "round {round}: {} of {}", read.generation, known.generation);
    }
    assert!(resumed > 0, "it has resumed sometimes");
    world.stop().await;
}

#[tokio::test]
async fn trap_13_it_reads_when_all_is_applied_that_its_log_held() {
    let world = World::founded(1).await;
    let agent = &world.agents[0];
    let raft = agent.group().raft.borrow().clone().expect("a core");
    let now = metrics(agent);
    // As if its log had held one entry more when it was started.
    *lock(&agent.group().resumed) = Some((now.current_term, now.last_log_index.expect("entries") + 1));
    let read = agent.group().read_here(&raft).await;
    assert!(!matches!(read, Attempt::Settled(_)), "{read:?}");
    let command = Command::Found { record: Box::new(record(&[agent])), nonce: 0 };
    raft.client_write(command).await.expect("an entry");
    assert!(matches!(agent.group().read_here(&raft).await, Attempt::Settled(Ok(Some(_)))));
    assert_eq!(*lock(&agent.group().resumed), None, "from then on it is as any other leader");
    *lock(&agent.group().resumed) = Some((now.current_term - 1, u64::MAX));
    assert!(matches!(agent.group().read_here(&raft).await, Attempt::Settled(Ok(Some(_)))), "that was another term");
    world.stop().await;
}
