//! What goes wrong on purpose.

/// What goes wrong, and how often or when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The call with this number, from 1, is carried out, and its answer is lost.
    AnswerLost(usize),
    /// So many calls are turned away: `RequestLimitExceeded`.
    Throttled(usize),
    /// From the call with this number on, no call gets through.
    CutOff(usize),
    /// What is made is missing in so many lists, and by its id.
    NotVisible(usize),
    /// No new instance: `InsufficientInstanceCapacity`, with the status 500 that it has.
    NoCapacity,
    /// The same in one subnet.
    NoCapacityIn(&'static str),
    /// No new instance: `VcpuLimitExceeded`.
    Quota,
}
