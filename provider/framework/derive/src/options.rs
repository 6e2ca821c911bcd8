//! What one field says: its `#[tf(...)]` options and its doc comment.

use proc_macro2::Span;
use syn::meta::ParseNestedMeta;
use syn::spanned::Spanned;
use syn::{Attribute, Error, Expr, ExprLit, Field, Ident, Lit, LitStr, Meta, Result, Type};

/// An option without a value: where it was written, if it was.
pub(crate) type Flag = Option<Span>;

/// A check, and what it says about itself.
pub(crate) struct Check {
    pub(crate) function: Expr,
    pub(crate) says: String,
}

/// One field of a model.
pub(crate) struct FieldOptions {
    pub(crate) ident: Ident,
    /// The attribute's name in Terraform.
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) docs: String,
    pub(crate) required: Flag,
    pub(crate) optional: Flag,
    pub(crate) computed: Flag,
    pub(crate) sensitive: Flag,
    pub(crate) write_only: Flag,
    pub(crate) replace: Flag,
    pub(crate) keep: Flag,
    pub(crate) variadic: Flag,
    pub(crate) default: Option<(Span, Expr)>,
    pub(crate) checks: Vec<Check>,
    pub(crate) deprecated: Option<String>,
}

impl FieldOptions {
    pub(crate) fn of(field: &Field) -> Result<Self> {
        let Some(ident) = field.ident.clone() else {
            return Err(Error::new(field.span(), "a model has named fields: each is an attribute"));
        };
        let name = ident.to_string();
        let mut options = Self {
            name: name.strip_prefix("r#").unwrap_or(&name).to_owned(),
            ty: field.ty.clone(),
            docs: docs(&field.attrs),
            required: None,
            optional: None,
            computed: None,
            sensitive: None,
            write_only: None,
            replace: None,
            keep: None,
            variadic: None,
            default: None,
            checks: Vec::new(),
            deprecated: None,
            ident,
        };
        for attribute in field.attrs.iter().filter(|a| a.path().is_ident("tf")) {
            attribute.parse_nested_meta(|meta| options.option(&meta))?;
        }
        Ok(options)
    }

    fn option(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let span = meta.path.span();
        let name = meta.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "required" => once(&mut self.required, span, span),
            "optional" => once(&mut self.optional, span, span),
            "computed" => once(&mut self.computed, span, span),
            "sensitive" => once(&mut self.sensitive, span, span),
            "write_only" => once(&mut self.write_only, span, span),
            "replace" => once(&mut self.replace, span, span),
            "keep" => once(&mut self.keep, span, span),
            "variadic" => once(&mut self.variadic, span, span),
            "default" => {
                let value = meta.value()?.parse()?;
                once(&mut self.default, (span, value), span)
            }
            "validate" => {
                let function = meta.value()?.parse()?;
                self.checks.push(Check { function, says: String::new() });
                Ok(())
            }
            "says" => self.says(span, &meta.value()?.parse()?),
            "deprecated" => {
                let text: LitStr = meta.value()?.parse()?;
                once(&mut self.deprecated, text.value(), span)
            }
            "rename" => {
                let text: LitStr = meta.value()?.parse()?;
                self.name = text.value();
                check_name(&self.name, text.span())
            }
            _ => Err(meta.error(
                "unknown option; there are required, optional, computed, default, keep, replace, sensitive, write_only, \
                 variadic, validate, says, deprecated, rename",
            )),
        }
    }

    fn says(&mut self, span: Span, text: &LitStr) -> Result<()> {
        match self.checks.last_mut() {
            Some(check) if check.says.is_empty() => {
                check.says = text.value();
                Ok(())
            }
            _ => Err(Error::new(span, "`says` describes the `validate` before it")),
        }
    }
}

/// Terraform's names; a leading digit would be legal in the protocol, but not in the language.
fn check_name(name: &str, span: Span) -> Result<()> {
    let legal = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    if name.bytes().all(legal) && name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Ok(())
    } else {
        Err(Error::new(span, "an attribute's name has only a-z, 0-9 and _, and begins with a letter"))
    }
}

fn once<T>(place: &mut Option<T>, value: T, span: Span) -> Result<()> {
    if place.is_some() {
        return Err(Error::new(span, "this option is given twice"));
    }
    *place = Some(value);
    Ok(())
}

/// Checks the name that a field has by itself; a renamed one was checked where it was written.
pub(crate) fn check_field_name(options: &FieldOptions) -> Result<()> {
    check_name(&options.name, options.ident.span())
}

/// The doc comment: one space after `///` belongs to the comment, not to the text.
pub(crate) fn docs(attributes: &[Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes {
        if let Meta::NameValue(pair) = &attribute.meta
            && pair.path.is_ident("doc")
            && let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &pair.value
        {
            let text = text.value();
            lines.extend(text.lines().map(|line| line.strip_prefix(' ').unwrap_or(line).trim_end().to_owned()));
            if text.is_empty() {
                lines.push(String::new());
            }
        }
    }
    lines.join("\n").trim().to_owned()
}

/// The struct's own options: `#[tf(deprecated = "...")]`.
pub(crate) fn deprecated(attributes: &[Attribute]) -> Result<Option<String>> {
    let mut deprecated = None;
    for attribute in attributes.iter().filter(|a| a.path().is_ident("tf")) {
        attribute.parse_nested_meta(|meta| {
            if !meta.path.is_ident("deprecated") {
                return Err(meta.error("unknown option; a model has only deprecated"));
            }
            let text: LitStr = meta.value()?.parse()?;
            once(&mut deprecated, text.value(), meta.path.span())
        })?;
    }
    Ok(deprecated)
}
