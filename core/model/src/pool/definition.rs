//! A pool as one line of text: "jump gate ops@198.51.100.7 key SHA256:...; 10.0.0.11 user admin zone a disk=nvme via gate; ...".

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;
use std::str::FromStr;

use super::{Host, HostKey, JUMPS_MAX, Label, LabelValue, Pool, ROOT, SSH_PORT, SUMMARY, Server, Zone};
use crate::HostName;
use crate::calendar::{Cursor, Token};
use crate::failure::Invalid;

/// What begins a clause that names a jump host, and is the address of no server therefore.
pub(super) const JUMP: &str = "jump";
/// Words that say something about a server, and are no labels therefore.
pub const WORDS: [&str; 8] = ["user", "port", "private", "announce", "zone", "key", "via", "hidden"];

impl FromStr for Pool {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut jumps: BTreeMap<String, Host> = BTreeMap::new();
        let mut servers = Vec::new();
        let mut before = 0;
        let parts: Vec<&str> = text.split(';').collect();
        for (index, part) in parts.iter().enumerate() {
            let mut cursor = Cursor::new(SUMMARY, part, before);
            before += part.chars().count() + 1;
            if part.trim().is_empty() {
                // One semicolon at the end does no harm.
                if index > 0 && index + 1 == parts.len() {
                    continue;
                }
                return Err(cursor.missing("no server is written here", "Write servers between semicolons."));
            }
            let first = cursor.until_blank();
            if first.text == JUMP {
                let name = cursor.until_blank();
                let address = cursor.until_blank();
                let server = read(&mut cursor, address, &jumps)?;
                if jumps.insert(name.text.to_owned(), server.host).is_some() {
                    return Err(cursor.fault(name, "is the name of two jump hosts", "Rename one of them."));
                }
            } else {
                servers.push(read(&mut cursor, first, &jumps)?);
            }
        }
        let pool = Self { servers };
        pool.check()?;
        Ok(pool)
    }
}

/// A server at this address, with the words that follow.
fn read(cursor: &mut Cursor<'_>, address: Token<'_>, jumps: &BTreeMap<String, Host>) -> Result<Server, Invalid> {
    super::check_address(address.text).map_err(|fault| cursor.fault(address, "is no address", fault.hint))?;
    let mut server = Server::new(Host::new(address.text, ROOT));
    loop {
        let word = cursor.until_blank();
        match word.text {
            "" => return Ok(server),
            "hidden" => server.hidden = true,
            "user" => {
                let user = cursor.until_blank();
                super::check_user(user.text).map_err(|fault| cursor.fault(user, "is no user", fault.hint))?;
                server.host.user = user.text.to_owned();
            }
            "port" => server.host.port = parsed::<NonZeroU16>(cursor, "a port from 1 to 65535")?.get(),
            "private" => server.private_address = Some(parsed::<IpAddr>(cursor, "an address such as 10.0.0.11")?),
            "announce" => server.announce = Some(own::<HostName>(cursor)?),
            "zone" => server.zone = Some(own::<Zone>(cursor)?),
            "key" => {
                let kind = cursor.until_blank();
                let text = match kind.text.starts_with("SHA256:") {
                    true => kind.text.to_owned(),
                    false => format!("{} {}", kind.text, cursor.until_blank().text),
                };
                let key: HostKey =
                    text.parse().map_err(|fault: Invalid| cursor.fault(kind, "is no key", fault.hint))?;
                server.host.keys.push(key);
            }
            "via" => {
                let name = cursor.until_blank();
                let Some(jump) = jumps.get(name.text) else {
                    let hint = "Write \"jump NAME ADDRESS\" before it is used.";
                    return Err(cursor.fault(name, "is no jump host", hint));
                };
                server.host.jump = Some(Box::new(jump.clone()));
                if depth(&server.host) > JUMPS_MAX {
                    let hint = format!("At most {JUMPS_MAX} one behind the other are possible.");
                    return Err(cursor.fault(name, "leads through too many jump hosts", hint));
                }
            }
            other => {
                let Some((name, value)) = other.split_once('=') else {
                    let hint = format!("Words are {}, and labels such as disk=nvme.", WORDS.join(", "));
                    return Err(cursor.fault(word, "says nothing about a server", hint));
                };
                if WORDS.contains(&name) {
                    return Err(cursor.fault(word, "is a word of its own", format!("Write \"{name} {value}\".")));
                }
                let name: Label =
                    name.parse().map_err(|fault: Invalid| cursor.fault(word, "is no label", fault.hint))?;
                let value: LabelValue =
                    value.parse().map_err(|fault: Invalid| cursor.fault(word, "is no label", fault.hint))?;
                if server.labels.insert(name, value).is_some() {
                    return Err(cursor.fault(word, "is a label that is there already", "Leave one of them out."));
                }
            }
        }
    }
}

