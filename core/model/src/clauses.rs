//! Definitions: texts of clauses between semicolons, each of them a line of a schedule or a setting with its name.

use crate::calendar::{Cursor, Token};
use crate::failure::Invalid;
use crate::nearest::nearest;

/// Longest definition, in bytes. Two of them take a twenty-eighth of a Record, of which a hundred nodes and their users leave
/// little more; fourteen lines of a schedule, or eighty dates, fit.
pub const DEFINITION_MAX: usize = 1024;

/// One clause.
pub(crate) enum Clause<'a> {
    /// A line of the schedule.
    Line(Token<'a>),
    /// A setting and what it is set to.
    Setting(&'static str, Token<'a>),
}

/// The clauses of a definition; each setting at most once.
pub(crate) fn split<'a>(
    summary: &'static str,
    text: &'a str,
    settings: &'static [&'static str],
) -> Result<Vec<Clause<'a>>, Invalid> {
    bounded(summary, text.len())?;
    let mut clauses = Vec::new();
    let mut seen: Vec<&str> = Vec::new();
    let mut before = 0;
    let parts: Vec<&str> = text.split(';').collect();
    for (index, part) in parts.iter().enumerate() {
        let mut cursor = Cursor::new(summary, part, before);
        before += part.chars().count() + 1;
        if part.trim().is_empty() {
            // One semicolon at the end does no harm.
            if index > 0 && index + 1 == parts.len() {
                continue;
            }
            return Err(cursor
                .missing("nothing is written here", "Write the schedule first, then settings, between semicolons."));
        }
        let whole = cursor.clone().remainder();
        let word = cursor.until_blank();
        let Some(name) = settings.iter().find(|name| name.eq_ignore_ascii_case(word.text)) else {
            if let Some(near) = misspelt(word.text, settings) {
                let hint = format!("Did you mean \"{near}\"? Settings are {}.", settings.join(", "));
                // The word alone is nearly one of ours, whatever stands behind it.
                return Err(Cursor::new(summary, word.text, 0).fault(word, "is not a setting", hint));
            }
            clauses.push(Clause::Line(whole));
            continue;
        };
        if seen.contains(name) {
            return Err(cursor.fault(word, "is set twice", "Leave one of them out."));
        }
        seen.push(name);
        let value = cursor.remainder();
        if value.text.is_empty() {
            return Err(cursor.missing("a value is missing", format!("Write it after \"{name}\".")));
        }
        clauses.push(Clause::Setting(name, value));
    }
    Ok(clauses)
}

/// Whether a definition has a length that may be kept.
pub(crate) fn bounded(summary: &'static str, length: usize) -> Result<(), Invalid> {
    if length <= DEFINITION_MAX {
        return Ok(());
    }
    let detail = format!("The definition has {length} bytes.");
    Err(Invalid::new(summary, detail, format!("At most {DEFINITION_MAX} bytes are possible: leave something out.")))
}

/// The setting that a word nearly is. Names of days are short, and never near one.
fn misspelt(word: &str, settings: &'static [&'static str]) -> Option<&'static str> {
    let lower = word.to_ascii_lowercase().replace('-', "_");
    (lower.len() > 3).then(|| nearest(&lower, settings.iter().copied())).flatten()
}

/// The values of a list between commas, each with its place.
pub(crate) fn list<'a>(value: Token<'a>) -> impl Iterator<Item = Token<'a>> {
    let mut at = value.at;
    value.text.split(',').map(move |part| {
        let leading = part.chars().take_while(|c| c.is_whitespace()).count();
        let token = Token { text: part.trim(), at: at + leading };
        at += part.chars().count() + 1;
        token
    })
}

/// A value that its own constructor reads; what that says against it, with its place.
pub(crate) fn value<T: std::str::FromStr<Err = Invalid>>(token: Token<'_>) -> Result<T, Invalid> {
    token.text.parse().map_err(|mut fault: Invalid| {
        fault.detail = format!("At character {}: {}", token.at, fault.detail);
        fault
    })
}

/// Appends "; name a, b" if there is anything to say.
pub(crate) fn write_list<T: std::fmt::Display>(
    f: &mut std::fmt::Formatter<'_>,
    name: &str,
    values: impl IntoIterator<Item = T>,
) -> std::fmt::Result {
    let texts: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
    if texts.is_empty() {
        return Ok(());
    }
    write!(f, "; {name} {}", texts.join(", "))
}

/// A short number that names a definition: FNV-1a of its text in 16 digits. It tells one from the other, and proves nothing.
#[must_use]
pub fn label(definition: &str) -> String {
    let hash = definition
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}
