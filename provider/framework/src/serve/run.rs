//! Running the author's code: panics become diagnostics, and what was checkpointed is kept.

use std::any::Any;
use std::collections::BTreeMap;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures_util::FutureExt;

use super::any::Outcome;
use crate::context::Cx;
use crate::model::{Model, ModelError};
use crate::resource::Failed;
use crate::{Diagnostic, Diagnostics, Path, Value};

/// How a call of the author's code ended: with a state, with nothing (it is gone, or there was none to answer), or failed.
pub(crate) type Ended<M> = Result<Option<M>, Failed<M>>;

/// Runs the author's code. It borrows the context, which lives outside of what may unwind: a panic leaves the checkpoint
/// readable.
pub(crate) async fn caught<M>(work: impl Future<Output = Ended<M>>) -> Ended<M> {
    let result = AssertUnwindSafe(work).catch_unwind().await;
    result.unwrap_or_else(|panic| Err(panicked(panic.as_ref()).into()))
}

/// What a call leaves: the answer, or after a failure what it said or checkpointed.
pub(crate) fn outcome<C, M: Model>(cx: Cx<C, M>, ended: Ended<M>) -> Outcome {
    let finished = cx.finish();
    let mut diagnostics = finished.reported;
    let (state, failed) = match ended {
        Ok(state) => (Some(state.map_or(Value::Null, |state| Value::Object(state.encode()))), false),
        Err(failure) => {
            diagnostics.extend(with_an_error(failure.diagnostics));
            let state = failure.state.map(|state| Value::Object(state.encode()));
            (state.or(finished.checkpoint), true)
        }
    };
    Outcome { state, failed, private: finished.private, diagnostics }
}

/// Runs code that waits for nothing.
pub(crate) fn run_sync<T>(work: impl FnOnce() -> T) -> Result<T, Diagnostic> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| panicked(panic.as_ref()))
}

/// Reads a model out of an object value.
pub(crate) fn decode<M: Model>(value: &Value) -> Result<M, ModelError> {
    match value {
        Value::Object(object) => M::decode(object, &Path::root()),
        // A value that is not an object decodes as its absence would: the model says which attribute it misses.
        _ => M::decode(&BTreeMap::new(), &Path::root()),
    }
}

/// A failure that says nothing would look like success to Terraform.
fn with_an_error(mut diagnostics: Diagnostics) -> Diagnostics {
    if !diagnostics.has_errors() {
        diagnostics.push(Diagnostic::error(
            "Operation failed",
            "The provider reported a failure without saying why. This is a bug in the provider; please report it.",
        ));
    }
    diagnostics
}

/// A panic, as the user reads it. The text of the panic is the author's, as that of any diagnostic.
pub(crate) fn panicked(panic: &(dyn Any + Send)) -> Diagnostic {
    let text = panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    tracing::error!("the provider's code panicked");
    Diagnostic::error(
        "Provider panicked",
        format!(
            "The provider's code failed in a way that its author did not foresee: {text}\n\nThis is a bug in the \
             provider; please report it. The provider goes on serving other resources. What is known to exist is recorded \
             in the state."
        ),
    )
}
