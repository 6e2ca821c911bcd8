//! Host names, as DNS has them.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::failure::Invalid;
use crate::text::serde_as_text;

/// Most characters of a host name, and of one of its labels (RFC 1123, section 2.1).
pub(crate) const NAME_MAX: usize = 253;
/// See [`NAME_MAX`].
const LABEL_MAX: usize = 63;

/// A host name in small letters, such as `db1.example.com`; never an address.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

impl HostName {
    /// It as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is no host name, in words for behind it; `None`: it is one.
pub(crate) fn fault(text: &str) -> Option<String> {
    let wrong = |label: &str| {
        let hyphen = label.starts_with('-') || label.ends_with('-');
        let letters = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        label.is_empty() || label.len() > LABEL_MAX || hyphen || !letters
    };
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    if let Some(label) = text.split('.').find(|label| wrong(label)) {
        return Some(format!("has the part {label:?}, which no host name can have"));
    }
    if text.parse::<IpAddr>().is_ok() || text.rsplit('.').next().is_some_and(is_number) {
        return Some("is an address, no name".to_owned());
    }
    (text.len() > NAME_MAX).then(|| format!("has {} characters; at most {NAME_MAX} are possible", text.len()))
}

impl fmt::Display for HostName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for HostName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let usual = "Write a host name such as \"db1.example.com\".";
        match fault(text) {
            None => Ok(Self(text.to_ascii_lowercase())),
            Some(fault) => Err(Invalid::new("Host name not valid", format!("{text:?} {fault}."), usual)),
        }
    }
}

serde_as_text!(HostName);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_in_small_letters_and_addresses_are_none() {
        for (text, name) in [("db1.example.com", "db1.example.com"), ("DB1", "db1"), ("1.example", "1.example")] {
            assert_eq!(text.parse::<HostName>().expect(text).as_str(), name);
        }
        let long = format!("{}b", "a.".repeat(127));
        for (text, part) in [
            ("", "the part \"\""),
            ("db1.", "the part \"\""),
            ("-db1.example.com", "the part \"-db1\""),
            ("db_1.example.com", "the part \"db_1\""),
            ("10.0.0.11", "is an address"),
            ("2001:db8::11", "the part"),
            ("db1.11", "is an address"),
            ("db1.example.com:6379", "the part \"com:6379\""),
            (long.as_str(), "255 characters"),
        ] {
            let fault = text.parse::<HostName>().expect_err(text);
            assert!(fault.detail.contains(part), "{text}: {}", fault.detail);
        }
        assert!(serde_json::from_str::<HostName>("\"10.0.0.11\"").is_err());
    }
}
