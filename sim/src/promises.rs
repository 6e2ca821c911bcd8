//! What must hold, whatever breaks: checked as it happens, and, for what clients were told, at the end.
//!
//! A write may be lost only for a reason that docs/guarantees.md names, and each such reason is entered here at the moment it
//! arises: a fault destroyed the last copy; the servers' own election chose a replica that lagged; a primary's process died and
//! a replica took over that had been linked until then; a fence ran out. Whatever else is missing at the end was lost by us.

use std::collections::BTreeMap;

use justmanage_model::record::FENCE_LAG_S;
use justmanage_model::{PasswordHash, User, UserName};
use justmanage_planner::FAILOVER_LAG_MAX;

use crate::data::Data;
use crate::field::Field;
use crate::history::Write;
use crate::server::Process;
use crate::{Ms, TICK};

type Users = BTreeMap<UserName, User>;

/// How long before it is asked to take over a replica's link may have been seen to break, and still be taken for unbroken: what
/// its agent allows.
pub const LINK_LOSS: Ms = 2000;

/// How long before a primary's death its replica may have been cut off without seeing that: how old its last report may be, and
/// the way of that. What is written in this time is lost (promise 1).
pub const LAST_REPORT: Ms = 6000;

/// How many writes a primary takes from the last look at its replicas until its death, and from their last reports until that.
const SINCE_LAST_LOOK: u64 = 30;

/// A server that was frozen (`SIGSTOP`, a machine that was paused) goes on where it was, and counts its replicas once a second:
/// for so long it may take writes though its fence has run out. Nobody outside can keep it from that.
pub const WAKING: Ms = 1000;

/// What was broken, and what may be missing.
#[derive(Clone, Debug, Default)]
pub struct Promises {
    /// Each violation, in words.
    pub broken: Vec<(Ms, String)>,
    /// No fault is at work: agents and store do their best.
    pub calm: bool,
    excuses: Vec<Excuse>,
    /// Passwords that end: whose they are, which, and not before when.
    ends: Vec<(UserName, PasswordHash, Ms)>,
    /// How far clocks were set forward, all together.
    pub set_forward: Ms,
}

/// Writes that may be missing: those that a node acknowledged within a time.
#[derive(Clone, Debug)]
struct Excuse {
    by: usize,
    from: Ms,
    to: Ms,
}

impl Field {
    /// Something happened that must not.
    pub fn violation(&mut self, what: impl Into<String>) {
        let (now, what) = (self.now, what.into());
        self.note(|| format!("VIOLATION: {what}"));
        self.promises.broken.push((now, what));
    }

    pub(crate) fn excuse(&mut self, by: usize, from: Ms, to: Ms, why: &str) {
        self.note(|| format!("what node {by} acknowledged from {from} to {to} may be lost: {why}"));
        self.promises.excuses.push(Excuse { by, from, to });
    }

    /// A write was acknowledged.
    pub(crate) fn acknowledged(&mut self, node: usize) {
        let server = &self.nodes[node].server;
        if server.woken_at.is_some_and(|at| self.now <= at + WAKING) {
            return;
        }
        if let Some(since) = server.superseded {
            let (near, needed) = (server.near, server.setting("min-replicas-to-write"));
            self.violation(format!(
                "node {node} acknowledges a write, though another took over from it at {since} ({near} replicas near, {needed} needed)"
            ));
            self.nodes[node].server.superseded = None;
        }
    }

    /// A user has another password: those before it are valid for so long at most, whatever was promised.
    pub(crate) fn passwords_last_at_most(&mut self, user: &UserName, grace: Ms) {
        let latest = self.now + grace;
        let ours = self.promises.ends.iter_mut().filter(|(name, ..)| name == user);
        ours.for_each(|(_, _, due)| *due = latest.min(*due));
    }

    /// Somebody was promised that a password is valid for so long.
    pub(crate) fn password_lasts(&mut self, user: &UserName, password: PasswordHash, grace: Ms) {
        self.note(|| format!("a password of {user} is valid for {grace} ms more"));
        self.promises.ends.push((user.clone(), password, self.now + grace));
    }

