//! Database users: ACL rules and passwords.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::failure::Invalid;
use crate::text::serde_as_text;
use crate::{Interval, UserName};

mod cluster;
mod password;
mod rule;

pub use cluster::CLIENT_RULES;
pub use password::{PASSWORDS_MAX, Password, PasswordHash};

/// One user of the database. Users are always on; a user that is not wanted is removed.
///
/// A user whose last password has ended is wanted no more, and is removed with it: such are temporary users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// What the user may do.
    pub acl: AclRules,
    /// The passwords that are valid, newest first: several while one is being replaced by another. None: nobody can log in.
    pub passwords: Vec<Password>,
    /// What the configuration says besides, for whoever imports the user.
    #[serde(default, skip_serializing_if = "Given::is_nothing")]
    pub given: Given,
}

/// What a configuration says of a user and no server needs: kept so that an import finds it again, and a configuration that
/// matches shows no difference. Nobody decides anything by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    /// Its number for the newest password (`password_wo_version`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// How long a password before the newest is to stay valid, where the configuration says it (`password_grace`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace: Option<Interval>,
    /// Whether the newest password was given by its hash (`password_sha256`).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hashed: bool,
}

impl Given {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Rules of the server's ACL language: keys, channels, commands and selectors, and nothing else.
///
/// In particular no passwords and no switches (`>`, `<`, `#`, `!`, `nopass`, `resetpass`, `reset`, `on`, `off`): who may
/// log in is said elsewhere, and a rule that could say it too would make a password of the text that state and logs show.
/// Blanks are one space between rules; commands and categories are lowercase; patterns stay as they were written.
/// Source: [ACL rules](https://valkey.io/topics/acl/#acl-rules).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AclRules(String);

/// Longest text of rules, in bytes: 200 users with rules of this length would not fit into a Record, ten do; and the
/// longest that real services use (every command by name) is below 3 KiB.
pub const ACL_RULES_MAX: usize = 4096;

impl AclRules {
    /// The rules as the server takes them, separated by single spaces.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The rules one by one, as arguments of `ACL SETUSER`; a selector is one rule.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        // The text was built from exactly these tokens.
        rule::tokens(&self.0).flatten()
    }
}

impl FromStr for AclRules {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.len() > ACL_RULES_MAX {
            return Err(Invalid::new(
                "ACL rules too long",
                format!("The rules have {} bytes.", text.len()),
                format!("At most {ACL_RULES_MAX} bytes are possible; use categories, such as \"+@read\"."),
            ));
        }
        let rules = rule::tokens(text).map(|token| rule::check(token?)).collect::<Result<Vec<_>, _>>()?;
        if rules.is_empty() {
            return Err(Invalid::new(
                "ACL rules missing",
                "There is no rule, so the user could do nothing.",
                "Write rules such as \"~* &* +@read +@write\".",
            ));
        }
        Ok(Self(rules.join(" ")))
    }
}

impl fmt::Display for AclRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AclRules {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

serde_as_text!(AclRules);

/// A short text that differs when the users differ, whatever the order of their passwords.
///
/// It is of what the servers are told: until when a password is valid is the agents' to know, and makes no difference.
///
/// It finds drift; it is no proof against somebody who forges it, and needs to be none: whoever can change the users of a
/// server already owns it. (64-bit FNV-1a, twice with different offsets: this crate has no cryptography, and the text must
/// not show password hashes, since observations travel and are logged.)
#[must_use]
pub fn fingerprint(users: &BTreeMap<UserName, User>) -> String {
    let mut text = String::new();
    for (name, user) in users {
        let mut passwords: Vec<String> = user.passwords.iter().map(|password| password.hash.to_string()).collect();
        passwords.sort_unstable();
        passwords.dedup();
        text.push_str(&format!("{name} #{} {}\n", passwords.join(" #"), user.acl));
    }
    fingerprint_of(&text)
}

/// See [`fingerprint`]: the same for a text, such as what a server says of its users.
#[must_use]
pub fn fingerprint_of(text: &str) -> String {
    let fnv = |offset: u64| {
        text.bytes().fold(offset, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
    };
    format!("{:016x}{:016x}", fnv(0xcbf2_9ce4_8422_2325), fnv(0x9ae1_6a3b_2f90_404f))
}
