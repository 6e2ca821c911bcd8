//! What servers are chosen by: labels and zones.

use std::fmt;
use std::str::FromStr;

use crate::failure::Invalid;
use crate::text::serde_as_text;

/// Longest of each, in characters, as Kubernetes and the clouds have it.
const MAX: usize = 63;

macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $summary:literal, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// As it is written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                if is_word(text) {
                    return Ok(Self(text.to_owned()));
                }
                Err(Invalid::new(
                    $summary,
                    format!(concat!("\"{}\" is no ", $what, "."), text),
                    format!("Write 1 to {MAX} letters, digits, \"-\", \"_\", \".\" or \"/\", a letter or digit first and last."),
                ))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        serde_as_text!($name);
    };
}

word!(
    /// The name of a label, such as `disk`.
    Label, "Label not valid", "name of a label"
);
word!(
    /// What a label says, such as `nvme`.
    LabelValue, "Label not valid", "value of a label"
);
word!(
    /// Where a server stands: a room, a rack, a zone of a cloud.
    Zone, "Zone not valid", "name of a zone"
);

fn is_word(text: &str) -> bool {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    text.len() <= MAX && text.chars().all(inner) && ends(text.chars().next()) && ends(text.chars().next_back())
}
