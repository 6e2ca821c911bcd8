//! How this agent stands: whether it votes, whom it follows, whether a majority is in reach.

use std::time::{Duration, Instant};

use justmanage_agent_proto::v1::{AskReply, AskRequest};
use justmanage_model::Pin;
use openraft::ServerState;
use tracing::info;

use crate::Standing;
use crate::calls::CallError;
use crate::group::{Group, lock};
use crate::roster::node_of;
use crate::types::{ELECTION_MAX_MS, ELECTION_MIN_MS, Metrics, Raft, Voter};

/// A leader's majority must have answered within this time, or it is none. Below the shortest time in which others can put
/// another leader in its place (`ELECTION_MAX_MS` and the shortest election, 2 s), and above four signs of life.
pub(crate) const CONFIRMED: Duration = Duration::from_millis(1500);
/// Without a leader for so long, an election is not what goes on: with one, a new leader stands within 3 s, and within 5 s if
/// votes are split.
const LEADERLESS: Duration = Duration::from_secs(5);
/// Between two looks while something is amiss or may become so.
const LOOK_AGAIN: Duration = Duration::from_millis(500);
/// Between two looks of one who follows and hears the leader: the core wakes it when that changes.
const NOTHING_AMISS: Duration = Duration::from_secs(60);
/// Between two questions to others of what has become of this agent.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Time for a leader to prove itself, or to answer a question: two round trips, and a sync of a slow disk.
pub(crate) const PROOF_LIMIT: Duration = Duration::from_secs(1);

/// What was seen before, and since when.
#[derive(Default)]
struct Seen {
    /// The term in which this agent has proven that it leads, and since when.
    proven: Option<(u64, Instant)>,
    /// Since when there is no leader, or no majority.
    alone: Option<Instant>,
    asked: Option<Instant>,
}

impl Group {
    /// Keeps the standing up to date. Ends when the core does.
    pub(crate) async fn judge(&self, raft: &Raft) {
        let mut core = raft.server_metrics();
        let mut records = self.record.subscribe();
        let mut seen = Seen::default();
        loop {
            // Cloned at once: the core waits for whoever holds on to it.
            let metrics = raft.metrics().borrow().clone();
            if metrics.running_state.is_err() {
                return;
            }
            self.publish_pins();
            let votes = self.votes(&metrics);
            // One who was dismissed would stand for election for ever.
            raft.runtime_config().elect(votes);
            let standing = if votes { self.voting(raft, &metrics, &mut seen).await } else { self.looking_on() };
            let hears = alone(&metrics) || matches!(standing, Standing::Follower { leader: Some(_) });
            let steady = !votes || hears && self.wanted();
            self.stands(standing);
            tokio::select! {
                changed = core.changed() => if changed.is_err() { return },
                _ = records.changed() => {}
                () = self.stir.notified() => {}
                () = tokio::time::sleep(if steady { NOTHING_AMISS } else { LOOK_AGAIN }) => {}
            }
        }
    }

    /// Whether this agent votes, by what it knows itself.
    pub(crate) fn votes(&self, metrics: &Metrics) -> bool {
        let voter = metrics.membership_config.voter_ids().any(|id| id == self.id);
        voter && *lock(&self.dismissed) != *metrics.membership_config.log_id()
    }

    /// Whether the Record wants this agent to vote. One that votes nevertheless is about to lose its vote, and is not told when
    /// it has.
    fn wanted(&self) -> bool {
        self.record.borrow().as_ref().is_none_or(|record| crate::voters(record).contains(&self.node))
    }

    fn stands(&self, standing: Standing) {
        self.standing.send_if_modified(|current| {
            let news = *current != standing;
            if news && std::mem::discriminant(current) != std::mem::discriminant(&standing) {
                info!(?standing, "how this agent stands to the group");
            }
            *current = standing;
            news
        });
    }

    async fn voting(&self, raft: &Raft, metrics: &Metrics, seen: &mut Seen) -> Standing {
        if metrics.state == ServerState::Leader {
            return self.leading(raft, metrics, seen).await;
        }
        seen.proven = None;
        let leader = metrics.current_leader.filter(|leader| *leader != self.id);
        if let Some(leader) = leader {
            seen.alone = None;
            if !self.wanted() {
                self.ask_what_became(metrics, seen).await;
            }
            return Standing::Follower { leader: node_of(metrics, leader) };
        }
        let since = *seen.alone.get_or_insert_with(Instant::now);
        if since.elapsed() > LEADERLESS / 4 {
            self.ask_what_became(metrics, seen).await;
        }
        self.alone(since, LEADERLESS)
    }

