//! Running the author's code: panics become diagnostics, and what was checkpointed is kept.

use std::future::Future;

use futures_util::FutureExt;

use super::any::Outcome;
use crate::context::Cx;
use crate::model::{Model, ModelError, View};
use crate::plugin::{PanicText, catch_panic};
use crate::resource::Failed;
use crate::{Diagnostic, Diagnostics, Object, Path, Value};

/// How a call of the author's code ended: with a state, with nothing (it is gone, or there was none to answer), or failed.
pub(crate) type Ended<M> = Result<Option<M>, Failed<M>>;

/// Runs the author's code. It borrows the context, which lives outside of what may unwind: a panic leaves the checkpoint
/// readable.
pub(crate) async fn caught<M>(work: impl Future<Output = Ended<M>>) -> Ended<M> {
    catch_panic(work).await.unwrap_or_else(|panic| Err(panicked(&panic).into()))
}

/// What a call leaves: the answer, or after a failure what it said or checkpointed.
pub(crate) fn outcome<C, M: Model>(cx: Cx<C, M>, ended: Ended<M>) -> Outcome {
    let finished = cx.finish();
    let mut diagnostics = finished.reported;
    let (state, failed) = match ended {
        Ok(state) => (Some(state.map_or(Value::Null, |state| Value::Object(state.encode()))), false),
        Err(failure) => {
            // Whatever the author's code made of it, the user reads which timeout it was.
            if let Some(late) = finished.late.filter(|late| !failure.diagnostics.iter().any(|one| one == late)) {
                diagnostics.push(late);
            }
            diagnostics.extend(with_an_error(failure.diagnostics));
            let state = failure.state.map(|state| Value::Object(state.encode()));
            (state.or(finished.checkpoint), true)
        }
    };
    Outcome { state, failed, private: finished.private, diagnostics }
}

/// Runs code that waits for nothing.
pub(crate) fn run_sync<T>(work: impl FnOnce() -> T) -> Result<T, Diagnostic> {
    match catch_panic(async { work() }).now_or_never() {
        Some(result) => result.map_err(|panic| panicked(&panic)),
        // A future without an await is ready at once.
        None => Err(Diagnostic::error("Operation failed", "Code that waits for nothing was not done.")),
    }
}

/// What the author's check of a whole configuration reports, also when it panics afterwards.
pub(crate) fn reported<M: Model>(config: &Value, check: impl FnOnce(&View<M>, &mut Diagnostics)) -> Diagnostics {
    let mut report = Diagnostics::new();
    let checked = run_sync(|| {
        check(&decode::<View<M>>(config)?, &mut report);
        Ok(())
    });
    if let Err(problem) = checked.and_then(|decoded: Result<(), ModelError>| decoded.map_err(Diagnostic::from)) {
        report.push(problem);
    }
    report
}

/// Reads a model out of an object value.
pub(crate) fn decode<M: Model>(value: &Value) -> Result<M, ModelError> {
    match value {
        Value::Object(object) => M::decode(object, &Path::root()),
        // A value that is not an object decodes as its absence would: the model says which attribute it misses.
        _ => M::decode(&Object::default(), &Path::root()),
    }
}

/// A failure that says nothing would look like success to Terraform.
pub(super) fn with_an_error(mut diagnostics: Diagnostics) -> Diagnostics {
    if !diagnostics.has_errors() {
        diagnostics.push(Diagnostic::error(
            "Operation failed",
            "The provider reported a failure without saying why. This is a bug in the provider; please report it.",
        ));
    }
    diagnostics
}

/// A panic, as the user reads it. The text of the panic is the author's, as that of any diagnostic.
pub(crate) fn panicked(panic: &PanicText) -> Diagnostic {
    tracing::error!(location = panic.location, backtrace = panic.backtrace, "the provider's code panicked");
    Diagnostic::error(
        "Provider panicked",
        format!(
            "The provider's code failed in a way that its author did not foresee. It {panic}\n\nThis is a bug in the \
             provider; please report it. The provider goes on serving other resources, and what is known to exist is \
             recorded in the state."
        ),
    )
}
