//! A typed ephemeral resource behind an untyped interface.

use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;

use super::any::{Call, ClientSlot, Outcome};
use super::run::{caught, decode, outcome, reported};
use crate::ephemeral::Ephemeral;
use crate::model::Model;
use crate::resource::Failed;
use crate::schema::Schema;
use crate::{Diagnostics, Value};

/// How a call ended, and when the ephemeral resource wants to be renewed.
pub(crate) struct Lease {
    pub(crate) outcome: Outcome,
    pub(crate) renew_at: Option<SystemTime>,
}

/// An [`Ephemeral`] without its type.
#[async_trait]
pub(crate) trait AnyEphemeral: Send + Sync {
    fn schema(&self) -> &Schema;
    fn validate(&self, config: &Value) -> Diagnostics;
    async fn open(&self, call: Call, config: &Value) -> Lease;
    async fn renew(&self, call: Call) -> Lease;
    async fn close(&self, call: Call) -> Outcome;
}

/// An ephemeral resource with its schema and the way to its client.
pub(crate) struct TypedEphemeral<E: Ephemeral> {
    ephemeral: E,
    schema: Schema,
    slot: Arc<ClientSlot<E::Client>>,
}

impl<E: Ephemeral> TypedEphemeral<E> {
    pub(crate) fn new(ephemeral: E, slot: Arc<ClientSlot<E::Client>>) -> Self {
        Self { ephemeral, schema: Schema { version: 0, block: E::Model::block() }, slot }
    }
}

#[async_trait]
impl<E: Ephemeral> AnyEphemeral for TypedEphemeral<E> {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        reported::<E::Model>(config, |config, report| self.ephemeral.validate(config, report))
    }

    async fn open(&self, call: Call, config: &Value) -> Lease {
        let cx = self.slot.context(call);
        let mut renew_at = None;
        let ended = caught(async {
            let config = decode::<E::Model>(config)?;
            let opened = self.ephemeral.open(&cx, config).await?;
            renew_at = opened.renew_at;
            Ok(Some(opened.result))
        })
        .await;
        Lease { outcome: outcome(cx, ended), renew_at }
    }

    async fn renew(&self, call: Call) -> Lease {
        let cx = self.slot.context::<E::Model>(call);
        let mut renew_at = None;
        let ended = caught(async {
            renew_at = self.ephemeral.renew(&cx).await.map_err(Failed::from)?;
            Ok(None)
        })
        .await;
        Lease { outcome: outcome(cx, ended), renew_at }
    }

    async fn close(&self, call: Call) -> Outcome {
        let cx = self.slot.context::<E::Model>(call);
        let ended = caught(async { self.ephemeral.close(&cx).await.map(|()| None).map_err(Failed::from) }).await;
        outcome(cx, ended)
    }
}
