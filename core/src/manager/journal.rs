//! What happened to a cluster, gathered from its nodes.

use justmanage_model::journal::Entry;
use justmanage_model::node::AgentInfo;
use justmanage_model::{Failure, NodeId};
use tracing::debug;

use super::{Manager, together};
use crate::Locator;
use crate::agents::AgentError;

impl Manager {
    /// The last `last` things that happened to a cluster, oldest first, by the clocks of the nodes at which they happened. What
    /// happened at a node whose agent does not answer is not among them.
    ///
    /// # Errors
    /// The platform could not be asked, or no agent answers.
    pub async fn journal(&self, locator: &Locator, last: usize) -> Result<Vec<Entry>, Failure> {
        let (_, agents) = self.machines_of(locator).await?;
        let read = together(agents, |agent| async move { (agent.claim.node, self.journal_of(&agent).await) }).await;
        let mut entries = Vec::new();
        let mut failed: Option<(NodeId, AgentError)> = None;
        let mut answered = read.is_empty();
        for (node, read) in read {
            match read {
                Ok(more) => {
                    answered = true;
                    entries.extend(more);
                }
                Err(error) => {
                    debug!(%node, %error, "its journal could not be read");
                    failed = Some((node, error));
                }
            }
        }
        if let Some((node, error)) = failed.filter(|_| !answered) {
            return Err(error.failure_of(&node));
        }
        entries.sort_by_key(|entry| (entry.at, entry.node, entry.number));
        Ok(entries.split_off(entries.len().saturating_sub(last)))
    }

    /// Everything that a node keeps, page by page.
    async fn journal_of(&self, agent: &AgentInfo) -> Result<Vec<Entry>, AgentError> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let after = entries.last().map_or(0, |entry| entry.number);
            let page = self.agents.journal(agent, after).await?;
            if page.is_empty() {
                return Ok(entries);
            }
            entries.extend(page);
        }
    }
}
