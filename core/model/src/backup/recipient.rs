//! Who can read an encrypted backup: public keys of `age`.

use std::fmt;
use std::str::FromStr;

use crate::failure::Invalid;
use crate::text::serde_as_text;

/// A public key of [age](https://age-encryption.org/v1): `age1` and 58 characters. What it encrypts, only the owner of the
/// secret key can read: whoever loses that loses the backups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recipient(String);

/// The alphabet of [Bech32](https://github.com/bitcoin/bips/blob/master/bip-0173.mediawiki#bech32), which age uses.
const ALPHABET: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
const SUMMARY: &str = "Recipient not valid";
const USUAL: &str = "Write the public key that age-keygen printed: \"age1\" and 58 letters and digits.";

impl FromStr for Recipient {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |detail: &str, hint: &str| Err(Invalid::new(SUMMARY, detail, hint));
        if text.to_ascii_uppercase().contains("SECRET") {
            let hint = "Give the public key that belongs to it, which begins with \"age1\", and make a new pair: what was written \
                        into a configuration is not secret any more.";
            return invalid("This is a secret key.", hint);
        }
        if text.starts_with("ssh-") {
            return invalid("Keys of SSH are not supported.", USUAL);
        }
        let Some(data) = text.strip_prefix("age1") else {
            return invalid("It does not begin with \"age1\".", USUAL);
        };
        if data.len() != 58 {
            return invalid(&format!("It has {} characters instead of 62.", text.chars().count()), USUAL);
        }
        let values: Option<Vec<u32>> =
            data.chars().map(|c| ALPHABET.find(c).and_then(|value| u32::try_from(value).ok())).collect();
        let Some(values) = values else {
            return invalid("It contains a character that keys do not have.", USUAL);
        };
        if checksum(&values) != 1 {
            return invalid("Its checksum is wrong: there is a slip in it.", USUAL);
        }
        Ok(Self(text.to_owned()))
    }
}

/// The checksum of "age" and these values; 1 if nothing is wrong.
fn checksum(values: &[u32]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let prefix = b"age".map(u32::from);
    let expanded = prefix.iter().map(|c| c >> 5).chain([0]).chain(prefix.iter().map(|c| c & 31));
    expanded.chain(values.iter().copied()).fold(1, |sum, value| {
        let top = sum >> 25;
        let shifted = (sum & 0x01ff_ffff) << 5 ^ value;
        GENERATOR.iter().enumerate().filter(|(bit, _)| top >> bit & 1 == 1).fold(shifted, |sum, (_, part)| sum ^ part)
    })
}

impl fmt::Display for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

serde_as_text!(Recipient);