    /// Passwords are taken out of the Record: none that has no end, and none before its time, whatever clocks say. (One that was
    /// set forward meanwhile may be right, and nobody knows.)
    pub(crate) fn passwords_end(&mut self, before: &Users, after: &Users) {
        for (name, user) in before {
            let kept = after.get(name).map(|user| user.passwords.as_slice()).unwrap_or_default();
            for password in user.passwords.iter().filter(|password| !kept.contains(password)) {
                let ends = self.promises.ends.iter().rev();
                let due =
                    ends.clone().find(|(user, hash, _)| user == name && *hash == password.hash).map(|(_, _, due)| *due);
                let early = due.is_none_or(|due| self.now + self.promises.set_forward < due);
                if early || password.until.is_none() {
                    self.violation(format!("a password of {name} ends before its time, which is {due:?}"));
                }
            }
        }
    }

    /// A fault destroyed data: what nobody else has is nobody's fault of ours.
    pub(crate) fn destroyed(&mut self, node: usize, before: &Data) {
        let copies = self.nodes.iter().filter(|other| other.server.whole);
        let copies: Vec<Data> = copies.map(|other| other.server.data.clone()).collect();
        let after = &self.nodes[node].server;
        if *before == after.data && after.whole {
            return;
        }
        self.histories.destroyed(before, &copies);
    }

    /// A replica won an election: by the servers' own hand, or because the agent of its dead primary asked for it.
    pub(crate) fn elected(&mut self, node: usize, from: Option<u64>, by_hand: bool, stale: bool) {
        let now = self.now;
        if stale {
            self.nodes[node].server.deluded = Some(now);
            return;
        }
        let Some(old) = (0..self.nodes.len()).find(|old| Some(self.nodes[*old].server.bus.id) == from) else { return };
        let replication = &self.nodes[node].server.replication;
        let (level, fed) = (replication.level_at, replication.fed_at);
        // An old primary goes on until it hears, also one that was dead and is started in the dark: the servers' own terms.
        self.nodes[old].server.outvoted = Some(now);
        if !by_hand {
            // And so is asynchronous replication.
            let since = level.saturating_sub(TICK);
            self.excuse_received(node, old, level);
            return self.excuse(old, since, now, "an election");
        }
        self.taken_from_the_dead(node, old, level, fed + LAST_REPORT);
    }

    /// What a primary got from another shard since its replica last had everything: that is replicated as any write is.
    fn excuse_received(&mut self, node: usize, old: usize, level: Ms) {
        let server = &self.nodes[old].server;
        if server.received.is_some_and(|at| at + TICK >= level) {
            let owned = server.bus.parts_of(server.bus.id);
            let (ours, theirs) = (self.nodes[node].server.data.clone(), server.data.clone());
            self.histories.excuse(&owned, &ours, &theirs);
        }
    }

    /// A replica takes over from a primary whose process is dead, and from which it was not cut off before that.
    fn taken_from_the_dead(&mut self, node: usize, old: usize, level: Ms, linked: Ms) {
        let server = &self.nodes[old].server;
        let (dead, died) = (server.process != Process::Up, server.ended_at);
        if !dead || linked < died {
            return;
        }
        self.excuse(old, level.saturating_sub(TICK), died, "the replication lag at its death");
        self.excuse_received(node, old, level);
        // Part of what the replica lacks may have been acknowledged by whoever was the primary before.
        let owned = self.nodes[old].server.bus.parts_of(self.nodes[old].server.bus.id);
        let (ours, theirs) = (self.nodes[node].server.data.clone(), self.nodes[old].server.data.clone());
        let most = FAILOVER_LAG_MAX / self.shape.write_bytes + SINCE_LAST_LOOK;
        if self.histories.lacks(&owned, &ours, &theirs) as u64 <= most {
            self.histories.excuse(&owned, &ours, &theirs);
        }
    }

    /// A replica takes over by our word. Everybody else in the shard is to take no writes any more.
    pub(crate) fn taken_over(&mut self, node: usize, old: Option<usize>, fenced: bool) {
        let now = self.now;
        let replication = &self.nodes[node].server.replication;
        let (level, fed) = (replication.level_at, replication.fed_at);
        // How old its last report may be is bounded, not how much it lacks.
        let lags = replication.lagged_at.is_some_and(|at| at > level);
        if let Some(old) = old {
            self.taken_from_the_dead(node, old, level, fed + LAST_REPORT);
            if fenced && let Some(acked) = self.nodes[old].server.acked_at {
                // And the tick in which a replica reported last, before the write of that tick.
                let bound = (FENCE_LAG_S + 2) * 1000 + TICK;
                let from = acked.saturating_sub(bound);
                let from = if lags { from.min(level.saturating_sub(TICK)) } else { from };
                self.excuse(old, from, acked, "the fence's lag");
                self.excuse_received(node, old, level);
            }
        }
        let shard = self.nodes[node].seat.shard;
        for (number, other) in self.nodes.iter_mut().enumerate() {
            if number != node && other.seat.shard == shard && other.server.bus.owns() {
                other.server.superseded = Some(now);
            }
        }
        self.nodes[node].server.superseded = None;
    }

