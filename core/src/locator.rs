//! The id of a cluster: where it lives, its name, and its cluster id.

use std::fmt;
use std::str::FromStr;

use justmanage_model::{ClusterId, ClusterName};
use justmanage_platforms::ClaimQuery;
pub use justmanage_platforms::{CloudKind, PlatformKind};

/// Finds a cluster again. `local/cache/jmc0123456789abcdef` is an id, stable for life; `local/cache` is enough to import. On servers some
/// of the hosts stand in it: `servers/10.0.0.11+10.0.0.12/cache/jmc0123456789abcdef`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Locator {
    /// Which platform, and what leads to the cluster there.
    pub platform: PlatformKind,
    /// The cluster's name.
    pub name: ClusterName,
    /// The cluster's id; absent when only the name is known.
    pub cluster: Option<ClusterId>,
}

/// A text that is no locator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is no cluster id: {problem}")]
pub struct LocatorError {
    text: String,
    problem: String,
}

impl Locator {
    /// The machines that it means.
    pub fn query(&self) -> ClaimQuery {
        ClaimQuery { name: self.name.clone(), cluster: self.cluster }
    }
}

impl FromStr for Locator {
    type Err = LocatorError;

    fn from_str(text: &str) -> Result<Self, LocatorError> {
        let fail = |problem: String| LocatorError { text: text.to_owned(), problem };
        let mut parts = text.split('/');
        let platform = PlatformKind::read(&mut parts).map_err(fail)?;
        let name = parts.next().ok_or_else(|| fail(format!("the name is missing; write {platform}/NAME")))?;
        let name = name.parse().map_err(|error| fail(format!("{error}")))?;
        let cluster = parts.next().map(str::parse).transpose().map_err(|error| fail(format!("{error}")))?;
        match parts.next() {
            None => Ok(Self { platform, name, cluster }),
            Some(more) => Err(fail(format!("\"{more}\" is one part too many; write {platform}/NAME"))),
        }
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.platform, self.name)?;
        match &self.cluster {
            Some(cluster) => write!(f, "/{cluster}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_as_it_was_written() {
        for text in [
            "local/cache/jmc0123456789abcdef",
            "local/cache",
            "servers/10.0.0.11+[2001:db8::1]:2222/cache/jmc0123456789abcdef",
            "servers/db1.example.com/cache",
        ] {
            assert_eq!(text.parse::<Locator>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_no_id_is_refused_with_the_part_that_is_wrong() {
        for (text, part) in [
            ("cache", "platform"),
            ("local", "name is missing"),
            ("local/Cache", "C"),
            ("local/cache/xyz", "xyz"),
            ("local/cache/jmc0123456789abcdef/more", "one part too many"),
            ("servers/cache", "name is missing; write servers/cache/NAME"),
        ] {
            let error = text.parse::<Locator>().expect_err(text).to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
