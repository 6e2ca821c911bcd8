//! Spans of time as people write them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::failure::Invalid;
use crate::text::serde_as_text;

/// A span of time in whole seconds: "24h", "90m", "1h30m", "7d", "0s".
///
/// Units are `d` (24 hours), `h`, `m` and `s`, from the largest to the smallest, each at most once, without spaces.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval(u64);

const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3_600), ('m', 60), ('s', 1)];

/// Longest interval, in seconds: a hundred years of 365 days. Whoever needs more means "for ever", and sums stay far from the end
/// of what a [`crate::Timestamp`] can be.
pub const INTERVAL_MAX: u64 = 100 * 365 * 86_400;

impl Interval {
    /// So many seconds, at most [`INTERVAL_MAX`].
    #[must_use]
    pub const fn seconds(seconds: u64) -> Self {
        Self(if seconds < INTERVAL_MAX { seconds } else { INTERVAL_MAX })
    }

    /// In seconds, for who reckons with moments.
    #[must_use]
    pub const fn whole_seconds(self) -> i64 {
        // It is at most `INTERVAL_MAX`.
        self.0.cast_signed()
    }

    /// The same for a clock.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0)
    }
}

impl FromStr for Interval {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |detail: String| {
            let hint = "Write numbers and units, such as \"24h\", \"90m\", \"1h30m\", \"7d\" or \"0s\".";
            Invalid::new("Span of time not valid", detail, hint)
        };
        if text.is_empty() {
            return Err(invalid("The text is empty.".to_owned()));
        }
        let (mut rest, mut units, mut total) = (text, &UNITS[..], 0u64);
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (number, after) = rest.split_at(digits);
            let Some(unit) = after.chars().next() else {
                return Err(invalid(format!("{number:?} in {text:?} has no unit.")));
            };
            if number.is_empty() {
                return Err(invalid(format!("{rest:?} in {text:?} does not begin with a whole number.")));
            }
            let Some(at) = units.iter().position(|(name, _)| *name == unit) else {
                let known = UNITS.iter().any(|(name, _)| *name == unit);
                let fault = if known { "is in the wrong place" } else { "is not a unit (d, h, m, s)" };
                return Err(invalid(format!("{:?} in {text:?} {fault}.", unit.to_string())));
            };
            let seconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(units[at].1));
            total = seconds
                .and_then(|seconds| total.checked_add(seconds))
                .filter(|total| *total <= INTERVAL_MAX)
                .ok_or_else(|| invalid(format!("{text:?} is more than a hundred years.")))?;
            (rest, units) = (&after[unit.len_utf8()..], &units[at + 1..]);
        }
        Ok(Self(total))
    }
}

impl fmt::Display for Interval {
    /// With the largest units that say it; what it prints parses to the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0s");
        }
        let mut rest = self.0;
        for (unit, size) in UNITS {
            if rest >= size {
                write!(f, "{}{unit}", rest / size)?;
                rest %= size;
            }
        }
        Ok(())
    }
}

serde_as_text!(Interval);
