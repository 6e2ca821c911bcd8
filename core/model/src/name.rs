//! Names that people give: of clusters, and of database users.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::failure::Invalid;
use crate::text::{from_hex, serde_as_text, show, to_hex};

/// The name of a cluster, unique within its place.
///
/// 1 to 40 lowercase letters, digits and hyphens, beginning with a letter and ending with a letter or digit: what the
/// strictest of the places that it appears in takes. It is part of a host name (63 characters, and
/// [RFC 1123](https://www.rfc-editor.org/rfc/rfc1123#section-2.1)'s alphabet) beside a suffix of up to 23 characters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterName(String);

/// See [`ClusterName`].
pub const CLUSTER_NAME_MAX: usize = 40;

impl FromStr for ClusterName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match cluster_name_fault(text) {
            None => Ok(Self(text.to_owned())),
            Some(detail) => Err(Invalid::new(
                "Cluster name not valid",
                detail,
                "Use 1 to 40 lowercase letters, digits and hyphens, beginning with a letter and ending with a letter \
                 or a digit, such as \"orders-cache\".",
            )),
        }
    }
}

fn cluster_name_fault(text: &str) -> Option<String> {
    let (Some(first), Some(last)) = (text.chars().next(), text.chars().last()) else {
        return Some("The name is empty.".to_owned());
    };
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if let Some((position, wrong)) = text.chars().enumerate().find(|(_, c)| !allowed(*c)) {
        return Some(format!("Character {} of {text:?} is {}.", position + 1, show(wrong)));
    }
    if !first.is_ascii_lowercase() {
        return Some(format!("{text:?} begins with {}.", show(first)));
    }
    if last == '-' {
        return Some(format!("{text:?} ends with a hyphen."));
    }
    (text.len() > CLUSTER_NAME_MAX).then(|| format!("{text:?} has {} characters.", text.len()))
}

/// The name of a database user.
///
/// The server itself takes everything but spaces and NUL
/// ([ACL](https://valkey.io/topics/acl/)); a name here is also part of a Terraform id and of an ACL file, so it is
/// 1 to 64 ASCII letters, digits and `_ . @ : -`. `default` and names that begin with `justmanage-` are ours; of these, only
/// those of temporary users stand in Records.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// See [`UserName`].
pub const USER_NAME_MAX: usize = 64;

/// Users that begin so are made by Just Manage itself.
pub const RESERVED_USER_PREFIX: &str = "justmanage-";

/// Users that begin so are temporary: made by Just Manage for somebody, and gone by themselves. 16 hexadecimal digits follow.
pub const TEMPORARY_USER_PREFIX: &str = "justmanage-temporary-";

impl UserName {
    /// The name of a temporary user. Nobody can choose such a name, so it meets no user that somebody made.
    #[must_use]
    pub fn temporary(drawn: [u8; 8]) -> Self {
        Self(format!("{TEMPORARY_USER_PREFIX}{}", to_hex(&drawn)))
    }

    /// Reads the name of a temporary user.
    ///
    /// # Errors
    /// It is none.
    pub fn parse_temporary(text: &str) -> Result<Self, Invalid> {
        let drawn = text.strip_prefix(TEMPORARY_USER_PREFIX).and_then(from_hex);
        drawn.map(Self::temporary).ok_or_else(|| {
            Invalid::new(
                "Not a temporary user",
                format!("{text:?} is not the name of a temporary user."),
                format!("Such names are \"{TEMPORARY_USER_PREFIX}\" and 16 hexadecimal digits."),
            )
        })
    }

    /// Whether the user is temporary.
    #[must_use]
    pub fn is_temporary(&self) -> bool {
        self.0.starts_with(TEMPORARY_USER_PREFIX)
    }
}

impl FromStr for UserName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let invalid = |detail: String| {
            Invalid::new(
                "User name not valid",
                detail,
                "Use 1 to 64 ASCII letters, digits and the characters _ . @ : -, such as \"orders-service\".",
            )
        };
        if text.is_empty() {
            return Err(invalid("The name is empty.".to_owned()));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '@' | ':' | '-');
        if let Some((position, wrong)) = text.chars().enumerate().find(|(_, c)| !allowed(*c)) {
            return Err(invalid(format!("Character {} of {text:?} is {}.", position + 1, show(wrong))));
        }
        if text.len() > USER_NAME_MAX {
            return Err(invalid(format!("{text:?} has {} characters.", text.len())));
        }
        if text == "default" {
            return Err(Invalid::new(
                "User name not available",
                "The user \"default\" is always off: whoever connects without a name would be that user.",
                "Give the user a name of its own.",
            ));
        }
        if text.starts_with(RESERVED_USER_PREFIX) {
            return Err(Invalid::new(
                "User name not available",
                format!("{text:?} begins with \"{RESERVED_USER_PREFIX}\", as the users of Just Manage itself do."),
                "Choose a name that begins otherwise.",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

macro_rules! text_name {
    ($name:ident) => {
        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
    };
}

text_name!(ClusterName);
serde_as_text!(ClusterName);
text_name!(UserName);

impl Serialize for UserName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for UserName {
    /// Also the names of temporary users, which are in Records and which nobody can choose.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse_temporary(&text).or_else(|_| text.parse()).map_err(serde::de::Error::custom)
    }
}
