//! Agents of several versions: whoever does not know a layout says so, and drops nothing of it.

use justmanage_agent_proto::v1::RaftRequest;
use justmanage_agent_proto::v1::refusal::Kind;
use justmanage_model::record::LAYOUT;
use openraft::raft::AppendEntriesRequest;
use openraft::{CommittedLeaderId, EntryPayload};

use super::{as_voter, calls_of, metrics};
use crate::Standing;
use crate::disk::{Row, key};
use crate::judge::PROOF_LIMIT;
use crate::types::{Command, Entry, LogId, Types};
use crate::world::{World, add_user};

#[tokio::test]
async fn an_entry_of_a_newer_layout_is_not_taken_in() {
    let world = World::founded(3).await;
    let leader = world.leader().await;
    let follower = &world.agents[(leader + 1) % 3];
    let now = metrics(&world.agents[leader]);
    let mut newer = world.agents[leader].get().expect("a Record");
    newer.layout = LAYOUT + 1;
    let last = now.last_applied.expect("entries");
    let leader_id = CommittedLeaderId::new(now.current_term, world.agents[leader].group().id);
    let entry = |record| Entry {
        log_id: LogId::new(leader_id, last.index + 1),
        payload: EntryPayload::Normal(Command::Found { record: Box::new(record), nonce: 0 }),
    };
    let calls = calls_of(&world.agents[leader]);
    let entries = vec![entry(newer)];
    let request: AppendEntriesRequest<Types> =
        AppendEntriesRequest { vote: now.vote, prev_log_id: Some(last), entries, leader_commit: Some(last) };
    let body = serde_json::to_vec(&request).expect("a request");
    let request = RaftRequest { epoch: calls.epoch_text(), body };
    let to = as_voter(follower);
    let refused = calls.ask(&to, PROOF_LIMIT, |mut client| async move { client.append_entries(request).await }).await;
    assert_eq!(refused.expect_err("refused").refused(), Some(Kind::Broken));
    world.agents[leader].change(|record| add_user(record, "later")).await;
    world.stop().await;
}

#[tokio::test]
async fn a_copy_of_a_newer_layout_is_not_guessed_at() {
    let mut world = World::founded(2).await;
    let mut newer = world.agents[1].get().expect("a copy");
    newer.layout = LAYOUT + 1;
    let row = Row::put(key::COPY, &newer).expect("a row");
    world.agents[1].group().disk.put(vec![row]).await.expect("written");
    world.agents[1].stop().await;
    world.agents[1].start().await;
    let newer = |standing: &Standing| matches!(standing, Standing::Broken { why } if why.contains("run a newer agent"));
    world.agents[1].stands("it knows nothing of this layout", newer).await;
    world.stop().await;
}
