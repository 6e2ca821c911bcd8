//! Money.

use std::fmt;
use std::ops::{Add, Mul};

/// Millionths of a US dollar: prices per hour have five digits behind the point, and sums of them no error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct MicroUsd(u64);

impl MicroUsd {
    /// So many millionths.
    #[must_use]
    pub const fn new(millionths: u64) -> Self {
        Self(millionths)
    }

    /// From dollars as a price list writes them; `None` for what is no price.
    #[must_use]
    pub fn from_dollars(dollars: f64) -> Option<Self> {
        let is_price = dollars.is_finite() && (0.0..1e9).contains(&dollars);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is within the range")]
        is_price.then(|| Self((dollars * 1e6).round() as u64))
    }

    /// In dollars, to the cent: what a bill says.
    #[must_use]
    pub fn cents(self) -> String {
        let cents = self.0.saturating_add(5_000) / 10_000;
        format!("{}.{:02}", cents / 100, cents % 100)
    }
}

impl Add for MicroUsd {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Mul<u64> for MicroUsd {
    type Output = Self;

    fn mul(self, times: u64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

/// In dollars, with as many digits as it has.
impl fmt::Display for MicroUsd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:06}", self.0 / 1_000_000, self.0 % 1_000_000);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_what_they_are_written_as() {
        for (dollars, text, cents) in [
            (0.1071, "0.1071", "0.11"),
            (0.0, "0", "0.00"),
            (1.0, "1", "1.00"),
            (78.183, "78.183", "78.18"),
            (0.005, "0.005", "0.01"),
        ] {
            let price = MicroUsd::from_dollars(dollars).expect("a price");
            assert_eq!((price.to_string().as_str(), price.cents().as_str()), (text, cents));
        }
        for none in [-0.1, f64::NAN, f64::INFINITY, 1e12] {
            assert_eq!(MicroUsd::from_dollars(none), None, "{none}");
        }
        let hour = MicroUsd::from_dollars(0.1071).expect("a price");
        assert_eq!((hour * 730 * 3 + MicroUsd::new(1)).to_string(), "234.549001");
    }
}
