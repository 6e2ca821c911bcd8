//! Who votes: the leader moves the votes to where the Record wants them, one step at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::ChangeMembers;
use tracing::{info, warn};

use crate::group::Group;
use crate::types::{Metrics, Raft, RaftId, Voter, raft_id, wanted_voters};

/// Between two looks while a voter is awaited: it is caught up within a few of these.
const LOOK_AGAIN: Duration = Duration::from_millis(200);
/// Between two looks while somebody who is to vote does not answer.
const AWAIT: Duration = Duration::from_secs(1);
/// Longest time for one step. What has no majority until then may get one later; the next look finds what became of it.
const STEP_LIMIT: Duration = Duration::from_secs(5);

/// Entries that a new voter may lack: what is on its way to it while a busy cluster changes its Record. It is as good as there,
/// and answered a moment ago.
const ON_ITS_WAY: u64 = 4;

/// How far it is.
enum Progress {
    /// They vote whom the Record wants.
    Settled,
    /// Something was done: look again at once.
    Moved,
    /// Somebody is awaited.
    Waiting,
}

impl Group {
    /// While this agent leads, sees to it that those vote whom the Record wants. There is one such task, and it takes one
    /// step at a time: of two at once, one may leave the group between an old and a new set of voters.
    pub(crate) async fn settle(&self, raft: &Raft) {
        let mut standing = self.standing.subscribe();
        let mut records = self.record.subscribe();
        let mut core = raft.server_metrics();
        loop {
            if standing.wait_for(crate::Standing::leads).await.is_err() {
                return std::future::pending().await;
            }
            records.mark_unchanged();
            core.mark_unchanged();
            match self.step(raft).await {
                Progress::Moved => {}
                Progress::Waiting => tokio::time::sleep(LOOK_AGAIN).await,
                Progress::Settled => tokio::select! {
                    _ = records.changed() => {}
                    _ = standing.changed() => {}
                    changed = core.changed() => if changed.is_err() { return std::future::pending().await },
                },
            }
        }
    }

    async fn step(&self, raft: &Raft) -> Progress {
        let metrics = raft.metrics().borrow().clone();
        let Some(record) = self.machine.state().record.clone() else { return Progress::Settled };
        let membership = metrics.membership_config.membership().clone();
        // Somebody who led before left it between two sets: the second one was agreed on.
        if let [_, .., last] = membership.get_joint_config().as_slice() {
            return self.vote_with(raft, last.clone()).await;
        }
        let wanted = wanted_voters(&record);
        let current: BTreeSet<RaftId> = membership.voter_ids().collect();
        let listed: BTreeSet<RaftId> = membership.nodes().map(|(id, _)| *id).collect();
        let stray: BTreeSet<RaftId> =
            listed.iter().filter(|id| !current.contains(id) && !wanted.contains_key(id)).copied().collect();
        if !stray.is_empty() {
            return self.step_done(raft.change_membership(ChangeMembers::RemoveNodes(stray), false)).await;
        }
        let moved = moved(membership.nodes(), &wanted);
        if !moved.is_empty() {
            return self.step_done(raft.change_membership(ChangeMembers::SetNodes(moved), true)).await;
        }
        if current.iter().eq(wanted.keys()) {
            return Progress::Settled;
        }
        let proven = self.proven(&metrics, &wanted, &current, &listed).await;
        let missing = wanted.iter().find(|(id, _)| !listed.contains(id) && proven.alive.contains(id));
        if let Some((id, voter)) = missing {
            info!(node = %voter.node, "is to vote; catches up");
            // The library's own wait for it to catch up is over at once, also if it is dead: see `proven`.
            return self.step_done(raft.add_learner(*id, voter.clone(), false)).await;
        }
        let members = record.agents().map(|(_, agent)| raft_id(&agent.pin)).collect();
        match next_voters(&current, &wanted.keys().copied().collect(), &members, &proven.caught_up) {
            Some(next) => self.vote_with(raft, next).await,
            None => {
                if proven.alive.len() < wanted.len() {
                    tokio::time::sleep(AWAIT - LOOK_AGAIN).await;
                }
                Progress::Waiting
            }
        }
    }

