//! Why a value does not fit into a typed field.

use crate::{Diagnostic, Path, Value};

/// A value that a field's type cannot hold. It never repeats the value, which may be a secret.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{}", self.problem)]
pub struct ModelError {
    /// Where.
    pub path: Path,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Null, where the type has no place for it.
    #[error("the value must not be null")]
    Null,
    /// Unknown, where the type has no place for it.
    #[error("the value is not known yet")]
    Unknown,
    /// A value that the field's type cannot hold, such as 1.5 for a whole number.
    #[error("the value must be {0}")]
    Range(String),
    /// A value of another type than the schema says: no user can cause it.
    #[error("expected {expected}, found {found}")]
    Type {
        /// What the schema says.
        expected: &'static str,
        /// What was there.
        found: &'static str,
    },
}

impl ModelError {
    /// Null, unknown, or of another type than expected.
    pub(crate) fn mismatch(path: &Path, expected: &'static str, found: &Value) -> Self {
        let problem = match found {
            Value::Null => Problem::Null,
            Value::Unknown(_) => Problem::Unknown,
            other => Problem::Type { expected, found: other.kind() },
        };
        Self { path: path.clone(), problem }
    }

    /// A value outside of what the field's type holds. `must_be` completes "the value must be".
    pub fn range(path: &Path, must_be: impl Into<String>) -> Self {
        Self { path: path.clone(), problem: Problem::Range(must_be.into()) }
    }

    /// The same, of a value that stands at this path. Paths are made on the way up, when there is an error: made on the way
    /// down, they cost more than the values.
    #[must_use]
    pub fn within(mut self, path: &Path) -> Self {
        self.path = path.steps().iter().chain(self.path.steps()).cloned().collect();
        self
    }

    /// Whether the value was merely not known yet.
    pub fn is_unknown(&self) -> bool {
        self.problem == Problem::Unknown
    }
}

impl From<ModelError> for Diagnostic {
    fn from(error: ModelError) -> Self {
        let summary = match error.problem {
            Problem::Null => "Missing value",
            Problem::Unknown => "Value not known yet",
            Problem::Range(_) => "Value out of range",
            Problem::Type { .. } => "Value of the wrong type",
        };
        Diagnostic::error(summary, format!("`{}`: {}.", error.path, error.problem)).at(error.path)
    }
}
