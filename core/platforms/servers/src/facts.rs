//! What a host is made of, and whose it is, as it says itself.

use std::collections::BTreeMap;

use justmanage_model::Bytes;
use justmanage_model::node::NodeOrder;

use crate::script::Script;
use crate::trouble::sudo;

#[cfg(test)]
mod tests;

/// Prints what there is to know, a word and its value a line. POSIX sh, and nothing besides that every system has: what is missing is
/// a line that is missing. It changes nothing on the host.
const SCRIPT: &str = include_str!("facts/facts.sh");

/// The same on its way to a host.
#[must_use]
pub fn script() -> Script {
    Script::look("facts", SCRIPT)
}

/// The layout of what the script prints.
const LAYOUT: &str = "1";

/// What a host says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Processors that are online.
    pub processors: u32,
    /// Memory of the machine, or less where its container has less.
    pub memory: Bytes,
    /// Room on the disk that nodes live on, and how much of it is free.
    pub disk: Bytes,
    /// See [`Facts::disk`].
    pub disk_free: Bytes,
    /// `x86_64`, `aarch64`.
    pub machine: String,
    /// `debian 12`.
    pub system: String,
    /// The C library's version, where it is the GNU one.
    pub glibc: Option<(u32, u32)>,
    /// systemd's version, if it runs the system.
    pub systemd: Option<u32>,
    /// How far the host's clock is ahead, in seconds, as far as that can be told over a network.
    pub clock_s: i64,
    /// Whose it is.
    pub state: State,
}

/// Whose a server is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Nobody's.
    Free,
    /// Claimed, by an apply that is not done or was cut short; the claim as it stands there.
    Locked(String),
    /// It has a node of a cluster; the claim as it stands there.
    Used(String),
    /// Its owner wants nobody to take it (`/etc/justmanage/hidden`).
    Hidden,
}

impl State {
    /// The claim as it stands there, if there is one.
    #[must_use]
    pub fn claim(&self) -> Option<&str> {
        match self {
            Self::Locked(claim) | Self::Used(claim) => Some(claim),
            Self::Free | Self::Hidden => None,
        }
    }

    /// The cluster of its claim, in words.
    pub(crate) fn cluster(&self) -> String {
        match self.claim().and_then(|claim| serde_json::from_str::<NodeOrder>(claim).ok()) {
            Some(order) => format!("cluster {}", order.claim.name),
            None => "another cluster".to_owned(),
        }
    }
}

/// Why a host cannot have a node. A sentence for each thing that is missing, since whoever mends one wants to know of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub Vec<String>);

/// What the script printed: words and their values.
pub(crate) struct Words<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Words<'a> {
    /// Reads it, if it is whole.
    pub(crate) fn read(printed: &'a str) -> Result<Self, Missing> {
        let words: BTreeMap<&str, &str> = printed.lines().filter_map(|line| line.split_once(' ')).collect();
        if words.get("facts") != Some(&LAYOUT) {
            return Err(Missing(vec![
                "It printed something else than was asked for: its login shell, or what that runs at a login, \
                                     writes to standard output."
                    .to_owned(),
            ]));
        }
        if words.get("end") != Some(&"yes") {
            return Err(Missing(vec!["It stopped in the middle of what it was asked.".to_owned()]));
        }
        Ok(Self(words))
    }

    /// What it says about something, if it says anything.
    pub(crate) fn get(&self, word: &str) -> Option<&'a str> {
        self.0.get(word).copied().filter(|value| !value.is_empty())
    }

    /// Whether its user may do what root may; the error is that user. If not, a claim could not be read.
    pub(crate) fn root(&self) -> Result<(), &'a str> {
        match self.get("root") {
            Some("yes") => Ok(()),
            _ => Err(self.get("user").unwrap_or("its user")),
        }
    }

    /// Whose it is.
    pub(crate) fn state(&self) -> State {
        match (self.get("claim").map(str::to_owned), self.get("hidden")) {
            (Some(claim), _) if self.get("member") == Some("yes") => State::Used(claim),
            (Some(claim), _) => State::Locked(claim),
            (None, Some("yes")) => State::Hidden,
            (None, _) => State::Free,
        }
    }
}

impl Facts {
    /// Reads what the script printed, at this time of our own clock (seconds since 1970).
    ///
    /// # Errors
    /// What is missing on the host.
    pub fn read(printed: &str, now_s: i64) -> Result<Self, Missing> {
        Self::of(&Words::read(printed)?, now_s)
    }

    /// As [`Facts::read`].
    pub(crate) fn of(words: &Words<'_>, now_s: i64) -> Result<Self, Missing> {
        let mut missing = Vec::new();
        let text = |word: &str| words.get(word);
        let number = |word: &str| text(word)?.parse::<u64>().ok();
        let pair = |word: &str| {
            let (first, second) = text(word)?.split_once('.')?;
            Some((first.parse().ok()?, second.split('.').next()?.parse().ok()?))
        };
        if let Err(user) = words.root() {
            missing.push(format!("{user} is not root and may not use sudo without a password. {}", sudo(user)));
        }
        if text("machine").is_none_or(|machine| !["x86_64", "aarch64"].contains(&machine)) {
            let machine = text("machine").unwrap_or("unknown");
            missing.push(format!("Its processor is {machine}; there are agents for x86_64 and aarch64."));
        }
        if text("systemd").is_none() {
            missing.push("systemd does not run it: agents and servers are its services.".to_owned());
        }
        for tool in text("without").unwrap_or_default().split(' ').filter(|tool| !tool.is_empty()) {
            missing.push(format!("It has no {tool}."));
        }
        let sizes = ["processors", "memory_kib", "disk_kib", "disk_free_kib"].map(|word| (word, number(word)));
        for (word, _) in sizes.iter().filter(|(_, value)| value.is_none()) {
            missing.push(format!("It does not say how much it has: {word} is missing in what it printed."));
        }
        if !missing.is_empty() {
            return Err(Missing(missing));
        }
        let [processors, memory, disk, disk_free] = sizes.map(|(_, value)| value.unwrap_or_default());
        let kib = |kib: u64| Bytes::new(kib.saturating_mul(1024));
        Ok(Self {
            processors: u32::try_from(processors).unwrap_or(u32::MAX),
            memory: kib(memory),
            disk: kib(disk),
            disk_free: kib(disk_free),
            machine: text("machine").unwrap_or_default().to_owned(),
            system: text("system").unwrap_or("unknown").to_owned(),
            glibc: pair("glibc"),
            systemd: number("systemd").and_then(|version| version.try_into().ok()),
            clock_s: text("clock").and_then(|clock| clock.parse::<i64>().ok()).map_or(0, |clock| clock - now_s),
            state: words.state(),
        })
    }
}
