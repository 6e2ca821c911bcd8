//! Exact numbers: what the user wrote is what we answer, digit for digit.

mod convert;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// Significant digits that a number may have.
///
/// Core computes with 512-bit floats (about 154 digits) and sends the shortest text that names such a float, so more never
/// arrives; an exactly written 64-bit float has at most 767. The limit bounds the work that a hostile message can cause.
const MAX_DIGITS: usize = 4096;

/// Greatest magnitude of the decimal exponent. Core's floats reach further, but nobody's configuration does, and core
/// writes numbers out in full: 1e16384 is a text of 16 KiB.
const MAX_EXPONENT: i64 = 16_384;

/// Numbers whose text would be longer than this are shown in scientific notation.
const MAX_PLAIN: i64 = 1100;

/// A number of Terraform's language, exactly.
///
/// Two numbers are equal when their values are: `1`, `1.0` and `1e0` are one number. Nothing is rounded, because an answer
/// that differs in the last digit is an "inconsistent result" to core. Infinities do not exist here: Terraform's language
/// has no way to write them.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Number(Repr);

/// Canonical: whatever fits into `Int` is an `Int`, so that structural equality is numeric equality.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Int(i64),
    Decimal(Box<Decimal>),
}

/// `digits * 10^exponent`; the digits are ASCII and neither begin nor end with a zero.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Decimal {
    negative: bool,
    digits: Box<str>,
    exponent: i64,
}

/// Why a text or a float is not a [`Number`], or a [`Number`] not a machine number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumberError {
    /// Not a decimal number.
    #[error("not a decimal number")]
    Syntax,
    /// More digits or a greater exponent than any configuration has.
    #[error("a number with more than {MAX_DIGITS} digits or an exponent beyond {MAX_EXPONENT}")]
    Extreme,
    /// NaN or an infinity.
    #[error("not a finite number")]
    NotFinite,
    /// It has a fraction, and an integer is needed.
    #[error("not a whole number")]
    NotWhole,
    /// It does not fit into the integer or float that is needed.
    #[error("too large or too small for this use")]
    OutOfRange,
}

impl Number {
    /// The number whose value is exactly that of the float: `0.1_f64` is 0.1000000000000000055511151231257827...
    ///
    /// That is what a float on the wire means. For a float that came from an API's JSON, use `TryFrom<f64>`.
    ///
    /// # Errors
    /// [`NumberError::NotFinite`].
    pub fn from_exact_f64(float: f64) -> Result<Self, NumberError> {
        if !float.is_finite() {
            return Err(NumberError::NotFinite);
        }
        // A finite float is m * 2^e with odd m; for negative e it has exactly -e decimals, otherwise none.
        let bits = float.to_bits();
        let raw_exponent = i64::try_from((bits >> 52) & 0x7ff).unwrap_or(0);
        let fraction = bits & ((1 << 52) - 1);
        let (mantissa, exponent) =
            if raw_exponent == 0 { (fraction, -1074) } else { (fraction | (1 << 52), raw_exponent - 1075) };
        if mantissa == 0 {
            return Ok(Self::from(0));
        }
        let decimals = -(exponent + i64::from(mantissa.trailing_zeros()));
        let decimals = usize::try_from(decimals).unwrap_or(0);
        format!("{float:.decimals$}").parse()
    }

    /// The nearest 64-bit float; infinite when the number is beyond their range.
    pub fn to_f64(&self) -> f64 {
        match &self.0 {
            #[allow(clippy::cast_precision_loss)] // nearest is what is promised
            Repr::Int(int) => *int as f64,
            // Rust parses every decimal text, to the nearest float.
            Repr::Decimal(decimal) => decimal.scientific().parse().unwrap_or(f64::NAN),
        }
    }

    /// The 64-bit float of exactly this value, if there is one.
    pub fn to_exact_f64(&self) -> Option<f64> {
        if let Repr::Decimal(decimal) = &self.0 {
            // The last decimal of a binary fraction is always a 5: most decimals are refused here, cheaply.
            if decimal.exponent < 0 && !decimal.digits.ends_with('5') {
                return None;
            }
        }
        let float = self.to_f64();
        (Self::from_exact_f64(float).as_ref() == Ok(self)).then_some(float)
    }

    /// The number as a signed integer, if it is one that fits.
    pub fn to_i64(&self) -> Option<i64> {
        match &self.0 {
            Repr::Int(int) => Some(*int),
            Repr::Decimal(_) => None,
        }
    }

    /// Whether it has no fraction.
    pub fn is_whole(&self) -> bool {
        match &self.0 {
            Repr::Int(_) => true,
            Repr::Decimal(decimal) => decimal.exponent >= 0,
        }
    }

    /// `digits * 10^exponent` in canonical form. The digits are ASCII digits, with zeros anywhere.
    fn canonical(negative: bool, digits: &str, exponent: i64) -> Self {
        let digits = digits.trim_start_matches('0');
        let significant = digits.trim_end_matches('0');
        if significant.is_empty() {
            return Self(Repr::Int(0));
        }
        let dropped = i64::try_from(digits.len() - significant.len()).unwrap_or(i64::MAX);
        let exponent = exponent.saturating_add(dropped);
        if let Some(int) = small_integer(negative, significant, exponent) {
            return Self(Repr::Int(int));
        }
        Self(Repr::Decimal(Box::new(Decimal { negative, digits: significant.into(), exponent })))
    }

