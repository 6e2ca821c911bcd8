//! `timeouts = { create = "30m" }`: how long the calls about a resource may take, as the user wishes.
//!
//! An author who wants them gives the model an attribute and the resource its defaults:
//!
//! ```ignore
//! /// How long operations may take.
//! #[tf(optional)]
//! timeouts: Option<Timeouts>,
//!
//! const TIMEOUTS: Option<Limits> = Some(Limits::all(Duration::from_secs(20 * 60)));
//! ```
//!
//! The framework does the rest: each call's context has its [deadline](crate::Cx::deadline), and when it passes
//! [`crate::Cx::cancelled`] fires and the error says which timeout to raise. A change of timeouts alone is planned as a
//! change of nothing else, and is recorded without a call of the author's `update`.

use std::time::{Duration, Instant};

use crate::model::{Field, Model};
use crate::schema::{Kind, member};
use crate::{Diagnostic, Path, Value};

/// The attribute's name.
pub(crate) const NAME: &str = "timeouts";

/// How long operations may take before they end with an error: texts such as `30s`, `20m` or `1h30m`.
#[derive(Clone, Debug, Default, Model, PartialEq, Eq)]
pub struct Timeouts {
    /// How long a create may take, such as `30m` or `1h30m`.
    #[tf(optional, validate = valid, says = "a duration such as 30s, 20m or 1h30m")]
    pub create: Option<String>,
    /// How long a read may take.
    #[tf(optional, validate = valid, says = "a duration such as 30s, 20m or 1h30m")]
    pub read: Option<String>,
    /// How long an update may take.
    #[tf(optional, validate = valid, says = "a duration such as 30s, 20m or 1h30m")]
    pub update: Option<String>,
    /// How long a delete may take. It is the one that was last applied: a destroy sees the state, not the configuration.
    #[tf(optional, validate = valid, says = "a duration such as 30s, 20m or 1h30m")]
    pub delete: Option<String>,
}

/// How long the calls about a resource may take when the user does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A create.
    pub create: Duration,
    /// A read.
    pub read: Duration,
    /// An update.
    pub update: Duration,
    /// A delete.
    pub delete: Duration,
}

impl Limits {
    /// The same for all.
    pub const fn all(limit: Duration) -> Self {
        Self { create: limit, read: limit, update: limit, delete: limit }
    }
}

/// A call that timeouts are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Create,
    Read,
    Update,
    Delete,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }

    fn default(self, limits: &Limits) -> Duration {
        match self {
            Self::Create => limits.create,
            Self::Read => limits.read,
            Self::Update => limits.update,
            Self::Delete => limits.delete,
        }
    }
}

/// When a call has to end, and whose wish that is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Deadline {
    /// When.
    pub(crate) at: Instant,
    operation: Operation,
    limit: Duration,
    /// The user's word for it; none: the default.
    given: Option<String>,
}

impl Deadline {
    /// The deadline of a call that begins now, about an object that may have `timeouts`.
    pub(crate) fn of(operation: Operation, limits: Option<Limits>, object: &Value) -> Option<Self> {
        let default = operation.default(&limits?);
        let given = member(member(object, NAME), operation.name()).as_str().map(str::to_owned);
        // What was not valid was refused when it was configured.
        let limit = given.as_deref().and_then(|text| parse(text).ok()).unwrap_or(default);
        let at = Instant::now().checked_add(limit)?;
        Some(Self { at, operation, limit, given })
    }

    /// What is said when it has passed.
    pub(crate) fn passed(&self) -> Diagnostic {
        let name = self.operation.name();
        let (within, then) = match &self.given {
            Some(text) => (format!("{text}, as timeouts.{name} says"), format!("raise timeouts.{name}")),
            None => (
                format!("{}, the default", shown(self.limit)),
                format!("set a longer one: timeouts = {{ {name} = \"...\" }}"),
            ),
        };
        let detail = format!(
            "The {name} was not finished within {within}. What exists so far is recorded in the state; run apply again to \
             go on. If it needs more time, {then}."
        );
        let path = Path::attribute(NAME);
        let path = if self.given.is_some() { path.attr(name) } else { Path::root() };
        Diagnostic::error(format!("Timeout of the {name} reached"), detail).at(path)
    }
}

/// What an attribute of timeouts holds.
pub(crate) fn kind() -> Kind {
    <Timeouts as Field>::kind()
}

/// Whether two states differ in their timeouts and in nothing else.
pub(crate) fn alone(prior: &Value, planned: &Value) -> bool {
    let (Value::Object(before), Value::Object(after)) = (prior, planned) else { return false };
    before.len() == after.len()
        && before
            .iter()
            .zip(after.iter())
            .all(|((name, before), (same, after))| name == same && (before.same(after) != (name == NAME)))
}

/// The object with the timeouts of another one.
pub(crate) fn taken_from(other: &Value, object: &Value) -> Value {
    let mut object = object.clone();
    if let Value::Object(attributes) = &mut object
        && let Some(place) = attributes.get_mut(NAME)
    {
        *place = member(other, NAME).clone();
    }
    object
}

fn valid(text: &str) -> Result<(), String> {
    parse(text).map(|_| ()).map_err(|problem| format!("{problem} Write a duration such as 30s, 20m or 1h30m."))
}

/// Units, as Go's `time.ParseDuration` has them, in nanoseconds; users know them from other providers.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("μs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Reads a positive duration in Go's syntax: numbers with units (`ns`, `us`, `ms`, `s`, `m`, `h`), one after the other.
///
/// # Errors
/// It is none; the sentence says where.
pub fn parse(text: &str) -> Result<Duration, String> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest.starts_with('-') {
        return Err("The duration is negative.".to_owned());
    }
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let number = &rest[..rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len())];
        let after = &rest[number.len()..];
        let unit = &after[..after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len())];
        let nanos = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, nanos)| *nanos);
        let nanos = match (nanos, unit) {
            (Some(nanos), _) => nanos,
            (None, "") => return Err(format!("\"{number}\" has no unit.")),
            (None, unit) => return Err(format!("\"{unit}\" is no unit of time.")),
        };
        let part = scaled(number, nanos).ok_or_else(|| format!("\"{number}\" is no number, or too large."))?;
        total = total.checked_add(part).ok_or("The duration is too large.")?;
        rest = &after[unit.len()..];
    }
    if total.is_zero() { Err("The duration is empty.".to_owned()) } else { Ok(total) }
}

/// `number` times so many nanoseconds, without rounding up.
fn scaled(number: &str, nanos: u64) -> Option<Duration> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && decimals.is_empty()) || decimals.contains('.') {
        return None;
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    // More digits than an hour has nanoseconds say nothing.
    let mut fraction: u128 = 0;
    let mut scale: u128 = 1;
    for digit in decimals.bytes().take(13) {
        fraction = fraction * 10 + u128::from(digit - b'0');
        scale *= 10;
    }
    let fraction = u64::try_from(fraction * u128::from(nanos) / scale).ok()?;
    Some(Duration::from_nanos(whole.checked_mul(nanos)?.checked_add(fraction)?))
}

/// A duration as users write it: `1h30m`.
pub(crate) fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let parts = [(seconds / 3600, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")];
    let mut text: String =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count}{unit}")).collect();
    let millis = duration.subsec_millis();
    if millis > 0 || text.is_empty() {
        text.push_str(&format!("{millis}ms"));
    }
    text
}

#[cfg(test)]
mod tests;
