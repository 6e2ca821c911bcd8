//! What goes wrong on purpose, inside of what a platform does.

/// What goes wrong. Each comes with a number, which means something else for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The call with this number, from 1, that the platform makes to whatever it makes machines with is carried out, and its answer is
    /// lost. The calls after it are as always.
    AnswerLost,
    /// So many calls are turned away, undone, because there were too many.
    Throttled,
    /// There is no room for a machine more; the number says nothing.
    NoCapacity,
    /// There is room, but not for us; the number says nothing.
    Quota,
    /// What is made from now on is missing in so many looks.
    NotVisible,
    /// Whatever makes or removes a machine is killed before its step with this number, from 1, and whoever asked hears nothing any more.
    Killed,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::AnswerLost, Self::Throttled, Self::NoCapacity, Self::Quota, Self::NotVisible, Self::Killed];
}

/// Whether something can be made to go wrong at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Can {
    /// It can.
    Yes,
    /// It cannot, or never does there; and why.
    No(&'static str),
}
