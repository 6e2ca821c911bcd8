//! The one error type that reaches users, and the paths of the fields that it speaks about.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that a user has to know about: it crosses from the core to the provider and the console unchanged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The field it is about; the root if it is about no single one.
    pub about: FieldPath,
    /// A headline without values: "Machine type not offered in this zone".
    pub summary: String,
    /// What happened, in whole sentences, with the values.
    pub detail: String,
    /// What would be right instead, if that is known.
    pub hint: Option<String>,
    /// What state things are in now, and what to do about it, if there is something to say.
    pub next: Option<String>,
}

impl Failure {
    /// A failure about one field.
    #[must_use]
    pub fn at(about: FieldPath, summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { about, summary: summary.into(), detail: detail.into(), hint: None, next: None }
    }

    /// A failure about no single field.
    #[must_use]
    pub fn new(summary: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::at(FieldPath::root(), summary, detail)
    }

    /// Adds what would be right instead.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the state of things and what to do next.
    #[must_use]
    pub fn next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }

    /// The same failure about another field.
    #[must_use]
    pub fn about(mut self, about: FieldPath) -> Self {
        self.about = about;
        self
    }
}

impl fmt::Display for Failure {
    /// One paragraph: field, summary, detail, hint, next; for logs and terminals. A diagnostic shows the parts apart.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.about.is_root() {
            write!(f, "{}: ", self.about)?;
        }
        write!(f, "{}: {}", self.summary, self.detail)?;
        for more in [&self.hint, &self.next].into_iter().flatten() {
            write!(f, " {more}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// A text that is not the noun that it should be: what every constructor of this crate that parses answers.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{detail} {hint}")]
pub struct Invalid {
    /// A headline without values: "Cluster name not valid".
    pub summary: &'static str,
    /// What is wrong, with the offending part.
    pub detail: String,
    /// What would be right.
    pub hint: String,
}

impl Invalid {
    pub(crate) fn new(summary: &'static str, detail: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { summary, detail: detail.into(), hint: hint.into() }
    }

    /// As a failure about the field that held the text.
    #[must_use]
    pub fn at(self, about: FieldPath) -> Failure {
        Failure::at(about, self.summary, self.detail).hint(self.hint)
    }
}

/// The way from a cluster's root to one of its fields.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FieldPath(Vec<FieldStep>);

/// One step of a [`FieldPath`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldStep {
    /// A field by its name.
    Attribute(String),
    /// An entry of a map by its key.
    Key(String),
    /// An element of a list, from 0.
    Index(usize),
}

impl FieldPath {
    /// The whole; the start of every path.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// A field of the root.
    #[must_use]
    pub fn of(name: impl Into<String>) -> Self {
        Self::root().attribute(name)
    }

    /// A field of this one.
    #[must_use]
    pub fn attribute(mut self, name: impl Into<String>) -> Self {
        self.0.push(FieldStep::Attribute(name.into()));
        self
    }

    /// An entry of this map.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.0.push(FieldStep::Key(key.into()));
        self
    }

    /// An element of this list, from 0.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.0.push(FieldStep::Index(index));
        self
    }

    /// The steps, from the root.
    #[must_use]
    pub fn steps(&self) -> &[FieldStep] {
        &self.0
    }

    /// Whether this is the whole, not a field.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for FieldPath {
    /// As Terraform writes references: `config["maxmemory-policy"]`, `nodes[0].address`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, step) in self.0.iter().enumerate() {
            match step {
                FieldStep::Attribute(name) if position == 0 => write!(f, "{name}")?,
                FieldStep::Attribute(name) => write!(f, ".{name}")?,
                FieldStep::Key(key) => write!(f, "[{key:?}]")?,
                FieldStep::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}
