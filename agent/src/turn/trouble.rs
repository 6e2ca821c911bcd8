//! Steps that fail, or succeed and change nothing: they are tried again, ever more slowly, and the reason is said.

use std::time::Duration;

use justmanage_model::{NodeId, Observation, Step, Timestamp, Trouble as Said, Waiting};

/// First rest after a step failed; doubled with each further failure up to the longest.
const FIRST_REST: Duration = Duration::from_millis(200);
/// Longest rest between two tries.
const LONGEST_REST: Duration = Duration::from_secs(10);
/// So many times in a row the same steps may be planned before they count as having no effect. Three: some steps are
/// visible only at the second look.
const TRIES: u32 = 3;

/// What went wrong lately.
#[derive(Debug, Default)]
pub(super) struct Trouble {
    /// The steps that are being tried, in words.
    steps: String,
    /// How often in a row they were planned.
    tries: u32,
    /// Since when, and what was said last.
    failure: Option<(Timestamp, String)>,
    rest_until: Option<Timestamp>,
}

impl Trouble {
    /// Everything is well.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// Whether these steps must wait, and for how long. Counts how often they were planned in a row.
    pub(super) fn must_rest(&mut self, steps: &[Step], now: Timestamp) -> Option<Duration> {
        if let Some(until) = self.rest_until.filter(|until| *until > now) {
            return Duration::try_from(until.duration_since(now)).ok();
        }
        let words = format!("{steps:?}");
        if words != self.steps {
            // Other steps: there was progress.
            *self = Self { steps: words, ..Self::default() };
        }
        self.tries += 1;
        if self.tries > TRIES {
            self.failure.get_or_insert_with(|| (now, format!("{} has no effect", self.steps)));
            self.rest(now);
        }
        None
    }

    /// A step failed.
    pub(super) fn failed(&mut self, step: &Step, error: &str, now: Timestamp) {
        let since = self.failure.as_ref().map_or(now, |(since, _)| *since);
        self.failure = Some((since, format!("{} failed: {error}", name(step))));
        self.rest(now);
    }

    /// What to say about it.
    pub(super) fn said(&self) -> Option<Said> {
        self.failure.as_ref().map(|(since, what)| Said { what: what.clone(), since: *since })
    }

    fn rest(&mut self, now: Timestamp) {
        let doubled = FIRST_REST.saturating_mul(1 << self.tries.saturating_sub(1).min(10));
        self.rest_until = now.checked_add(doubled.min(LONGEST_REST)).ok();
    }
}

/// What all agents that are seen could not do, each a reason for whoever waits.
pub(super) fn reasons(observation: &Observation) -> impl Iterator<Item = Waiting> {
    let told = observation.nodes.iter().filter_map(|(node, seen)| Some((*node, seen.known()?.trouble.as_ref()?)));
    told.map(|(node, said)| reason(node, said))
}

fn reason(node: NodeId, said: &Said) -> Waiting {
    Waiting::Stuck {
        what: format!("Node {node}: {}", said.what),
        since: said.since,
        hint: "It is tried again; the agent's log tells more.".to_owned(),
    }
}

/// A step in a word.
fn name(step: &Step) -> String {
    match step {
        Step::Node(_, step) => format!("{step:?}"),
        Step::Record(change) => format!("{change:?}"),
    }
}

#[cfg(test)]
mod tests {
    use justmanage_model::{NodeId, NodeStep};

    use super::*;

    fn start() -> Vec<Step> {
        vec![Step::Node(NodeId::from_entropy([1; 10]), NodeStep::StartServer)]
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_000_000 + seconds).expect("a moment")
    }

    #[test]
    fn a_step_that_fails_rests_longer_each_time_and_says_why() {
        let mut trouble = Trouble::default();
        assert_eq!(trouble.must_rest(&start(), at(0)), None);
        trouble.failed(&start()[0], "no such file", at(0));
        let first = trouble.must_rest(&start(), at(0)).expect("rest");
        assert_eq!(trouble.must_rest(&start(), at(1)), None, "the rest is over");
        trouble.failed(&start()[0], "no such file", at(1));
        let second = trouble.must_rest(&start(), at(1)).expect("rest");
        assert!(second > first, "{second:?} after {first:?}");
        let said = trouble.said().expect("a reason");
        assert!(said.what.contains("no such file"));
        assert_eq!(said.since, at(0), "since the first failure");
    }

    #[test]
    fn no_rest_is_longer_than_the_longest() {
        let mut trouble = Trouble::default();
        for round in 0..40 {
            let now = at(round * 60);
            assert_eq!(trouble.must_rest(&start(), now), None);
            trouble.failed(&start()[0], "no", now);
            assert!(trouble.must_rest(&start(), now).expect("rest") <= LONGEST_REST);
        }
    }

    #[test]
    fn steps_that_succeed_and_change_nothing_are_noticed() {
        let mut trouble = Trouble::default();
        for _ in 0..TRIES {
            assert_eq!(trouble.must_rest(&start(), at(0)), None);
            assert_eq!(trouble.said(), None);
        }
        trouble.must_rest(&start(), at(0));
        assert!(trouble.must_rest(&start(), at(0)).is_some(), "it must not spin");
        assert!(trouble.said().is_some_and(|said| said.what.contains("no effect")));
    }

    #[test]
    fn other_steps_are_progress() {
        let mut trouble = Trouble::default();
        trouble.must_rest(&start(), at(0));
        trouble.failed(&start()[0], "no", at(0));
        let other = vec![Step::Node(NodeId::from_entropy([1; 10]), NodeStep::ApplyUsers)];
        assert_eq!(trouble.must_rest(&other, at(60)), None);
        assert_eq!(trouble.said(), None);
    }
}
