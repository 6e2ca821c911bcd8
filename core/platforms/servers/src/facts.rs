//! What a host is made of, and whose it is, as it says itself.

use std::collections::BTreeMap;

use justmanage_model::Bytes;

#[cfg(test)]
mod tests;

/// Prints what there is to know, a word and its value a line. POSIX sh, and nothing besides that every system has: what is missing is
/// a line that is missing. It changes nothing on the host.
pub const SCRIPT: &str = include_str!("facts/facts.sh");

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

/// Why a host cannot have a node. A sentence for each thing that is missing, since whoever mends one wants to know of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing(pub Vec<String>);

impl Facts {
    /// Reads what the script printed, at this time of our own clock (seconds since 1970).
    ///
    /// # Errors
    /// What is missing on the host.
    pub fn read(printed: &str, now_s: i64) -> Result<Self, Missing> {
        let words: BTreeMap<&str, &str> = printed.lines().filter_map(|line| line.split_once(' ')).collect();
        let mut missing = Vec::new();
        if words.get("facts") != Some(&LAYOUT) {
            return Err(Missing(vec!["It printed something else than was asked for: its login shell, or what that runs at a login, \
                                     writes to standard output."
                .to_owned()]));
        }
        if words.get("end") != Some(&"yes") {
            return Err(Missing(vec!["It stopped in the middle of what it was asked.".to_owned()]));
        }
        let text = |word: &str| words.get(word).copied().filter(|value| !value.is_empty());
        let number = |word: &str| text(word)?.parse::<u64>().ok();
        let pair = |word: &str| {
            let (first, second) = text(word)?.split_once('.')?;
            Some((first.parse().ok()?, second.split('.').next()?.parse().ok()?))
        };
        if text("root") != Some("yes") {
            let user = text("user").unwrap_or("its user");
            missing.push(format!(
                "{user} is not root and may not use sudo without a password: write \"{user} ALL=(ALL) NOPASSWD: ALL\" into \
                 /etc/sudoers.d/{user} there, or log in as another user."
            ));
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
        let claim = text("claim").map(str::to_owned);
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
            state: match (claim, text("hidden")) {
                (Some(claim), _) if text("member") == Some("yes") => State::Used(claim),
                (Some(claim), _) => State::Locked(claim),
                (None, Some("yes")) => State::Hidden,
                (None, _) => State::Free,
            },
        })
    }
}
