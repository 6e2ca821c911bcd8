//! A typed data source behind the untyped interface.

use std::sync::Arc;

use async_trait::async_trait;

use super::any::{AnyDataSource, Call, ClientSlot, Outcome};
use super::run::{caught, decode, outcome, reported};
use crate::data_source::DataSource;
use crate::model::Model;
use crate::schema::Schema;
use crate::{Diagnostics, Value};

/// A data source with its schema and the way to its client.
pub(crate) struct TypedDataSource<D: DataSource> {
    data_source: D,
    schema: Schema,
    slot: Arc<ClientSlot<D::Client>>,
}

impl<D: DataSource> TypedDataSource<D> {
    pub(crate) fn new(data_source: D, slot: Arc<ClientSlot<D::Client>>) -> Self {
        Self { data_source, schema: Schema { version: 0, block: D::Model::block() }, slot }
    }
}

#[async_trait]
impl<D: DataSource> AnyDataSource for TypedDataSource<D> {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        reported::<D::Model>(config, |config, report| self.data_source.validate(config, report))
    }

    async fn read(&self, call: Call, config: &Value) -> Outcome {
        let cx = self.slot.context(call);
        let ended = caught(async {
            let config = decode::<D::Model>(config)?;
            let found: Result<D::Model, Diagnostics> = cx.unless_stopped(self.data_source.read(&cx, config)).await?;
            Ok(Some(found?))
        })
        .await;
        outcome(cx, ended)
    }
}
