//! Configuration keys: which there are, how they change, which values they take, and which are ours.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_model::{Bytes, Engine, Failure, FieldPath, Line};

use justmanage_model::nearest::nearest;

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
    let anywhere = || table.keys.iter().find(|entry| entry.name == key);
    match find(engine, line, key).or_else(anywhere) {
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
/// works, while a `CONFIG SET` that is refused would be tried again for ever. A line before the first that is offered, which
/// runs for tests alone, is taken for that.
#[must_use]
pub fn change(engine: Engine, line: Line, key: &str) -> Change {
    let first = table::table(engine).keys.iter().map(|entry| entry.since).min();
    find(engine, first.map_or(line, |first| line.max(first)), key).map_or(Change::Restart, |entry| entry.change)
}

/// Whether a value that the server reports for a key is the one that was asked for ("64mb" and "67108864" are).
#[must_use]
pub fn same_value(engine: Engine, key: &str, wanted: &str, reported: &str) -> bool {
    let values = table::table(engine).keys.iter().find(|entry| entry.name == key).map(|entry| &entry.values);
    value::same(key, values, wanted, reported)
}

/// Keys whose value in force is not the wanted one, by what mends that.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Drift {
    /// To be set in the running server, with the wanted value.
    pub live: BTreeMap<String, String>,
    /// To be had only by a new start: fixed while the server runs, or no longer wanted (what a server's own default is, only
    /// the server knows).
    pub restart: BTreeSet<String>,
    /// Wanted, and not known to the server: a start would fail.
    pub unknown: BTreeSet<String>,
}

impl Drift {
    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.live.is_empty() && self.restart.is_empty() && self.unknown.is_empty()
    }
}

/// How the configuration in force differs from the wanted one. `reported` holds every key that is wanted and that the server
/// knows, `maxmemory`, and the keys that were set at its start.
#[must_use]
pub fn drift(
    engine: Engine,
    line: Line,
    wanted: &BTreeMap<String, String>,
    memory: Bytes,
    reported: &BTreeMap<String, String>,
) -> Drift {
    let mut drift = Drift::default();
    let maxmemory = ("maxmemory".to_owned(), memory.get().to_string());
    for (key, value) in wanted.iter().chain(std::iter::once((&maxmemory.0, &maxmemory.1))) {
        match reported.get(key) {
            None => drop(drift.unknown.insert(key.clone())),
            Some(reported) if same_value(engine, key, value, reported) => {}
            Some(_) => match change(engine, line, key) {
                Change::Live => drop(drift.live.insert(key.clone(), value::for_setting(key, value))),
                Change::Restart => drop(drift.restart.insert(key.clone())),
            },
        }
    }
    drift.restart.extend(reported.keys().filter(|key| !wanted.contains_key(*key) && *key != "maxmemory").cloned());
    drift
}

/// Keys whose change from one configuration to another needs a restart of each server: those that a running server does not
/// change, and those that are no longer set (what a server's own default is, only the server knows).
#[must_use]
pub fn restarts(
    engine: Engine,
    line: Line,
    from: &BTreeMap<String, String>,
    to: &BTreeMap<String, String>,
) -> BTreeSet<String> {
    let differs = |(key, value): &(&String, &String)| {
        from.get(*key).is_none_or(|before| !same_value(engine, key, value, before))
            && change(engine, line, key) == Change::Restart
    };
    let set = to.iter().filter(differs).map(|(key, _)| key);
    set.chain(from.keys().filter(|key| !to.contains_key(*key))).cloned().collect()
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
