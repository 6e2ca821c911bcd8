//! What agent and root helper tell each other: lines of JSON, and after [`Answer::Send`] the bytes of a program.

use justmanage_model::{Version, Warrant};
use serde::{Deserialize, Serialize};

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Request {
    /// By whose word; what, stands in it.
    pub(super) warrant: Warrant,
    /// How long the program is, where it is for one.
    #[serde(default)]
    pub(super) length: u64,
}

/// What comes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    /// The program is wanted: exactly so many bytes as were said.
    Send,
    /// The agent that runs is as new, or newer. Nothing was done.
    Stays(Version),
    /// The build is in place, and the agent's service is about to be restarted.
    Placed,
    /// The limits are in force but for these, a sentence each.
    Limited(Vec<String>),
    /// Somebody else's change goes on.
    Busy,
    /// It was not done: why, in a sentence.
    Refused(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_as_they_are_written() {
        for (answer, text) in [
            (Answer::Send, r#""send""#),
            (Answer::Stays("0.2.0".parse().expect("a version")), r#"{"stays":"0.2.0"}"#),
            (Answer::Placed, r#""placed""#),
            (Answer::Limited(vec!["later".to_owned()]), r#"{"limited":["later"]}"#),
            (Answer::Busy, r#""busy""#),
            (Answer::Refused("no".to_owned()), r#"{"refused":"no"}"#),
        ] {
            assert_eq!(serde_json::to_string(&answer).expect("JSON"), text);
            assert_eq!(serde_json::from_str::<Answer>(text).expect("an answer"), answer);
        }
    }
}
