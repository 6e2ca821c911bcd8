//! Typed resources, data sources and configurations, seen without their types: values in, values out.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::identity::AnyIdentity;
use crate::context::{Client, Cx};
use crate::model::Model;
use crate::moves::{MoveFrom, MoveSource};
use crate::provider::ConfigureCx;
use crate::schema::Schema;
use crate::timeouts::{Deadline, Limits};
use crate::{Diagnostics, Path, Value};

/// Bytes by key, as the author's code keeps them.
pub(crate) type PrivateData = BTreeMap<String, Vec<u8>>;

/// Where the client is, once the provider is configured.
pub(crate) struct ClientSlot<C>(RwLock<Client<C>>);

impl<C> Default for ClientSlot<C> {
    fn default() -> Self {
        Self(RwLock::new(Client::NotConfigured))
    }
}

impl<C> ClientSlot<C> {
    pub(crate) fn set(&self, client: Client<C>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = client;
    }

    /// The context of a call.
    pub(crate) fn context<M: Model>(&self, call: Call) -> Cx<C, M> {
        let client = self.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        Cx::new(client, call)
    }
}

/// What a call brings besides values.
pub(crate) struct Call {
    pub(crate) cancel: CancellationToken,
    pub(crate) private: PrivateData,
    /// When it has to have ended.
    pub(crate) deadline: Option<Deadline>,
    /// What the module says to the provider; null: nothing.
    pub(crate) meta: Value,
}

impl Call {
    /// The same call with a deadline.
    pub(crate) fn until(self, deadline: Option<Deadline>) -> Self {
        Self { deadline, ..self }
    }

    /// The same call with what the module says to the provider.
    pub(crate) fn with_meta(self, meta: Value) -> Self {
        Self { meta, ..self }
    }
}

/// How a call of the author's code ended.
pub(crate) struct Outcome {
    /// What is there now. Of a failed call: what it said or checkpointed, `None` if it did neither.
    pub(crate) state: Option<Value>,
    /// Whether the author's code failed (or panicked), so that `state` may be partial.
    pub(crate) failed: bool,
    pub(crate) private: PrivateData,
    pub(crate) diagnostics: Diagnostics,
}

/// A planned create or update on its way through the author's `modify_plan`.
pub(crate) struct Change {
    pub(crate) prior: Value,
    pub(crate) config: Value,
    pub(crate) planned: Value,
    /// When nothing has changed: the plan as if something had.
    pub(crate) as_changed: Option<Value>,
    pub(crate) replace: Vec<Path>,
}

/// A [`crate::Resource`] without its type.
#[async_trait]
pub(crate) trait AnyResource: Send + Sync {
    fn schema(&self) -> &Schema;
    fn timeouts(&self) -> Option<Limits>;
    fn validate(&self, config: &Value) -> Diagnostics;
    fn semantic_eq(&self, path: &Path, one: &Value, other: &Value) -> bool;
    fn upgrade(&self, from: i64, state: serde_json::Value) -> Result<serde_json::Value, Diagnostics>;
    async fn modify_plan(&self, call: Call, change: &mut Change) -> Outcome;
    async fn plan_destroy(&self, call: Call, prior: &Value) -> Outcome;
    async fn create(&self, call: Call, planned: &Value, config: &Value) -> Outcome;
    async fn read(&self, call: Call, state: &Value) -> Outcome;
    async fn update(&self, call: Call, prior: &Value, planned: &Value, config: &Value) -> Outcome;
    async fn delete(&self, call: Call, state: &Value) -> Outcome;
    async fn import(&self, call: Call, id: &str) -> Outcome;
    /// Its identity, if the type has one.
    fn identity(&self) -> Option<&dyn AnyIdentity>;
    /// Where its states may come from.
    fn moves(&self) -> &'static [MoveFrom];
    fn move_from(&self, source: MoveSource) -> Result<Value, Diagnostics>;
}

/// A [`crate::DataSource`] without its type.
#[async_trait]
pub(crate) trait AnyDataSource: Send + Sync {
    fn schema(&self) -> &Schema;
    fn validate(&self, config: &Value) -> Diagnostics;
    async fn read(&self, call: Call, config: &Value) -> Outcome;
}

/// The provider's configuration without its type.
#[async_trait]
pub(crate) trait AnyConfig: Send + Sync {
    fn schema(&self) -> &Schema;
    fn validate(&self, config: &Value) -> Diagnostics;
    async fn connect(&self, cx: ConfigureCx, config: &Value) -> Diagnostics;
}
