//! The release that the agents take next by themselves.

use super::Record;
use crate::Upcoming;
use crate::upcoming::Offer;

impl Record {
    /// Notes what the catalog has now.
    pub fn note_offer(&mut self, offer: &Offer) {
        self.catalog_serial = self.catalog_serial.max(offer.serial);
        self.upcoming.clone_from(&offer.upcoming);
    }

    /// The servers go over to the upcoming release, one by one: without temporary replicas, whose machines only an operator makes.
    pub fn take_up(&mut self) {
        if let Some(upcoming) = self.upcoming.clone() {
            self.go_over(upcoming.program.clone(), false);
            // Until all have gone over it says by whose will they do.
            self.upcoming = Some(upcoming);
        }
    }

    /// The upcoming release is not wanted any more: servers that have begun to go over to it go back.
    pub fn withdraw(&mut self) {
        if let Some(previous) = self.taken_up().and(self.previous.clone()) {
            self.go_over_to(previous);
        }
        self.upcoming = None;
    }

    /// The release that servers go over to by the agents' own doing, while they do.
    #[must_use]
    pub fn taken_up(&self) -> Option<&Upcoming> {
        let upcoming = self.upcoming.as_ref().filter(|_| self.previous.is_some() && !self.returning)?;
        upcoming.program.is_same(&self.program()).then_some(upcoming)
    }
}
