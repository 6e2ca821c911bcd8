//! The pins that a server accepts, changeable while it serves.

use std::collections::BTreeSet;

use justmanage_model::Pin;
use tokio::sync::watch;

/// Whom a server lets in. Clones are the same set; a pin that is withdrawn loses its open connections too.
#[derive(Clone, Debug)]
pub struct Allowed {
    pins: watch::Sender<BTreeSet<Pin>>,
}

impl Allowed {
    /// These and no others.
    pub fn new(pins: BTreeSet<Pin>) -> Self {
        Self { pins: watch::Sender::new(pins) }
    }

    /// From now on these and no others.
    pub fn set(&self, pins: BTreeSet<Pin>) {
        self.pins.send_if_modified(|current| {
            let changed = *current != pins;
            *current = pins;
            changed
        });
    }

    /// Whether this one may come in.
    pub fn contains(&self, pin: &Pin) -> bool {
        self.pins.borrow().contains(pin)
    }

    /// Ends when this one may not stay any longer.
    pub(crate) async fn withdrawn(&self, pin: &Pin) {
        let mut changes = self.pins.subscribe();
        // An error means that the last server is gone, and with it the connection.
        let _ = changes.wait_for(|pins| !pins.contains(pin)).await;
    }
}