/// How many jump hosts are before a host.
fn depth(host: &Host) -> usize {
    host.jump.as_deref().map_or(0, |jump| 1 + depth(jump))
}

/// The next word, if it is what it is to be.
fn parsed<T: FromStr>(cursor: &mut Cursor<'_>, what: &str) -> Result<T, Invalid> {
    let word = cursor.until_blank();
    word.text.parse().map_err(|_| cursor.fault(word, "does not belong here", format!("Write {what}.")))
}

/// The same, where its own constructor says what is right.
fn own<T: FromStr<Err = Invalid>>(cursor: &mut Cursor<'_>) -> Result<T, Invalid> {
    let word = cursor.until_blank();
    word.text.parse().map_err(|fault: Invalid| cursor.fault(word, "does not belong here", fault.hint))
}

impl Pool {
    /// The hosts through which servers are reached, each once, and behind those that are in front of it.
    #[must_use]
    pub fn jump_hosts(&self) -> Vec<&Host> {
        let mut jumps = Vec::new();
        for server in &self.servers {
            collect(server.host.jump.as_deref(), &mut jumps);
        }
        jumps
    }
}

impl fmt::Display for Pool {
    /// The one spelling: jump hosts by numbers, in the order in which they are needed; then servers, of which only what is not
    /// usual is said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let jumps = self.jump_hosts();
        let mut between = "";
        for (index, jump) in jumps.iter().enumerate() {
            write!(f, "{between}{JUMP} {} ", name(index))?;
            write_host(f, jump, &jumps)?;
            between = "; ";
        }
        for server in &self.servers {
            f.write_str(between)?;
            between = "; ";
            write_host(f, &server.host, &jumps)?;
            if let Some(address) = server.private_address {
                write!(f, " private {address}")?;
            }
            if let Some(name) = &server.announce {
                write!(f, " announce {name}")?;
            }
            if let Some(zone) = &server.zone {
                write!(f, " zone {zone}")?;
            }
            for (label, value) in &server.labels {
                write!(f, " {label}={value}")?;
            }
            if server.hidden {
                f.write_str(" hidden")?;
            }
        }
        Ok(())
    }
}

/// Each jump host once, those in front of it first.
fn collect<'a>(jump: Option<&'a Host>, jumps: &mut Vec<&'a Host>) {
    let Some(jump) = jump else { return };
    collect(jump.jump.as_deref(), jumps);
    if !jumps.contains(&jump) {
        jumps.push(jump);
    }
}

fn name(index: usize) -> String {
    format!("j{}", index + 1)
}

fn write_host(f: &mut fmt::Formatter<'_>, host: &Host, jumps: &[&Host]) -> fmt::Result {
    write!(f, "{} user {}", host.address, host.user)?;
    if host.port != SSH_PORT {
        write!(f, " port {}", host.port)?;
    }
    for key in &host.keys {
        write!(f, " key {key}")?;
    }
    if let Some(index) = host.jump.as_deref().and_then(|jump| jumps.iter().position(|one| *one == jump)) {
        write!(f, " via {}", name(index))?;
    }
    Ok(())
}
