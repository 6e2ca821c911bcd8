//! What an agent remembers of its server from one look to the next, as `justmanage-agent` does; part of it outlives the agent.

use justmanage_model::{AskedFailover, Handover, LastRole, Role, ServerObservation, Timestamp};

/// What an agent remembers.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// What outlives the agent, as it is in its mind.
    pub kept: Kept,
    /// The same, as it is on disk: written only when more than figures changed.
    disk: Kept,
    link_down: Option<Timestamp>,
    /// For which takeover (by the moment in the Record) it cut its replica's link.
    pub severed: Option<Timestamp>,
    /// How far a handover to its server has come.
    pub handover: Option<Handover>,
    /// Whom it asked to take over.
    pub asked: Option<AskedFailover>,
    /// Its server keeps nothing on disk, ended without saving, and has received nothing since; on disk. With the offset that it
    /// had when it was first seen after that.
    hollow: Option<Option<u64>>,
    /// Since when the server has not answered.
    pub silent: Option<Timestamp>,
    /// The offset of a replica that has not been seen in sync when it was first seen, on disk: once that has moved, it has a copy.
    first: Option<u64>,
    /// Nothing can be written to the disk: what outlives the agent is what was written before.
    pub full: bool,
    /// It was started by this agent and has not read its data since: its disk is as it was; and whether it had saved its data.
    untouched: Option<bool>,
}

/// What outlives the agent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kept {
    /// What the server was.
    pub last: Option<LastRole>,
    /// When its process last became a primary by election or takeover.
    pub promoted: Option<Timestamp>,
    /// It saved its data when it ended, also if it keeps nothing on disk otherwise, and has not been started since.
    saved: bool,
}

impl Memory {
    /// The agent died, and another one begins with what is on disk.
    pub fn forget(&mut self) {
        *self = Self {
            kept: self.disk.clone(),
            disk: self.disk.clone(),
            hollow: self.hollow,
            first: self.first,
            ..Self::default()
        };
    }

    fn write(&mut self) {
        if !self.full {
            self.disk = self.kept.clone();
        }
    }

    /// What the server was, and whether its data outlive it.
    #[must_use]
    pub fn last(&self) -> Option<LastRole> {
        let last = self.kept.last.clone();
        last.map(|last| LastRole { persistent: last.persistent || self.kept.saved, ..last })
    }

    /// What it had when it last ended is on its disk, and it was not seen to serve since.
    #[must_use]
    pub const fn has_saved(&self) -> bool {
        self.kept.saved
    }

    /// The server is about to be started: what it saved is not all that it will have.
    pub fn starts(&mut self) {
        self.kept.promoted = None;
        if !self.full {
            self.disk.promoted = None;
        }
        self.untouched = Some(self.kept.saved);
        self.write();
    }

    /// The server's data were removed: what it was as a replica is nothing any more.
    pub fn emptied(&mut self) {
        self.hollow = Some(None);
        self.kept.saved = false;
        self.kept.last.take_if(|last| !last.primary);
        self.write();
    }

    /// The agent begins, and finds a server that another one started. What that has received since nobody has seen, and unknown is
    /// not nothing.
    pub fn found_running(&mut self) {
        if self.hollow.take_if(|seen| seen.is_none()).is_some() {
            self.first = Some(u64::MAX);
        }
    }

    /// There is no process any more: what was known of its links is gone; and, unless it was seen to save them or has them on
    /// disk, its data.
    pub fn gone(&mut self, saved: bool) {
        self.link_down = None;
        self.silent = None;
        if let Some(before) = self.untouched.take() {
            self.kept.saved = before;
            self.write();
            return;
        }
        self.kept.saved = saved;
        self.write();
        if !saved && self.kept.last.as_ref().is_some_and(|last| !last.persistent) {
            self.hollow = Some(None);
            self.kept.last.take_if(|last| !last.primary);
            self.write();
        }
    }

    /// It was being stopped, and nobody saw whether it saved its data: they may be there.
    pub fn perhaps_saved(&mut self) {
        self.link_down = None;
        if self.kept.last.as_ref().is_some_and(|last| !last.primary) {
            self.kept.saved = true;
            self.write();
        }
    }

    /// The server was seen. Adds to the observation what only a memory knows.
    pub fn saw(&mut self, server: &mut ServerObservation, now: Timestamp) {
        self.asked = None;
        self.silent = None;
        let Some(bus) = &mut server.bus else { return };
        // It has read its data. Until then, its disk was as it had been.
        self.untouched = None;
        self.kept.saved = false;
        if let Role::Replica { link, .. } = &mut bus.role
            && !link.up
        {
            link.down_since = Some(*self.link_down.get_or_insert(now));
        } else {
            self.link_down = None;
        }
        let primary = bus.is_primary() && !bus.slots.is_empty();
        if primary && self.kept.last.as_ref().is_some_and(|last| !last.primary) {
            self.kept.promoted = Some(now);
        }
        let replicas = match &bus.role {
            Role::Primary { replicas } => replicas.clone(),
            Role::Replica { .. } => Vec::new(),
        };
        let up = matches!(&bus.role, Role::Replica { link, .. } if link.up);
        let copied = matches!(&bus.role, Role::Primary { replicas } if replicas.iter().any(|replica| replica.online));
        let was_hollow = self.hollow.is_some();
        match &mut self.hollow {
            Some(Some(before)) if up || primary && copied || *before != server.offset => self.hollow = None,
            Some(before) => drop(before.get_or_insert(server.offset)),
            None => {}
        }
        let received = *self.first.get_or_insert(server.offset) != server.offset;
        if self.hollow.is_some() {
            self.kept.last = None;
        } else if primary || up || !bus.is_primary() && (was_hollow || received || self.kept.last.is_some()) {
            let config_epoch = bus.config_epoch;
            self.kept.last = Some(LastRole { primary, persistent: server.persistent, replicas, config_epoch, at: now });
        }
        if outline(&self.kept) != outline(&self.disk) {
            self.write();
        }
    }
}

/// What is worth a write.
fn outline(kept: &Kept) -> impl PartialEq + use<> {
    let last = kept.last.as_ref();
    let last =
        last.map(|last| (last.primary, last.persistent, last.replicas.iter().map(|one| one.at).collect::<Vec<_>>()));
    (last, kept.promoted, kept.saved)
}
