//! Which options contradict each other.

use proc_macro2::Span;
use syn::{Error, Result};

use crate::options::{FieldOptions, check_field_name};

/// Refuses options that together make no sense; all complaints about a field at once.
pub(crate) fn check(field: &FieldOptions) -> Result<()> {
    let default = field.default.as_ref().map(|(span, _)| *span);
    let configurable = field.required.or(field.optional).or(default).or(field.variadic);
    let computed = field.computed.or(default);
    let mut errors = Errors(check_field_name(field).err());

    if configurable.or(field.computed).is_none() {
        errors.add(field.ident.span(), "say who gives the value: required, optional, computed, or default = ...");
    }
    if field.docs.is_empty() {
        errors.add(field.ident.span(), "a doc comment is missing: it is what users read about this attribute");
    }
    let mut clash = |one: Option<Span>, other: Option<Span>, why: &str| {
        if let (Some(span), Some(_)) = (one, other) {
            errors.add(span, why);
        }
    };
    clash(field.optional, field.required, "optional contradicts required");
    clash(field.computed, field.required, "what is required is never computed");
    let other =
        field.required.or(field.optional).or(computed).or(field.write_only).or(field.sensitive).or(field.replace);
    clash(
        field.variadic,
        other,
        "a variadic parameter of a function takes what arguments there are, and is nothing else",
    );
    clash(default, field.required, "what is required never needs a default");
    clash(
        field.write_only,
        computed,
        "a write-only value exists in the configuration only: it is never computed and has no default",
    );
    clash(field.keep, default, "a default decides the value, so there is nothing to keep");
    clash(field.keep.filter(|_| computed.is_none()), field.keep, "only a computed value can be kept");
    clash(
        field.replace.filter(|_| configurable.is_none()),
        field.replace,
        "the user cannot change this value; use modify_plan to ask for a replacement",
    );
    let first_check = field.checks.first().map(|_| field.ident.span());
    clash(
        first_check.filter(|_| configurable.is_none()),
        first_check,
        "only what the user gives is validated, and the user cannot give this value",
    );
    errors.0.map_or(Ok(()), Err)
}

struct Errors(Option<Error>);

impl Errors {
    fn add(&mut self, span: Span, why: &str) {
        let error = Error::new(span, why);
        match &mut self.0 {
            Some(first) => first.combine(error),
            None => self.0 = Some(error),
        }
    }
}
