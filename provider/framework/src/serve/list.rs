//! Lists: ValidateListResourceConfig, and ListResource with its stream of things.

use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use tfkit_proto::tfplugin6::{self as proto, list_resource as list, validate_list_resource_config as validate};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tracing::Instrument;

use super::action::unless_gone;
use super::any::{Call, ClientSlot, PrivateData};
use super::codec::{config_in, diagnostics_out, value_out};
use super::identity::schema_of;
use super::run::{decode, panicked, reported, with_an_error};
use super::validate::judged;
use super::{Inner, Service, blame, mend, no_such_type};
use crate::check::Answer;
use crate::list::{ListEnd, ListResource, Listing};
use crate::model::Model;
use crate::plugin::catch_panic;
use crate::resource::Resource;
use crate::schema::Schema;
use crate::{Diagnostic, Diagnostics, Value};

/// So many things wait for a Terraform that is slow to read; then the list waits too.
const THINGS: usize = 16;

/// What a list is asked for, and where it goes.
pub(crate) struct Sink {
    name: String,
    schemas: Arc<Schemas>,
    objects: bool,
    /// Things that are still wanted; negative: no limit.
    left: AtomicI64,
    events: mpsc::Sender<list::Event>,
}

/// The schemas of a list and of what it lists.
pub(crate) struct Schemas {
    config: Schema,
    resource: Schema,
    identity: Schema,
}

impl Sink {
    pub(crate) fn wants_objects(&self) -> bool {
        self.objects
    }

    /// Checks one thing and sends it.
    pub(crate) async fn add(
        &self,
        display_name: String,
        identity: Value,
        object: Option<Value>,
    ) -> Result<(), ListEnd> {
        // One list adds its things one after the other; the counter is atomic only because a future may move between threads.
        match self.left.load(Ordering::Relaxed) {
            0 => return Err(ListEnd::Enough),
            left if left > 0 => self.left.store(left - 1, Ordering::Relaxed),
            _ => {}
        }
        let event = self.event(display_name, &identity, object)?;
        self.events.send(event).await.map_err(|_| ListEnd::Enough)
    }

    fn event(&self, display_name: String, identity: &Value, object: Option<Value>) -> Result<list::Event, ListEnd> {
        let mut broken = blame::identity(&self.name, "list", &self.schemas.identity, identity, &Value::Null);
        let object = object.filter(|_| self.objects).map(|mut object| {
            mend::drop_write_only(&self.schemas.resource, &mut object);
            object
        });
        if let Some(object) = &object {
            broken.extend(blame::state(&self.name, "list", &self.schemas.resource, object, Answer::State));
        }
        if !broken.is_empty() {
            return Err(broken.into());
        }
        let identity_data = Some(value_out(identity, &self.schemas.identity)?);
        Ok(list::Event {
            identity: Some(proto::ResourceIdentityData { identity_data }),
            display_name,
            resource_object: object.map(|object| value_out(&object, &self.schemas.resource)).transpose()?,
            diagnostic: Vec::new(),
        })
    }
}

/// A [`ListResource`] without its type.
#[async_trait]
pub(crate) trait AnyList: Send + Sync {
    fn schemas(&self) -> &Arc<Schemas>;
    fn validate(&self, config: &Value) -> Diagnostics;
    async fn list(&self, call: Call, config: &Value, sink: Sink) -> Diagnostics;
}

/// A list with its schemas and the way to its client.
pub(crate) struct TypedList<L: ListResource> {
    list: L,
    schemas: Arc<Schemas>,
    slot: Arc<ClientSlot<<L::Resource as Resource>::Client>>,
}

impl<L: ListResource> TypedList<L> {
    pub(crate) fn new(list: L, slot: Arc<ClientSlot<<L::Resource as Resource>::Client>>) -> Self {
        let at_zero = |block| Schema { version: 0, block };
        let schemas = Schemas {
            config: at_zero(L::Config::block()),
            resource: at_zero(<L::Resource as Resource>::Model::block()),
            identity: schema_of::<L::Resource>(),
        };
        Self { list, schemas: Arc::new(schemas), slot }
    }
}

#[async_trait]
impl<L: ListResource> AnyList for TypedList<L> {
    fn schemas(&self) -> &Arc<Schemas> {
        &self.schemas
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        reported::<L::Config>(config, |config, report| self.list.validate(config, report))
    }

    async fn list(&self, call: Call, config: &Value, sink: Sink) -> Diagnostics {
        let cx = self.slot.context(call);
        let found = Listing { sink, of: PhantomData };
        let listed = catch_panic(async {
            let config = decode::<L::Config>(config).map_err(Diagnostic::from)?;
            cx.unless_stopped(self.list.list(&cx, config, &found)).await?
        });
        let ended = listed.await;
        let mut diagnostics = cx.finish().reported;
        match ended {
            Ok(Ok(()) | Err(ListEnd::Enough)) => {}
            Ok(Err(ListEnd::Failed(failed))) => diagnostics.extend(with_an_error(failed)),
            Err(panic) => diagnostics.push(panicked(&panic)),
        }
        diagnostics
    }
}

impl Inner {
    pub(super) fn has_lists(&self) -> bool {
        !self.lists.is_empty()
    }

    fn list_of(&self, name: &str) -> Result<&dyn AnyList, Diagnostic> {
        self.lists.get(name).map(AsRef::as_ref).ok_or_else(|| no_such_type("list resource", name))
    }

    pub(super) fn validate_list(&self, request: &validate::Request) -> Result<validate::Response, Diagnostics> {
        let list = self.list_of(&request.type_name)?;
        let schema = &list.schemas().config;
        let config = config_in(request.config.as_ref(), schema)?;
        let diagnostics = judged(schema, &config, || list.validate(&config));
        Ok(validate::Response { diagnostics: diagnostics_out(diagnostics) })
    }

    async fn list(
        &self,
        request: &list::Request,
        call: Call,
        events: mpsc::Sender<list::Event>,
    ) -> Result<Diagnostics, Diagnostics> {
        let list = self.list_of(&request.type_name)?;
        let schemas = list.schemas();
        let config = mend::with_defaults(&schemas.config, &config_in(request.config.as_ref(), &schemas.config)?);
        let sink = Sink {
            name: request.type_name.clone(),
            schemas: Arc::clone(schemas),
            objects: request.include_resource_object,
            left: AtomicI64::new(if request.limit > 0 { request.limit } else { -1 }),
            events,
        };
        Ok(list.list(call, &config, sink).await)
    }
}

impl Service {
    /// Lists in a task of its own, which is asked to stop when Terraform has enough.
    pub(super) fn list_resource(&self, request: list::Request) -> BoxStream<list::Event> {
        let (sender, events) = mpsc::channel(THINGS);
        let service = self.clone();
        let call = service.0.call(PrivateData::new());
        let call = Call { cancel: call.cancel.child_token(), ..call };
        let gone = call.cancel.clone();
        let work = async move {
            let listed = service.0.list(&request, call, sender.clone());
            let diagnostics = unless_gone(&sender, &gone, listed).await;
            if !diagnostics.is_empty() {
                // Core takes an event without an identity when it has something to say.
                let _ =
                    sender.send(list::Event { diagnostic: diagnostics_out(diagnostics), ..Default::default() }).await;
            }
        };
        tokio::spawn(work.in_current_span());
        Box::pin(ReceiverStream::new(events).map(Ok))
    }
}

impl Schemas {
    /// The list's own, as it is configured.
    pub(super) fn config(&self) -> &Schema {
        &self.config
    }
}
