//! The steps about slots: what they weigh, and where they go.

use justmanage_engine::migrate::weigh;
use justmanage_model::Record;

use super::Turn;
use super::act::StepError;
use super::program::reach;

impl Turn {
    /// Looks what the slots of our server weigh.
    pub(super) async fn weigh_slots(&mut self, record: &Record) -> Result<(), StepError> {
        self.reach_far_enough(record).await?;
        let mut server = self.server(record).await?;
        let slots = server.myself().await?.slots;
        self.weights = Some(weigh(&mut server, &slots, record.generation).await?);
        self.put_back(server)
    }

    /// Begins to give away what the grant says, when the shard is probed. A shard without slots cannot be.
    pub(super) async fn move_slots(&mut self, record: &Record) -> Result<(), StepError> {
        let Some(grant) = record.reshard_of(self.tools.info.claim.node) else { return Ok(()) };
        self.reach_far_enough(record).await?;
        let mut server = self.server(record).await?;
        let gives = !server.myself().await?.slots.is_empty();
        self.put_back(server)?;
        if gives {
            self.await_probe(record).await;
        }
        self.moving.begin(grant);
        Ok(())
    }

    /// Our own users get the rights that moving needs, or weighing, before it is begun.
    async fn reach_far_enough(&mut self, record: &Record) -> Result<(), StepError> {
        let reach = reach(record, self.tools.info.claim.node);
        match &self.applied {
            Some(applied) if applied.reach() == reach => Ok(()),
            _ => self.apply_users(record).await,
        }
    }
}
