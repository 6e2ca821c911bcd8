//! Units: amounts of memory.

use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::failure::Invalid;

/// An amount of memory in bytes.
///
/// Written with a binary unit ("256MiB", "1.5GiB"), a decimal one ("512MB" is 512,000,000 bytes) or as a plain number.
/// Units are spelt exactly: the server's own "256mb" means mebibytes and its "256m" means megabytes, and a guess between
/// the two is wrong by 5 %.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Bytes(u64);

const KI: u64 = 1 << 10;
const MI: u64 = 1 << 20;
const GI: u64 = 1 << 30;
const TI: u64 = 1 << 40;

/// Every unit and its size in bytes; the binary ones from the largest, as Display tries them.
const UNITS: [(&str, u64); 10] = [
    ("TiB", TI),
    ("GiB", GI),
    ("MiB", MI),
    ("KiB", KI),
    ("TB", 1_000_000_000_000),
    ("GB", 1_000_000_000),
    ("MB", 1_000_000),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

impl Bytes {
    /// This many bytes.
    #[must_use]
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// This many mebibytes (1,048,576 bytes each); the most there is where that is more than can be counted.
    #[must_use]
    pub const fn mib(mebibytes: u64) -> Self {
        Self(mebibytes.saturating_mul(MI))
    }

    /// The number of bytes.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for Bytes {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |detail: String, hint: String| Invalid::new("Amount of memory not valid", detail, hint);
        let usual = || "Write a number and a unit, such as \"256MiB\", \"1.5GiB\" or \"512MB\".".to_owned();
        let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        if number.is_empty() {
            return Err(invalid(format!("{text:?} does not begin with a number."), usual()));
        }
        let size = match UNITS.iter().find(|(name, _)| *name == unit) {
            Some((_, size)) => *size,
            None if unit.is_empty() => 1,
            None => return Err(invalid(format!("{unit:?} in {text:?} is not a unit."), unit_hint(number, unit))),
        };
        exactly(number, size).map(Self).map_err(|fault| match fault {
            NumberFault::NotANumber => invalid(format!("{number:?} in {text:?} is not a number."), usual()),
            NumberFault::NotWhole => {
                invalid(format!("{text:?} is not a whole number of bytes."), "Use a smaller unit.".to_owned())
            }
            NumberFault::TooLarge => {
                invalid(format!("{text:?} is more than can be counted."), "Use a smaller number.".to_owned())
            }
        })
    }
}

fn unit_hint(number: &str, unit: &str) -> String {
    let unit = unit.trim();
    if let Some((exact, _)) = UNITS.iter().find(|(name, _)| *name == unit) {
        return format!("Write \"{number}{exact}\", without a space.");
    }
    let prefix = unit.chars().next().map(|c| c.to_ascii_uppercase()).filter(|c| "KMGT".contains(*c));
    match prefix {
        Some(prefix) if matches!(unit.to_ascii_lowercase().get(1..), Some("" | "b" | "i" | "ib")) => format!(
            "Write \"{number}{prefix}iB\" (units of 1024, which is what the server means by \"{}b\") or \
             \"{number}{prefix}B\" (units of 1000).",
            prefix.to_ascii_lowercase()
        ),
        _ => "Units are B, KiB, MiB, GiB, TiB (1024) and KB, MB, GB, TB (1000).".to_owned(),
    }
}

enum NumberFault {
    NotANumber,
    NotWhole,
    TooLarge,
}

/// `number * size` without rounding: "1.5" of 1024 is 1536, "0.3" of 1024 is no whole number.
fn exactly(number: &str, size: u64) -> Result<u64, NumberFault> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return Err(NumberFault::NotANumber);
    }
    let whole: u64 = whole.parse().map_err(|_| NumberFault::TooLarge)?;
    let fraction = fraction.trim_end_matches('0');
    // Sizes have at most 40 binary and 12 decimal factors, so more than 40 digits are never whole; 18 fit into u64.
    let scale = u32::try_from(fraction.len()).ok().filter(|n| *n <= 18).ok_or(NumberFault::NotWhole)?;
    let scale = 10u128.pow(scale);
    let parts: u128 = if fraction.is_empty() { 0 } else { fraction.parse().map_err(|_| NumberFault::NotANumber)? };
    let product = parts * u128::from(size);
    if !product.is_multiple_of(scale) {
        return Err(NumberFault::NotWhole);
    }
    let total = u128::from(whole) * u128::from(size) + product / scale;
    u64::try_from(total).map_err(|_| NumberFault::TooLarge)
}

impl fmt::Display for Bytes {
    /// The largest binary unit that says it exactly; a plain number where none does. What it prints parses to the same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |size: u64| self.0 != 0 && self.0.is_multiple_of(size);
        match UNITS[..4].iter().find(|(_, size)| fits(*size)) {
            Some((name, size)) => write!(f, "{}{name}", self.0 / size),
            None => write!(f, "{}", self.0),
        }
    }
}

impl Sum for Bytes {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        Self(amounts.fold(0, |total, amount| total.saturating_add(amount.0)))
    }
}
