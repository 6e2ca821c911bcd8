//! How fast slots may move: as fast as the source's clients do not feel it.

use std::collections::VecDeque;
use std::time::Duration;

/// What the source's clients are spared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How long the server may stand still for one burst of parcels. What is sent at once is sized by it. (One large key goes in
    /// one piece, however long that takes.)
    pub hold: Duration,
    /// From what latency on the mover waits: that which one in a hundred of its own calls between bursts sees.
    pub latency: Duration,
}

impl Default for Pace {
    /// 10 ms: a write that waits for a burst on both servers is done in well under 50 ms. 50 ms: a server that makes a call without
    /// work wait for so long is busy with something else.
    fn default() -> Self {
        Self { hold: Duration::from_millis(10), latency: Duration::from_millis(50) }
    }
}

/// Fewest keys of a burst: a call for each single key would cost more than it spares.
const FEWEST: usize = 8;
/// Most keys of a burst. A key takes 10 to 40 microseconds, so the usual pace ends up around a few hundred.
const MOST: usize = 1024;
/// Fewest slots that are open at once: a dozen calls is what opening and closing any number of them takes.
const FEWEST_SLOTS: usize = 64;
/// Most slots that are open at once.
const MOST_SLOTS: usize = 512;
/// How long slots may be open, as far as the server allows it. Some clients lose their way when they are sent on for longer, and a
/// call that needs several keys of an open slot has to be tried again.
const OPEN: Duration = Duration::from_millis(200);
/// How many calls the latency is judged by.
const SAMPLES: usize = 100;
/// Longest pause: a server that hangs is not waited for, it is asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// What was learnt of one source's pace.
#[derive(Debug)]
pub(crate) struct Pacer {
    pace: Pace,
    keys: usize,
    slots: usize,
    samples: VecDeque<Duration>,
}

impl Default for Pacer {
    fn default() -> Self {
        Self::new(Pace::default())
    }
}

impl Pacer {
    pub(crate) const fn new(pace: Pace) -> Self {
        Self { pace, keys: 64, slots: 128, samples: VecDeque::new() }
    }

    /// How many keys the next burst may have.
    pub(crate) const fn keys(&self) -> usize {
        self.keys
    }

    /// A burst of so many keys took so long.
    pub(crate) fn held(&mut self, keys: usize, took: Duration) {
        if took > self.pace.hold && keys > 1 {
            self.keys = (self.keys.min(keys) / 2).max(FEWEST);
        } else if took * 2 < self.pace.hold && keys * 2 > self.keys {
            self.keys = (self.keys * 2).min(MOST);
        }
    }

    /// How many slots may be open at once.
    pub(crate) const fn slots(&self) -> usize {
        self.slots
    }

    /// So many slots were open for so long.
    pub(crate) fn opened(&mut self, slots: usize, took: Duration) {
        if took > OPEN {
            self.slots = (self.slots.min(slots) / 2).max(FEWEST_SLOTS);
        } else if took * 2 < OPEN && slots * 2 > self.slots {
            self.slots = (self.slots * 2).min(MOST_SLOTS);
        }
    }

    /// A call without work took so long. How long to leave the server alone: as long as one in a hundred calls has to wait, if
    /// that is too long.
    pub(crate) fn waited(&mut self, took: Duration) -> Option<Duration> {
        if self.samples.len() == SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back(took);
        let mut sorted: Vec<Duration> = self.samples.iter().copied().collect();
        sorted.sort_unstable();
        let worst =
            sorted.get((sorted.len() * 99).div_ceil(100) - 1).copied().filter(|worst| *worst > self.pace.latency)?;
        self.samples.clear();
        Some(worst.min(LONGEST_PAUSE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn bursts_grow_while_they_are_short_and_shrink_when_they_are_long() {
        let mut pacer = Pacer::default();
        for (keys, took, next) in [
            (64, 1, 128),
            (128, 3, 256),
            (10, 0, 256), // A small one says nothing of a large one.
            (256, 7, 256),
            (256, 11, 128),
            (3, 400, 8),
            (1, 400, 8), // A single one can not be cut.
        ] {
            pacer.held(keys, ms(took));
            assert_eq!(pacer.keys(), next, "{keys} keys in {took} ms");
        }
        for _ in 0..20 {
            pacer.held(pacer.keys(), ms(0));
        }
        assert_eq!(pacer.keys(), MOST);
    }

    #[test]
    fn slots_are_not_open_for_longer_than_they_have_to_be() {
        let mut pacer = Pacer::default();
        for (slots, took, next) in [
            (128, 50, 256),
            (20, 1, 256), // A few say nothing of many.
            (256, 150, 256),
            (256, 90, 512),
            (512, 1, MOST_SLOTS),
            (512, 900, 256),
            (256, 900, 128),
            (128, 900, 64),
            (64, 900, FEWEST_SLOTS),
        ] {
            pacer.opened(slots, ms(took));
            assert_eq!(pacer.slots(), next, "{slots} slots in {took} ms");
        }
    }

    #[test]
    fn a_slow_server_is_left_alone_for_as_long_as_its_clients_wait() {
        let mut pacer = Pacer::default();
        assert_eq!(pacer.waited(ms(50)), None);
        assert_eq!(pacer.waited(ms(51)), Some(ms(51)));
        assert_eq!(pacer.waited(ms(1)), None, "judged anew");
        assert_eq!(pacer.waited(ms(5000)), Some(LONGEST_PAUSE));
        for _ in 0..SAMPLES - 1 {
            assert_eq!(pacer.waited(ms(1)), None);
        }
        assert_eq!(pacer.waited(ms(80)), None, "one in a hundred may");
        assert_eq!(pacer.waited(ms(80)), Some(ms(80)), "two may not");
    }
}
