//! Asking a cluster: through any of its agents, and through another one when that falls silent.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use justmanage_model::node::AgentInfo;
use justmanage_model::record::RecordFault;
use justmanage_model::{Failure, Record};

use super::Manager;
use crate::agents::{AgentError, ClusterStatus, Note, Proposal};

/// How long one agent is waited for before another is asked as well. An answer takes milliseconds; an agent that is stopped or
/// cut off would take seconds to be given up.
const NEXT_AFTER: Duration = Duration::from_millis(250);
/// How long a look waits for the agents to elect a leader: they take 2 to 3 s after one was lost.
pub(super) const LOOK_PATIENCE: Duration = Duration::from_secs(5);
/// How long a change waits for that: also for agents that were all started a moment ago, on a busy machine.
const CHANGE_PATIENCE: Duration = Duration::from_secs(20);
/// Pause before agents that had no leader are asked again.
const PAUSE: Duration = Duration::from_millis(100);
/// How often a compare-and-set is tried again after somebody else was first.
const TRIES: usize = 8;

/// What a cluster says, and through whom.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// Who answered.
    pub(super) agent: AgentInfo,
    /// What.
    pub(super) status: ClusterStatus,
}

/// Why nobody answered.
#[derive(Clone, Debug)]
pub(super) struct Silence {
    /// Whom it is best said of.
    pub(super) agent: AgentInfo,
    /// Why.
    pub(super) error: AgentError,
}

impl Silence {
    pub(super) fn failure(&self) -> Failure {
        self.error.failure(&self.agent)
    }
}

