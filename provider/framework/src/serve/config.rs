//! The typed provider configuration behind the untyped interface, and the client that it makes.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use async_trait::async_trait;

use super::any::{AnyConfig, ClientSlot};
use super::run::{decode, panicked, reported, with_an_error};
use crate::context::{Client, stopped};
use crate::model::{Model, View};
use crate::plugin::catch_panic;
use crate::provider::ConfigureCx;
use crate::schema::Schema;
use crate::{Diagnostics, Value};

/// A configuration model with the functions that check it and connect with it.
pub(crate) struct TypedConfig<Cfg, C, F, V> {
    schema: Schema,
    slot: Arc<ClientSlot<C>>,
    connect: F,
    validate: V,
    model: PhantomData<fn(Cfg)>,
}

impl<Cfg: Model, C, F, V> TypedConfig<Cfg, C, F, V> {
    pub(crate) fn new(slot: Arc<ClientSlot<C>>, connect: F, validate: V) -> Self {
        Self { schema: Schema { version: 0, block: Cfg::block() }, slot, connect, validate, model: PhantomData }
    }
}

#[async_trait]
impl<Cfg, C, F, Fut, V> AnyConfig for TypedConfig<Cfg, C, F, V>
where
    Cfg: Model,
    C: Send + Sync + 'static,
    F: Fn(Cfg, ConfigureCx) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<C, Diagnostics>> + Send + 'static,
    V: Fn(&View<Cfg>, &mut Diagnostics) + Send + Sync + 'static,
{
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        reported::<Cfg>(config, |config, report| (self.validate)(config, report))
    }

    async fn connect(&self, cx: ConfigureCx, config: &Value) -> Diagnostics {
        // Unknown during plan when it comes from a resource that is not there yet: no reason to fail (rule P12).
        if !config.is_wholly_known() {
            self.slot.set(Client::ConfigUnknown);
            return Diagnostics::new();
        }
        self.slot.set(Client::NotConfigured);
        let config = match decode::<Cfg>(config) {
            Ok(config) => config,
            Err(error) => return error.into(),
        };
        let cancel = cx.cancelled().clone();
        let work = catch_panic(async { (self.connect)(config, cx).await });
        let Some(connected) = cancel.run_until_cancelled(work).await else { return stopped().into() };
        match connected {
            Ok(Ok(client)) => {
                self.slot.set(Client::Ready(Arc::new(client)));
                Diagnostics::new()
            }
            Ok(Err(diagnostics)) => with_an_error(diagnostics),
            Err(panic) => panicked(&panic).into(),
        }
    }
}
