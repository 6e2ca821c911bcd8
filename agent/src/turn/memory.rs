//! What the agent remembers of its server from one look to the next; the part that must outlive the agent is on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use jiff::SignedDuration;
use justmanage_model::{AskedFailover, BusView, Handover, LastRole, Role, ServerObservation, Slot, Timestamp};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::directory::Directory;

/// For how long a slot may be marked as on its way until it counts as left half-way. Whoever is at it has a slot open for seconds; a
/// person at a terminal may take longer, and finds that it was put right.
const ASTRAY: SignedDuration = SignedDuration::from_secs(30);

/// `last.json`, and what goes with the process.
#[derive(Debug, Default)]
pub(super) struct Memory {
    kept: Kept,
    /// Since when the replica's link to its primary has not been up.
    link_down: Option<Timestamp>,
    /// Since when slots have been marked as on their way.
    marked: BTreeMap<Slot, Timestamp>,
    /// When it was cut by this agent.
    pub(super) severed: Option<Timestamp>,
    /// How far a handover to the server has come.
    pub(super) handover: Option<Handover>,
    /// Whom the agent asked to take over.
    pub(super) asked: Option<AskedFailover>,
    /// It was a primary at the look before, and is a replica now; nobody else need have heard of that.
    demoted: bool,
    /// This agent started the server that runs; otherwise it may have received anything before it was seen.
    started: bool,
}

/// What outlives the agent.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
struct Kept {
    last: Option<LastRole>,
    promoted: Option<Timestamp>,
    /// It was told to save its data and to end, also if it keeps nothing on disk otherwise, and was not seen to serve since.
    #[serde(default)]
    saved: bool,
    /// How far the replication stream had come to the server when it was first seen, since it began without data. A replica
    /// whose place in the stream has moved has received something, also if that was never seen to happen.
    #[serde(default)]
    first: Option<u64>,
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

    /// What the server was when it was last seen, and whether its data outlive it.
    pub(super) fn last(&self) -> Option<LastRole> {
        let last = self.kept.last.clone();
        last.map(|last| LastRole { persistent: last.persistent || self.kept.saved, ..last })
    }

    /// When its process last became a primary by election or takeover.
    pub(super) fn promoted(&self) -> Option<Timestamp> {
        self.kept.promoted
    }

    /// The server's process is gone: links are gone with it.
    pub(super) fn gone(&mut self) {
        self.link_down = None;
        self.marked.clear();
    }

    /// The server is about to be told to save its data and to end. A replica may have done so from now on, also if nobody sees it: its copy
    /// counts as one that may be there. A primary hands over before, or there is nobody else who could have a copy.
    pub(super) fn saves(&mut self, directory: &Directory) {
        if self.kept.last.as_ref().is_some_and(|last| !last.primary) && !self.kept.saved {
            self.kept.saved = true;
            self.keep(directory);
        }
    }

    /// The server was seen to have saved its data and to have ended, be it a primary.
    pub(super) fn saved(&mut self, directory: &Directory) {
        if self.kept.last.is_some() && !self.kept.saved {
            self.kept.saved = true;
            self.keep(directory);
        }
    }

    /// The server is about to be started, with data to read or without. A replica without data has no copy, whatever it had before;
    /// what was a primary stays one, and is held back where its data are elsewhere.
    pub(super) fn starts(&mut self, data: bool, directory: &Directory) {
        self.started = true;
        // Votes die with the process.
        let voted = self.kept.promoted.take().is_some();
        if voted {
            self.keep(directory);
        }
        if !data && (self.kept.first.is_some() || self.kept.last.is_some()) {
            self.kept.saved = false;
            self.kept.first = None;
            self.kept.last.take_if(|last| !last.primary);
            self.keep(directory);
        }
    }

    /// The server was seen. Adds to the observation what only a memory knows. `moves`: a move of slots is granted in which it takes
    /// part.
    pub(super) fn saw(&mut self, server: &mut ServerObservation, moves: bool, directory: &Directory, now: Timestamp) {
        self.asked = None;
        let Some(bus) = &mut server.bus else { return };
        self.link(bus, now);
        self.astray(bus, moves, now);
        let primary = bus.is_primary() && !bus.slots.is_empty();
        let before = self.kept.clone();
        // It has read its data. What it gets from now on is not in what it saved.
        self.kept.saved = false;
        if primary && self.kept.last.as_ref().is_some_and(|last| !last.primary) {
            self.kept.promoted = Some(now);
        }
        self.demoted |= !bus.is_primary() && self.kept.last.as_ref().is_some_and(|last| last.primary);
        let replicas = match &bus.role {
            Role::Primary { replicas } => replicas.clone(),
            Role::Replica { .. } => Vec::new(),
        };
        let first = if self.started { server.offset } else { u64::MAX };
        let received = *self.kept.first.get_or_insert(first) != server.offset;
        let up = matches!(&bus.role, Role::Replica { link, .. } if link.up);
        // A server that nobody has given a place yet was nothing, and a replica that waits for its first copy has none.
        if primary || !bus.is_primary() && (up || received || before.last.is_some()) {
            let (persistent, config_epoch) = (server.persistent, bus.config_epoch);
            self.kept.last = Some(LastRole { primary, persistent, replicas, config_epoch, at: now });
        }
        if outline(&before) != outline(&self.kept) {
            self.keep(directory);
        }
    }

    /// Whether it has become a replica since this was asked last.
    pub(super) fn take_demoted(&mut self) -> bool {
        std::mem::take(&mut self.demoted)
    }

    fn link(&mut self, bus: &mut BusView, now: Timestamp) {
        match &mut bus.role {
            Role::Replica { link, .. } if !link.up => {
                link.down_since = Some(*self.link_down.get_or_insert(now));
            }
            Role::Replica { .. } | Role::Primary { .. } => self.link_down = None,
        }
    }