    /// Who of those that are to vote is there, and who has everything that this agent has: asked and seen just now.
    async fn proven(
        &self,
        metrics: &Metrics,
        wanted: &BTreeMap<RaftId, Voter>,
        current: &BTreeSet<RaftId>,
        listed: &BTreeSet<RaftId>,
    ) -> Proven {
        let mut proven = Proven::default();
        for (id, voter) in wanted.iter().filter(|(id, _)| !current.contains(id)) {
            if self.calls.ping(voter).await.is_err() {
                continue;
            }
            proven.alive.insert(*id);
            let matched = metrics.replication.as_ref().and_then(|replication| *replication.get(id)?);
            let lacks = matched.zip(metrics.last_log_index).map(|(matched, last)| last.saturating_sub(matched.index));
            if listed.contains(id) && lacks.is_some_and(|lacks| lacks <= ON_ITS_WAY) {
                proven.caught_up.insert(*id);
            }
        }
        proven.alive.extend(current);
        proven
    }

    async fn vote_with(&self, raft: &Raft, voters: BTreeSet<RaftId>) -> Progress {
        info!(count = voters.len(), "changes who votes");
        self.step_done(raft.change_membership(voters, false)).await
    }

    async fn step_done<T, E: std::fmt::Display>(&self, step: impl Future<Output = Result<T, E>>) -> Progress {
        match tokio::time::timeout(STEP_LIMIT, step).await {
            Ok(Ok(_)) => Progress::Moved,
            Ok(Err(error)) => {
                warn!(%error, "could not change who votes; tries again");
                Progress::Waiting
            }
            Err(_) => Progress::Waiting,
        }
    }
}

/// See [`Group::proven`].
#[derive(Default)]
struct Proven {
    alive: BTreeSet<RaftId>,
    caught_up: BTreeSet<RaftId>,
}

/// Voters that the Record has at another address than the group's own list. They are found by the Record in any case; the list
/// is for whoever has no Record.
fn moved<'a>(
    listed: impl Iterator<Item = (&'a RaftId, &'a Voter)>,
    wanted: &BTreeMap<RaftId, Voter>,
) -> BTreeMap<RaftId, Voter> {
    let now = listed.filter_map(|(id, voter)| Some((*id, voter, wanted.get(id)?)));
    now.filter(|(_, voter, now)| voter != now).map(|(id, _, now)| (id, now.clone())).collect()
}

/// Who is to vote next, on the way from `current` to `wanted`; `None`: nothing can be done before somebody catches up.
///
/// Nobody new votes who is not `ready`: with one dead among two, nothing could ever be changed again. Whoever is no member
/// any more loses its vote without waiting for a successor, if others are left; a member that is merely dead keeps it.
fn next_voters(
    current: &BTreeSet<RaftId>,
    wanted: &BTreeSet<RaftId>,
    members: &BTreeSet<RaftId>,
    ready: &BTreeSet<RaftId>,
) -> Option<BTreeSet<RaftId>> {
    let new: BTreeSet<RaftId> = wanted.difference(current).copied().collect();
    if new.is_subset(ready) {
        return (current != wanted).then(|| wanted.clone());
    }
    let mut next: BTreeSet<RaftId> = current.intersection(members).copied().collect();
    let gone = next.len() < current.len();
    next.extend(new.intersection(ready));
    // An even number survives no more than the odd one below it; but whoever is gone must go.
    if next.len().is_multiple_of(2)
        && let Some(spare) = next.iter().find(|id| new.contains(id)).copied()
    {
        next.remove(&spare);
    }
    let better = if gone { !next.is_empty() } else { next.len() > current.len() };
    (better && next != *current && !(next.len() == 2 && current.len() == 1)).then_some(next)
}

#[cfg(test)]
mod tests;