    /// A primary became a replica.
    pub(crate) fn demoted(&mut self, node: usize) {
        let now = self.now;
        let server = &mut self.nodes[node].server;
        server.superseded = None;
        if let Some(since) = server.outvoted.take() {
            self.excuse(node, since, now, "it had not heard of an election");
        }
        let server = &mut self.nodes[node].server;
        if let Some(since) = server.deluded.take() {
            self.excuse(node, since, now, "votes of an earlier election");
        }
    }

    /// A server that owns slots came back with what is on its disk. Without its data it must not, as long as it is the one
    /// whom the others follow, and any of them has a copy.
    pub(crate) fn returned(&mut self, node: usize) {
        let place = &self.nodes[node];
        let shard = place.seat.shard;
        let owned = place.server.bus.parts_of(place.server.bus.id);
        let others = || {
            let same =
                move |(number, other): &(usize, &crate::server::Node)| *number != node && other.seat.shard == shard;
            self.nodes.iter().enumerate().filter(same).map(|(_, other)| other)
        };
        let copies = others().filter(|other| other.on && other.server.whole);
        let lacks = |other: &crate::server::Node| self.histories.lacks(&owned, &place.server.data, &other.server.data);
        let more = copies.map(lacks).max().unwrap_or(0);
        let epoch = place.server.bus.config_epoch;
        let followed = !others().any(|other| other.server.bus.owns() && other.server.bus.config_epoch > epoch);
        if !place.server.whole && more > 0 && followed {
            self.violation(format!(
                "node {node} comes back as a primary without its data, and another has {more} writes more"
            ));
        }
        // From now on its data are the shard's.
        self.nodes[node].server.whole |= followed;
    }

    /// A replica gives up its data for those of its primary.
    pub(crate) fn replaced(&mut self, node: usize, from: usize) {
        let (ours, theirs) = (&self.nodes[node].server, &self.nodes[from].server);
        let owned = theirs.bus.parts_of(theirs.bus.id);
        let lacks = |part: usize| {
            let (history, ours, theirs) = (self.histories.of(part), ours.data.part(part), theirs.data.part(part));
            let mut writes = history.writes().iter();
            writes.any(|write| history.holds(ours, write) && !history.holds(theirs, write) && !self.is_excused(write))
        };
        if theirs.data.is_empty() && ours.whole && owned.into_iter().any(lacks) {
            self.violation(format!("node {node} copies the emptiness of node {from}"));
        }
        // Whatever only this copy had is gone with it; whether that was right is judged at the end.
    }

    /// Whether there was a reason to lose a write.
    fn is_excused(&self, write: &Write) -> bool {
        let fits = |one: &Excuse| one.by == write.by && one.from <= write.at && write.at <= one.to;
        write.destroyed || self.promises.excuses.iter().any(fits)
    }

    /// At rest: every write that was acknowledged is there, or there was a reason.
    pub fn account(&mut self) {
        for part in 0..self.parts.len() {
            let Some(owner) = self.owner(part) else { continue };
            let history = self.histories.of(part);
            let data = self.nodes[owner].server.data.part(part);
            let lost = |write: &&Write| !history.holds(data, write) && !self.is_excused(write);
            let lost: Vec<_> = history.writes().iter().filter(lost).collect();
            if let (Some(first), Some(last)) = (lost.first(), lost.last()) {
                let (count, by) = (lost.len(), first.by);
                let (from, to) = (first.at, last.at);
                let slots = self.parts[part].to_string();
                self.violation(format!(
                    "{count} acknowledged writes to slots {slots} are lost without a reason: acknowledged by node {by} from {from} to {to}"
                ));
            }
        }
    }
}
