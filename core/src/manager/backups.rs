//! Which backups of a cluster there are, as its agents find them.

use std::time::Duration;

use justmanage_model::Failure;
use justmanage_model::backup::BackupEntry;
use justmanage_model::node::AgentInfo;
use tracing::debug;

use super::Manager;
use super::ask::{LOOK_PATIENCE, Silence, no_answer, unfounded};
use super::observe::silence_of;
use crate::Locator;
use crate::agents::AgentError;

impl Manager {
    /// The newest backups of a cluster that are wanted, at most so many, newest first: those at the destination of its policy, the one
    /// that is being made, and the last that was tried if it came to nothing. None where the cluster has no policy.
    ///
    /// The agent that leads is asked, or another one where it does not answer. Each finds what is at the destination as its own node sees
    /// it: where that is a directory that the nodes do not share, they find different ones.
    ///
    /// # Errors
    /// There is no such cluster, the platform could not be asked, no agent answers, or the one that does cannot look at the destination.
    pub async fn backups(
        &self,
        locator: &Locator,
        wanted: impl Fn(&BackupEntry) -> bool + Send + Sync,
        most: usize,
    ) -> Result<Vec<BackupEntry>, Failure> {
        let (seen, agents) = self.machines_of(locator).await?;
        if seen.machines.is_empty() {
            return Err(if seen.silent.is_empty() { gone(locator) } else { silence_of(&seen.silent) });
        }
        let mut silence: Option<Silence> = None;
        for agent in self.leader_first(agents).await? {
            match self.backups_of(&agent, &wanted, most).await {
                Ok(backups) => return Ok(backups),
                Err(AgentError::Refused(why)) => return Err(not_listed(&agent, &why)),
                Err(error) => {
                    debug!(node = %agent.claim.node, %error, "it does not say which backups there are");
                    silence.get_or_insert(Silence { agent, error });
                }
            }
        }
        Err(silence.map_or_else(no_answer, |silence| silence.failure()))
    }

    /// The same agents, the one that leads first, or where nobody does the one that answers first.
    async fn leader_first(&self, mut agents: Vec<AgentInfo>) -> Result<Vec<AgentInfo>, Failure> {
        let patience: Duration = LOOK_PATIENCE.min(self.patience);
        let first = match self.ask(&agents, patience).await {
            Some(Ok(said)) if said.status.record.is_none() => return Err(unfounded()),
            Some(Ok(said)) => said.status.leader.unwrap_or(said.agent.claim.node),
            Some(Err(silence)) => return Err(silence.failure()),
            None => return Err(no_answer()),
        };
        agents.sort_by_key(|agent| agent.claim.node != first);
        Ok(agents)
    }

    /// What one agent finds, page by page.
    async fn backups_of(
        &self,
        agent: &AgentInfo,
        wanted: &(impl Fn(&BackupEntry) -> bool + Send + Sync),
        most: usize,
    ) -> Result<Vec<BackupEntry>, AgentError> {
        let mut found = Vec::new();
        let mut last = None;
        while found.len() < most {
            let page = self.agents.backups(agent, last.as_ref()).await?;
            let Some(end) = page.last() else { break };
            last = Some(end.id.clone());
            found.extend(page.into_iter().filter(wanted));
        }
        found.truncate(most);
        Ok(found)
    }
}

fn gone(locator: &Locator) -> Failure {
    Failure::new("Cluster not found", format!("There is no cluster {locator}."))
}

fn not_listed(agent: &AgentInfo, why: &str) -> Failure {
    let detail = format!("The agent of {} cannot tell: {}.", agent.claim.node, why.trim_end_matches('.'));
    Failure::new("Backups cannot be listed", detail)
        .next("Nothing was changed. Mend what the agent names, and look again.")
}
