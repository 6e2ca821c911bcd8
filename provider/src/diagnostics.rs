//! Failures of the core as Terraform shows them.

use justmanage_model::failure::FieldStep;
use justmanage_model::{Failure, FieldPath};
use tfkit::{Diagnostic, Path};

/// The attribute that a field of the spec is. Total: the spec's fields are named as the attributes are.
pub(crate) fn path(field: &FieldPath) -> Path {
    field.steps().iter().fold(Path::root(), |path, step| match step {
        FieldStep::Attribute(name) => path.attr(name),
        FieldStep::Key(key) => path.key(key),
        FieldStep::Index(index) => path.index(*index),
    })
}

/// An error for the user.
pub(crate) fn error(failure: &Failure) -> Diagnostic {
    Diagnostic::error(&failure.summary, detail(failure)).at(path(&failure.about))
}

/// The same as a warning: what was asked for is on its way.
pub(crate) fn warning(failure: &Failure) -> Diagnostic {
    Diagnostic::warning(&failure.summary, detail(failure)).at(path(&failure.about))
}

/// What happened, what would be right, what to do; a paragraph each.
fn detail(failure: &Failure) -> String {
    let more = [&failure.hint, &failure.next].into_iter().flatten();
    std::iter::once(&failure.detail).chain(more).cloned().collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_step_has_its_place_in_a_path() {
        let field = FieldPath::of("config").key("maxmemory-policy").attribute("value").index(2);
        let expected = Path::attribute("config").key("maxmemory-policy").attr("value").index(2);
        assert_eq!(path(&field), expected);
    }

    #[test]
    fn a_diagnostic_says_what_happened_then_what_to_do() {
        let failure = Failure::at(FieldPath::of("memory"), "Too little memory", "1KiB was asked for.")
            .hint("Ask for 16MiB or more.")
            .next("Nothing was made.");
        let shown = error(&failure);
        assert_eq!(shown.detail, "1KiB was asked for.\n\nAsk for 16MiB or more.\n\nNothing was made.");
        assert_eq!(shown.path, Path::attribute("memory"));
    }
}