impl Manager {
    /// What a cluster says through whichever of its agents answers first, waiting at most so long for one that knows a leader.
    /// If nobody leads, what the best of them knows alone; `None` when none of them said anything.
    pub(super) async fn ask(&self, agents: &[AgentInfo], patience: Duration) -> Option<Result<Said, Silence>> {
        let begun = Instant::now();
        let mut best: Option<Result<Said, Silence>> = None;
        loop {
            let round = self.one_round(agents, &mut best);
            let left = patience.saturating_sub(begun.elapsed());
            let _ = tokio::time::timeout(left.max(NEXT_AFTER), round).await;
            let led = matches!(&best, Some(Ok(said)) if said.status.leader.is_some());
            // Agents that refuse the key, or were never founded, will not do otherwise in a moment.
            let final_word = match &best {
                Some(Ok(said)) => said.status.record.is_none(),
                Some(Err(silence)) => silence.error == AgentError::Denied,
                None => agents.is_empty(),
            };
            if led || final_word || begun.elapsed() + PAUSE >= patience {
                return best;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks one agent after the other, the next one when the one before takes its time, until one knows a leader.
    async fn one_round(&self, agents: &[AgentInfo], best: &mut Option<Result<Said, Silence>>) {
        let mut rest = agents.iter();
        let mut asked = FuturesUnordered::new();
        let ask = |agent: &AgentInfo| {
            let agent = agent.clone();
            async move {
                match self.agents.observe(&agent, None, Duration::ZERO).await {
                    Ok(status) => Ok(Said { agent, status }),
                    Err(error) => Err(Silence { agent, error }),
                }
            }
        };
        asked.extend(rest.next().map(ask));
        while !asked.is_empty() {
            let answer = tokio::time::timeout(NEXT_AFTER, asked.next()).await;
            if let Ok(Some(answer)) = answer {
                keep_better(best, answer);
                if matches!(best, Some(Ok(said)) if said.status.leader.is_some()) {
                    return;
                }
            }
            asked.extend(rest.next().map(ask));
        }
    }

    /// Changes the Record by compare-and-set: reads, changes, proposes; somebody who was first only means looking again.
    /// A change that changes nothing proposes nothing.
    ///
    /// # Errors
    /// Nobody can be asked, the agents have no majority, or somebody else was first each time.
    pub(super) async fn change(
        &self,
        agents: &[AgentInfo],
        note: &Note,
        change: impl Fn(&mut Record),
    ) -> Result<Record, Failure> {
        self.try_change(agents, note, |record| {
            change(record);
            Ok(())
        })
        .await
    }

    /// The same for a change that may turn out not to be possible.
    ///
    /// # Errors
    /// As [`Manager::change`]; also whatever the change answers with, and a Record that would be too large. Then nothing was
    /// changed.
    pub(super) async fn try_change(
        &self,
        agents: &[AgentInfo],
        note: &Note,
        change: impl Fn(&mut Record) -> Result<(), Failure>,
    ) -> Result<Record, Failure> {
        let mut said = self.leader(agents).await?;
        for _ in 0..TRIES {
            let Some(before) = said.status.record.take() else { return Err(unfounded()) };
            let mut after = before.clone();
            change(&mut after)?;
            if after == before {
                return Ok(before);
            }
            after.raise_layout();
            after.generation = before.generation.next();
            if let Err(fault @ RecordFault::TooMany { .. }) = after.check() {
                return Err(too_large(&fault));
            }
            match self.agents.propose(&said.agent, &before, &after, note).await {
                Ok(Proposal::Applied(record)) => return Ok(record),
                Ok(Proposal::Conflict(record)) => said.status.record = record,
                // Nobody knows whether it was taken, or it was not. Reading tells: if it was, the next round finds nothing to
                // change.
                Err(AgentError::NoAnswer(_) | AgentError::NotNow(_) | AgentError::Unreachable(_)) => {
                    said = self.leader(agents).await?;
                }
                Err(error @ (AgentError::Denied | AgentError::Refused(_))) => return Err(error.failure(&said.agent)),
            }
        }
        Err(Failure::new("Cluster is being changed by somebody else", "Somebody else was first each time.")
            .next("Apply again when the other run has ended."))
    }

    /// What the leader says; an error if there is none, or nobody answers.
    async fn leader(&self, agents: &[AgentInfo]) -> Result<Said, Failure> {
        match self.ask(agents, CHANGE_PATIENCE.min(self.patience)).await {
            Some(Ok(said)) if said.status.leader.is_some() => Ok(said),
            Some(Ok(said)) if said.status.record.is_none() => Err(unfounded()),
            Some(Ok(_)) => Err(no_majority()),
            Some(Err(silence)) => Err(silence.failure()),
            None => Err(no_answer()),
        }
    }
}

fn too_large(fault: &RecordFault) -> Failure {
    Failure::new("Cluster is full", format!("With this change, {fault}."))
        .hint(
            "Remove users that nobody needs, or give fewer and shorter rules to each: categories instead of single commands. \
             Passwords that are valid beside a newer one take room, too, until their grace is over.",
        )
        .next("Nothing was changed.")
}

/// An answer is better than none, a Record better than none, a leader's word better than one agent's, and of two the newer.
fn keep_better(best: &mut Option<Result<Said, Silence>>, answer: Result<Said, Silence>) {
    let rank = |answer: &Result<Said, Silence>| match answer {
        Ok(said) => {
            let generation = said.status.record.as_ref().map(|record| record.generation);
            (2, said.status.leader.is_some(), generation)
        }
        Err(silence) => (u8::from(silence.error == AgentError::Denied), false, None),
    };
    if best.as_ref().is_none_or(|best| rank(&answer) >= rank(best)) {
        *best = Some(answer);
    }
}

pub(super) fn no_majority() -> Failure {
    Failure::new(
        "No majority of agents",
        "Agents of the cluster answer, but too few of them reach each other to agree on anything.",
    )
    .next(
        "Nothing was changed; servers that run go on serving. Apply again when most of the cluster's machines are back.",
    )
}

/// Neither an answer nor a refusal: programs that hang, machines that swallow what is sent to them.
pub(super) fn no_answer() -> Failure {
    Failure::new("No agent answers", "None of the cluster's agents answered in time, and none refused the connection.").next(
        "Nothing was changed; servers that run go on serving. See that the cluster's machines are up and reachable, then \
         apply again.",
    )
}

pub(super) fn unfounded() -> Failure {
    Failure::new("Cluster not founded", "Its agents run, but the cluster was never founded.")
        .next("Remove it with `terraform destroy` and apply again; it holds no data.")
}
