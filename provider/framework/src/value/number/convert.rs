//! Numbers from and to the machine's integers and floats.

use super::{Number, NumberError, Repr};

macro_rules! from_small_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Number {
            fn from(int: $integer) -> Self {
                Self(Repr::Int(i64::from(int)))
            }
        }
    )*};
}
from_small_integer!(i8, i16, i32, i64, u8, u16, u32);

macro_rules! from_large_integer {
    ($($integer:ty),*) => {$(
        impl From<$integer> for Number {
            fn from(int: $integer) -> Self {
                let text = int.to_string();
                let digits = text.strip_prefix('-').unwrap_or(&text);
                Self::canonical(digits.len() != text.len(), digits, 0)
            }
        }
    )*};
}
from_large_integer!(u64, usize, i128, u128, isize);

impl TryFrom<f64> for Number {
    type Error = NumberError;

    /// The number that the float's shortest text names: 0.1 for `0.1_f64`, as a person would say it.
    fn try_from(float: f64) -> Result<Self, NumberError> {
        if !float.is_finite() {
            return Err(NumberError::NotFinite);
        }
        format!("{float:e}").parse()
    }
}

impl TryFrom<&Number> for f64 {
    type Error = NumberError;

    /// The nearest float.
    fn try_from(number: &Number) -> Result<Self, NumberError> {
        let float = number.to_f64();
        if float.is_finite() { Ok(float) } else { Err(NumberError::OutOfRange) }
    }
}

macro_rules! try_into_integer {
    ($($integer:ty),*) => {$(
        impl TryFrom<&Number> for $integer {
            type Error = NumberError;

            fn try_from(number: &Number) -> Result<Self, NumberError> {
                if !number.is_whole() {
                    return Err(NumberError::NotWhole);
                }
                match number.to_i64() {
                    Some(int) => Self::try_from(int).map_err(|_| NumberError::OutOfRange),
                    // Beyond i64; the text of a whole number is only its digits unless it is far beyond u128.
                    None => number.to_string().parse().map_err(|_| NumberError::OutOfRange),
                }
            }
        }

        impl TryFrom<Number> for $integer {
            type Error = NumberError;

            fn try_from(number: Number) -> Result<Self, NumberError> {
                Self::try_from(&number)
            }
        }
    )*};
}
try_into_integer!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);
