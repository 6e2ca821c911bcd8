//! Panics: inside a call they become an error of that call; elsewhere they become a crash report of Terraform.

use std::{
    backtrace::Backtrace,
    cell::RefCell,
    convert::Infallible,
    fmt,
    io::Write,
    panic::{self, AssertUnwindSafe, PanicHookInfo},
    pin::Pin,
    task::{Context, Poll},
};

use tonic::{
    Status,
    body::Body,
    codegen::{Service, http},
};
use tower::Layer;

/// What is known about a panic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PanicText {
    /// The message.
    pub message: String,
    /// File, line and column.
    pub location: String,
    /// The calls that led there; empty in a binary without symbols.
    pub backtrace: String,
}

impl fmt::Display for PanicText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "panicked at {}: {}", self.location, self.message)
    }
}

impl PanicText {
    fn of(info: &PanicHookInfo<'_>) -> Self {
        let trace = Backtrace::force_capture().to_string();
        // A frame without a symbol tells nothing, and a stripped binary has no others.
        let symbols = trace.lines().any(|line| line.contains(": ") && !line.contains("<unknown>"));
        Self {
            message: message(info.payload()),
            location: info.location().map_or_else(|| "an unknown place".to_owned(), ToString::to_string),
            backtrace: if symbols { trace } else { String::new() },
        }
    }

    /// For a panic that the hook has not seen.
    fn of_payload(payload: &(dyn std::any::Any + Send)) -> Self {
        Self { message: message(payload), location: "an unknown place".to_owned(), backtrace: String::new() }
    }
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "(no message)".to_owned())
}

thread_local! {
    /// Set while this thread is inside [`catch_panic`]; the hook leaves its text here.
    static CAUGHT: RefCell<Option<Slot>> = const { RefCell::new(None) };
}

#[derive(Default)]
struct Slot(Option<PanicText>);

/// Runs a future; a panic in it becomes an error with its text.
///
/// Only panics on the thread that polls are caught: one in `spawn_blocking` comes back as a `JoinError`.
pub async fn catch_panic<F: Future>(future: F) -> Result<F::Output, PanicText> {
    let mut future = Box::pin(future);
    std::future::poll_fn(move |cx| poll_caught(future.as_mut(), cx)).await
}

fn poll_caught<F: Future>(future: Pin<&mut F>, cx: &mut Context<'_>) -> Poll<Result<F::Output, PanicText>> {
    let outer = CAUGHT.replace(Some(Slot::default()));
    // Nothing is seen again of a future that has panicked: it is dropped with the call.
    let polled = panic::catch_unwind(AssertUnwindSafe(|| future.poll(cx)));
    let slot = CAUGHT.replace(outer);
    match polled {
        Ok(polled) => polled.map(Ok),
        Err(payload) => {
            let text = slot.and_then(|slot| slot.0).unwrap_or_else(|| PanicText::of_payload(payload.as_ref()));
            Poll::Ready(Err(text))
        }
    }
}

/// Makes [`report`] the panic hook of the process.
pub(super) fn install() {
    panic::set_hook(Box::new(|info| {
        let text = PanicText::of(info);
        let caught = CAUGHT.try_with(|slot| match slot.borrow_mut().as_mut() {
            Some(slot) => slot.0.replace(text.clone()).is_some() || slot.0.is_some(),
            None => false,
        });
        if !caught.unwrap_or(false) {
            report(&text);
        }
    }));
}

/// Prints a panic as Go does. Terraform looks for lines that begin with `panic: ` on standard error, and shows what
/// follows to the user as a crash of the provider.
fn report(text: &PanicText) {
    let thread = std::thread::current();
    let name = thread.name().unwrap_or("unnamed");
    let report = format!("panic: {}\n\nthread '{name}' at {}\n{}\n", text.message, text.location, text.backtrace);
    // There is nobody left to tell.
    let _ = std::io::stderr().lock().write_all(report.as_bytes());
}

/// Answers a call that panics with INTERNAL, where otherwise the whole connection would break.
#[derive(Clone, Copy)]
pub(super) struct CatchPanics;

impl<S> Layer<S> for CatchPanics {
    type Service = Caught<S>;

    fn layer(&self, inner: S) -> Caught<S> {
        Caught(inner)
    }
}

/// A service whose panics are caught.
#[derive(Clone)]
pub(super) struct Caught<S>(S);

type Answer = http::Response<Body>;

impl<S> Service<http::Request<Body>> for Caught<S>
where
    S: Service<http::Request<Body>, Response = Answer, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Answer, Infallible>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let call = request.uri().path().to_owned();
        let answer = self.0.call(request);
        Box::pin(async move {
            catch_panic(answer).await.unwrap_or_else(|text| {
                tracing::error!(call, location = text.location, backtrace = text.backtrace, "{}", text.message);
                Ok(Status::internal(text.to_string()).into_http())
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_in_a_call_is_its_error_and_not_that_of_the_caller() {
        let text = catch_panic(async { panic!("it was {}", 42) as u8 }).await.unwrap_err();
        assert_eq!(text.message, "it was 42");
        assert_eq!(catch_panic(async { 1 }).await, Ok(1));
    }

    #[tokio::test]
    async fn a_panic_after_a_wait_is_caught_too() {
        let late = async {
            tokio::task::yield_now().await;
            std::panic::panic_any(7_u8);
        };
        assert_eq!(catch_panic(late).await.unwrap_err().message, "(no message)");
    }

    #[tokio::test]
    async fn the_inner_of_two_catches() {
        let inner = async { catch_panic(async { panic!("inner") }).await.map_err(|text| text.message) };
        assert_eq!(catch_panic(inner).await, Ok(Err::<(), _>("inner".to_owned())));
    }
}
