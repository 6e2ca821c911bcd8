//! From agents that run to a group that agrees on a Record: every agent is invited, then one founds the group.

use justmanage_model::node::AgentInfo;
use justmanage_model::{Failure, Record};
use tracing::{debug, info};

use super::look::Looked;
use super::{Manager, together};
use crate::agents::{AgentError, Proposal};
use crate::classify::newest;

/// How often agents are invited anew, because some of them turned out to belong to a group that somebody else has just founded.
const ROUNDS: usize = 3;
/// How often a call is repeated whose answer was lost: both calls here mean the same when they are made twice.
const REPEATS: usize = 3;

impl Manager {
    /// Founds the group with this Record, unless somebody has founded it with another one meanwhile: then that one is the
    /// Record. `agents` are those of all members, the one that founds first.
    ///
    /// # Errors
    /// An agent could not be told, or the voters did not come together.
    pub(super) async fn found(&self, record: Record, agents: &[AgentInfo]) -> Result<Record, Failure> {
        let mut record = record;
        for _ in 0..ROUNDS {
            let founded = self.invite(agents.iter(), &record).await?;
            match newest(founded.iter()) {
                Some(theirs) if theirs.epoch != record.epoch => {
                    info!("somebody else has just founded this cluster; going on with theirs");
                    record = theirs.clone();
                }
                _ => return self.found_by(agents, record).await,
            }
        }
        Err(Failure::new(
            "Cluster is being changed by somebody else",
            "It was founded anew each time it was looked at.",
        )
        .next("Apply again when the other run has ended."))
    }

    async fn found_by(&self, agents: &[AgentInfo], record: Record) -> Result<Record, Failure> {
        let first =
            agents.first().ok_or_else(|| Failure::new("Cluster without nodes", "The spec asks for no node."))?;
        let answer = repeated(|| self.agents.found(first, record.epoch)).await.map_err(|error| error.failure(first))?;
        match answer {
            Proposal::Applied(record) | Proposal::Conflict(Some(record)) => Ok(record),
            Proposal::Conflict(None) => {
                Err(Failure::new("Agent refused the cluster", "It was invited and founded nothing.")
                    .next("Apply again."))
            }
        }
    }

    /// Tells agents of which cluster they are to be, side by side. Answers with the Records of those who belong to a group
    /// already.
    ///
    /// # Errors
    /// An agent that could not be told, after every agent was tried.
    pub(super) async fn invite(
        &self,
        agents: impl Iterator<Item = &AgentInfo>,
        record: &Record,
    ) -> Result<Vec<Record>, Failure> {
        let answers = together(agents.collect::<Vec<_>>(), |agent| async move {
            match repeated(|| self.agents.invite(agent, record)).await {
                Ok(Proposal::Applied(_)) => Ok(None),
                Ok(Proposal::Conflict(theirs)) => Ok(theirs),
                Err(error) => Err(error.failure(agent)),
            }
        });
        let founded = answers.await.into_iter().collect::<Result<Vec<_>, Failure>>()?;
        Ok(founded.into_iter().flatten().collect())
    }

    /// Invites those members that do not know of the group yet: a create was cut short between the invitations, or they are
    /// new. A member that does not answer is left to the next apply.
    ///
    /// # Errors
    /// An agent that answers and could not be told.
    pub(super) async fn invite_unaware(&self, record: &Record, looked: &[Looked]) -> Result<(), Failure> {
        let unaware = looked.iter().filter_map(Looked::reply).filter(|(info, reply)| {
            let invited = reply.record.as_ref().is_some_and(|theirs| theirs.epoch == record.epoch);
            record.belongs(info.claim.node) && !reply.founded && !invited
        });
        let agents: Vec<&AgentInfo> = unaware.map(|(info, _)| info).collect();
        debug!(agents = agents.len(), "inviting members that do not know of their group");
        self.invite(agents.into_iter(), record).await.map(|_| ())
    }
}

/// A call that means the same when it is made twice, made again when its answer was lost.
async fn repeated<F>(call: impl Fn() -> F) -> Result<Proposal, AgentError>
where
    F: Future<Output = Result<Proposal, AgentError>>,
{
    let mut answer = call().await;
    for _ in 1..REPEATS {
        if !matches!(answer, Err(AgentError::NoAnswer(_) | AgentError::NotNow(_))) {
            break;
        }
        answer = call().await;
    }
    answer
}
