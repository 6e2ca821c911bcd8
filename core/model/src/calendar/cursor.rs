//! Reads what a person wrote, token by token, and says what is wrong with which of them.

use crate::failure::Invalid;

/// A place in a text that is being read.
#[derive(Clone, Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    /// Bytes of it that were read.
    read: usize,
    /// Characters that stand before it in what the user wrote.
    before: usize,
    /// The headline of every fault.
    summary: &'static str,
}

/// A part of what the user wrote.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    /// Its first character's number, from 1.
    pub(crate) at: usize,
}

/// Longest text that a message repeats, in characters: a line of a terminal.
const SHOWN_MAX: usize = 60;

impl<'a> Cursor<'a> {
    /// At the beginning of `text`, before which `before` characters stand in what the user wrote.
    pub(crate) const fn new(summary: &'static str, text: &'a str, before: usize) -> Self {
        Self { text, read: 0, before, summary }
    }

    /// What was not read yet.
    pub(crate) fn rest(&self) -> &'a str {
        &self.text[self.read..]
    }

    /// Number of the next character, from 1.
    pub(crate) fn at(&self) -> usize {
        self.before + self.text[..self.read].chars().count() + 1
    }

    /// The longest token of characters that are allowed; blanks before it are skipped. It may be empty.
    pub(crate) fn word(&mut self, allowed: impl Fn(char) -> bool) -> Token<'a> {
        self.skip_blanks();
        let at = self.at();
        let rest = self.rest();
        let length = rest.find(|c| !allowed(c)).unwrap_or(rest.len());
        self.read += length;
        Token { text: &rest[..length], at }
    }

    /// Everything up to the next blank; blanks before it are skipped. It may be empty.
    pub(crate) fn until_blank(&mut self) -> Token<'a> {
        self.word(|c| !c.is_whitespace())
    }

    /// Everything that is left, without blanks around it. It may be empty.
    pub(crate) fn remainder(&mut self) -> Token<'a> {
        self.skip_blanks();
        let token = Token { text: self.rest().trim_end(), at: self.at() };
        self.read = self.text.len();
        token
    }

    /// Reads this text if it is what comes next, after blanks.
    pub(crate) fn eat(&mut self, expected: &str) -> bool {
        let trimmed = self.rest().trim_start();
        if !trimmed.starts_with(expected) {
            return false;
        }
        self.read = self.text.len() - trimmed.len() + expected.len();
        true
    }

    /// What comes next up to a blank, unread.
    pub(crate) fn peek(&self) -> Token<'a> {
        self.clone().until_blank()
    }

    /// "At character 5: "Sundey" is not a day. Did you mean ..."
    pub(crate) fn fault(&self, token: Token<'_>, what: &str, hint: impl Into<String>) -> Invalid {
        // A credential that was written into the wrong place: no part of it is repeated.
        let token_text = if secretive(self.text) { HIDDEN.to_owned() } else { shown(token.text) };
        let detail = format!("At character {}: {token_text} {what}.", token.at);
        Invalid::new(self.summary, detail, hint)
    }

    /// As [`Cursor::fault`], about something that is not there: a whole clause, without its full stop.
    pub(crate) fn missing(&self, what: &str, hint: impl Into<String>) -> Invalid {
        Invalid::new(self.summary, format!("At character {}: {what}.", self.at()), hint)
    }

    fn skip_blanks(&mut self) {
        self.read = self.text.len() - self.rest().trim_start().len();
    }
}

/// What stands in a message for what may hold a credential.
const HIDDEN: &str = "what is written there";

/// A part of a text as a message repeats it: in quotes, cut where it is long, and not at all where it may hold a credential.
pub(crate) fn shown(text: &str) -> String {
    if secretive(text) {
        return HIDDEN.to_owned();
    }
    match text.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{:?}...", &text[..end]),
        None => format!("{text:?}"),
    }
}

/// Whether a text may hold a credential: an address, which may have a user in it, or a secret key of age.
fn secretive(text: &str) -> bool {
    text.contains("://") || text.contains('@') || text.to_ascii_uppercase().contains("SECRET")
}
