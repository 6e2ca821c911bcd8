//! What the framework hands to the author's code together with the typed values: the context of one call.

use std::collections::BTreeMap;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use crate::model::{Model, ModelError};
use crate::serve::any::Call;
use crate::timeouts::Deadline;
use crate::{Diagnostic, Diagnostics, Path, Value};

/// Whether there is a client, and why not.
pub(crate) enum Client<C> {
    /// `ConfigureProvider` was not called, or failed.
    NotConfigured,
    /// The provider's configuration has values that are only known after apply.
    ConfigUnknown,
    /// Ready for use.
    Ready(Arc<C>),
}

impl<C> Clone for Client<C> {
    fn clone(&self) -> Self {
        match self {
            Self::NotConfigured => Self::NotConfigured,
            Self::ConfigUnknown => Self::ConfigUnknown,
            Self::Ready(client) => Self::Ready(Arc::clone(client)),
        }
    }
}

/// The context of one call about one thing with the model `M` (a resource, a data source, an ephemeral resource, an action, a
/// list), of a provider with the client `C`.
pub struct Cx<C, M> {
    client: Client<C>,
    cancel: CancellationToken,
    deadline: Option<Deadline>,
    /// The deadline has passed, and the token was fired for that.
    late: AtomicBool,
    meta: Value,
    private: Mutex<BTreeMap<String, Vec<u8>>>,
    checkpoint: Mutex<Option<Value>>,
    reported: Mutex<Diagnostics>,
    model: PhantomData<fn(&M)>,
}

impl<C, M: Model> Cx<C, M> {
    pub(crate) fn new(client: Client<C>, call: Call) -> Self {
        Self {
            client,
            // A deadline ends this call only, a stop of the user's all of them.
            cancel: call.cancel.child_token(),
            deadline: call.deadline,
            late: AtomicBool::new(false),
            meta: call.meta,
            private: Mutex::new(call.private),
            checkpoint: Mutex::default(),
            reported: Mutex::default(),
            model: PhantomData,
        }
    }

    /// The provider's client, as `connect` made it.
    ///
    /// # Errors
    /// There is none, because the provider is not configured, or because its configuration depends on values that are
    /// only known after apply (possible in `modify_plan`, `plan_destroy`, `read` and data sources, never in `create`).
    pub fn client(&self) -> Result<&C, Diagnostic> {
        match &self.client {
            Client::Ready(client) => Ok(client),
            Client::NotConfigured => Err(Diagnostic::error(
                "Provider not configured",
                "This call needs the configured provider, but Terraform has not configured it in this run, or the \
                 configuration was refused. Look for an earlier error about the provider block.",
            )),
            Client::ConfigUnknown => Err(Diagnostic::error(
                "Provider configuration not known yet",
                "The provider block depends on values that are only known after apply, so the provider cannot reach \
                 what it manages now. Apply the resources that those values come from first (terraform apply \
                 -target=...), or write the values out.",
            )),
        }
    }

    /// Whether the provider's configuration has values that are only known after apply, so that there is no client.
    pub fn provider_config_unknown(&self) -> bool {
        matches!(self.client, Client::ConfigUnknown)
    }

    /// What the module that this call is for says in its `provider_meta` block, if the provider has one
    /// ([`crate::Provider::provider_meta`]) and the module has; `P` is its model. Only calls about resources and reads of
    /// data sources have it.
    ///
    /// # Errors
    /// `P` is not the model, or cannot hold the values.
    pub fn provider_meta<P: Model>(&self) -> Result<Option<P>, ModelError> {
        match &self.meta {
            Value::Object(meta) => P::decode(meta, &Path::root()).map(Some),
            _ => Ok(None),
        }
    }

