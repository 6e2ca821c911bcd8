//! What a server has: of each part of the slots so much.
//!
//! A part is a run of slots that have the same fate. A cluster begins with one for each shard; where slots move, parts are cut. Each
//! has its own [`History`], so what a server has is a [`Position`] in each of them.

use crate::Ms;
use crate::history::{History, Position};

/// A server's data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Data {
    parts: Vec<Position>,
    offset: u64,
}

impl Data {
    /// None, where there are so many parts.
    #[must_use]
    pub fn none(parts: usize) -> Self {
        Self { parts: vec![Position::EMPTY; parts], offset: 0 }
    }

    /// How far its replication stream has come, in writes.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.offset
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.iter().all(|part| part.is_empty())
    }

    /// Cuts a part in two.
    pub fn cut(&mut self, part: usize) {
        self.parts.push(self.parts[part]);
    }

    /// A part is gone from here.
    pub fn drop_part(&mut self, part: usize) {
        self.parts[part] = Position::EMPTY;
        self.offset += 1;
    }

    /// A part has come here.
    pub fn take_part(&mut self, part: usize, at: Position) {
        self.parts[part] = at;
        self.offset += 1;
    }

    /// What it has of a part.
    #[must_use]
    pub fn part(&self, part: usize) -> Position {
        self.parts[part]
    }
}

/// What was written to all parts.
#[derive(Clone, Debug)]
pub struct Histories(Vec<History>);

impl Histories {
    /// Of so many parts, to which nothing was written yet.
    #[must_use]
    pub fn new(parts: usize) -> Self {
        Self(vec![History::default(); parts])
    }

    /// Of one part.
    #[must_use]
    pub fn of(&self, part: usize) -> &History {
        &self.0[part]
    }

    /// Of one part.
    pub fn of_mut(&mut self, part: usize) -> &mut History {
        &mut self.0[part]
    }

    /// Cuts a part in two: each has what was written to both.
    pub fn cut(&mut self, part: usize) {
        self.0.push(self.0[part].clone());
    }

    /// Data that go their own way from here.
    pub fn fork(&mut self, data: &Data) -> Data {
        let forked = self.0.iter_mut().zip(&data.parts).map(|(history, at)| history.fork(*at));
        Data { parts: forked.collect(), offset: data.offset }
    }

    /// A write to one part, acknowledged.
    pub fn append(&mut self, data: &mut Data, part: usize, now: Ms, by: usize) {
        data.parts[part] = self.0[part].append(data.parts[part], now, by);
        data.offset += 1;
    }

    /// Marks the writes that these data held and none of the others holds: they are nowhere any more.
    pub fn destroyed(&mut self, data: &Data, others: &[Data]) {
        for (part, history) in self.0.iter_mut().enumerate() {
            let others: Vec<Position> = others.iter().map(|other| other.parts[part]).collect();
            history.destroyed(data.parts[part], &others);
        }
    }

    /// Whether the one begins with the other.
    #[must_use]
    pub fn begins_with(&self, whole: &Data, data: &Data) -> bool {
        let mut parts = self.0.iter().zip(whole.parts.iter().zip(&data.parts));
        parts.all(|(history, (whole, part))| history.begins_with(*whole, *part))
    }

    /// How many of the acknowledged writes to these parts the one holds and the other does not.
    #[must_use]
    pub fn lacks(&self, parts: &[usize], data: &Data, of: &Data) -> usize {
        parts.iter().map(|part| self.0[*part].lacks(data.parts[*part], of.parts[*part])).sum()
    }

    /// Marks the writes to these parts that the one lacks of the other: they may be lost.
    pub fn excuse(&mut self, parts: &[usize], data: &Data, of: &Data) {
        for part in parts {
            self.0[*part].excuse(data.parts[*part], of.parts[*part]);
        }
    }
}
