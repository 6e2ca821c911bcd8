//! Configuration keys: which there are, how they change, which values they take, and which are ours.

use std::collections::BTreeMap;

use justmanage_model::{Engine, Failure, FieldPath, Line};

use crate::nearest::nearest;

mod ours;
mod table;
mod value;

#[cfg(test)]
mod tests;

pub use table::{Change, ConfigKey};
pub use value::Values;

/// What a configuration key is to one line of one engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyCheck {
    /// The user may set it.
    Known(&'static ConfigKey),
    /// It is another spelling of a key; one spelling is enough.
    Alias {
        /// The key.
        of: &'static str,
    },
    /// Not the user's to set.
    Ours {
        /// Why, and what to do instead: one sentence.
        why: &'static str,
    },
    /// Other lines of the engine have it.
    OtherLine(&'static ConfigKey),
    /// Not known.
    Unknown {
        /// A known key with nearly that name.
        nearest: Option<&'static str>,
        /// The line was looked at, so there is no such key. Otherwise it may be a new one: let the server decide.
        certain: bool,
    },
}

/// What a key is to this line of this engine.
#[must_use]
pub fn check_config_key(engine: Engine, line: Line, key: &str) -> KeyCheck {
    if let Some(why) = ours::why_ours(key) {
        return KeyCheck::Ours { why };
    }
    let table = table::table(engine);
    match table.keys.iter().find(|entry| entry.name == key) {
        Some(entry) if entry.is_in(line) => match entry.alias_of.and_then(|of| find(engine, line, of)) {
            Some(canonical) => KeyCheck::Alias { of: canonical.name },
            None => KeyCheck::Known(entry),
        },
        Some(entry) => KeyCheck::OtherLine(entry),
        None => {
            let settable = table.keys.iter().filter(|entry| entry.is_in(line) && ours::why_ours(entry.name).is_none());
            KeyCheck::Unknown {
                nearest: nearest(key, settable.map(|entry| entry.name)),
                certain: line <= table.complete_through,
            }
        }
    }
}

/// The entry of a key in this line, whether it is the user's or ours.
#[must_use]
pub fn find(engine: Engine, line: Line, key: &str) -> Option<&'static ConfigKey> {
    table::table(engine).keys.iter().find(|entry| entry.name == key && entry.is_in(line))
}

/// Every key of this line, whether it is the user's or ours.
pub fn keys(engine: Engine, line: Line) -> impl Iterator<Item = &'static ConfigKey> {
    table::table(engine).keys.iter().filter(move |entry| entry.is_in(line))
}

/// How a new value of a key gets into force. A key that the tables do not know is taken to need a restart: that always
/// works, while a `CONFIG SET` that is refused would be tried again for ever.
#[must_use]
pub fn change(engine: Engine, line: Line, key: &str) -> Change {
    find(engine, line, key).map_or(Change::Restart, |entry| entry.change)
}

/// Whether a value that the server reports for a key is the one that was asked for ("64mb" and "67108864" are).
#[must_use]
pub fn same_value(engine: Engine, key: &str, wanted: &str, reported: &str) -> bool {
    let values = table::table(engine).keys.iter().find(|entry| entry.name == key).map(|entry| &entry.values);
    value::same(key, values, wanted, reported)
}

/// Every fault of the user's configuration, at `config["key"]`; none if nothing is known to be wrong.
#[must_use]
pub fn check_config(engine: Engine, line: Line, config: &BTreeMap<String, String>) -> Vec<Failure> {
    config.iter().filter_map(|(key, value)| config_fault(engine, line, key, value)).collect()
}

fn config_fault(engine: Engine, line: Line, key: &str, value: &str) -> Option<Failure> {
    let fault = |summary: &str, detail: String| Failure::at(FieldPath::of("config").key(key), summary, detail);
    match check_config_key(engine, line, key) {
        KeyCheck::Known(entry) => {
            entry.values.fault(value).or_else(|| value::special_fault(key, value)).map(|(detail, hint)| {
                fault("Configuration value not valid", format!("{key:?} cannot be {value:?}. {detail}")).hint(hint)
            })
        }
        KeyCheck::Ours { why } => Some(
            fault("Configuration key not yours to set", format!("{key:?} is kept by Just Manage."))
                .hint(format!("Remove it. {why}")),
        ),
        KeyCheck::Alias { of } => Some(
            fault("Configuration key has another name", format!("{key:?} is another spelling of {of:?}."))
                .hint(format!("Write {of:?}.")),
        ),
        KeyCheck::OtherLine(entry) => {
            let lines = match entry.until {
                Some(until) if until < line => format!("{engine} had it until {until}"),
                _ => format!("{engine} has it since {}", entry.since),
            };
            let detail = format!("{engine} {line} has no configuration key {key:?}; {lines}.");
            Some(fault("Configuration key not in this version", detail).hint("Remove it, or choose another version."))
        }
        KeyCheck::Unknown { certain: false, nearest: None } => None,
        KeyCheck::Unknown { nearest, certain } => {
            // On a line that nobody looked at, only what looks like a slip is refused.
            let detail = if certain {
                format!("{engine} {line} has no configuration key {key:?}.")
            } else {
                format!("{key:?} is not a configuration key of {engine} that is known here.")
            };
            let hint = nearest.map_or_else(
                || "Keys are spelt as in the server's own configuration file.".to_owned(),
                |near| format!("Did you mean {near:?}?"),
            );
            Some(fault("Configuration key not known", detail).hint(hint))
        }
    }
}
