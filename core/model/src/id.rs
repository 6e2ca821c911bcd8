//! Ids: of clusters and nodes, of a group's epoch, of the Record's generations, of keys.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::failure::Invalid;
use crate::text::{from_hex, serde_as_text, show, to_hex};

/// Crockford's base 32, lowercase: without i, l, o and u, which people confuse with other characters.
/// In the order of ASCII, so that ids sort like their bytes.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// 80 bits, so that ids drawn at random by people who never speak to each other do not meet:
/// with a million clusters the chance of any two alike is about 4 in 10^13.
const ENTROPY_BYTES: usize = 10;
const DIGITS: usize = ENTROPY_BYTES * 8 / 5;

fn write_base32(bytes: &[u8; ENTROPY_BYTES], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for group in bytes.chunks_exact(5) {
        let word = group.iter().fold(0u64, |word, byte| word << 8 | u64::from(*byte));
        for position in (0..8).rev() {
            fmt::Write::write_char(f, char::from(ALPHABET[(word >> (5 * position) & 31) as usize]))?;
        }
    }
    Ok(())
}

fn parse_base32(kind: &'static str, prefix: &'static str, text: &str) -> Result<[u8; ENTROPY_BYTES], Invalid> {
    let hint = || format!("A {kind} is \"{prefix}\" and {DIGITS} of the characters 0-9 and a-z without i, l, o, u.");
    let Some(digits) = text.strip_prefix(prefix) else {
        return Err(Invalid::new("Id not valid", format!("{text:?} does not begin with \"{prefix}\"."), hint()));
    };
    if let Some(wrong) = digits.chars().find(|c| !c.is_ascii() || !ALPHABET.contains(&(*c as u8))) {
        return Err(Invalid::new("Id not valid", format!("{text:?} contains {}.", show(wrong)), hint()));
    }
    if digits.len() != DIGITS {
        return Err(Invalid::new("Id not valid", format!("{text:?} has {} digits.", digits.len()), hint()));
    }
    let mut bytes = [0; ENTROPY_BYTES];
    for (group, eight) in bytes.chunks_exact_mut(5).zip(digits.as_bytes().chunks_exact(8)) {
        let word = eight
            .iter()
            .fold(0u64, |word, digit| word << 5 | ALPHABET.iter().position(|d| d == digit).unwrap_or_default() as u64);
        group.copy_from_slice(&word.to_be_bytes()[3..]);
    }
    Ok(bytes)
}

/// Defines an id: a prefix that says what it names, and 80 random bits.
macro_rules! typed_id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal, $kind:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; ENTROPY_BYTES]);

        impl $name {
            /// What every such id begins with.
            pub const PREFIX: &'static str = $prefix;

            /// A new id from 80 random bits; the caller draws them, from the operating system.
            #[must_use]
            pub const fn from_entropy(entropy: [u8; ENTROPY_BYTES]) -> Self {
                Self(entropy)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str($prefix)?;
                write_base32(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                parse_base32($kind, $prefix, text).map(Self)
            }
        }

        serde_as_text!($name);
    };
}

typed_id!(
    /// A cluster, for life.
    ClusterId, "jmc", "cluster id"
);
typed_id!(
    /// A node, for life; a machine that replaces another is another node.
    NodeId, "jmn", "node id"
);

/// Names one founding of a cluster's group of agents; random, and in every call between them.
///
/// A group that was re-founded after the loss of its majority has another epoch, so that it never mixes with the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Epoch(u64);

impl Epoch {
    /// A new epoch from 64 random bits; the caller draws them.
    #[must_use]
    pub const fn from_entropy(entropy: [u8; 8]) -> Self {
        Self(u64::from_be_bytes(entropy))
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Epoch {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        from_hex(text).map(Self::from_entropy).ok_or_else(|| {
            Invalid::new(
                "Epoch not valid",
                format!("{text:?} is not an epoch."),
                "An epoch is 16 lowercase hexadecimal digits.",
            )
        })
    }
}

serde_as_text!(Epoch);

/// Counts the changes of a Record; compare-and-set goes from one to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(u64);

impl Generation {
    /// That of a Record when it is founded.
    pub const FIRST: Self = Self(1);

    /// The generation with this number.
    #[must_use]
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The one after it. (A Record that changed every microsecond would need half a million years to run out.)
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A public key, known by the SHA-256 of its SubjectPublicKeyInfo in DER.
///
/// The same value that `openssl pkey -pubin -outform der | sha256sum` prints, and that RFC 7469 pins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin([u8; 32]);

impl Pin {
    /// From a digest that the caller computed.
    #[must_use]
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", to_hex(&self.0))
    }
}

impl fmt::Debug for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Pin {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        text.strip_prefix("sha256:").and_then(from_hex).map(Self).ok_or_else(|| {
            Invalid::new(
                "Public key not valid",
                format!("{text:?} does not name a public key."),
                "A public key is named by \"sha256:\" and 64 lowercase hexadecimal digits.",
            )
        })
    }
}

serde_as_text!(Pin);
