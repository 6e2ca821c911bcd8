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

/// A fault under way in a cloud that is played: which of its calls it strikes.
#[derive(Clone, Copy, Debug)]
pub struct Wrong {
    /// What goes wrong.
    pub fault: Fault,
    /// See [`Fault`].
    pub number: usize,
    /// How often it struck.
    pub struck: usize,
    calls: usize,
}

impl Wrong {
    /// From the next call on.
    #[must_use]
    pub const fn new(fault: Fault, number: usize) -> Self {
        Self { fault, number, struck: 0, calls: 0 }
    }

    /// Counts a call that comes now; what goes wrong with it, if something does with a call as such.
    pub fn meets(&mut self) -> Option<Fault> {
        self.calls += 1;
        let struck = match self.fault {
            Fault::Throttled => self.calls <= self.number,
            Fault::AnswerLost => self.calls == self.number,
            // Whoever is killed makes no other call; here it is the caller's connection that is gone.
            Fault::Killed => self.calls >= self.number,
            Fault::NoCapacity | Fault::Quota | Fault::NotVisible => false,
        };
        self.struck += usize::from(struck);
        struck.then_some(self.fault)
    }
}

/// Whether something can be made to go wrong at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Can {
    /// It can.
    Yes,
    /// It cannot, or never does there; and why.
    No(&'static str),
}
