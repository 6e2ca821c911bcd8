//! Which platform, and what leads to a cluster there: the first part of a cluster's id.

use std::fmt;
use std::str::FromStr;

/// Most hosts in an id. Each of them leads to the Record, and so to all others.
pub const HOSTS_MAX: usize = 3;

/// Where a cluster lives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PlatformKind {
    /// Processes of this machine.
    Local,
    /// Servers over SSH. `hosts`: some that the cluster was made on, as they are called in the pool; never none.
    Servers {
        /// `10.0.0.11`, `db1.example.com:2222`, `[2001:db8::1]:2222`.
        hosts: Vec<String>,
    },
    /// Machines of a cloud.
    Cloud {
        /// Whose.
        cloud: CloudKind,
        /// Where there, as that cloud calls it: a region.
        place: String,
    },
}

/// A cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CloudKind {
    /// Amazon Web Services.
    Aws,
    /// DigitalOcean.
    DigitalOcean,
}

impl CloudKind {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Aws, Self::DigitalOcean];

    /// The word in ids and in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::DigitalOcean => "digitalocean",
        }
    }
}

/// The words that an id can begin with.
fn words() -> String {
    let clouds = CloudKind::ALL.into_iter().map(CloudKind::word);
    ["local", "servers"].into_iter().chain(clouds).collect::<Vec<_>>().join(", ")
}

impl PlatformKind {
    /// The word in ids and in the configuration.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Servers { .. } => "servers",
            Self::Cloud { cloud, .. } => cloud.word(),
        }
    }

    /// Reads its parts off the front of an id's.
    ///
    /// # Errors
    /// What is wrong, in a sentence's second half.
    pub fn read<'a>(parts: &mut impl Iterator<Item = &'a str>) -> Result<Self, String> {
        match parts.next().unwrap_or_default() {
            "local" => Ok(Self::Local),
            "servers" => {
                let text = parts.next().unwrap_or_default();
                let hosts: Vec<String> = text.split('+').map(str::to_owned).collect();
                if hosts.iter().any(String::is_empty) {
                    return Err("the hosts are missing; write servers/HOST+HOST/NAME".to_owned());
                }
                Ok(Self::Servers { hosts })
            }
            other => match CloudKind::ALL.into_iter().find(|cloud| cloud.word() == other) {
                Some(cloud) => match parts.next().unwrap_or_default() {
                    "" => Err(format!("the region is missing; write {other}/REGION/NAME")),
                    place => Ok(Self::Cloud { cloud, place: place.to_owned() }),
                },
                None => Err(format!("it must begin with a platform; \"{other}\" is none of: {}", words())),
            },
        }
    }
}

impl fmt::Display for PlatformKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Self::Local => Ok(()),
            Self::Servers { hosts } => write!(f, "/{}", hosts.join("+")),
            Self::Cloud { place, .. } => write!(f, "/{place}"),
        }
    }
}

impl FromStr for PlatformKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split('/');
        let kind = Self::read(&mut parts)?;
        match parts.next() {
            None => Ok(kind),
            Some(more) => Err(format!("\"{more}\" is one part too many")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_what_is_none_says_why() {
        for text in [
            "local",
            "aws/eu-central-1",
            "digitalocean/fra1",
            "servers/10.0.0.11",
            "servers/db1.example.com:2222+[2001:db8::1]:2222+10.0.0.12",
        ] {
            assert_eq!(text.parse::<PlatformKind>().expect(text).to_string(), text);
        }
        for (text, part) in [
            ("", "none of"),
            ("moon", "none of: local, servers, aws, digitalocean"),
            ("servers", "hosts are missing"),
            ("servers/", "hosts are missing"),
            ("servers/a++b", "hosts are missing"),
            ("aws", "region is missing"),
            ("aws/", "region is missing"),
            ("aws/eu-central-1/cache", "one part too many"),
            ("local/more", "one part too many"),
        ] {
            let problem = text.parse::<PlatformKind>().expect_err(text);
            assert!(problem.contains(part), "{text}: {problem}");
        }
    }
}
