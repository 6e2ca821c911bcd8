//! Whoever asks is killed while they wait.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use justmanage_platforms::Platform;

use crate::Place;

/// Work that is not done yet.
pub(crate) type Work<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// More waits than any platform has in one call: whoever has not come to the end by then goes in a circle.
const MOST: usize = 1000;

/// When somebody is killed: at this wait of theirs, from 1, before or after what they waited for has come.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    wait: usize,
    answered: bool,
}

/// One moment after the other. Whoever takes them stops when somebody came to the end before theirs.
///
/// # Panics
/// Nobody ever comes to the end.
pub(crate) fn moments<P: Place>() -> impl Iterator<Item = Moment> {
    let next = |wait: &usize| Some(if P::AT_EACH_WAIT { wait + 1 } else { wait + 1 + wait / 12 * 3 });
    let waits = std::iter::successors(Some(1), next).take_while(|wait| *wait < MOST);
    let all = waits.flat_map(|wait| [false, true].map(|answered| Moment { wait, answered }));
    all.chain(std::iter::once_with(|| -> Moment { panic!("after {MOST} waits there is no end") }))
}

/// Does something as a process of its own does, which is killed at this moment; `None`: it was, before it came to the end.
///
/// The process is a runtime: with it go its tasks, and the programs that go with their tasks. Work on files that has begun comes to its
/// end, as a system call does.
pub(crate) async fn killed_at<T: Send + 'static>(
    moment: Moment,
    platform: impl FnOnce() -> Arc<dyn Platform> + Send + 'static,
    work: impl FnOnce(Arc<dyn Platform>) -> Work<T> + Send + 'static,
) -> Option<T> {
    let process = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async move { Cut { work: work(platform()), left: moment.wait, moment }.await })
    };
    tokio::task::spawn_blocking(process).await.expect("a call that does not panic")
}

/// Work until its moment.
struct Cut<T> {
    work: Work<T>,
    /// Waits that are still to come, with the one at which it ends.
    left: usize,
    moment: Moment,
}

impl<T> Future for Cut<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        if self.left == 0 {
            // What was waited for has come, and nobody looks at it any more.
            return Poll::Ready(None);
        }
        match self.work.as_mut().poll(context) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending => {
                self.left -= 1;
                if self.left == 0 && !self.moment.answered { Poll::Ready(None) } else { Poll::Pending }
            }
        }
    }
}
