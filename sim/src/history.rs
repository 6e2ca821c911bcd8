//! What a shard's clients wrote, and which copy holds how much of it.
//!
//! Every server's data is a [`Position`] in a tree of branches: a primary appends to its branch, a promotion or a restart
//! begins a new one where the old data end. So a copy costs nothing, and "does this copy hold that write" is a short walk.

use crate::Ms;

/// How much data somebody has: everything up to here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    branch: usize,
    len: u64,
}

impl Position {
    /// No data.
    pub const EMPTY: Self = Self { branch: 0, len: 0 };

    /// How many writes.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.len
    }

    /// Whether it holds nothing.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }
}

/// A write that was acknowledged to its client.
#[derive(Clone, Debug)]
pub struct Write {
    /// When.
    pub at: Ms,
    /// By which node's server.
    pub by: usize,
    /// A fault destroyed its last copy, and nobody could have kept it; or it was in the lag that may be lost.
    pub destroyed: bool,
    branch: usize,
    index: u64,
}

#[derive(Clone, Debug)]
struct Branch {
    parent: Option<Position>,
    tip: u64,
}

/// One shard's.
#[derive(Clone, Debug)]
pub struct History {
    branches: Vec<Branch>,
    writes: Vec<Write>,
}

impl Default for History {
    fn default() -> Self {
        Self { branches: vec![Branch { parent: None, tip: 0 }], writes: Vec::new() }
    }
}

impl History {
    /// A new branch that begins with these data.
    pub fn fork(&mut self, at: Position) -> Position {
        self.branches.push(Branch { parent: Some(at), tip: at.len });
        Position { branch: self.branches.len() - 1, len: at.len }
    }

    /// A write on top of these data, acknowledged. They are the newest of their branch: their owner alone writes to it.
    pub fn append(&mut self, at: Position, now: Ms, by: usize) -> Position {
        assert_eq!(self.branches[at.branch].tip, at.len, "only the newest data of a branch are written to");
        self.branches[at.branch].tip += 1;
        self.writes.push(Write { at: now, by, destroyed: false, branch: at.branch, index: at.len });
        Position { branch: at.branch, len: at.len + 1 }
    }

    /// All writes that were acknowledged.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// Marks the writes that this copy held and none of the others holds: they are nowhere any more.
    pub fn destroyed(&mut self, copy: Position, others: &[Position]) {
        let mut writes = std::mem::take(&mut self.writes);
        for write in writes.iter_mut().filter(|write| !write.destroyed) {
            write.destroyed = self.holds(copy, write) && !others.iter().any(|other| self.holds(*other, write));
        }
        self.writes = writes;
    }

    /// Whether a copy holds a write.
    #[must_use]
    pub fn holds(&self, copy: Position, write: &Write) -> bool {
        self.line(copy).any(|at| at.branch == write.branch && at.len > write.index)
    }

    /// Whether the one begins with the other.
    #[must_use]
    pub fn begins_with(&self, whole: Position, part: Position) -> bool {
        let mut part = part;
        while let Some(parent) = self.branches[part.branch].parent.filter(|parent| part.len <= parent.len) {
            part = Position { len: part.len, ..parent };
        }
        part.is_empty() || self.line(whole).any(|at| at.branch == part.branch && at.len >= part.len)
    }

    /// How many of the acknowledged writes the one holds and the other does not.
    #[must_use]
    pub fn lacks(&self, copy: Position, of: Position) -> usize {
        self.writes.iter().filter(|write| self.holds(of, write) && !self.holds(copy, write)).count()
    }

    /// Marks the writes that the one lacks of the other: they may be lost.
    pub fn excuse(&mut self, copy: Position, of: Position) {
        let mut writes = std::mem::take(&mut self.writes);
        for write in &mut writes {
            write.destroyed |= self.holds(of, write) && !self.holds(copy, write);
        }
        self.writes = writes;
    }

    fn line(&self, from: Position) -> impl Iterator<Item = Position> {
        std::iter::successors(Some(from), |at| self.branches[at.branch].parent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_holds_what_was_written_before_it_was_taken() {
        let mut history = History::default();
        let first = history.fork(Position::EMPTY);
        let one = history.append(first, 0, 0);
        let two = history.append(one, 1, 0);
        let other = history.fork(one);
        let three = history.append(other, 2, 1);
        let held = |copy| history.writes().iter().map(|write| history.holds(copy, write)).collect::<Vec<_>>();
        assert_eq!(held(Position::EMPTY), [false, false, false]);
        assert_eq!(held(one), [true, false, false]);
        assert_eq!(held(two), [true, true, false]);
        assert_eq!(held(three), [true, false, true]);
        assert!(history.begins_with(two, one) && history.begins_with(three, one) && history.begins_with(three, other));
        assert!(history.begins_with(one, other), "nothing was written to the other branch yet");
        assert!(!history.begins_with(three, two) && !history.begins_with(two, three));
        assert!(history.begins_with(one, Position::EMPTY));
        assert_eq!(history.lacks(three, two), 1);
    }
}
