//! Reads MessagePack token by token from a slice: nothing is allocated, no claimed length is believed.

use rmp::Marker;

use super::super::DecodeProblem;

/// Why bytes are no token. Small, because every token is read with the possibility of it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Broken {
    Truncated,
    Malformed,
}

impl From<Broken> for DecodeProblem {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Truncated => Self::Truncated,
            Broken::Malformed => Self::Malformed,
        }
    }
}

/// One token. Arrays and maps are followed by their elements.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Token<'a> {
    Nil,
    Bool(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    /// `str` or `bin`: Go's encoders use either for a string.
    Text(&'a [u8]),
    Array(usize),
    Map(usize),
    Ext {
        code: i8,
        payload: &'a [u8],
    },
}

impl Token<'_> {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Nil => "null",
            Self::Bool(_) => "a bool",
            Self::Int(_) | Self::Uint(_) | Self::Float(_) => "a number",
            Self::Text(_) => "a string",
            Self::Array(_) => "an array",
            Self::Map(_) => "a map",
            Self::Ext { .. } => "an unknown value",
        }
    }
}

/// The bytes that are still to be read.
pub(super) struct Reader<'a> {
    pub(super) rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], Broken> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Broken::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let (taken, rest) = self.rest.split_first_chunk::<N>().ok_or(Broken::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn len8(&mut self) -> Result<usize, Broken> {
        self.array::<1>().map(|[byte]| usize::from(byte))
    }

    fn len16(&mut self) -> Result<usize, Broken> {
        self.array().map(|bytes| usize::from(u16::from_be_bytes(bytes)))
    }

    fn len32(&mut self) -> Result<usize, Broken> {
        let len = u32::from_be_bytes(self.array()?);
        usize::try_from(len).map_err(|_| Broken::Truncated)
    }

    /// An element takes at least one byte, so a greater count is a lie.
    fn plausible(&self, count: usize, bytes_each: usize) -> Result<usize, Broken> {
        if count > self.rest.len() / bytes_each { Err(Broken::Truncated) } else { Ok(count) }
    }

    fn array_of(&self, count: usize) -> Result<Token<'a>, Broken> {
        self.plausible(count, 1).map(Token::Array)
    }

    fn map_of(&self, count: usize) -> Result<Token<'a>, Broken> {
        self.plausible(count, 2).map(Token::Map)
    }

    fn text(&mut self, count: usize) -> Result<Token<'a>, Broken> {
        self.take(count).map(Token::Text)
    }

    fn ext(&mut self, count: usize) -> Result<Token<'a>, Broken> {
        let [code] = self.array::<1>()?;
        Ok(Token::Ext { code: i8::from_be_bytes([code]), payload: self.take(count)? })
    }

    /// The next token.
    pub(super) fn token(&mut self) -> Result<Token<'a>, Broken> {
        let [first] = self.array::<1>()?;
        match Marker::from_u8(first) {
            Marker::Null => Ok(Token::Nil),
            Marker::False => Ok(Token::Bool(false)),
            Marker::True => Ok(Token::Bool(true)),
            Marker::FixPos(int) => Ok(Token::Int(int.into())),
            Marker::FixNeg(int) => Ok(Token::Int(int.into())),
            Marker::U8 => Ok(Token::Uint(u8::from_be_bytes(self.array()?).into())),
            Marker::U16 => Ok(Token::Uint(u16::from_be_bytes(self.array()?).into())),
            Marker::U32 => Ok(Token::Uint(u32::from_be_bytes(self.array()?).into())),
            Marker::U64 => Ok(Token::Uint(u64::from_be_bytes(self.array()?))),
            Marker::I8 => Ok(Token::Int(i8::from_be_bytes(self.array()?).into())),
            Marker::I16 => Ok(Token::Int(i16::from_be_bytes(self.array()?).into())),
            Marker::I32 => Ok(Token::Int(i32::from_be_bytes(self.array()?).into())),
            Marker::I64 => Ok(Token::Int(i64::from_be_bytes(self.array()?))),
            Marker::F32 => Ok(Token::Float(f32::from_be_bytes(self.array()?).into())),
            Marker::F64 => Ok(Token::Float(f64::from_be_bytes(self.array()?))),
            marker => self.sized(marker),
        }
    }

    /// The tokens that carry a length.
    fn sized(&mut self, marker: Marker) -> Result<Token<'a>, Broken> {
        match marker {
            Marker::FixStr(len) => self.text(len.into()),
            Marker::Str8 | Marker::Bin8 => self.len8().and_then(|len| self.text(len)),
            Marker::Str16 | Marker::Bin16 => self.len16().and_then(|len| self.text(len)),
            Marker::Str32 | Marker::Bin32 => self.len32().and_then(|len| self.text(len)),
            Marker::FixArray(len) => self.array_of(len.into()),
            Marker::Array16 => self.len16().and_then(|len| self.array_of(len)),
            Marker::Array32 => self.len32().and_then(|len| self.array_of(len)),
            Marker::FixMap(len) => self.map_of(len.into()),
            Marker::Map16 => self.len16().and_then(|len| self.map_of(len)),
            Marker::Map32 => self.len32().and_then(|len| self.map_of(len)),
            Marker::FixExt1 => self.ext(1),
            Marker::FixExt2 => self.ext(2),
            Marker::FixExt4 => self.ext(4),
            Marker::FixExt8 => self.ext(8),
            Marker::FixExt16 => self.ext(16),
            Marker::Ext8 => self.len8().and_then(|len| self.ext(len)),
            Marker::Ext16 => self.len16().and_then(|len| self.ext(len)),
            Marker::Ext32 => self.len32().and_then(|len| self.ext(len)),
            // Only `Reserved` (0xc1) is left.
            _ => Err(Broken::Malformed),
        }
    }
}
