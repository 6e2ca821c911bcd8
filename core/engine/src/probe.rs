//! The probe: the user that it logs in as, and its calls.
//!
//! It counts up one key. The servers answer each call with the number, so every acknowledgement says how much of what was
//! acknowledged before is there: with `SET`, a write that came through after its answer was given up would hide the loss of another.

use std::net::SocketAddr;

use crate::connection::{CallError, Connection};
use crate::info::Fields;
use crate::resp::Reply;

/// The user that an agent logs in as to probe a shard.
pub const PROBE_USER: &str = "justmanage-probe";

/// What the probe may do: count up keys of its own, let them go, follow a slot that moves, and ask why its key is gone.
///
/// `INFO` shows figures and no data. All of it is known to every server since Redis 6.2.
pub const PROBE_RULES: &str = "resetkeys resetchannels -@all ~justmanage:probe:{* +incr +expire +asking +info";

/// How the keys begin: behind it comes the tag that decides on the slot.
const PREFIX: &str = "justmanage:probe:";

/// The key with a tag. `by` tells the keys of one who probes from those of another.
#[must_use]
pub fn key(tag: u32, by: &str) -> String {
    format!("{PREFIX}{{{tag}}}:{by}")
}

/// Where a server sends its clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// An address, or the name that a server announces.
    pub host: String,
    /// Its port for clients.
    pub port: u16,
}

impl Target {
    /// `10.0.0.1:6379` or `db1.example.com:6379`. An IPv6 address stands without brackets, and a place that the server does not know is
    /// empty, or `?`.
    fn read(text: &str) -> Option<Self> {
        let (host, port) = text.rsplit_once(':')?;
        let host = host.trim_matches(['[', ']']);
        let port = port.parse().ok()?;
        (!matches!(host, "" | "?")).then(|| Self { host: host.to_owned(), port })
    }

    /// It as an address, if it is none by name.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.host.parse().ok()?, self.port))
    }
}

/// What a server answers to a write of the probe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeAnswer {
    /// It is done; the number that the key has now.
    Number(u64),
    /// The key's slot is served by another server.
    Moved(Target),
    /// The key's slot is on its way to another server, and the key is there already, or nowhere.
    Ask(Target),
    /// Memory is full. That is no doing of ours, and says nothing of the operation.
    Full,
    /// Not now: the server is no primary, sees no cluster, lacks replicas, or the like. Clients are told the same.
    NotNow(String),
}

/// What a server says of itself that can explain why a key is gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Emptying {
    /// How often it was told to flush its data, since its process began.
    pub flushes: u64,
    /// It may evict keys when its memory is full.
    pub evicts: bool,
}

impl Connection {
    /// Counts the key up by one; `asking`: it is on its way here.
    ///
    /// # Errors
    /// [`CallError::TimedOut`] and [`CallError::Unreachable`]: it may have been done. [`CallError::Denied`]: the probe's user is not
    /// there, or may not.
    pub async fn probe(&mut self, key: &str, asking: bool) -> Result<ProbeAnswer, CallError> {
        if asking {
            self.call(&["ASKING"]).await?;
        }
        match self.call(&["INCR", key]).await {
            Ok(Reply::Number(number)) => Ok(ProbeAnswer::Number(u64::try_from(number).unwrap_or_default())),
            Ok(other) => Ok(ProbeAnswer::NotNow(format!("{other:?}"))),
            Err(CallError::Loading) => Ok(ProbeAnswer::NotNow("LOADING".to_owned())),
            Err(CallError::Refused { said, .. } | CallError::NotNow { said, .. }) => Ok(refused(said)),
            Err(error) => Err(error),
        }
    }

    /// Has the key vanish after so many seconds; at once, with 0.
    ///
    /// # Errors
    /// As every call.
    pub async fn let_probe_go(&mut self, key: &str, after_s: u32) -> Result<(), CallError> {
        self.call(&["EXPIRE", key, &after_s.to_string()]).await.map(|_| ())
    }

