//! Every slot is served, unless something broke that explains why not.
//!
//! What breaks may well take slots away for a while; so this looks from the moment at which the cluster is well again until
//! something breaks anew: at what people want in peace, which is settings that need restarts, other releases, other shapes,
//! passwords, authorities. None of that may keep a client waiting for longer than one planned handover takes at most.

use std::collections::BTreeMap;

use justmanage_model::Phase;

use crate::Ms;
use crate::world::World;

/// How long a slot may be without a server that takes writes where there is another copy: writers are held back for five seconds at
/// most, and a second more is the election's, and the first word of it.
const HELD: Ms = 1500;

/// The same where there is no other copy: as long as its only server takes to start.
const ALONE: Ms = 15_000;

/// Which parts of the slots nobody serves while nothing is broken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Service {
    /// Nothing is broken, and the cluster was well since the last that was.
    peace: bool,
    /// How many servers had crashed of a release that does.
    crashes: u64,
    /// Since when nobody serves a part.
    unserved: BTreeMap<usize, Ms>,
}

impl World {
    /// Things break from here on, and explain whatever is not served.
    pub fn peace_ends(&mut self) {
        self.service = Service::default();
    }

    /// All is well, and nothing breaks from here on.
    pub fn peace_begins(&mut self) {
        self.service.peace = true;
    }

    /// Looks who serves each part of the slots.
    pub(crate) fn watch_service(&mut self) {
        let now = self.field.now;
        if self.service.crashes != self.field.crashes {
            self.peace_ends();
            self.service.crashes = self.field.crashes;
        }
        if !self.service.peace || self.store.record.phase != Phase::Formed {
            self.service.unserved.clear();
            return;
        }
        let longest = if self.store.record.spec.replicas_per_shard == 0 { ALONE } else { HELD };
        for part in 0..self.field.parts.len() {
            if self.field.is_served(part) {
                self.service.unserved.remove(&part);
                continue;
            }
            let since = *self.service.unserved.entry(part).or_insert(now);
            if now - since > longest {
                let slots = self.field.parts[part].to_string();
                self.field.violation(format!("slots {slots} are not served since {since}, and nothing is broken"));
                self.service.unserved.clear();
                return;
            }
        }
    }
}
