//! A provider is put together here: its name, its configuration, and everything that it has.

use std::collections::BTreeMap;
use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::action::Action;
use crate::data_source::DataSource;
use crate::ephemeral::Ephemeral;
use crate::function::Function;
use crate::identity::Identified;
use crate::list::ListResource;
use crate::model::{Empty, Model, View};
use crate::plugin::{self, Options};
use crate::resource::Resource;
use crate::schema::Schema;
use crate::serve::action::TypedAction;
use crate::serve::any::ClientSlot;
use crate::serve::config::TypedConfig;
use crate::serve::data_source::TypedDataSource;
use crate::serve::ephemeral::TypedEphemeral;
use crate::serve::function::TypedFunction;
use crate::serve::list::TypedList;
use crate::serve::typed::TypedResource;
use crate::serve::{Service, ServiceError, Types};
use crate::{Diagnostic, Diagnostics};

/// The beginning of a provider: a name, and no client yet.
pub struct NewProvider {
    name: String,
}

/// A provider whose calls use a client `C`.
pub struct Provider<C> {
    name: String,
    slot: Arc<ClientSlot<C>>,
    types: Types,
}

/// What `connect` may want to know and say. Cheap to clone.
#[derive(Clone)]
pub struct ConfigureCx {
    pub(crate) terraform_version: String,
    pub(crate) cancel: CancellationToken,
    pub(crate) reported: Arc<std::sync::Mutex<Diagnostics>>,
}

impl ConfigureCx {
    /// The version of Terraform or OpenTofu that calls.
    pub fn terraform_version(&self) -> &str {
        &self.terraform_version
    }

    /// Cancelled when the user stops Terraform.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Reports a warning.
    pub fn report(&self, diagnostic: Diagnostic) {
        self.reported.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(diagnostic);
    }
}

impl Provider<()> {
    /// Begins a provider. The name is the local name users give it, and the prefix of its types: `justmanage`.
    // The name is what everybody looks for; what it begins becomes a provider with the next call.
    #[allow(clippy::new_ret_no_self)]
    pub fn new(name: impl Into<String>) -> NewProvider {
        NewProvider { name: name.into() }
    }
}

impl NewProvider {
    /// Gives the provider a configuration, and the way from it to a client. `connect` is called when Terraform configures
    /// the provider with values that are all known; with unknown ones it is not called, and calls that need the client
    /// say so. Use no network in `connect` that a plan can do without.
    pub fn config<Cfg, C, F, Fut>(self, connect: F) -> Provider<C>
    where
        Cfg: Model,
        C: Send + Sync + 'static,
        F: Fn(Cfg, ConfigureCx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<C, Diagnostics>> + Send + 'static,
    {
        self.config_validated(connect, |_, _| ())
    }

    /// As [`Self::config`], with a check of what one attribute alone cannot say; the values may be unknown.
    pub fn config_validated<Cfg, C, F, Fut, V>(self, connect: F, validate: V) -> Provider<C>
    where
        Cfg: Model,
        C: Send + Sync + 'static,
        F: Fn(Cfg, ConfigureCx) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<C, Diagnostics>> + Send + 'static,
        V: Fn(&View<Cfg>, &mut Diagnostics) + Send + Sync + 'static,
    {
        let slot = Arc::new(ClientSlot::default());
        let config = Box::new(TypedConfig::new(Arc::clone(&slot), connect, validate));
        Provider { name: self.name, slot, types: Types::new(config) }
    }

    /// A provider without configuration.
    pub fn without_config(self) -> Provider<()> {
        self.config(|_: Empty, _| async { Ok(()) })
    }
}

impl<C: Send + Sync + 'static> Provider<C> {
    /// Adds a type of resource.
    #[must_use]
    pub fn resource<R: Resource<Client = C>>(mut self, resource: R) -> Self {
        let name = format!("{}_{}", self.name, R::TYPE);
        let typed = Arc::new(TypedResource::new(name.clone(), resource, Arc::clone(&self.slot)));
        add(&mut self.types.resources, &mut self.types.repeated, name, typed);
        self
    }

