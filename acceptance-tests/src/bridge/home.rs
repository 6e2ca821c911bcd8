//! The way back from a bridge.

use std::fs::File;
use std::os::fd::AsFd;
use std::thread::{self, ThreadId};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

/// The network from which a thread came, and to which it goes back.
pub(crate) struct Home {
    network: File,
    thread: ThreadId,
}

impl Home {
    /// This thread's.
    pub(crate) fn of_this_thread() -> Self {
        let network = File::open("/proc/thread-self/ns/net").expect("this thread's network");
        Self { network, thread: thread::current().id() }
    }

    /// A thread that was never away is not moved.
    pub(crate) fn go_back(&self) -> Result<(), String> {
        if thread::current().id() != self.thread {
            return Ok(());
        }
        let moved = move_into_link_name_space(self.network.as_fd(), Some(LinkNameSpaceType::Network));
        moved.map_err(|error| format!("a thread on a bridge: {error}"))
    }
}
