//! What is done in a window by itself: which releases, how old, how urgent, announced how long before.

use std::fmt;
use std::str::FromStr;

use crate::Interval;
use crate::calendar::shown;
use crate::failure::Invalid;

/// Which releases are taken by themselves. Never another line: 8.0 does not become 8.2.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Upgrade {
    /// None.
    #[default]
    None,
    /// The newest patch of the line.
    Patch,
    /// The newest patch of the line, if it closes a hole that what runs has.
    Security,
}

/// What a security release waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Urgent {
    /// The next opening, as everything else.
    #[default]
    Wait,
    /// Nothing.
    Now,
}

/// Whose word an upgrade needs that is taken by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Approve {
    /// Nobody's.
    #[default]
    Automatic,
    /// That of whoever applies, for each release.
    Manual,
}

/// How old a release must be, in days since it came out: "7d".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Age(u16);

/// How long before something that is announced, in minutes: "24h".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lead(u32);

/// Highest [`Age`], in days: who wants to wait for more than a year wants no upgrades.
pub const AGE_MAX: u16 = 365;
/// Longest [`Lead`], in minutes: a month with 30 days.
pub const LEAD_MAX: u32 = 30 * 24 * 60;

/// Reads and writes a choice between words.
macro_rules! words {
    ($type:ident, $summary:literal, $list:literal, $($word:literal => $variant:ident),+) => {
        impl std::str::FromStr for $type {
            type Err = $crate::failure::Invalid;

            fn from_str(text: &str) -> Result<Self, $crate::failure::Invalid> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    other => {
                        let detail = format!("{} is none of them.", $crate::calendar::shown(other));
                        Err($crate::failure::Invalid::new($summary, detail, $list))
                    }
                }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self { $(Self::$variant => $word,)+ })
            }
        }
    };
}
pub(crate) use words;

words!(
    Upgrade,
    "Kind of upgrade not known",
    "Write \"none\", \"patch\" or \"security\". Another line, such as 8.2 after 8.0, is never taken by itself: change `version`.",
    "none" => None, "patch" => Patch, "security" => Security
);
words!(
    Approve,
    "Kind of approval not known",
    "Write \"automatic\", or \"manual\" to have each release wait until approved_version of the cluster names it.",
    "automatic" => Automatic, "manual" => Manual
);
words!(Urgent, "Urgency not known", "Write \"wait\" or \"now\".", "wait" => Wait, "now" => Now);

impl Age {
    /// Old enough on the day on which it comes out.
    pub const ZERO: Self = Self(0);

    /// In days.
    #[must_use]
    pub const fn days(self) -> u16 {
        self.0
    }
}

impl Lead {
    /// In minutes.
    #[must_use]
    pub const fn minutes(self) -> u32 {
        self.0
    }
}

/// A number of one of the units, such as "7d", in the smallest. An age has weeks, which an [`Interval`] has not.
fn amount(text: &str, units: &[(&str, u32)]) -> Option<u32> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(split);
    let (_, size) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u32>().ok()?.checked_mul(*size)
}

impl FromStr for Age {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let days = amount(text, &[("d", 1), ("w", 7)]).and_then(|days| u16::try_from(days).ok());
        days.filter(|days| *days <= AGE_MAX).map(Self).ok_or_else(|| {
            let hint = format!("Write days or weeks, such as \"7d\" or \"2w\", up to {AGE_MAX} days.");
            Invalid::new("Age not valid", format!("{} is not a number of days.", shown(text)), hint)
        })
    }
}

impl FromStr for Lead {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let seconds = text.parse().ok().map(|before: Interval| before.duration().as_secs());
        let minutes =
            seconds.filter(|seconds| seconds.is_multiple_of(60)).and_then(|seconds| u32::try_from(seconds / 60).ok());
        minutes.filter(|minutes| (1..=LEAD_MAX).contains(minutes)).map(Self).ok_or_else(|| {
            let hint = "Write minutes, hours or days, such as \"30m\", \"24h\" or \"2d\", up to 30 days.";
            Invalid::new("Time before not valid", format!("{} is not a length of time.", shown(text)), hint)
        })
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}d", self.0)
    }
}

impl fmt::Display for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            // A day is said as people do who count hours: 24h, 48h; from the third on it is days.
            minutes if minutes.is_multiple_of(1440) && minutes > 2880 => write!(f, "{}d", minutes / 1440),
            minutes if minutes.is_multiple_of(60) => write!(f, "{}h", minutes / 60),
            minutes => write!(f, "{minutes}m"),
        }
    }
}