    /// When this call has to have ended, if the resource has [timeouts](crate::timeouts). [`Cx::cancelled`] fires then.
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.as_ref().map(|deadline| deadline.at)
    }

    /// Cancelled when the user stops Terraform (Ctrl-C), when the deadline passes, and for an action or a list also when
    /// nobody waits for its answer any more. Long work watches it, stops at the next point where the truth can be told, and
    /// returns [`Cx::interrupted`]; what was [checkpointed](Cx::checkpoint) is saved.
    pub fn cancelled(&self) -> &CancellationToken {
        &self.cancel
    }

    /// Why the call was cancelled: the user's stop, or a timeout, which it names.
    pub fn interrupted(&self) -> Diagnostic {
        self.timed_out().unwrap_or_else(stopped)
    }

    /// The timeout that has passed and ended the call, if one has.
    pub fn timed_out(&self) -> Option<Diagnostic> {
        let deadline = self.deadline.as_ref().filter(|_| self.late.load(Ordering::Acquire));
        deadline.map(Deadline::passed)
    }

    /// Does the author's work, and tells it when the deadline passes.
    pub(crate) async fn in_time<T>(&self, work: impl Future<Output = T> + Send) -> T {
        let Some(deadline) = &self.deadline else { return work.await };
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            result = &mut work => return result,
            () = tokio::time::sleep_until(deadline.at.into()) => {}
        }
        tracing::warn!("the timeout has passed: telling the call");
        self.late.store(true, Ordering::Release);
        self.cancel.cancel();
        work.await
    }

    /// Waits for the work or for the user's stop or the deadline, whichever comes first. Only for work that can be dropped at
    /// any await without harm, such as waiting.
    ///
    /// # Errors
    /// The user stopped Terraform, or the deadline has passed.
    pub async fn unless_stopped<T>(&self, work: impl Future<Output = T> + Send) -> Result<T, Diagnostic> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => Err(self.interrupted()),
            result = work => Ok(result),
        }
    }

    /// Says what exists by now. If the call fails after this, by an error or a panic, this state is saved: after a failed
    /// create as tainted, so that the next apply replaces it and nothing is orphaned. Unknown values in it become null.
    pub fn checkpoint(&self, state: &M) {
        *lock(&self.checkpoint) = Some(Value::Object(state.encode()));
    }

    /// Reports a warning, or an error next to a result. An error reported here fails the call, but unlike a returned one
    /// it goes together with the returned state.
    pub fn report(&self, diagnostic: Diagnostic) {
        lock(&self.reported).push(diagnostic);
    }

    /// Bytes that were kept with this resource, beside its state and unseen by the user.
    pub fn private(&self, key: &str) -> Option<Vec<u8>> {
        lock(&self.private).get(key).cloned()
    }

    /// Keeps bytes with this resource. Terraform stores them in its state in plain text: no secrets. (With an ephemeral
    /// resource they are kept for the run, in memory.)
    pub fn set_private(&self, key: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        lock(&self.private).insert(key.into(), bytes.into());
    }

    /// Drops what was kept under a key.
    pub fn remove_private(&self, key: &str) {
        lock(&self.private).remove(key);
    }

    /// What the framework answers with, after the author's code is done, whichever way it ended.
    pub(crate) fn finish(self) -> Finished {
        Finished {
            late: self.timed_out(),
            private: self.private.into_inner().unwrap_or_else(PoisonError::into_inner),
            checkpoint: self.checkpoint.into_inner().unwrap_or_else(PoisonError::into_inner),
            reported: self.reported.into_inner().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

/// What the author's code left in the context.
pub(crate) struct Finished {
    pub(crate) private: BTreeMap<String, Vec<u8>>,
    pub(crate) checkpoint: Option<Value>,
    pub(crate) reported: Diagnostics,
    /// The timeout that has passed, as it is said.
    pub(crate) late: Option<Diagnostic>,
}

/// The user stopped Terraform.
pub(crate) fn stopped() -> Diagnostic {
    Diagnostic::error(
        "Stopped",
        "Terraform was asked to stop, so this operation was not finished. What exists so far is recorded in the state; \
         run apply again to go on.",
    )
}

/// A panic of the author's code while a lock was held leaves whole values behind: each is written in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
