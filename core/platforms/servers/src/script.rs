//! A script on its way to a host: what it is given, and what comes behind it.
//!
//! Nothing of a script is ever on a command line, which everybody on a host can read: the command is the same for all, [`ENTRY`], and
//! the script comes on standard input, with its parameters as assignments in front and a program behind.
//!
//! `sh -s` would not do. Many a shell (dash) reads its input in blocks, and what it has read too far is gone for the command that is
//! to read on: the head of the program. So a shell that reads nothing by itself takes the script's length from the first line, has `dd`
//! read just so many bytes, one by one, and carries them out; what then is left of the input is the program, byte for byte.
//!
//! A connection that breaks meanwhile leaves half a script. Its functions are never called: the last line does that.

use std::fmt;

use justmanage_host::quote;

/// What a shell is to carry out: reads a script from standard input and becomes it. Without single quotes, so that it can stand in
/// them. `ROOT` has to be set before: it is put in front of every path, and empty except in tests.
pub const ENTRY: &str = r#"read -r n; eval "$(dd bs=1 count="$n" 2>/dev/null)""#;

/// The function that every script is.
const LAST: &str = "main\n";

/// A script with its parameters, and what it reads.
#[derive(Clone, PartialEq, Eq)]
pub struct Script {
    name: &'static str,
    text: String,
    input: Vec<u8>,
    as_root: bool,
}

impl Script {
    /// A script that only root can carry out, of these parts, the last of which has its `main`.
    pub(crate) fn new(name: &'static str, parts: &[&str]) -> Self {
        Self { name, text: parts.concat() + LAST, input: Vec::new(), as_root: true }
    }

    /// A script that prints and changes nothing, whatever of it arrives; it asks for root's rights itself where it needs them.
    pub(crate) fn look(name: &'static str, text: &str) -> Self {
        Self { name, text: text.to_owned(), input: Vec::new(), as_root: false }
    }

    /// The same for whoever logs in.
    pub(crate) fn without_root(self) -> Self {
        Self { as_root: false, ..self }
    }

    /// The same with a variable set.
    pub(crate) fn with(self, variable: &str, value: &str) -> Self {
        Self { text: format!("{variable}={}\n{}", quote(value), self.text), ..self }
    }

    /// The same with this behind it.
    pub(crate) fn followed_by(self, input: &[u8]) -> Self {
        Self { input: input.to_vec(), ..self }
    }

    /// Whether it needs root's rights from its beginning.
    #[must_use]
    pub fn as_root(&self) -> bool {
        self.as_root
    }

    /// What [`ENTRY`] reads.
    #[must_use]
    pub fn stdin(&self) -> Vec<u8> {
        let mut stdin = format!("{}\n{}", self.text.len(), self.text).into_bytes();
        stdin.extend_from_slice(&self.input);
        stdin
    }
}

/// Its name alone: the rest is long, and not for logs.
impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Script").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests;
