//! What is replaced by something new on demand.

use serde::{Deserialize, Serialize};

use crate::{Failure, FieldPath, Interval};

/// Words of the user, one for each thing that can be replaced. A word that is another than it was has it replaced once; which word
/// it is says nothing. Without a word nothing is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotate {
    /// The certificates of all servers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificates: Option<String>,
    /// The authority that they come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    /// The password by which replicas log in to their primaries, and the one of the probe that is derived from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication_password: Option<String>,
    /// For how long clients are to learn to trust a new authority before servers show its certificates; [`AUTHORITY_GRACE`] if
    /// nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority_grace: Option<Interval>,
}

/// What clients have to learn to trust a new authority that was asked for, if nothing else is said: whoever deploys once a day
/// has it by then.
pub const AUTHORITY_GRACE: Interval = Interval::seconds(24 * 3600);
/// Most that they can have. Longer is forgotten by everybody, and the certificates of the old authority have to last.
pub const AUTHORITY_GRACE_MAX: Interval = Interval::seconds(90 * 86_400);
/// Longest word, in bytes: a date, a ticket, a digest.
pub const WORD_MAX: usize = 64;

impl Rotate {
    /// Nothing.
    pub const NOTHING: Self =
        Self { certificates: None, authority: None, replication_password: None, authority_grace: None };

    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::NOTHING
    }

    /// Every fault of it.
    pub(super) fn faults(&self) -> Vec<Failure> {
        let about = |name: &str| FieldPath::of("rotate").attribute(name);
        let words = [
            ("certificates", &self.certificates),
            ("authority", &self.authority),
            ("replication_password", &self.replication_password),
        ];
        let hint = "Any short text will do, such as \"2026-11\"; another one than before has it replaced.";
        let faults = words.into_iter().filter_map(|(name, word)| word_fault(about(name), word.as_deref()?, hint));
        let mut faults: Vec<Failure> = faults.collect();
        if let Some(grace) = self.authority_grace.filter(|grace| *grace > AUTHORITY_GRACE_MAX) {
            let detail = format!("{grace} is longer than {AUTHORITY_GRACE_MAX}.");
            faults.push(Failure::at(about("authority_grace"), "Span of time too long", detail));
        }
        faults
    }
}

/// What is wrong with a word that asks for something to be done once.
pub(super) fn word_fault(about: FieldPath, word: &str, hint: &str) -> Option<Failure> {
    let odd = word.is_empty() || word.len() > WORD_MAX || word.chars().any(char::is_control);
    let detail = || format!("It is empty, longer than {WORD_MAX} bytes, or not printable.");
    odd.then(|| Failure::at(about, "Word not valid", detail()).hint(hint))
}
