//! Processor time.

use std::fmt;
use std::str::FromStr;

use crate::failure::Invalid;
use crate::text::serde_as_text;

/// Most processors that one server may be given: more than any machine has.
const CPUS_MAX: u32 = 4096;

/// Processor time per time, in thousandths of one processor; written "1.5", or "1500m" as Kubernetes does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MilliCpus(u32);

impl MilliCpus {
    /// Thousandths of a processor.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl fmt::Display for MilliCpus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.0 / 1000, self.0 % 1000);
        if rest == 0 {
            return write!(f, "{whole}");
        }
        write!(f, "{whole}.{}", format!("{rest:03}").trim_end_matches('0'))
    }
}

impl FromStr for MilliCpus {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let fault = |detail: String| {
            Invalid::new("Number of processors not valid", detail, "Write a number such as \"2\" or \"0.5\".")
        };
        if let Some(number) = text.strip_suffix('m') {
            let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            let thousandths = number.parse::<u32>().ok().filter(|_| digits);
            let thousandths = thousandths.ok_or_else(|| fault(format!("{text:?} is no number of thousandths.")))?;
            return match thousandths {
                10.. if thousandths / 1000 < CPUS_MAX => Ok(Self(thousandths)),
                _ => Err(fault(format!("{text:?} is not between 10m and {CPUS_MAX}000m."))),
            };
        }
        let (whole, rest) = text.split_once('.').unwrap_or((text, ""));
        let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        let shaped = !whole.is_empty() && digits(whole) && digits(rest) && rest.len() <= 3 && !text.ends_with('.');
        let parsed = whole.parse::<u32>().ok().filter(|_| shaped);
        let whole = parsed.ok_or_else(|| fault(format!("{text:?} is no number with at most three decimals.")))?;
        let rest: u32 = format!("{rest:0<3}").parse().unwrap_or_default();
        match whole.checked_mul(1000).map(|whole| whole + rest) {
            Some(thousandths) if thousandths >= 10 && whole < CPUS_MAX => Ok(Self(thousandths)),
            _ => Err(fault(format!("{text:?} is not between 0.01 and {CPUS_MAX}."))),
        }
    }
}

serde_as_text!(MilliCpus);
