//! What is kept of backups: "last 7, daily 30".

use std::fmt;
use std::str::FromStr;

use crate::calendar::shown;
use crate::failure::Invalid;

/// How many backups are kept; a backup that any of them counts is kept. The newest verified one always is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Retention {
    kept: [u16; 5],
}

/// Most of one kind that can be kept.
pub const KEPT_MAX: u16 = 1000;

/// The kinds, in the order in which they are written.
const KINDS: [&str; 5] = ["last", "daily", "weekly", "monthly", "yearly"];
const SUMMARY: &str = "Retention not valid";

impl Retention {
    /// Keeps the last ones, and the last one of each of so many days, weeks, months and years.
    ///
    /// # Errors
    /// Nothing at all would be kept, or more than can be counted.
    pub fn new(last: u16, daily: u16, weekly: u16, monthly: u16, yearly: u16) -> Result<Self, Invalid> {
        let kept = [last, daily, weekly, monthly, yearly];
        if kept.iter().all(|count| *count == 0) {
            let hint = "Keep at least one, such as last = 7 (\"last 7\").";
            return Err(Invalid::new(SUMMARY, "No backup would be kept.", hint));
        }
        match kept.iter().zip(KINDS).find(|(count, _)| **count > KEPT_MAX) {
            Some((count, kind)) => {
                let hint = format!("At most {KEPT_MAX} are possible.");
                Err(Invalid::new(SUMMARY, format!("{count} {kind} backups were asked for."), hint))
            }
            None => Ok(Self { kept }),
        }
    }

    /// How many are kept of each kind, with the kind's name; kinds of which none are kept are left out.
    pub fn kept(&self) -> impl Iterator<Item = (&'static str, u16)> {
        KINDS.into_iter().zip(self.kept).filter(|(_, count)| *count > 0)
    }
}

impl FromStr for Retention {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let hint = format!("Write kinds and numbers, such as \"last 7, daily 30\"; kinds are {}.", KINDS.join(", "));
        let invalid = |part: &str, what: &str| Invalid::new(SUMMARY, format!("{} {what}.", shown(part)), hint.clone());
        let mut kept = [None; 5];
        for part in text.split(',').map(str::trim) {
            let mut words = part.split_whitespace();
            let (Some(kind), Some(count), None) = (words.next(), words.next(), words.next()) else {
                return Err(invalid(part, "is not a kind and a number"));
            };
            let place = KINDS.iter().position(|name| name.eq_ignore_ascii_case(kind));
            let place = place.ok_or_else(|| invalid(kind, "is not a kind of backup that can be kept"))?;
            let count = count.parse::<u16>().map_err(|_| invalid(count, "is not a number of backups"))?;
            if kept[place].replace(count).is_some() {
                return Err(invalid(kind, "is there twice"));
            }
        }
        let [last, daily, weekly, monthly, yearly] = kept.map(Option::unwrap_or_default);
        Self::new(last, daily, weekly, monthly, yearly)
    }
}

impl fmt::Display for Retention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts: Vec<String> = self.kept().map(|(kind, count)| format!("{kind} {count}")).collect();
        f.write_str(&texts.join(", "))
    }
}