    async fn leading(&self, raft: &Raft, metrics: &Metrics, seen: &mut Seen) -> Standing {
        let term = metrics.current_term;
        if confirmed(metrics) {
            if let Some((proven, since)) = seen.proven
                && proven == term
            {
                seen.alone = None;
                return Standing::Leader { since };
            }
            // A leader from before a restart leads again at once, and may have been replaced long ago.
            let proof = tokio::time::timeout(PROOF_LIMIT, self.prove(raft)).await;
            if matches!(proof, Ok(Ok(()))) {
                let since = Instant::now();
                (seen.proven, seen.alone) = (Some((term, since)), None);
                return Standing::Leader { since };
            }
        }
        let since = *seen.alone.get_or_insert_with(Instant::now);
        if since.elapsed() > CONFIRMED {
            // It may have been removed, and the others may have gone on without it.
            self.ask_what_became(metrics, seen).await;
        }
        self.alone(since, CONFIRMED)
    }

    /// The standing of one who votes and has no majority, for so long by now. It goes on to vote, also where it was told that it was
    /// removed: the group's own list may still count it.
    fn alone(&self, since: Instant, patience: Duration) -> Standing {
        if *lock(&self.removed_at) == Some(self.generation()) {
            return Standing::Removed;
        }
        if since.elapsed() > patience { Standing::NoMajority { since } } else { Standing::Follower { leader: None } }
    }

    /// The standing of one who does not vote.
    fn looking_on(&self) -> Standing {
        match self.record.borrow().as_ref() {
            Some(record) if !record.belongs(self.node) => Standing::Removed,
            _ if *lock(&self.removed_at) == Some(self.generation()) => Standing::Removed,
            Some(_) => Standing::Observer { from: *lock(&self.source) },
            None if self.invitation.borrow().is_some() => Standing::Invited,
            None => Standing::Uninvited,
        }
    }

    /// Asks the others whether this agent still votes: nobody tells a voter that was removed while it was away.
    async fn ask_what_became(&self, metrics: &Metrics, seen: &mut Seen) {
        if seen.asked.is_some_and(|asked| asked.elapsed() < ASK_AGAIN) {
            return;
        }
        seen.asked = Some(Instant::now());
        let others = self.acquaintances();
        for _ in 0..others.len() {
            let Some(other) = self.next_of(&others) else { return };
            match self.ask(other, None).await {
                Ok(answer) => return self.believe(metrics, &answer),
                // It took its time; the next one has its turn next time.
                Err(CallError::NoAnswer(_)) => return,
                Err(_) => {}
            }
        }
    }

    fn believe(&self, metrics: &Metrics, answer: &AskReply) {
        self.hear_of_removal(answer);
        if answer.voter {
            return;
        }
        info!(member = answer.member, "the group goes on without this agent's vote");
        *lock(&self.dismissed) = *metrics.membership_config.log_id();
        self.stir.notify_one();
        self.dismissal.notify_one();
    }

    /// Keeps in mind that this agent was removed, if the answer says so. One who has no majority either says what was agreed before;
    /// that may be older than what this agent knows.
    pub(crate) fn hear_of_removal(&self, answer: &AskReply) {
        let own = self.generation();
        let newer = answer.generation == 0 || own.is_none_or(|own| own.get() < answer.generation);
        if !answer.member && newer && lock(&self.removed_at).replace(own) != Some(own) {
            info!(agreed_at = answer.generation, "the group goes on without this agent");
            self.stir.notify_one();
        }
    }

    /// Asks another agent what somebody is to the group; by itself, this agent.
    pub(crate) async fn ask(&self, other: &Voter, about: Option<Pin>) -> Result<AskReply, CallError> {
        let pin = about.map(|pin| pin.to_string()).unwrap_or_default();
        let request = AskRequest { epoch: self.calls.epoch_text(), pin };
        // The other may have to ask the leader, who has to prove itself.
        self.calls.ask(other, PROOF_LIMIT * 2, |mut client| async move { client.ask(request).await }).await
    }
}

/// A majority has answered this leader of late.
pub(crate) fn confirmed(metrics: &Metrics) -> bool {
    let limit = CONFIRMED.as_millis() as u64;
    alone(metrics) || metrics.millis_since_quorum_ack.is_some_and(|age| age < limit)
}

/// There is one voter: it is its own majority.
fn alone(metrics: &Metrics) -> bool {
    metrics.membership_config.voter_ids().count() == 1
}

const _: () = assert!(CONFIRMED.as_millis() < (ELECTION_MAX_MS + ELECTION_MIN_MS) as u128);