    /// Adds a data source.
    #[must_use]
    pub fn data_source<D: DataSource<Client = C>>(mut self, data_source: D) -> Self {
        let name = format!("{}_{}", self.name, D::TYPE);
        let typed = Arc::new(TypedDataSource::new(data_source, Arc::clone(&self.slot)));
        add(&mut self.types.data_sources, &mut self.types.repeated, name, typed);
        self
    }

    /// Adds a type of resource that has an identity.
    #[must_use]
    pub fn identified<R: Identified<Client = C>>(mut self, resource: R) -> Self {
        let name = format!("{}_{}", self.name, R::TYPE);
        let typed = Arc::new(TypedResource::identified(name.clone(), resource, Arc::clone(&self.slot)));
        add(&mut self.types.resources, &mut self.types.repeated, name, typed);
        self
    }

    /// Adds a way to list the things of a type, which is [`identified`](Self::identified).
    #[must_use]
    pub fn list<L: ListResource>(mut self, list: L) -> Self
    where
        L::Resource: Resource<Client = C>,
    {
        let name = format!("{}_{}", self.name, <L::Resource as Resource>::TYPE);
        let typed = Arc::new(TypedList::new(list, Arc::clone(&self.slot)));
        add(&mut self.types.lists, &mut self.types.repeated, name, typed);
        self
    }

    /// Adds an action.
    #[must_use]
    pub fn action<A: Action<Client = C>>(mut self, action: A) -> Self {
        let name = format!("{}_{}", self.name, A::TYPE);
        let typed = Arc::new(TypedAction::new(action, Arc::clone(&self.slot)));
        add(&mut self.types.actions, &mut self.types.repeated, name, typed);
        self
    }

    /// Adds a type of ephemeral resource.
    #[must_use]
    pub fn ephemeral<E: Ephemeral<Client = C>>(mut self, ephemeral: E) -> Self {
        let name = format!("{}_{}", self.name, E::TYPE);
        let typed = Arc::new(TypedEphemeral::new(ephemeral, Arc::clone(&self.slot)));
        add(&mut self.types.ephemerals, &mut self.types.repeated, name, typed);
        self
    }

    /// Adds a function. Its name has no prefix: users write `provider::NAME::function(...)`.
    #[must_use]
    pub fn function<F: Function>(mut self, function: F) -> Self {
        let typed = Arc::new(TypedFunction::new(function));
        add(&mut self.types.functions, &mut self.types.repeated, F::NAME.to_owned(), typed);
        self
    }

    /// Lets modules say something to the provider: `provider_meta` in their `terraform` block, with this model. It reaches
    /// calls about resources and data sources as [`crate::Cx::provider_meta`].
    #[must_use]
    pub fn provider_meta<M: Model>(mut self) -> Self {
        self.types.meta = Some(Schema { version: 0, block: M::block() });
        self
    }

    /// Serves Terraform until it asks for the end, and returns the exit code: the last line of `main`.
    ///
    /// ```no_run
    /// use tfkit::{Provider, plugin::Options};
    ///
    /// fn main() -> std::process::ExitCode {
    ///     Provider::new("empty").without_config().serve(Options::new("example.test/acme/empty"))
    /// }
    /// ```
    pub fn serve(self, options: Options) -> ExitCode {
        match self.into_service() {
            Ok(service) => {
                let options = options.stop(service.stop());
                plugin::serve(service, options)
            }
            Err(error) => {
                eprintln!("This provider cannot be served: {error}");
                ExitCode::FAILURE
            }
        }
    }

    /// The gRPC service, to be given to [`crate::plugin::serve`] or called by tests.
    ///
    /// # Errors
    /// A schema breaks a rule of Terraform, which would crash it. One unit test that calls this keeps it from happening.
    pub fn into_service(self) -> Result<Service, ServiceError> {
        Service::new(self.types)
    }
}

/// Adds one of a kind. A name that was given before is noted: such a provider is refused.
fn add<T: ?Sized>(kind: &mut BTreeMap<String, Arc<T>>, repeated: &mut Vec<String>, name: String, one: Arc<T>) {
    if kind.insert(name.clone(), one).is_some() {
        repeated.push(name);
    }
}
