//! Hash slots, and sets of them as runs.

use std::fmt;
use std::str::FromStr;

use crate::failure::Invalid;
use crate::text::serde_as_text;

pub mod balance;
mod weights;

pub use weights::SlotWeights;

/// Number of hash slots of every cluster ([cluster specification](https://valkey.io/topics/cluster-spec/)).
pub const SLOT_COUNT: u16 = 16384;

/// One of the 16384 parts of the key space.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u16);

impl Slot {
    /// The slot with this number, if there is one.
    #[must_use]
    pub const fn new(number: u16) -> Option<Self> {
        if number < SLOT_COUNT { Some(Self(number)) } else { None }
    }

    /// Its number, below [`SLOT_COUNT`].
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A run of slots, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SlotRange {
    first: Slot,
    last: Slot,
}

impl SlotRange {
    /// From `first` to `last`, both included, unless they are the wrong way round.
    #[must_use]
    pub fn new(first: Slot, last: Slot) -> Option<Self> {
        (first <= last).then_some(Self { first, last })
    }

    /// Its first slot.
    #[must_use]
    pub const fn first(self) -> Slot {
        self.first
    }

    /// Its last slot.
    #[must_use]
    pub const fn last(self) -> Slot {
        self.last
    }

    /// How many slots it holds; at least one.
    #[must_use]
    #[allow(clippy::len_without_is_empty, reason = "a run of slots is never empty")]
    pub const fn len(self) -> u16 {
        self.last.0 - self.first.0 + 1
    }
}

impl fmt::Display for SlotRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first == self.last { write!(f, "{}", self.first) } else { write!(f, "{}-{}", self.first, self.last) }
    }
}

/// A set of slots, kept as runs in ascending order that neither overlap nor touch; written "0-5460 5462".
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct SlotSet(Vec<SlotRange>);

impl SlotSet {
    /// No slot.
    #[must_use]
    pub const fn empty() -> Self {
        Self(Vec::new())
    }

    /// Every slot.
    #[must_use]
    pub fn all() -> Self {
        Self(vec![SlotRange { first: Slot(0), last: Slot(SLOT_COUNT - 1) }])
    }

    /// The part of the `index`th of so many shards (from 0), when all are equally large: the first ones are larger by a slot
    /// where the number does not divide. Nothing for an index beyond.
    #[must_use]
    pub fn share(index: u16, shards: u16) -> Self {
        if index >= shards || shards > SLOT_COUNT {
            return Self::empty();
        }
        let (each, more) = (SLOT_COUNT / shards, SLOT_COUNT % shards);
        let first = index * each + index.min(more);
        let len = each + u16::from(index < more);
        Self(vec![SlotRange { first: Slot(first), last: Slot(first + len - 1) }])
    }

    /// The runs, in ascending order.
    #[must_use]
    pub fn ranges(&self) -> &[SlotRange] {
        &self.0
    }

    /// The slots, in ascending order.
    pub fn slots(&self) -> impl Iterator<Item = Slot> + '_ {
        self.0.iter().flat_map(|range| range.first.0..=range.last.0).map(Slot)
    }

    /// How many slots there are in it.
    #[must_use]
    pub fn len(&self) -> u16 {
        self.0.iter().map(|range| range.len()).sum()
    }

    /// Whether there is none in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a slot is in it.
    #[must_use]
    pub fn contains(&self, slot: Slot) -> bool {
        let after = self.0.partition_point(|range| range.first <= slot);
        after > 0 && slot <= self.0[after - 1].last
    }

    /// What is in either.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        self.0.iter().chain(&other.0).copied().collect()
    }

    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        self.difference(&self.difference(other))
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        for mine in &self.0 {
            let mut from = mine.first.0;
            for theirs in other.0.iter().filter(|theirs| theirs.first <= mine.last && mine.first <= theirs.last) {
                if from < theirs.first.0 {
                    rest.push(SlotRange { first: Slot(from), last: Slot(theirs.first.0 - 1) });
                }
                from = theirs.last.0 + 1;
            }
            if from <= mine.last.0 {
                rest.push(SlotRange { first: Slot(from), last: mine.last });
            }
        }
        Self(rest)
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        slots.into_iter().map(|slot| SlotRange { first: slot, last: slot }).collect()
    }
}

impl FromIterator<SlotRange> for SlotSet {
    fn from_iter<I: IntoIterator<Item = SlotRange>>(ranges: I) -> Self {
        let mut sorted: Vec<SlotRange> = ranges.into_iter().collect();
        sorted.sort_unstable();
        let mut runs: Vec<SlotRange> = Vec::with_capacity(sorted.len());
        for range in sorted {
            match runs.last_mut() {
                Some(run) if range.first.0 <= run.last.0 + 1 => run.last = run.last.max(range.last),
                _ => runs.push(range),
            }
        }
        Self(runs)
    }
}

impl fmt::Display for SlotSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, range) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            range.fmt(f)?;
        }
        Ok(())
    }
}

impl FromStr for SlotSet {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.split_ascii_whitespace().map(parse_range).collect()
    }
}

fn parse_range(token: &str) -> Result<SlotRange, Invalid> {
    let slot = |text: &str| {
        let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        plain.then(|| text.parse().ok().and_then(Slot::new))?
    };
    let (first, last) = token.split_once('-').unwrap_or((token, token));
    slot(first).zip(slot(last)).and_then(|(first, last)| SlotRange::new(first, last)).ok_or_else(|| {
        Invalid::new(
            "Slots not valid",
            format!("{token:?} is neither a slot nor a range of slots."),
            "Slots are 0 to 16383; write \"0-5460 5462\".",
        )
    })
}

serde_as_text!(SlotSet);
