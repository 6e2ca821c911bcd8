//! Telling the other servers what ours has become.

use justmanage_model::Record;
use tracing::debug;

use super::Turn;

impl Turn {
    /// Who was a primary and is a replica tells nobody: the others hear of it when they next exchange what they know, within half a
    /// node timeout, and until then agree on nothing, so that whatever is done one after the other waits for it. To meet those that
    /// one knows already is harmless, and tells them at once.
    ///
    /// Nothing depends on it, so nothing is said where it fails.
    pub(super) async fn announce(&mut self, record: &Record) {
        if !self.memory.take_demoted() {
            return;
        }
        let own = self.tools.info.claim.node;
        let Some(mut server) = self.connection.take() else { return };
        for member in record.members.iter().filter(|(node, _)| **node != own).map(|(_, member)| member) {
            if let Err(error) = server.cluster_meet(member.client, member.bus_port).await {
                debug!(error = error.to_string(), "another server cannot be told that ours is a replica now");
                return;
            }
        }
        self.connection = Some(server);
    }
}
