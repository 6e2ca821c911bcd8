//! Who reaches whom, and how well.

use crate::Ms;
use crate::chance::Chance;

/// The network between the nodes' machines. Agents, servers and replicas all use it.
#[derive(Clone, Debug, Default)]
pub struct Network {
    cuts: Vec<Cut>,
    /// So many messages in a thousand are lost.
    pub loss: u64,
    /// So many in a thousand arrive twice.
    pub doubled: u64,
    /// Messages take up to this long.
    pub delay: Ms,
}

/// Nothing gets from any of these nodes to any of those.
#[derive(Clone, Debug)]
struct Cut {
    from: Vec<usize>,
    to: Vec<usize>,
    until: Ms,
}

impl Network {
    /// Cuts one direction until a moment.
    pub fn cut(&mut self, from: &[usize], to: &[usize], until: Ms) {
        self.cuts.push(Cut { from: from.to_vec(), to: to.to_vec(), until });
    }

    /// Cuts both directions until a moment.
    pub fn part(&mut self, ones: &[usize], others: &[usize], until: Ms) {
        self.cut(ones, others, until);
        self.cut(others, ones, until);
    }

    /// Ends the cuts whose time is over.
    pub fn pass(&mut self, now: Ms) {
        self.cuts.retain(|cut| cut.until > now);
    }

    /// Ends every trouble.
    pub fn mend(&mut self) {
        *self = Self::default();
    }

    /// Whether something gets from the one to the other.
    #[must_use]
    pub fn open(&self, from: usize, to: usize) -> bool {
        from == to || !self.cuts.iter().any(|cut| cut.from.contains(&from) && cut.to.contains(&to))
    }

    /// Whether something gets there and back: what a connection needs.
    #[must_use]
    pub fn both(&self, one: usize, other: usize) -> bool {
        self.open(one, other) && self.open(other, one)
    }

    /// When messages sent now arrive: never, once or twice.
    pub fn arrivals(&self, now: Ms, chance: &mut Chance) -> impl Iterator<Item = Ms> + use<> {
        let times = match () {
            () if chance.per_mille(self.loss) => 0,
            () if chance.per_mille(self.doubled) => 2,
            () => 1,
        };
        let delays = [chance.below(self.delay + 1), chance.below(self.delay + 1)];
        delays.into_iter().take(times).map(move |delay| now + delay)
    }
}