    /// Sign, digits and exponent of a number that is not zero.
    fn parts(&self) -> (bool, Cow<'_, str>, i64) {
        match &self.0 {
            Repr::Int(int) => (*int < 0, Cow::Owned(int.unsigned_abs().to_string()), 0),
            Repr::Decimal(decimal) => (decimal.negative, Cow::Borrowed(&decimal.digits), decimal.exponent),
        }
    }
}

/// `significant * 10^exponent`, if that is an `i64`.
fn small_integer(negative: bool, significant: &str, exponent: i64) -> Option<i64> {
    // 19 digits are the most that an i64 has; 19 digits always fit an i128.
    let length = i64::try_from(significant.len()).ok()?;
    if exponent < 0 || length.saturating_add(exponent) > 19 {
        return None;
    }
    let magnitude = significant.parse::<i128>().ok()? * 10_i128.pow(u32::try_from(exponent).ok()?);
    i64::try_from(if negative { -magnitude } else { magnitude }).ok()
}

impl Decimal {
    fn scientific(&self) -> String {
        let (first, rest) = self.digits.split_at(1);
        let exponent = self.exponent + len(rest);
        let sign = if self.negative { "-" } else { "" };
        let point = if rest.is_empty() { "" } else { "." };
        format!("{sign}{first}{point}{rest}e{exponent}")
    }

    /// The number of digits before the decimal point; negative when zeros follow the point.
    fn magnitude(&self) -> i64 {
        self.exponent + len(&self.digits)
    }
}

fn len(text: &str) -> i64 {
    i64::try_from(text.len()).unwrap_or(i64::MAX)
}

fn zeros(count: i64) -> String {
    "0".repeat(usize::try_from(count).unwrap_or(0))
}

impl FromStr for Number {
    type Err = NumberError;

    /// Reads `-12`, `0.1`, `1e30`, `1.5E-7`; no spaces, no hexadecimal, no underscores.
    fn from_str(text: &str) -> Result<Self, NumberError> {
        if let Ok(int) = text.parse::<i64>() {
            return Ok(Self(Repr::Int(int)));
        }
        let (negative, unsigned) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
            Some(at) => (&unsigned[..at], parse_exponent(&unsigned[at + 1..])?),
            None => (unsigned, 0),
        };
        let (whole, decimals) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all_digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
        if whole.is_empty() && decimals.is_empty() || !all_digits(whole) || !all_digits(decimals) {
            return Err(NumberError::Syntax);
        }
        let digits = format!("{whole}{decimals}");
        let digits = digits.trim_start_matches('0').trim_end_matches('0').len();
        if digits > MAX_DIGITS {
            return Err(NumberError::Extreme);
        }
        let number = Self::canonical(negative, &format!("{whole}{decimals}"), exponent - len(decimals));
        match &number.0 {
            Repr::Decimal(decimal) if decimal.magnitude().abs() > MAX_EXPONENT => Err(NumberError::Extreme),
            _ => Ok(number),
        }
    }
}

fn parse_exponent(text: &str) -> Result<i64, NumberError> {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(NumberError::Syntax);
    }
    // Only digits are left, so the sole error is a number beyond i32: beyond every limit of ours, too.
    text.parse::<i32>().map(i64::from).map_err(|_| NumberError::Extreme)
}

impl fmt::Display for Number {
    /// Written out in full (`1000000`, `0.1`), as Terraform does; scientific only when that would be very long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let decimal = match &self.0 {
            Repr::Int(int) => return int.fmt(f),
            Repr::Decimal(decimal) => decimal,
        };
        let magnitude = decimal.magnitude();
        if !(-MAX_PLAIN..=MAX_PLAIN).contains(&magnitude) {
            return f.write_str(&decimal.scientific());
        }
        let sign = if decimal.negative { "-" } else { "" };
        let digits = &decimal.digits;
        if decimal.exponent >= 0 {
            write!(f, "{sign}{digits}{}", zeros(decimal.exponent))
        } else if magnitude <= 0 {
            write!(f, "{sign}0.{}{digits}", zeros(-magnitude))
        } else {
            let (whole, decimals) = digits.split_at(usize::try_from(magnitude).unwrap_or(0));
            write!(f, "{sign}{whole}.{decimals}")
        }
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Repr::Int(a), Repr::Int(b)) = (&self.0, &other.0) {
            return a.cmp(b);
        }
        let ((a_negative, a_digits, a_exponent), (b_negative, b_digits, b_exponent)) = (self.parts(), other.parts());
        if a_negative != b_negative {
            return b_negative.cmp(&a_negative);
        }
        // Zero is the only number whose digits begin with a zero: it is below every positive one.
        let magnitude = |digits: &str, exponent: i64| if digits == "0" { i64::MIN } else { exponent + len(digits) };
        let order = magnitude(&a_digits, a_exponent)
            .cmp(&magnitude(&b_digits, b_exponent))
            .then_with(|| a_digits.as_ref().cmp(b_digits.as_ref()));
        if a_negative { order.reverse() } else { order }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
