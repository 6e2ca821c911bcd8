//! How much of what was written: for monitoring.

use std::collections::BTreeMap;

use justmanage_model::journal::{Entry, Event, Outcome};

/// What was written since the agent began to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// By kind of event, whether it was planned, and whether it failed.
    events: BTreeMap<(&'static str, bool, bool), u64>,
    lost: u64,
}

/// Every kind, and whether it can fail.
const KINDS: [(&str, bool); 10] = [
    ("agent_started", false),
    ("up", false),
    ("down", false),
    ("promoted", false),
    ("demoted", false),
    ("record_changed", true),
    ("step", true),
    ("started_empty", false),
    ("leader", false),
    ("operation", true),
];

impl Default for Tally {
    /// What has not happened yet is there with a zero: of a figure that begins with one nobody sees that it rose.
    fn default() -> Self {
        let kinds = KINDS
            .into_iter()
            .flat_map(|(kind, fails)| [(kind, false)].into_iter().chain(fails.then_some((kind, true))));
        let events = kinds.flat_map(|(kind, failed)| [((kind, true, failed), 0), ((kind, false, failed), 0)]).collect();
        Self { events, lost: 0 }
    }
}

impl Tally {
    /// How often each kind of event happened: its name, whether it was planned, whether it failed, how often.
    pub fn events(&self) -> impl Iterator<Item = (&'static str, bool, bool, u64)> {
        self.events.iter().map(|((event, planned, failed), count)| (*event, *planned, *failed, *count))
    }

    /// How often a kind of event failed.
    pub fn failed(&self, kind: &str) -> u64 {
        self.events().filter(|(event, _, failed, _)| *event == kind && *failed).map(|(_, _, _, count)| count).sum()
    }

    /// Entries that were not kept, because the disk did not take those before them.
    pub const fn not_kept(&self) -> u64 {
        self.lost
    }

    pub(super) fn count(&mut self, entry: &Entry) {
        let failed = matches!(entry.outcome, Outcome::Failed(_));
        *self.events.entry((kind(&entry.what), entry.planned, failed)).or_default() += 1;
    }

    pub(super) const fn lost(&mut self) {
        self.lost += 1;
    }
}

/// The name of a kind of event, as its JSON has it.
const fn kind(event: &Event) -> &'static str {
    match event {
        Event::AgentStarted => "agent_started",
        Event::Up => "up",
        Event::Down => "down",
        Event::Promoted => "promoted",
        Event::Demoted => "demoted",
        Event::RecordChanged(_) => "record_changed",
        Event::Step(_) => "step",
        Event::StartedEmpty => "started_empty",
        Event::Leader(_) => "leader",
        Event::Operation(_) => "operation",
    }
}
