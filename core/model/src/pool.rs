//! Pools of the user's own servers: hosts that are there, and how one gets onto them.
//!
//! A pool is a value and holds no secrets: keys to log in with are the provider's. What a host is made of (processors, memory, disk)
//! is read from the host, not written here.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

use crate::HostName;
use crate::failure::Invalid;
use crate::text::serde_as_text;

mod definition;
mod host_key;
mod label;

pub use definition::WORDS;
pub use host_key::HostKey;
pub use label::{Label, LabelValue, Zone};

/// Most servers of a pool.
pub const SERVERS_MAX: usize = 500;
/// Longest definition of a pool, in bytes: 500 servers with a pinned key and some labels each.
pub const DEFINITION_MAX: usize = 128 * 1024;
/// Most jump hosts one behind the other.
pub const JUMPS_MAX: usize = 4;
/// Most labels of a server.
pub const LABELS_MAX: usize = 32;
/// Where sshd listens unless something else is said.
pub const SSH_PORT: u16 = 22;

/// Who logs in unless somebody else is named.
pub const ROOT: &str = "root";

pub(crate) const SUMMARY: &str = "Server pool not valid";

/// How to get onto a host by SSH.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Host {
    /// Name or address.
    pub address: String,
    /// Where its sshd listens.
    pub port: u16,
    /// Who logs in.
    pub user: String,
    /// The keys that it may show; none: it must stand in `known_hosts`.
    pub keys: Vec<HostKey>,
    /// The host through which it is reached.
    pub jump: Option<Box<Host>>,
}

impl Host {
    /// A host at the usual port, reached directly, that must stand in `known_hosts`.
    #[must_use]
    pub fn new(address: impl Into<String>, user: impl Into<String>) -> Self {
        Self { address: address.into(), port: SSH_PORT, user: user.into(), keys: Vec::new(), jump: None }
    }
}

/// As `ssh` is told: `10.0.0.11`, or `[2001:db8::1]:2222`.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.port, self.address.contains(':')) {
            (SSH_PORT, _) => f.write_str(&self.address),
            (port, true) => write!(f, "[{}]:{port}", self.address),
            (port, false) => write!(f, "{}:{port}", self.address),
        }
    }
}

impl Host {
    /// With who logs in, unless that is `root`: `admin@10.0.0.11:2222`. It reads back as a host without keys and jump hosts.
    #[must_use]
    pub fn called(&self) -> String {
        match self.user.as_str() {
            ROOT => self.to_string(),
            user => format!("{user}@{self}"),
        }
    }
}

impl FromStr for Host {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (user, place) = text.rsplit_once('@').unwrap_or((ROOT, text));
        check_user(user)?;
        let bad = |port: &str| {
            let hint = "Write a port from 1 to 65535, such as \"10.0.0.11:2222\" or \"[2001:db8::11]:2222\".";
            Invalid::new("Address not valid", format!("\"{port}\" is no port."), hint)
        };
        let bracketed = place.strip_prefix('[').and_then(|rest| rest.split_once(']'));
        let (address, port) = match bracketed {
            Some((address, "")) => (address, None),
            Some((address, rest)) => (address, Some(rest.strip_prefix(':').ok_or_else(|| bad(rest))?)),
            // An IPv6 address without a port has more than one colon.
            None => match place.split_once(':') {
                Some((address, port)) if !port.contains(':') => (address, Some(port)),
                _ => (place, None),
            },
        };
        check_address(address)?;
        let port = port.map(|port| port.parse::<NonZeroU16>().map_err(|_| bad(port))).transpose()?;
        Ok(Self { port: port.map_or(SSH_PORT, NonZeroU16::get), ..Self::new(address, user) })
    }
}

/// A server of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// How one gets onto it.
    pub host: Host,
    /// Under which address the nodes of a cluster and its clients reach it, where that is another one than the host's.
    pub private_address: Option<IpAddr>,
    /// The name that clients are told instead of its address, which leads them to it: from outside of NAT, say.
    pub announce: Option<HostName>,
    /// Where it stands: the nodes of one shard never share a zone, where there are enough.
    pub zone: Option<Zone>,
    /// By what clusters choose.
    pub labels: BTreeMap<Label, LabelValue>,
    /// Whether nobody may take it. What is there stays.
    pub hidden: bool,
    /// Whether it is in the pool no more: what is there is seen as long as it answers, and gone when it does not. No definition says so.
    pub former: bool,
}

/// The user's own servers, in the order in which they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Never empty; no two at one address and port.
    pub servers: Vec<Server>,
}

impl Server {
    /// A server of which no more is known than how to get onto it.
    #[must_use]
    pub const fn new(host: Host) -> Self {
        Self {
            host,
            private_address: None,
            announce: None,
            zone: None,
            labels: BTreeMap::new(),
            hidden: false,
            former: false,
        }
    }
}

