//! The pins that a server accepts, changeable while it serves.

use std::collections::BTreeSet;

use justmanage_model::Pin;
use tokio::sync::watch;

/// Whom a server lets in. Clones are the same set; a pin that is withdrawn loses its open connections too.
#[derive(Clone, Debug)]
pub struct Allowed {
    guests: watch::Sender<Guests>,
}

#[derive(Debug, PartialEq, Eq)]
struct Guests {
    pins: BTreeSet<Pin>,
    /// Whoever holds any key comes in, too, and is kept apart ([`crate::Doors`]).
    strangers: bool,
}

impl Allowed {
    /// These and no others.
    pub fn new(pins: BTreeSet<Pin>) -> Self {
        Self { guests: watch::Sender::new(Guests { pins, strangers: false }) }
    }

    /// From now on these and no others.
    pub fn set(&self, pins: BTreeSet<Pin>) {
        self.change(Guests { pins, strangers: false });
    }

    /// From now on these, and strangers, who get to nothing but what is served to strangers.
    pub fn set_with_strangers(&self, pins: BTreeSet<Pin>) {
        self.change(Guests { pins, strangers: true });
    }

    fn change(&self, guests: Guests) {
        self.guests.send_if_modified(|current| {
            let changed = *current != guests;
            *current = guests;
            changed
        });
    }

    /// Whether this one is known, and may come in.
    pub fn contains(&self, pin: &Pin) -> bool {
        self.guests.borrow().pins.contains(pin)
    }

    /// Ends when this one is known, and may come in.
    pub async fn admitted(&self, pin: &Pin) {
        let mut changes = self.guests.subscribe();
        let _ = changes.wait_for(|guests| guests.pins.contains(pin)).await;
    }

    /// Whether this one may come in, be it as a stranger.
    pub(crate) fn lets_in(&self, pin: &Pin) -> bool {
        self.guests.borrow().let_in(pin)
    }

    /// Ends when one who is known is no longer.
    pub(crate) async fn withdrawn(&self, pin: &Pin) {
        let mut changes = self.guests.subscribe();
        // An error means that the last server is gone, and with it the connection.
        let _ = changes.wait_for(|guests| !guests.pins.contains(pin)).await;
    }

    /// Ends when a stranger may not stay any longer.
    pub(crate) async fn turned_away(&self, pin: &Pin) {
        let mut changes = self.guests.subscribe();
        let _ = changes.wait_for(|guests| !guests.let_in(pin)).await;
    }
}

impl Guests {
    fn let_in(&self, pin: &Pin) -> bool {
        self.strangers || self.pins.contains(pin)
    }
}
