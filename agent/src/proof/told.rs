//! What a probe tells, and how often: whoever hears it writes it to disk.

use std::time::{Duration, Instant};

use justmanage_model::ProbeTally;

use super::key::Key;

/// How soon after the begin the count is told for the first time; then ever more slowly, up to [`TELL_LAST`].
const TELL_FIRST: Duration = Duration::from_millis(100);
/// How often the count is told in a long operation. What matters (a loss, the end of a pause) is told at once.
const TELL_LAST: Duration = Duration::from_secs(1);
/// A pause is told at once when it is so long, as the shortest handover is, and whenever it has doubled since.
const TELL_PAUSE_MS: u64 = 20;

/// What a probe tells.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// What it has counted.
    pub(super) tally: ProbeTally,
    /// The key that it is at; `None`: it was an older agent's, which did not keep it.
    pub(super) key: Option<Key>,
}

/// What was told last, and when.
#[derive(Debug)]
pub(super) struct Teller {
    last: Option<(Told, Instant)>,
    after: Duration,
}

impl Default for Teller {
    fn default() -> Self {
        Self { last: None, after: TELL_FIRST }
    }
}

impl Teller {
    /// Whether it is worth telling that this was counted, and that the last acknowledgement was in that stream.
    pub(super) fn is_news(&self, tally: &ProbeTally, stream: Option<&str>, now: Instant) -> bool {
        let Some((told, at)) = &self.last else { return true };
        let (before, proof) = (&told.tally.proof, &tally.proof);
        told.tally.ready != tally.ready
            || told.tally.checked != tally.checked
            || (before.lost, before.unproven) != (proof.lost, proof.unproven)
            || proof.longest_pause_ms >= before.longest_pause_ms * 2 + TELL_PAUSE_MS
            // Whoever goes on with the key has to know by whom it was acknowledged.
            || told.key.as_ref().and_then(|key| key.stream.as_deref()) != stream
            || before != proof && now.duration_since(*at) >= self.after
    }

    /// It was told.
    pub(super) fn note(&mut self, told: Told, now: Instant) {
        if self.last.is_some() {
            self.after = (self.after * 2).min(TELL_LAST);
        }
        self.last = Some((told, now));
    }
}

#[cfg(test)]
mod tests {
    use justmanage_model::{Proof, Timestamp};

    use super::*;

    fn tally(acknowledged: u64, lost: u64) -> ProbeTally {
        let proof = Proof { acknowledged, lost, ..Proof::default() };
        ProbeTally { began: Timestamp::UNIX_EPOCH, ended: None, ready: true, checked: None, proof }
    }

    #[test]
    fn not_every_acknowledgement_is_told() {
        let (mut teller, begin) = (Teller::default(), Instant::now());
        let (mut told, stream) = (0, "a");
        for number in 0..4000 {
            let (tally, now) = (tally(number, 0), begin + Duration::from_micros(number * 2500));
            if teller.is_news(&tally, Some(stream), now) {
                let key = Key { stream: Some(stream.to_owned()), ..Key::default() };
                teller.note(Told { tally, key: Some(key) }, now);
                told += 1;
            }
        }
        // At once, after 100, 200, 400 and 800 ms, and then once a second.
        assert_eq!(told, 1 + 4 + 8);
        let soon = begin + Duration::from_secs(10);
        assert!(!teller.is_news(&tally(4000, 0), Some(stream), soon), "it was told within the last second");
        assert!(teller.is_news(&tally(4000, 1), Some(stream), soon), "a loss");
        assert!(teller.is_news(&tally(4000, 0), Some("b"), soon), "another primary");
        assert!(teller.is_news(&tally(4000, 0), None, soon), "another key");
    }
}