impl Pool {
    /// Clients are told names of all servers, or of none: beside one with a name, one without has no place that they could be told.
    fn check_names(&self) -> Result<(), Invalid> {
        let invalid = |detail: String, hint: &str| Err(Invalid::new(SUMMARY, detail, hint));
        let taken = || self.servers.iter().filter(|server| !server.hidden && !server.former);
        let mut seen: BTreeMap<&HostName, &Host> = BTreeMap::new();
        for server in taken() {
            let Some(name) = &server.announce else { continue };
            if let Some(other) = seen.insert(name, &server.host) {
                let detail = format!("{other} and {} are both announced as {name}.", server.host);
                return invalid(detail, "Give each server a name of its own.");
            }
        }
        match taken().find(|server| server.announce.is_none()) {
            Some(server) if !seen.is_empty() => invalid(
                format!("{} has no name to be announced by, and others have.", server.host),
                "Write `announce` for every server, or for none.",
            ),
            _ => Ok(()),
        }
    }

    /// This pool and, hidden, the servers of an older one that it does not have any more: what is there stays, and is seen. One that
    /// does not answer is lost, by the word of whoever took it out of the pool.
    #[must_use]
    pub fn and_before(mut self, before: &Self) -> Self {
        let at = |server: &Server| (server.host.address.clone(), server.host.port);
        for server in &before.servers {
            if !self.servers.iter().any(|here| at(here) == at(server)) {
                self.servers.push(Server { hidden: true, former: true, ..server.clone() });
            }
        }
        self
    }

    /// This pool without those that are in it no more.
    #[must_use]
    pub fn without_former(mut self) -> Self {
        self.servers.retain(|server| !server.former);
        self
    }

    /// Whether it can be used.
    ///
    /// # Errors
    /// What is wrong.
    pub fn check(&self) -> Result<(), Invalid> {
        let invalid = |detail: String, hint: &str| Err(Invalid::new(SUMMARY, detail, hint));
        if self.servers.is_empty() {
            return invalid("It has no servers.".into(), "List at least one.");
        }
        if self.servers.len() > SERVERS_MAX {
            let hint = format!("At most {SERVERS_MAX} are possible: make two pools of it.");
            return invalid(format!("It has {} servers.", self.servers.len()), &hint);
        }
        let mut seen = BTreeMap::new();
        for (index, server) in self.servers.iter().enumerate() {
            let host = &server.host;
            if let Some(first) = seen.insert((host.address.as_str(), host.port), index) {
                let detail = format!("{host} is listed twice, as server {} and {}.", first + 1, index + 1);
                return invalid(detail, "Leave one of them out.");
            }
            if server.labels.len() > LABELS_MAX {
                return invalid(
                    format!("{host} has {} labels.", server.labels.len()),
                    &format!("At most {LABELS_MAX} are possible."),
                );
            }
        }
        self.check_names()?;
        let length = self.to_string().len();
        if length > DEFINITION_MAX {
            return invalid(
                format!("Its definition has {length} bytes."),
                &format!("At most {DEFINITION_MAX} are possible: make two pools of it."),
            );
        }
        Ok(())
    }
}

serde_as_text!(Pool);

/// A name of DNS or an address, as `ssh` takes it.
///
/// # Errors
/// What is wrong with it.
pub fn check_address(text: &str) -> Result<(), Invalid> {
    let invalid = |detail: String, hint: &str| Err(Invalid::new("Address not valid", detail, hint));
    let usual = "Write a name such as \"db1.example.com\", or an address such as \"10.0.0.11\" or \"2001:db8::11\".";
    if text.is_empty() {
        return invalid("It is empty.".into(), usual);
    }
    if text.parse::<IpAddr>().is_ok() {
        return Ok(());
    }
    if text == definition::JUMP {
        return invalid(
            format!("\"{text}\" begins a jump host in the definition of a pool."),
            "Write the name with its domain, or the address.",
        );
    }
    if text.contains('@') || text.contains("://") {
        return invalid(
            format!("\"{text}\" says more than where the host is."),
            "Write the address alone; user and port have attributes of their own.",
        );
    }
    let is_label = |label: &str| {
        let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        (1..=63).contains(&label.len()) && label.chars().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    let digits_alone = text.chars().all(|c| c.is_ascii_digit() || c == '.');
    if text.len() > 253 || digits_alone || !text.split('.').all(is_label) {
        return invalid(format!("\"{text}\" is neither a name nor an address."), usual);
    }
    Ok(())
}

/// The name of a user of a host.
///
/// # Errors
/// What is wrong with it.
pub fn check_user(text: &str) -> Result<(), Invalid> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let first = text.chars().next();
    if first.is_some_and(|c| c.is_ascii_alphabetic() || c == '_') && text.len() <= 32 && text.chars().all(allowed) {
        return Ok(());
    }
    Err(Invalid::new(
        "User not valid",
        format!("\"{text}\" is no name of a user of a host."),
        "Write the name of a user who is root, or may use sudo without a password.",
    ))
}

#[cfg(test)]
mod tests;
