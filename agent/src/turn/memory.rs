//! What the agent remembers of its server from one look to the next; the part that must outlive the agent is on disk.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use justmanage_model::{AskedFailover, BusView, LastRole, Role, ServerObservation, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::directory::Directory;

/// `last.json`, and what goes with the process.
#[derive(Debug, Default)]
pub(super) struct Memory {
    kept: Kept,
    /// Since when the replica's link to its primary has not been up.
    link_down: Option<Timestamp>,
    /// When it was cut by this agent.
    pub(super) severed: Option<Timestamp>,
    /// Whom the agent asked to take over.
    pub(super) asked: Option<AskedFailover>,
}

/// What outlives the agent.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Kept {
    last: Option<LastRole>,
    promoted: Option<Timestamp>,
}

impl Memory {
    /// What was kept on disk. A damaged file says nothing: then nobody is asked to take over, and that is safe.
    pub(super) fn load(directory: &Directory) -> Self {
        let kept = directory.read(&directory.last_role()).unwrap_or_else(|error| {
            warn!(error = error.to_string(), "what the server was cannot be read");
            None
        });
        Self { kept: kept.unwrap_or_default(), ..Self::default() }
    }

    /// What the server was when it was last seen.
    pub(super) fn last(&self) -> Option<LastRole> {
        self.kept.last.clone()
    }

    /// Since when it has been a primary by election or takeover.
    pub(super) fn promoted(&self) -> Option<Timestamp> {
        self.kept.promoted
    }

    /// The server's process is gone: links are gone with it.
    pub(super) fn gone(&mut self) {
        self.link_down = None;
    }

    /// The server was seen. Adds to the observation what only a memory knows.
    pub(super) fn saw(&mut self, server: &mut ServerObservation, directory: &Directory, now: Timestamp) {
        self.asked = None;
        let Some(bus) = &mut server.bus else { return };
        self.link(bus, now);
        let primary = bus.is_primary() && !bus.slots.is_empty();
        let before = self.kept.clone();
        if primary && self.kept.last.as_ref().is_some_and(|last| !last.primary) {
            self.kept.promoted = Some(now);
        } else if !primary {
            self.kept.promoted = None;
        }
        let replicas = match &bus.role {
            Role::Primary { replicas } => replicas.clone(),
            Role::Replica { .. } => Vec::new(),
        };
        // A server that nobody has given a place yet was nothing.
        if primary || !bus.is_primary() {
            let (persistent, config_epoch) = (server.persistent, bus.config_epoch);
            self.kept.last = Some(LastRole { primary, persistent, replicas, config_epoch, at: now });
        }
        if outline(&before) != outline(&self.kept) {
            self.keep(directory);
        }
    }

    fn link(&mut self, bus: &mut BusView, now: Timestamp) {
        match &mut bus.role {
            Role::Replica { link, .. } if !link.up => {
                link.down_since = Some(*self.link_down.get_or_insert(now));
            }
            Role::Replica { .. } | Role::Primary { .. } => self.link_down = None,
        }
    }

    fn keep(&self, directory: &Directory) {
        // A full disk must not keep the agent from its work. What is lost is what the next agent would know.
        if let Err(error) = directory.write(&directory.last_role(), &self.kept) {
            warn!(error = error.to_string(), "what the server is cannot be written");
        }
    }
}

/// What is worth a write: not the figures, which change all the time.
fn outline(kept: &Kept) -> impl PartialEq {
    let role = |last: &LastRole| {
        let replicas: BTreeSet<SocketAddr> = last.replicas.iter().map(|one| one.at).collect();
        (last.primary, last.persistent, last.config_epoch, replicas)
    };
    (kept.last.as_ref().map(role), kept.promoted)
}
