//! Time zones by their IANA names, and what to say of everything that is none.

use std::fmt;

use jiff::tz::{TimeZone, TimeZoneDatabase};

use super::{Cursor, Token};
use crate::failure::Invalid;
use crate::nearest::nearest;

mod abbreviations;

/// A time zone of the [IANA database](https://www.iana.org/time-zones), such as `Asia/Kolkata` or `UTC`.
#[derive(Clone)]
pub struct Zone(TimeZone);

/// Names of the database that are no place: they stand for "whatever this machine has", or for nothing.
const NOWHERE: [&str; 4] = ["Factory", "localtime", "posixrules", "Etc/Unknown"];

const USUAL: &str =
    "Write a zone's IANA name, such as \"Asia/Kolkata\" or \"Europe/Berlin\"; or \"UTC\" if that is meant.";

impl Zone {
    /// Coordinated universal time: no daylight saving.
    #[must_use]
    pub const fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    /// The name, as the database spells it.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// All names that may be written.
    pub fn names() -> impl Iterator<Item = String> {
        let known = TimeZoneDatabase::bundled();
        let names: Vec<String> = known.available().map(|name| name.to_string()).collect();
        names.into_iter().filter(|name| !NOWHERE.contains(&name.as_str()) && abbreviations::candidates(name).is_none())
    }

    /// For calculations.
    #[must_use]
    pub const fn as_time_zone(&self) -> &TimeZone {
        &self.0
    }

    /// Reads everything that is left after a time; `shape` is what all of it looks like.
    pub(crate) fn read(cursor: &mut Cursor<'_>, shape: &'static str) -> Result<Self, Invalid> {
        if cursor.rest().starts_with(|c: char| !c.is_whitespace()) {
            let next = cursor.peek();
            return Err(cursor.fault(next, "follows the time without a space", shape));
        }
        let token = cursor.remainder();
        if token.text.is_empty() {
            return Err(cursor.missing("the time zone is missing", USUAL));
        }
        if let Some(candidates) = abbreviations::candidates(token.text) {
            let what = match candidates.len() {
                1 => "is an abbreviation, not a time zone",
                _ => "is an abbreviation that means several time zones",
            };
            return Err(cursor.fault(token, what, format!("Write one of them out: {}.", quoted(candidates))));
        }
        let known = NOWHERE.iter().all(|name| !name.eq_ignore_ascii_case(token.text));
        match TimeZoneDatabase::bundled().get(token.text) {
            Ok(zone) if known => Ok(Self(zone)),
            _ => Err(cursor.fault(token, "is not a time zone", hint(token))),
        }
    }
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

fn hint(token: Token<'_>) -> String {
    let text = token.text;
    let bare = ["UTC", "GMT", "utc", "gmt"].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    if bare.starts_with(['+', '-']) {
        return format!("An offset does not know when clocks are put forward. {USUAL}");
    }
    let first = text.split_whitespace().next().unwrap_or_default();
    if first != text && TimeZoneDatabase::bundled().get(first).is_ok() {
        return format!("Nothing follows the zone: write \"{first}\" alone.");
    }
    let wanted = text.split_whitespace().collect::<Vec<_>>().join("_").to_lowercase();
    let names: Vec<String> = Zone::names().collect();
    let city = |name: &str| name.rsplit('/').next().unwrap_or_default().to_lowercase();
    let same_city = names.iter().find(|name| city(name) == wanted);
    let lower: Vec<String> = names.iter().map(|name| name.to_lowercase()).collect();
    let near = || {
        let found = nearest(&wanted, lower.iter().map(String::as_str))?;
        names.iter().find(|name| name.to_lowercase() == found)
    };
    let near_city = || {
        let cities: Vec<String> = names.iter().map(|name| city(name)).collect();
        let found = nearest(&wanted, cities.iter().map(String::as_str))?;
        names.iter().find(|name| city(name) == found)
    };
    match same_city.or_else(near).or_else(near_city) {
        Some(name) => format!("Did you mean \"{name}\"?"),
        None => USUAL.to_owned(),
    }
}

impl PartialEq for Zone {
    fn eq(&self, other: &Self) -> bool {
        self.name() == other.name()
    }
}

impl Eq for Zone {}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.name(), f)
    }
}
