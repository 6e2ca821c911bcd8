//! What goes wrong on purpose.

/// What goes wrong, and how often or when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The call with this number, from 1, is carried out, and its answer is lost.
    AnswerLost(usize),
    /// So many calls are turned away: 429.
    Throttled(usize),
    /// Every call that would make a droplet is turned away, and there is no saying when to come again.
    ThrottledDroplets(usize),
    /// From the call with this number on, no call gets through.
    CutOff(usize),
    /// What is made is missing in so many lists, and by its id.
    NotVisible(usize),
    /// No new droplet: there is no room.
    NoCapacity,
    /// The same for one size.
    NoCapacityOf(&'static str),
    /// No new droplet: the account has as many as it may have.
    Quota,
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It gets there, and so does its answer.
    Carried,
    /// It gets there, and its answer does not get back.
    Unanswered,
    /// It does not get there.
    Cut,
    /// It is turned away.
    TurnedAway,
}
