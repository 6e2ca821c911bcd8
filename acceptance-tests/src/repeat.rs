//! Something that is done again and again beside the test, and once more at the end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A thread that does one thing until it is told to end.
pub struct Repeat {
    ends: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Repeat {
    /// Does it from now on, with this pause in between.
    pub fn start(pause: Duration, mut act: impl FnMut() + Send + 'static) -> Self {
        let ends = Arc::new(AtomicBool::new(false));
        let ended = ends.clone();
        let thread = thread::spawn(move || {
            loop {
                let last = ended.load(Ordering::Acquire); // before acting: then the last time sees everything
                act();
                if last {
                    return;
                }
                thread::park_timeout(pause);
            }
        });
        Self { ends, thread: Some(thread) }
    }

    /// Does it a last time, and ends.
    ///
    /// # Panics
    /// When it panicked: what it should have seen was not seen.
    pub fn finish(&mut self) {
        self.ends.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        thread.thread().unpark();
        let ended = thread.join();
        assert!(ended.is_ok() || thread::panicking(), "what was to be repeated has panicked");
    }
}

impl Drop for Repeat {
    fn drop(&mut self) {
        self.finish();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;
    use crate::{DEADLINE, wait_until};

    #[test]
    fn it_is_repeated_and_the_last_time_is_after_the_end_was_asked_for() {
        let times = Arc::new(AtomicUsize::new(0));
        let counted = times.clone();
        let mut repeat = Repeat::start(Duration::from_millis(1), move || {
            counted.fetch_add(1, Ordering::SeqCst);
        });
        wait_until("it was done three times", DEADLINE, || times.load(Ordering::SeqCst) >= 3);
        let before = times.load(Ordering::SeqCst);
        repeat.finish();
        assert!(times.load(Ordering::SeqCst) > before);
    }
}
