//! Broken rules as diagnostics: which provider's type, which rule, where, and that it is a bug to be reported.

use crate::check::{self, Answer, Violation};
use crate::plan::Planned;
use crate::schema::Schema;
use crate::{Diagnostic, Diagnostics, Path, Value};

/// What is wrong with a plan.
pub(super) fn plan(name: &str, schema: &Schema, prior: &Value, config: &Value, planned: &Planned) -> Diagnostics {
    blame(name, "plan", check::planned(schema, prior, config, planned))
}

/// What is wrong with the new state of an apply that was said to have worked.
pub(super) fn applied(name: &str, schema: &Schema, planned: &Value, new: &Value) -> Diagnostics {
    blame(name, "apply", check::applied(schema, planned, new))
}

/// What is wrong with the state after a failed apply.
pub(super) fn failed(name: &str, schema: &Schema, new: &Value) -> Diagnostics {
    blame(name, "apply", check::failed(schema, new))
}

/// What is wrong with a state that was read or imported.
pub(super) fn state(name: &str, verb: &str, schema: &Schema, state: &Value, answer: Answer) -> Diagnostics {
    blame(name, verb, check::state(schema, state, answer))
}

/// What is wrong with the identity in an answer. Its parts are no attributes of the configuration, so the text names them.
pub(super) fn identity(name: &str, verb: &str, schema: &Schema, identity: &Value, before: &Value) -> Diagnostics {
    let found = blame(name, &format!("identity after the {verb}"), check::identity(schema, identity, before));
    found.into_iter().map(|diagnostic| diagnostic.at(Path::root())).collect()
}

/// What is wrong with the result of an ephemeral resource.
pub(super) fn opened(name: &str, schema: &Schema, config: &Value, result: &Value) -> Diagnostics {
    blame(name, "open", check::opened(schema, config, result))
}

fn blame(name: &str, verb: &str, violations: Vec<Violation>) -> Diagnostics {
    let mut diagnostics = Diagnostics::new();
    for violation in violations {
        tracing::error!(tf_resource_type = name, verb, %violation, "the provider's answer breaks a rule of Terraform");
        diagnostics.push(
            Diagnostic::error(
                "Provider bug",
                format!(
                    "The provider's {verb} of {name} breaks a rule of Terraform: {violation}.\n\nThis is a bug in the \
                     provider, not in your configuration; please report it with this text."
                ),
            )
            .at(violation.path),
        );
    }
    diagnostics
}
