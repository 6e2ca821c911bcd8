//! Passwords and users whose time is over, and the layout that a Record with such needs.

use super::{Operation, Record};
use crate::{Apply, MaintenanceWindow, Timestamp};

impl Record {
    /// The latest end of a password that is not after `now`: by then, something is to be taken out.
    #[must_use]
    pub fn ended_by(&self, now: Timestamp) -> Option<Timestamp> {
        self.ends().filter(|until| *until <= now).max()
    }

    /// Takes out the passwords that have ended by then, and with its last one the user.
    pub fn end_passwords(&mut self, by: Timestamp) {
        self.users.retain(|_, user| {
            let before = user.passwords.len();
            user.passwords.retain(|password| password.until.is_none_or(|until| until > by));
            before == user.passwords.len() || !user.passwords.is_empty()
        });
    }

    /// Makes the layout one that can say everything that the Record holds; never an older one than it was.
    pub fn raise_layout(&mut self) {
        self.layout = self.layout.max(self.least_layout());
    }

    /// The oldest layout that can say everything that the Record holds.
    pub(super) fn least_layout(&self) -> u32 {
        let granted = self.grant.as_ref().map(|grant| grant.operation);
        let temporary = self.users.keys().any(crate::UserName::is_temporary);
        match () {
            () if self.upcoming.is_some() || self.catalog_serial > 0 => 10,
            () if self.spec.apply != Apply::Immediately || self.spec.approved_version.is_some() => 10,
            () if self.spec.maintenance_window.as_ref().is_some_and(MaintenanceWindow::needs_newer_agents) => 10,
            () if !self.zones.is_empty() => 9,
            () if self.announced.is_some() => 8,
            () if !self.backups.is_none() || self.spec.backup_now.is_some() => 7,
            () if self.spec.backup_policy.as_ref().is_some_and(|policy| !policy.before_upgrade) => 7,
            () if self.surge || self.spec.surge => 6,
            () if !self.spares.is_empty() || self.spec.spares > 0 || self.spec.spare_after.is_some() => 6,
            () if !self.spec.resources.is_nothing() => 6,
            () if !self.rotation.is_none() || !self.spec.rotate.is_nothing() || !self.spec.operator_keys.is_empty() => {
                5
            }
            () if self.reshaping.is_some() || !self.retired.is_empty() || granted == Some(Operation::Reshard) => 5,
            () if self.previous.is_some() || granted == Some(Operation::PutBack) => 4,
            () if self.halt.is_some() || granted == Some(Operation::Handover) => 3,
            () if temporary || self.ends().next().is_some() => 2,
            () => 1,
        }
    }

    fn ends(&self) -> impl Iterator<Item = Timestamp> {
        self.users.values().flat_map(|user| &user.passwords).filter_map(|password| password.until)
    }
}