    /// What could explain that a key is gone.
    ///
    /// # Errors
    /// As every call.
    pub async fn emptying(&mut self) -> Result<Emptying, CallError> {
        let mut section = async |name: &str| match self.call(&["INFO", name]).await? {
            Reply::Text(text) => Ok(Fields::parse(&text)),
            other => Err(CallError::Unexpected { call: "INFO".to_owned(), said: format!("{other:?}") }),
        };
        let (commands, memory) = (section("commandstats").await?, section("memory").await?);
        Ok(emptying(&commands, &memory))
    }
}

fn emptying(commands: &Fields, memory: &Fields) -> Emptying {
    let calls = |command: &str| -> Option<u64> {
        let figures = commands.get(&format!("cmdstat_{command}"))?;
        figures.split(',').find_map(|figure| figure.strip_prefix("calls="))?.parse().ok()
    };
    let flushes = ["flushall", "flushdb"].into_iter().filter_map(calls).sum();
    Emptying { flushes, evicts: memory.get("maxmemory_policy").is_none_or(|policy| policy != "noeviction") }
}

fn refused(said: String) -> ProbeAnswer {
    let words: Vec<&str> = said.split(' ').collect();
    let there = || words.get(2).and_then(|at| Target::read(at));
    match (words.first().copied(), there()) {
        (Some("MOVED"), Some(at)) => ProbeAnswer::Moved(at),
        (Some("ASK"), Some(at)) => ProbeAnswer::Ask(at),
        (Some("OOM"), _) => ProbeAnswer::Full,
        _ => ProbeAnswer::NotNow(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_told_apart() {
        let at = |host: &str| Target { host: host.to_owned(), port: 6379 };
        for (said, answer) in [
            ("MOVED 42 10.0.0.1:6379", ProbeAnswer::Moved(at("10.0.0.1"))),
            ("MOVED 42 fd00::1:6379", ProbeAnswer::Moved(at("fd00::1"))),
            ("ASK 42 10.0.0.1:6379", ProbeAnswer::Ask(at("10.0.0.1"))),
            ("MOVED 42 db1.example.com:6379", ProbeAnswer::Moved(at("db1.example.com"))),
            ("MOVED 42 :6379", ProbeAnswer::NotNow("MOVED 42 :6379".to_owned())),
            ("MOVED 42 ?:0", ProbeAnswer::NotNow("MOVED 42 ?:0".to_owned())),
            ("OOM command not allowed when used memory > 'maxmemory'.", ProbeAnswer::Full),
            ("CLUSTERDOWN The cluster is down", ProbeAnswer::NotNow("CLUSTERDOWN The cluster is down".to_owned())),
            (
                "NOREPLICAS Not enough good replicas",
                ProbeAnswer::NotNow("NOREPLICAS Not enough good replicas".to_owned()),
            ),
        ] {
            assert_eq!(refused(said.to_owned()), answer, "{said}");
        }
    }

    #[test]
    fn what_can_explain_that_a_key_is_gone() {
        for (commands, memory, flushes, evicts) in [
            ("", "maxmemory_policy:noeviction\r\n", 0, false),
            ("", "maxmemory_policy:volatile-ttl\r\n", 0, true),
            ("", "", 0, true),
            (
                "cmdstat_flushall:calls=2,usec=10\r\ncmdstat_flushdb:calls=1,usec=1\r\n",
                "maxmemory_policy:noeviction\r\n",
                3,
                false,
            ),
            ("cmdstat_get:calls=2,usec=10\r\n", "maxmemory_policy:noeviction\r\n", 0, false),
        ] {
            let found = emptying(&Fields::parse(commands), &Fields::parse(memory));
            assert_eq!(found, Emptying { flushes, evicts }, "{commands}{memory}");
        }
    }

    #[test]
    fn the_tag_alone_decides_on_the_slot() {
        assert_eq!(key(7, "jmn1"), "justmanage:probe:{7}:jmn1");
    }
}
