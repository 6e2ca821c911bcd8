//! What is known of an entry before it is written.

use justmanage_model::journal::{Entry, Event, Outcome, Who};
use justmanage_model::{Generation, NodeId, Record, Timestamp};

/// Longest text of an entry, in characters: a server's last words, an operator's note. What is longer is cut, so that nobody
/// fills the journal with one entry.
const TEXT_MAX: usize = 2000;

/// An entry without its number, time and node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The generation of the Record that was in force, if there was one.
    pub generation: Option<Generation>,
    /// Who did it.
    pub who: Who,
    /// What.
    pub what: Event,
    /// Why: one sentence; empty where the event says it all.
    pub why: String,
    /// What came of it.
    pub outcome: Outcome,
    /// Somebody asked for it; otherwise it befell the cluster, or answers what befell it.
    pub planned: bool,
    /// The operator's own words, where an operator asked.
    pub note: String,
    /// The operator's ticket, likewise.
    pub ticket: String,
}

impl Default for Draft {
    /// A mere fact that nobody did: whoever drafts says at least what happened.
    fn default() -> Self {
        Self {
            generation: None,
            who: Who::Server,
            what: Event::AgentStarted,
            why: String::new(),
            outcome: Outcome::Done,
            planned: true,
            note: String::new(),
            ticket: String::new(),
        }
    }
}

impl Draft {
    pub(super) fn into_entry(self, number: u64, at: Timestamp, node: NodeId) -> Entry {
        let outcome = match self.outcome {
            Outcome::Failed(why) => Outcome::Failed(cut(why)),
            Outcome::Done => Outcome::Done,
        };
        let what = match self.what {
            Event::Step(text) => Event::Step(cut(text)),
            other => other,
        };
        Entry {
            number,
            at,
            node,
            generation: self.generation,
            who: self.who,
            what,
            why: cut(self.why),
            outcome,
            planned: self.planned,
            note: cut(self.note),
            ticket: cut(self.ticket),
        }
    }
}

fn cut(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(TEXT_MAX) {
        text.truncate(end);
        text.push('…');
    }
    text
}

/// The sections of the Record that differ, in the order of their names; "all" when there was no Record before.
pub fn sections(before: Option<&Record>, after: &Record) -> Vec<String> {
    let Some(before) = before else { return vec!["all".to_owned()] };
    let names = [
        ("authority", before.ca_certificate != after.ca_certificate || before.vault != after.vault),
        ("epoch", before.epoch != after.epoch),
        ("fences", before.fences != after.fences),
        ("grant", before.grant != after.grant),
        ("members", before.members != after.members),
        ("operators", before.operators != after.operators),
        ("phase", before.phase != after.phase || before.unclaimed != after.unclaimed),
        (
            "release",
            before.release != after.release
                || before.artefact != after.artefact
                || before.previous != after.previous
                || before.trial != after.trial,
        ),
        ("reshaping", before.reshaping != after.reshaping),
        ("retired", before.retired != after.retired),
        ("rotation", before.rotation != after.rotation),
        ("spec", before.spec != after.spec),
        ("surge", before.surge != after.surge),
        ("takeovers", before.takeovers != after.takeovers),
        ("users", before.users != after.users),
    ];
    names.into_iter().filter(|(_, changed)| *changed).map(|(name, _)| name.to_owned()).collect()
}
