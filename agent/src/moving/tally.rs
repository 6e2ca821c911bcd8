//! How far a move has come, and what hinders it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use justmanage_engine::migrate::Moved;
use justmanage_model::{Bytes, Generation, MoveTally, Timestamp, Trouble};
use tokio::sync::watch;

/// How often it is told how far it is. Whoever leads hears of it, and looks at the cluster anew.
const TELL: Duration = Duration::from_secs(1);

/// Counts, and tells what is worth it.
pub(super) struct Teller {
    sender: watch::Sender<Option<MoveTally>>,
    clock: fn() -> Timestamp,
    /// What was moved before the turn that goes on.
    tally: MoveTally,
    /// What that has moved.
    turn: Moved,
    /// What hinders, by the shard that it concerns.
    troubles: BTreeMap<u16, Trouble>,
    /// Shards to which the last turn has failed.
    failed: BTreeSet<u16>,
    told: Instant,
    /// Slots that were still to go at the last look. Those that move as a whole may do so between two turns.
    left: Option<u64>,
}

impl Teller {
    /// Begins to count, or goes on where a task of the same grant has ended.
    pub(super) fn begin(sender: watch::Sender<Option<MoveTally>>, given: Generation, clock: fn() -> Timestamp) -> Self {
        let before = sender.borrow().clone().filter(|tally| tally.given == given);
        let new = MoveTally { given, active: true, slots: 0, keys: 0, bytes: Bytes::new(0), trouble: None };
        let tally = MoveTally { active: true, trouble: None, ..before.unwrap_or(new) };
        sender.send_replace(Some(tally.clone()));
        Self {
            sender,
            clock,
            tally,
            turn: Moved::default(),
            troubles: BTreeMap::new(),
            failed: BTreeSet::new(),
            told: Instant::now(),
            left: None,
        }
    }

    /// So many slots are still to go.
    pub(super) fn looks(&mut self, left: u64) {
        let before = self.left.replace(left).unwrap_or(left);
        self.tally.slots += before.saturating_sub(left);
        self.tell();
    }

    /// So much was moved in this turn until now.
    pub(super) fn progress(&mut self, moved: &Moved) {
        self.turn = *moved;
        self.tell();
    }

    /// A turn is over; whether it has moved anything.
    pub(super) fn turn_is_over(&mut self) -> bool {
        let moved = std::mem::take(&mut self.turn);
        self.tally = added(&self.tally, &moved);
        moved.slots > 0 || moved.keys > 0
    }

    /// Something hinders what concerns a shard. Since when, is kept as long as it goes on, whatever it is.
    pub(super) fn hindered(&mut self, shard: u16, what: String) {
        let since = self.troubles.get(&shard).map_or_else(|| (self.clock)(), |trouble| trouble.since);
        self.troubles.insert(shard, Trouble { what, since });
        self.tell();
    }

    /// A turn to a shard has failed, by what hinders it until one does better.
    pub(super) fn turn_failed(&mut self, shard: u16) {
        self.failed.insert(shard);
    }

    /// Nothing is half-way between our server and a shard. That is looked at before each turn that follows one that has failed, and
    /// says nothing of what made it fail: since when that goes on would be forgotten every time.
    pub(super) fn healed(&mut self, shard: u16) {
        if !self.failed.contains(&shard) {
            self.unhindered(shard);
        }
    }

    /// Nothing hinders what concerns a shard any more.
    pub(super) fn unhindered(&mut self, shard: u16) {
        self.failed.remove(&shard);
        if self.troubles.remove(&shard).is_some() {
            self.tell();
        }
    }

    /// Whether something hinders.
    pub(super) fn is_hindered(&self) -> bool {
        !self.troubles.is_empty()
    }

    /// It is at it no more.
    pub(super) fn rests(&mut self) {
        self.tally.active = false;
        self.troubles.clear();
        self.failed.clear();
        self.tell();
    }

    /// Tells at once what somebody waits for, and the rest at times.
    fn tell(&mut self) {
        let trouble = self.troubles.values().min_by_key(|trouble| trouble.since).cloned();
        let now = MoveTally { trouble, ..added(&self.tally, &self.turn) };
        let told = self.sender.borrow().clone();
        let outline = |tally: &MoveTally| (tally.active, tally.trouble.as_ref().map(|trouble| trouble.since));
        let urgent = told.as_ref().map(outline) != Some(outline(&now));
        if urgent || told.as_ref() != Some(&now) && self.told.elapsed() >= TELL {
            self.sender.send_replace(Some(now));
            self.told = Instant::now();
        }
    }
}

fn added(tally: &MoveTally, moved: &Moved) -> MoveTally {
    let bytes = Bytes::new(tally.bytes.get() + moved.bytes.get());
    MoveTally { keys: tally.keys + moved.keys, bytes, ..tally.clone() }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    fn clock() -> Timestamp {
        Timestamp::UNIX_EPOCH
    }

    #[test]
    fn what_somebody_waits_for_is_told_at_once_and_counts_go_on() {
        let sender = watch::Sender::new(None);
        let told = || sender.borrow().clone().expect("a tally");
        let mut teller = Teller::begin(sender.clone(), Generation::new(7), clock);
        let moved = |slots, keys| Moved { slots, keys, ..Moved::default() };
        teller.looks(10);
        teller.progress(&moved(3, 5));
        teller.looks(7);
        assert_eq!((told().active, told().slots), (true, 0), "counts come later");
        teller.hindered(2, "no room".to_owned());
        assert_eq!((told().slots, told().keys), (3, 5));
        assert_eq!(told().trouble.map(|trouble| trouble.what).as_deref(), Some("no room"));
        assert!(teller.turn_is_over() && teller.is_hindered());
        teller.unhindered(2);
        assert_eq!(told().trouble, None);
        teller.progress(&moved(1, 0));
        assert!(teller.turn_is_over() && !teller.turn_is_over());
        teller.looks(6);
        teller.rests();
        assert_eq!((told().active, told().slots, told().keys), (false, 4, 5));
        let mut again = Teller::begin(sender.clone(), Generation::new(7), clock);
        again.looks(6);
        again.looks(8);
        again.looks(7);
        again.rests();
        assert_eq!(told().slots, 5, "the same grant");
        drop(Teller::begin(sender.clone(), Generation::new(9), clock));
        assert_eq!(told().slots, 0, "another one");
    }

    /// A second later each time that it is asked.
    fn ticking() -> Timestamp {
        static SECONDS: AtomicI64 = AtomicI64::new(0);
        Timestamp::from_second(SECONDS.fetch_add(1, Ordering::Relaxed)).expect("a time")
    }

    #[test]
    fn what_makes_turns_fail_is_known_since_the_first_of_them() {
        let sender = watch::Sender::new(None);
        let since = || sender.borrow().clone().and_then(|tally: MoveTally| tally.trouble).map(|trouble| trouble.since);
        let mut teller = Teller::begin(sender.clone(), Generation::new(7), ticking);
        teller.hindered(2, "nobody answers".to_owned());
        teller.healed(2);
        assert_eq!(since(), None, "that was all");
        teller.turn_failed(2);
        teller.hindered(2, "a large key".to_owned());
        let first = since();
        assert!(first.is_some());
        teller.healed(2);
        teller.turn_failed(2);
        teller.hindered(2, "a large key".to_owned());
        assert_eq!(since(), first, "as before");
        teller.unhindered(2);
        assert_eq!(since(), None, "a turn came further");
        teller.turn_failed(2);
        teller.hindered(2, "a large key".to_owned());
        assert!(since() > first, "again");
    }
}
