//! What the answers to a probe's writes prove.
//!
//! Each answer is the place of that write in the stream that replicas copy. What survives of a stream is its beginning; so the next
//! answer, wherever it comes from, tells how much survived. What was sent to whoever acknowledged last, and came through without an
//! answer, stands behind what was acknowledged, and hides nothing. What was sent elsewhere may stand where something was lost: so
//! much is neither lost nor proven.

use std::time::Instant;

use justmanage_model::Proof;

/// Most runs of acknowledged numbers that are remembered. Each interruption begins one; a hundred nodes have three each.
const RUNS_MAX: usize = 300;

/// What was counted, and what is needed to judge the next answer.
#[derive(Debug, Default)]
pub(super) struct Judge {
    proof: Proof,
    /// The numbers of the key that were acknowledged, as runs with both ends, rising.
    runs: Vec<(u64, u64)>,
    /// Writes without an answer since the last acknowledgement; each may have been done or not.
    unanswered: u64,
    /// Those of them that may have been done in another stream than that of the last acknowledgement.
    elsewhere: u64,
    /// More may have been acknowledged than is known here: whoever counted it ended without a word.
    cut_short: bool,
    /// When the last acknowledgement came; `None`: nothing to measure a pause from.
    last: Option<Instant>,
    /// Nothing has come between: the last acknowledgement is by the server that is asked, over the same connection.
    unbroken: bool,
}

impl Judge {
    /// Goes on from what was counted before. What was not seen in between is not measured.
    ///
    /// `runs`: the numbers of the key that were acknowledged, to be looked for; `None`: nobody wrote them down, so nothing of all that
    /// was counted is proven. `cut_short`: whoever counted ended without a word.
    pub(super) fn after(proof: Proof, runs: Option<Vec<(u64, u64)>>, cut_short: bool) -> Self {
        let unknown = if runs.is_none() { proof.acknowledged.saturating_sub(proof.lost) } else { 0 };
        let proof = Proof { unproven: proof.unproven.max(unknown), ..proof };
        let runs = runs.unwrap_or_default();
        // What is taken up is told at once: where nothing was held, nothing is missing.
        Self { proof, cut_short: cut_short && !runs.is_empty(), runs, ..Self::default() }
    }

    /// What was counted so far, with the pause that goes on.
    pub(super) fn proof(&self, now: Instant) -> Proof {
        let pause = self.last.map_or(0, |last| millis(last, now));
        Proof { longest_pause_ms: self.proof.longest_pause_ms.max(pause), ..self.proof }
    }

    /// Whether anything of the key was acknowledged.
    pub(super) fn holds(&self) -> bool {
        !self.runs.is_empty()
    }

    /// The numbers of the key that were acknowledged and not lost, as runs with both ends, rising.
    pub(super) fn runs(&self) -> &[(u64, u64)] {
        &self.runs
    }

    /// Whether nothing has come between since the last acknowledgement: all that was acknowledged has been looked for.
    pub(super) const fn is_unbroken(&self) -> bool {
        self.unbroken
    }

    /// The server that answers has been the primary ever since it acknowledged last: whatever came between, nothing of its stream can
    /// be gone.
    pub(super) const fn goes_on(&mut self) {
        self.unbroken = true;
    }

    /// Whether the key seems to have begun anew, and the server is to be asked whether it knows why.
    pub(super) fn doubts(&self, number: u64) -> bool {
        !self.unbroken && number <= self.newest() && self.begins_anew(number)
    }

    /// A write was acknowledged with this number. `explained`: of a key that has begun anew, that it was evicted or flushed, or has come
    /// to its own end.
    ///
    /// A primary that has answered all the while loses nothing: there the key was removed, whatever the server says. Where the
    /// server changed or was started again, a key that begins anew without an explanation is the worst of losses.
    pub(super) fn acknowledged(&mut self, number: u64, explained: bool, now: Instant) {
        if number <= self.newest() {
            if self.unbroken || explained && self.begins_anew(number) {
                self.proof.unproven += 1;
                self.runs.clear();
            } else {
                self.proof.lost += self.strike_from(number);
            }
        }
        if !self.unbroken {
            // As many of the numbers before may be those of writes that had no answer.
            self.proof.unproven += self.strike_from(number.saturating_sub(self.elsewhere));
            self.proof.unproven += u64::from(self.cut_short);
        }
        self.enter(number);
        self.proof = self.proof(now);
        self.proof.acknowledged += 1;
        (self.last, self.unbroken) = (Some(now), true);
        (self.unanswered, self.elsewhere, self.cut_short) = (0, 0, false);
    }

    /// A write had no answer. `elsewhere`: it may have been done by another process than the last acknowledgement, or by one whose role
    /// has changed since.
    pub(super) const fn unanswered(&mut self, elsewhere: bool) {
        self.unanswered += 1;
        if elsewhere {
            self.elsewhere += 1;
        }
        self.unbroken = false;
    }

    /// Nobody took the write: nobody is there, or it is not for that server, or not now.
    pub(super) const fn turned_away(&mut self) {
        self.unbroken = false;
    }

    /// The write was refused for a reason that has nothing to do with the operation. What pause comes of it is none.
    pub(super) const fn refused(&mut self) {
        self.proof.not_measured += 1;
        self.last = None;
    }

    /// There is nobody to write to, and no pause comes of that.
    pub(super) const fn idles(&mut self) {
        self.last = None;
    }

    /// The key is given up for another; `checked`: not without having seen that all of it was there.
    pub(super) fn leave_key(&mut self, checked: bool) {
        if self.holds() && !checked {
            self.proof.unproven += 1;
        }
        self.runs.clear();
        (self.unanswered, self.elsewhere) = (0, 0);
        (self.cut_short, self.unbroken) = (false, false);
    }

    fn newest(&self) -> u64 {
        self.runs.last().map_or(0, |(_, last)| *last)
    }

    /// It is what a key that was not there any more has after the writes since.
    const fn begins_anew(&self, number: u64) -> bool {
        number <= self.unanswered + 1
    }

    /// Takes out the acknowledged numbers from this one on; how many there were.
    fn strike_from(&mut self, number: u64) -> u64 {
        let count = |(first, last): &(u64, u64)| (last + 1).saturating_sub((*first).max(number));
        let struck = self.runs.iter().map(count).sum();
        self.runs.retain(|(first, _)| *first < number);
        self.runs.iter_mut().for_each(|(_, last)| *last = (*last).min(number - 1));
        struck
    }

    fn enter(&mut self, number: u64) {
        match self.runs.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => self.runs.push((number, number)),
        }
        if self.runs.len() > RUNS_MAX {
            self.runs.remove(0);
        }
    }
}

fn millis(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
