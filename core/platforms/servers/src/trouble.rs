//! What goes wrong on hosts, in words: which host, what, and what to do. What is wrong with several is told at once.

use justmanage_model::pool::Host;
use justmanage_platforms::PlatformError;
use justmanage_ssh::{Output, SshError};
use serde::Deserialize;

use crate::scripts::status;

/// So many hosts are named in one error; of more it is only said how many there are.
const NAMED: usize = 12;
/// So many lines of what a command said before its last one are shown.
const LINES: usize = 4;

/// What is wrong with one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    pub(crate) kind: Kind,
    /// A sentence with the host's name in it.
    pub(crate) what: String,
    /// What to do.
    pub(crate) hint: String,
}

/// What the caller can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Unreachable,
    Denied,
    Conflict,
    Quota,
    Invalid,
    Failed,
}

impl From<Trouble> for PlatformError {
    fn from(Trouble { kind, what, hint }: Trouble) -> Self {
        match kind {
            Kind::Unreachable => Self::Unreachable { what, hint },
            Kind::Denied => Self::Denied { what, hint },
            Kind::Conflict => Self::Conflict { what, hint },
            Kind::Quota => Self::Quota { what, hint },
            Kind::Invalid => Self::Invalid { field: "servers".into(), what, hint },
            Kind::Failed => Self::Failed { what, hint },
        }
    }
}

/// A script was not carried out, or nobody knows whether it was.
pub(crate) fn on_the_way(error: &SshError) -> Trouble {
    let (kind, hint) = match error {
        SshError::Unreachable { host, .. } => (
            Kind::Unreachable,
            format!("See that {host} is up and lets SSH through. If it is gone for good, take it out of the pool."),
        ),
        SshError::Unknown { hint, .. } => (Kind::Denied, hint.clone()),
        SshError::Denied { host, user, .. } => (
            Kind::Denied,
            format!(
                "Add the public key to ~{user}/.ssh/authorized_keys on {host}, or log in with another key or as another user."
            ),
        ),
        SshError::Keys { hint, .. } => (Kind::Invalid, hint.clone()),
        SshError::Broken { .. } | SshError::Late { .. } => (
            Kind::Unreachable,
            "Nobody knows how far it came there; everything can be done again: apply again.".to_owned(),
        ),
    };
    Trouble { kind, what: error.to_string(), hint }
}

/// A script did not do what it was to do, in the words of what `doing` was.
pub(crate) fn refused(host: &Host, doing: &str, output: &Output) -> Trouble {
    let said = String::from_utf8_lossy(&output.stderr);
    let has = |words: &str| said.contains(words);
    let again = "Apply again when the cause is gone.".to_owned();
    let (kind, hint) = if said.lines().any(|line| line.starts_with("sudo: ")) {
        (Kind::Denied, sudo(&host.user))
    } else if has("No space left on device") || has("Disk quota exceeded") {
        (Kind::Quota, format!("Free some space on {host}, then apply again."))
    } else if output.status == Some(status::BUSY) {
        (Kind::Conflict, "Apply again when the other run has ended.".to_owned())
    } else {
        (Kind::Failed, again)
    };
    let words = match output.status {
        Some(status::BUSY) => "somebody else has been changing this server for two minutes".to_owned(),
        _ => words(output),
    };
    Trouble { kind, what: format!("{host}: {doing} failed: {}", words.trim_end_matches('.')), hint }
}

/// An agent does not come up. What it said, in the journal or its log, is on standard output, and the script's own sentence last on
/// standard error.
pub(crate) fn down(host: &Host, output: &Output) -> Trouble {
    let said = String::from_utf8_lossy(&output.stdout);
    // What the one before it says that runs again is for another reader.
    let is_said = |line: &str| !line.is_empty() && !line.starts_with("status ");
    let own = words(output);
    let own = own.trim_end_matches('.');
    let journal = format!("`journalctl -u justmanage-agent` on {host} tells more. Apply again when the cause is gone.");
    let (what, hint) = match agents_words(&said) {
        Some(Words { error, hint }) => (error, format!("{hint} {journal}").trim_start().to_owned()),
        None => {
            (said.lines().map(str::trim).rfind(|line| is_said(line)).unwrap_or("it said nothing").to_owned(), journal)
        }
    };
    Trouble { kind: Kind::Failed, what: format!("{host}: {own}: {}", what.trim_end_matches('.')), hint }
}

/// How a user comes to root's rights.
pub(crate) fn sudo(user: &str) -> String {
    format!(
        "Write \"{user} ALL=(ALL) NOPASSWD: ALL\" into /etc/sudoers.d/{user} there, without `requiretty`, or log in as another user."
    )
}

/// What an agent printed last: `{"error": "...", "hint": "..."}`.
#[derive(Deserialize)]
struct Words {
    error: String,
    #[serde(default)]
    hint: String,
}

fn agents_words(said: &str) -> Option<Words> {
    said.lines().rev().find_map(|line| serde_json::from_str(line.trim()).ok())
}

/// The last line that a command wrote to standard error, with those before it: the shell's commands say why, and the script what.
fn words(output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stderr);
    let mut lines: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    match lines.pop() {
        None => output.last_words(),
        Some(last) if lines.is_empty() => last.to_owned(),
        Some(last) => {
            let before = lines.split_off(lines.len().saturating_sub(LINES)).join("; ");
            format!("{} ({before})", last.trim_end_matches('.'))
        }
    }
}

/// All of it as one error; `None` where there is none. `of` are as many hosts as were asked.
pub(crate) fn all(troubles: &[Trouble], of: usize) -> Option<PlatformError> {
    let [first, rest @ ..] = troubles else { return None };
    if rest.is_empty() {
        return Some(first.clone().into());
    }
    // Of several kinds: what may be otherwise the next time.
    let kind = if rest.iter().all(|other| other.kind == first.kind) { first.kind } else { Kind::Unreachable };
    let mut hints: Vec<&str> = Vec::new();
    for hint in troubles.iter().map(|trouble| trouble.hint.as_str()) {
        if !hints.contains(&hint) && hints.len() < NAMED {
            hints.push(hint);
        }
    }
    let whats = troubles.iter().map(|trouble| trouble.what.trim_end_matches('.').to_owned());
    let what = format!("{} of {of} servers cannot be used now: {}", troubles.len(), list(whats, "; "));
    Some(Trouble { kind, what, hint: hints.join(" ") }.into())
}

/// Some of a list, and how many more there are.
pub(crate) fn list(items: impl ExactSizeIterator<Item = String>, between: &str) -> String {
    let more = items.len().saturating_sub(NAMED);
    let mut named: Vec<String> = items.take(NAMED).collect();
    if more > 0 {
        named.push(format!("and {more} more"));
    }
    named.join(between)
}

#[cfg(test)]
mod tests;
