//! A node that has moved takes its server along: stopped where nobody reaches it any more, it is started where the node is.

use justmanage_model::NodeAddresses;
use tracing::{info, warn};

use super::act::STOP_LIMIT;
use super::{Started, Turn};
use crate::server::Process;

impl Turn {
    /// Where this node is, if that may change; otherwise the operator has said it, and the agent has nothing to add.
    pub(super) fn at(&self) -> Option<NodeAddresses> {
        self.tools.moves.then(|| self.tools.info.addresses())
    }

    /// What the server was started with, as far as that is known.
    pub(super) fn started(&self) -> Option<Started> {
        let directory = &self.tools.directory;
        directory.read(&directory.started()).ok().flatten()
    }

    /// Whether the server was started for another address than the node has.
    pub(super) fn is_elsewhere(&self) -> bool {
        let at = self.started().and_then(|started| started.address);
        at.is_some_and(|at| at != self.tools.info.client.ip())
    }

    /// Has a server stopped that listens where the node was, so that it saves its data. Nobody can reach it there, so this
    /// needs no grant; the planner finds it stopped, and has it started. Nobody waits for it here: a primary gives its
    /// replicas ten seconds to catch up, and what is known of the node meanwhile is worth telling.
    pub(super) async fn bring_home(&mut self) {
        if self.at_home {
            return;
        }
        if let Some(stopping) = self.on_its_way.take_if(|stopping| stopping.is_finished()) {
            if stopping.await.unwrap_or(false) {
                self.memory.saved(&self.tools.directory);
            }
        } else if self.on_its_way.is_some() {
            return;
        }
        if !self.is_elsewhere() || !matches!(self.tools.supervisor.state(), Process::Running { .. }) {
            self.at_home = true;
            return;
        }
        info!(to = %self.tools.info.client, "the server listens where the node was, and is stopped there");
        let supervisor = self.tools.supervisor.clone();
        self.on_its_way = Some(tokio::spawn(async move {
            supervisor.stop_saving(STOP_LIMIT).await.unwrap_or_else(|error| {
                warn!(error = error.to_string(), "the server cannot be stopped where the node was");
                false
            })
        }));
    }
}
