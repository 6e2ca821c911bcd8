//! The handle by which work in flight is asked to end.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

/// Asks work in flight to end: on Terraform's StopProvider, and when the process has to end.
///
/// Clones are the same handle. The service takes a [`token`](Self::token) for each call that works, and calls
/// [`stop`](Self::stop) when Terraform calls StopProvider. That is not the end of the process: Terraform keeps its Apply
/// calls open and waits for answers that tell what has become of the real things.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Tokens>);

#[derive(Debug, Default)]
struct Tokens {
    process: CancellationToken,
    work: Mutex<Option<CancellationToken>>,
}

impl Stop {
    /// A handle on which nothing has been stopped.
    pub fn new() -> Self {
        Self::default()
    }

    /// The token for work that begins now; cancelled by the next [`stop`](Self::stop) and at the end of the process.
    pub fn token(&self) -> CancellationToken {
        let mut work = self.0.work.lock().unwrap_or_else(PoisonError::into_inner);
        work.get_or_insert_with(|| self.0.process.child_token()).clone()
    }

    /// Cancels the work in flight. Work that begins later is not affected: in debug mode the process outlives the
    /// Terraform run that was stopped.
    pub fn stop(&self) {
        let token = self.0.work.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(token) = token {
            token.cancel();
        }
    }

    /// Cancels everything, now and later: the process ends.
    pub(super) fn end(&self) {
        self.0.process.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::Stop;

    #[test]
    fn stop_cancels_what_runs_and_not_what_comes_later() {
        let stop = Stop::new();
        let running = stop.clone().token();
        stop.stop();
        assert!(running.is_cancelled());
        assert!(!stop.token().is_cancelled());
    }

    #[test]
    fn the_end_of_the_process_cancels_all_of_it() {
        let stop = Stop::new();
        let running = stop.token();
        stop.end();
        assert!(running.is_cancelled());
        stop.stop();
        assert!(stop.token().is_cancelled());
    }
}
