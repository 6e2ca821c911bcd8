//! Actions: ValidateActionConfig, PlanAction, and InvokeAction with its stream of progress.

use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use tfkit_proto::tfplugin6::{
    self as proto, invoke_action as invoke, plan_action as plan, validate_action_config as validate,
};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codegen::BoxStream;
use tracing::Instrument;

use super::any::{Call, ClientSlot, Outcome, PrivateData};
use super::codec::{config_in, diagnostics_out};
use super::run::{caught, decode, outcome, panicked, reported};
use super::validate::judged;
use super::{Inner, Service, mend, no_such_type};
use crate::action::{Action, Progress};
use crate::model::{Model, View};
use crate::plugin::catch_panic;
use crate::schema::Schema;
use crate::{Diagnostic, Diagnostics, Value};

/// So many lines wait for a Terraform that is slow to read; then the action waits too.
const LINES: usize = 16;

/// An [`Action`] without its type.
#[async_trait]
pub(crate) trait AnyAction: Send + Sync {
    fn schema(&self) -> &Schema;
    fn validate(&self, config: &Value) -> Diagnostics;
    async fn plan(&self, call: Call, config: &Value) -> Outcome;
    async fn invoke(&self, call: Call, config: &Value, progress: Progress) -> Outcome;
}

/// An action with its schema and the way to its client.
pub(crate) struct TypedAction<A: Action> {
    action: A,
    schema: Schema,
    slot: Arc<ClientSlot<A::Client>>,
}

impl<A: Action> TypedAction<A> {
    pub(crate) fn new(action: A, slot: Arc<ClientSlot<A::Client>>) -> Self {
        Self { action, schema: Schema { version: 0, block: A::Model::block() }, slot }
    }
}

#[async_trait]
impl<A: Action> AnyAction for TypedAction<A> {
    fn schema(&self) -> &Schema {
        &self.schema
    }

    fn validate(&self, config: &Value) -> Diagnostics {
        reported::<A::Model>(config, |config, report| self.action.validate(config, report))
    }

    async fn plan(&self, call: Call, config: &Value) -> Outcome {
        let cx = self.slot.context(call);
        let ended = caught(async {
            let config = decode::<View<A::Model>>(config)?;
            cx.unless_stopped(self.action.plan(&cx, &config)).await??;
            Ok(None)
        })
        .await;
        outcome(cx, ended)
    }

    async fn invoke(&self, call: Call, config: &Value, progress: Progress) -> Outcome {
        let cx = self.slot.context(call);
        let ended = caught(async {
            let config = decode::<A::Model>(config)?;
            self.action.invoke(&cx, config, &progress).await?;
            Ok(None)
        })
        .await;
        outcome(cx, ended)
    }
}

impl Inner {
    pub(super) fn has_actions(&self) -> bool {
        !self.actions.is_empty()
    }

    fn action(&self, name: &str) -> Result<&dyn AnyAction, Diagnostic> {
        self.actions.get(name).map(AsRef::as_ref).ok_or_else(|| no_such_type("action", name))
    }

    pub(super) fn validate_action(&self, request: &validate::Request) -> Result<validate::Response, Diagnostics> {
        let action = self.action(&request.type_name)?;
        let config = config_in(request.config.as_ref(), action.schema())?;
        let diagnostics = judged(action.schema(), &config, || action.validate(&config));
        Ok(validate::Response { diagnostics: diagnostics_out(diagnostics) })
    }

    pub(super) async fn plan_action(&self, request: plan::Request) -> Result<plan::Response, Diagnostics> {
        let action = self.action(&request.action_type)?;
        let config = mend::with_defaults(action.schema(), &config_in(request.config.as_ref(), action.schema())?);
        let outcome = action.plan(self.call(PrivateData::new()), &config).await;
        Ok(plan::Response { diagnostics: diagnostics_out(outcome.diagnostics), ..Default::default() })
    }

    async fn invoke(
        &self,
        request: &invoke::Request,
        call: Call,
        progress: Progress,
    ) -> Result<Diagnostics, Diagnostics> {
        let action = self.action(&request.action_type)?;
        let config = mend::with_defaults(action.schema(), &config_in(request.config.as_ref(), action.schema())?);
        Ok(action.invoke(call, &config, progress).await.diagnostics)
    }
}

impl Service {
    /// Does it in a task of its own, so that it ends as it should also when Terraform goes meanwhile.
    pub(super) fn invoke_action(&self, request: invoke::Request) -> BoxStream<invoke::Event> {
        use invoke::event::{Completed, Progress as Said, Type};
        let (lines, said) = mpsc::channel(LINES);
        let no_more = lines.clone();
        let (end, ended) = mpsc::channel(1);
        let service = self.clone();
        let call = service.0.call(PrivateData::new());
        let call = Call { cancel: call.cancel.child_token(), ..call };
        let gone = call.cancel.clone();
        let work = async move {
            let invoked = service.0.invoke(&request, call, Progress(lines));
            let diagnostics = unless_gone(&end, &gone, invoked).await;
            // The author may have left a clone of the progress in a task of its own. Who waited for the last of them to go
            // would keep Terraform waiting, perhaps for ever.
            let _ = no_more.send(None).await;
            let _ = end.send(diagnostics_out(diagnostics)).await;
        };
        tokio::spawn(work.in_current_span());
        let event = |kind| Ok(invoke::Event { r#type: Some(kind) });
        let lines = ReceiverStream::new(said)
            .map_while(move |line: Option<String>| line.map(|message| event(Type::Progress(Said { message }))));
        let end = ReceiverStream::new(ended).map(move |diagnostics| event(Type::Completed(Completed { diagnostics })));
        Box::pin(lines.chain(end))
    }
}

/// Runs the work to its end, whoever listens; but when nobody does any more, it is asked to stop. What it has to say at last.
pub(super) async fn unless_gone<T: Send>(
    listener: &mpsc::Sender<T>,
    gone: &tokio_util::sync::CancellationToken,
    work: impl Future<Output = Result<Diagnostics, Diagnostics>>,
) -> Diagnostics {
    let work = catch_panic(work);
    tokio::pin!(work);
    let ended = tokio::select! {
        ended = &mut work => ended,
        () = listener.closed() => {
            tracing::info!("nobody waits for the answer any more: asking the work to stop");
            gone.cancel();
            work.await
        }
    };
    match ended {
        Ok(Ok(diagnostics) | Err(diagnostics)) => diagnostics,
        Err(panic) => panicked(&panic).into(),
    }
}

/// An action's schema in the protocol's message.
pub(super) fn to_proto(schema: &Schema) -> proto::ActionSchema {
    proto::ActionSchema { schema: Some((&super::describe::configuration_only(schema)).into()) }
}
