//! The trait that a function's author implements: `provider::NAME::function(...)` in Terraform's language.

use crate::model::{Field, Model, ModelError};
use crate::{Diagnostic, Path};

/// A pure function of Terraform's language, which needs Terraform 1.8.
///
/// Same arguments, same answer: no clock, no chance, no client, no file. Terraform calls a function several times in one run
/// and compares.
///
/// ```
/// use tfkit::{Function, FunctionError, Model};
///
/// #[derive(Model)]
/// struct Joining {
///     /// Stands between the parts.
///     #[tf(required)]
///     separator: Option<String>,
///     /// What is joined.
///     #[tf(variadic)]
///     parts: Vec<String>,
/// }
///
/// struct Join;
///
/// impl Function for Join {
///     type Parameters = Joining;
///     type Return = String;
///     const NAME: &'static str = "join";
///     const SUMMARY: &'static str = "Joins texts";
///     const DESCRIPTION: &'static str = "The parts, with the separator (a space, if it is null) between them.";
///
///     fn call(&self, given: Joining) -> Result<String, FunctionError> {
///         if given.parts.is_empty() {
///             return Err(FunctionError::at("parts", "there is nothing to join"));
///         }
///         Ok(given.parts.join(given.separator.as_deref().unwrap_or(" ")))
///     }
/// }
/// ```
pub trait Function: Send + Sync + 'static {
    /// The parameters, one field each, in their order; a field's doc comment describes it for the user.
    ///
    /// | field | parameter |
    /// |---|---|
    /// | `#[tf(required)] T` | neither null nor unknown: Terraform refuses null, and does not call for what is unknown |
    /// | `#[tf(required)] Option<T>` | may be null |
    /// | `#[tf(required)] Attr<T>` | may be null or unknown; then the result may be unknown, too |
    /// | `#[tf(variadic)] Vec<T>` | the last one: takes all further arguments |
    ///
    /// `validate = ...` works as it does for attributes, and blames its argument.
    type Parameters: Model;
    /// The result: anything that an attribute can be. `Option<_>` may be null, [`crate::Attr`] may be unknown, too.
    type Return: Field;

    /// Its name: lower-case letters, digits and underscores.
    const NAME: &'static str;
    /// What it does, in a few words.
    const SUMMARY: &'static str;
    /// What it does, in Markdown.
    const DESCRIPTION: &'static str;
    /// Why not to use it any more, and what to use instead.
    const DEPRECATED: Option<&'static str> = None;

    /// Computes the result.
    ///
    /// # Errors
    /// There is none for these arguments; say which of them is to blame ([`FunctionError::at`]).
    fn call(&self, parameters: Self::Parameters) -> Result<Self::Return, FunctionError>;
}

/// Why a function has no result. Terraform shows the text in one sentence with the function's name, and underlines the
/// argument that is to blame.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{text}")]
pub struct FunctionError {
    pub(crate) text: String,
    /// Root: no argument in particular.
    pub(crate) path: Path,
}

impl FunctionError {
    /// A failure that no single argument is to blame for.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), path: Path::root() }
    }

    /// A failure that the argument for this parameter is to blame for; the name is that of the field.
    pub fn at(parameter: &str, text: impl Into<String>) -> Self {
        Self::at_path(Path::attribute(parameter), text)
    }

    /// A failure that a part of an argument is to blame for, or one of those of the variadic parameter:
    /// `Path::attribute("parts").index(2)` is the third of them.
    pub fn at_path(path: Path, text: impl Into<String>) -> Self {
        Self { text: text.into(), path }
    }
}

impl From<ModelError> for FunctionError {
    fn from(error: ModelError) -> Self {
        Self { text: error.problem.to_string(), path: error.path }
    }
}

impl From<Diagnostic> for FunctionError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self { text: diagnostic.detail, path: diagnostic.path }
    }
}