    /// Of the slots that are marked, leaves those that somebody has left half-way.
    fn astray(&mut self, bus: &mut BusView, moves: bool, now: Timestamp) {
        let since = |slot: Slot| (slot, self.marked.get(&slot).copied().unwrap_or(now));
        let marked = bus.astray.slots().filter(|_| !moves).map(since).collect();
        self.marked = marked;
        let long = self.marked.iter().filter(|(_, since)| now.duration_since(**since) > ASTRAY);
        bus.astray = long.map(|(slot, _)| *slot).collect();
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
    (kept.last.as_ref().map(role), kept.promoted, kept.saved, kept.first)
}

#[cfg(test)]
mod tests {
    use justmanage_model::{BusId, PrimaryLink};

    use super::*;
    use crate::samples;

    fn seen(role: Role, offset: u64) -> ServerObservation {
        ServerObservation { persistent: false, offset, ..samples::server(role) }
    }

    fn replica(up: bool, offset: u64) -> ServerObservation {
        let link = PrimaryLink { up, syncing: false, down_since: None, silent_s: None, at: None };
        seen(Role::Replica { of: BusId::new([2; 20]), link }, offset)
    }

    fn primary() -> ServerObservation {
        seen(Role::Primary { replicas: Vec::new() }, 100)
    }

    /// What an agent remembers after these looks at a server that it started without data.
    fn after(looks: &[ServerObservation], home: &Directory) -> Memory {
        let mut memory = Memory::load(home);
        memory.starts(false, home);
        for look in looks {
            memory.saw(&mut look.clone(), false, home, Timestamp::UNIX_EPOCH);
        }
        memory
    }

    #[test]
    fn a_replica_has_a_copy_when_it_has_received_one() {
        for (looks, copy) in [
            (vec![replica(false, 0)], false),
            (vec![replica(false, 0), replica(false, 0)], false),
            (vec![replica(false, 0), replica(true, 90)], true),
            (vec![replica(false, 0), replica(true, 90), replica(false, 90)], true),
            // It came and went between two looks.
            (vec![replica(false, 0), replica(false, 90)], true),
            (vec![primary(), replica(false, 100)], true),
        ] {
            let home = tempfile::tempdir().expect("a directory");
            let home = Directory::new(home.path());
            assert_eq!(after(&looks, &home).last().is_some(), copy, "{looks:#?}");
        }
    }

    #[test]
    fn what_began_without_data_lost_its_copy_and_not_its_past_as_a_primary() {
        let home = tempfile::tempdir().expect("a directory");
        let home = Directory::new(home.path());
        let mut memory = after(&[replica(true, 90)], &home);
        memory.starts(true, &home);
        assert!(memory.last().is_some(), "its data are there");
        memory.starts(false, &home);
        assert_eq!(memory.last(), None);
        assert_eq!(Memory::load(&home).last(), None, "the next agent knows it, too");
        let mut memory = after(&[primary()], &home);
        memory.starts(false, &home);
        assert!(memory.last().is_some_and(|last| last.primary));
    }

    #[test]
    fn what_was_saved_at_the_end_counts_until_the_server_was_seen_to_serve_again() {
        let home = tempfile::tempdir().expect("a directory");
        let home = Directory::new(home.path());
        let persistent = |memory: &Memory| memory.last().expect("a past").persistent;
        let mut memory = after(&[replica(true, 90)], &home);
        assert!(!persistent(&memory), "nothing is on disk while it runs");
        memory.saves(&home);
        assert!(
            persistent(&memory) && persistent(&Memory::load(&home)),
            "whoever comes next cannot know that it did not"
        );
        memory.starts(true, &home);
        assert!(persistent(&memory), "its file is as it was");
        memory.saw(&mut replica(true, 91), false, &home, Timestamp::UNIX_EPOCH);
        assert!(!persistent(&memory) && !persistent(&Memory::load(&home)), "it has got more since");
        let mut memory = after(&[primary()], &home);
        memory.saves(&home);
        assert!(!persistent(&memory), "a primary that ends was all that there was, or is none when it is told to");
    }

    #[test]
    fn what_another_agent_started_may_have_received_anything() {
        let home = tempfile::tempdir().expect("a directory");
        let home = Directory::new(home.path());
        drop(after(&[], &home));
        let mut memory = Memory::load(&home);
        memory.saw(&mut replica(false, 90), false, &home, Timestamp::UNIX_EPOCH);
        assert!(memory.last().is_some());
    }

    #[test]
    fn a_slot_is_left_half_way_when_it_was_marked_for_long_and_nobody_may_be_at_it() {
        let home = tempfile::tempdir().expect("a directory");
        let home = Directory::new(home.path());
        let mut memory = Memory::load(&home);
        let mut look = |second: i64, marked: &str, moves: bool| {
            let mut server = primary();
            let bus = server.bus.as_mut().expect("a view");
            bus.astray = marked.parse().expect("slots");
            memory.saw(&mut server, moves, &home, Timestamp::from_second(second).expect("a moment"));
            server.bus.expect("a view").astray.to_string()
        };
        assert_eq!(look(0, "5 7", false), "");
        assert_eq!(look(20, "5 8", false), "");
        assert_eq!(look(30, "5 7-8", false), "");
        assert_eq!(look(31, "5 7-8", false), "5", "the others were marked later, or again");
        assert_eq!(look(51, "5 7-8", false), "5 8");
        assert_eq!(look(52, "5 7-8", true), "", "somebody is at it");
        assert_eq!(look(53, "5 7-8", false), "", "until a moment ago");
        assert_eq!(look(84, "5 7", false), "5 7");
    }
}
