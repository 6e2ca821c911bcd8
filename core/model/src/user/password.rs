//! Passwords of database users: hashes, how one follows another, and when they end.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Given, User};
use crate::failure::Invalid;
use crate::text::{from_hex, serde_as_text, to_hex};
use crate::{AclRules, Timestamp};

/// Most passwords of a user that are valid at once: the newest and two before it. Whoever changes passwords more often than
/// that within one grace changes them every few hours, and three of them take 400 of the Record's bytes.
pub const PASSWORDS_MAX: usize = 3;

/// A password that is valid.
///
/// In JSON one without an end is its bare hash, as in Records of [layout](crate::record::LAYOUT) 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Spelling", into = "Spelling")]
pub struct Password {
    /// Its SHA-256.
    pub hash: PasswordHash,
    /// Until when it is valid: the agents remove it when this is over. `None`: for ever.
    pub until: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Spelling {
    Lasting(PasswordHash),
    Ending { hash: PasswordHash, until: Timestamp },
}

impl From<Spelling> for Password {
    fn from(spelling: Spelling) -> Self {
        match spelling {
            Spelling::Lasting(hash) => hash.into(),
            Spelling::Ending { hash, until } => Self { hash, until: Some(until) },
        }
    }
}

impl From<Password> for Spelling {
    fn from(password: Password) -> Self {
        let hash = password.hash;
        password.until.map_or(Self::Lasting(hash), |until| Self::Ending { hash, until })
    }
}

impl From<PasswordHash> for Password {
    fn from(hash: PasswordHash) -> Self {
        Self { hash, until: None }
    }
}

impl User {
    /// A user with one password, which is valid for ever.
    #[must_use]
    pub fn new(acl: AclRules, password: PasswordHash) -> Self {
        Self { acl, passwords: vec![password.into()], given: Given::default() }
    }

    /// A temporary user, gone `ttl` after `now`.
    #[must_use]
    pub fn temporary(acl: AclRules, hash: PasswordHash, now: Timestamp, ttl: Duration) -> Self {
        let password = Password { hash, until: Some(end(now, ttl)) };
        Self { acl, passwords: vec![password], given: Given::default() }
    }

    /// The password that has no end.
    #[must_use]
    pub fn password(&self) -> Option<PasswordHash> {
        self.passwords.iter().find(|password| password.until.is_none()).map(|password| password.hash)
    }

    /// When the last of the passwords ends that have an end.
    #[must_use]
    pub fn last_end(&self) -> Option<Timestamp> {
        self.passwords.iter().filter_map(|password| password.until).max()
    }

    /// Makes this the password. Those before it are valid for `grace` from `now` on, or until the ends that they had, whichever
    /// is sooner; so with a grace of zero this is the only one. The password that is there already stays as it is; one that was
    /// about to end has no end any more. Of more than [`PASSWORDS_MAX`], the oldest is dropped.
    pub fn set_password(&mut self, hash: PasswordHash, now: Timestamp, grace: Duration) {
        self.passwords.retain(|password| password.hash != hash);
        self.end_within(now, grace);
        self.passwords.insert(0, hash.into());
        if grace.is_zero() {
            self.passwords.truncate(1);
        }
        self.passwords.truncate(PASSWORDS_MAX);
    }

    /// Lets every password end `grace` after `now`, or when it ends, whichever is sooner.
    fn end_within(&mut self, now: Timestamp, grace: Duration) {
        let latest = end(now, grace);
        for password in &mut self.passwords {
            password.until = Some(password.until.map_or(latest, |until| until.min(latest)));
        }
    }

    /// Makes a temporary user last until `ttl` after `now`, if that is later.
    pub fn prolong(&mut self, now: Timestamp, ttl: Duration) {
        for until in self.passwords.iter_mut().filter_map(|password| password.until.as_mut()) {
            *until = end(now, ttl).max(*until);
        }
    }
}

/// The first whole second that is not before `span` from `now` on: an end is late rather than early.
fn end(now: Timestamp, span: Duration) -> Timestamp {
    let whole = i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    let part = i64::from(span.subsec_nanos() > 0) + i64::from(now.subsec_nanosecond() > 0);
    let second = now.as_second().saturating_add(whole).saturating_add(part);
    Timestamp::from_second(second).unwrap_or(Timestamp::MAX)
}

/// SHA-256 of a password, as the server itself stores it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PasswordHash([u8; 32]);

impl PasswordHash {
    /// From the digest that the caller computed.
    #[must_use]
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }
}

impl fmt::Display for PasswordHash {
    /// 64 lowercase hexadecimal digits, as they stand behind `#` in an ACL file.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&to_hex(&self.0))
    }
}

impl fmt::Debug for PasswordHash {
    /// Hidden: from the hash of a weak password the password can be found.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(***)")
    }
}

impl FromStr for PasswordHash {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        from_hex(text).map(Self).ok_or_else(|| {
            Invalid::new(
                "Password hash not valid",
                // Not shown: what stands here by mistake is usually the password itself.
                format!("The value has {} characters, or others than hexadecimal digits.", text.chars().count()),
                "Give the SHA-256 of the password as 64 lowercase hexadecimal digits.",
            )
        })
    }
}

serde_as_text!(PasswordHash);
