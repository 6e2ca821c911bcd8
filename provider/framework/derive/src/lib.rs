//! `derive(Model)` for `tfkit`: a struct becomes a schema, its conversions, and its view.
//!
//! The one invariant: what compiles has a legal schema as far as one struct can tell; contradictions are errors at the
//! option that causes them. `tfkit::model` documents the options and what is generated.
//!
//! | module | what it holds |
//! |---|---|
//! | `options` | the `#[tf(...)]` options and doc comments of one field |
//! | `rules` | which options contradict each other |
//! | `expand` | the code that is generated |

mod expand;
mod options;
mod rules;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct a `tfkit` model: its schema, its conversions, and a second struct `NameView` in which every field may be
/// null or unknown.
///
/// Each field needs a doc comment (the user's documentation, Markdown) and says in `#[tf(...)]` what it is:
///
/// | option | meaning |
/// |---|---|
/// | `required` | the user must give it |
/// | `optional` | the user may give it; the type is `Option<_>` or `Attr<_>`, unless there is a default |
/// | `computed` | the provider decides it (with `optional`: when the user does not); the type is `Attr<_>` |
/// | `default = expr` | the value when the user gives none; implies `optional` and `computed`; the type may be plain |
/// | `keep` | a computed value that never changes once it is there: not "known after apply" on updates |
/// | `replace` | a change makes a new resource |
/// | `sensitive` | never shown |
/// | `write_only` | only in the configuration, never in plan or state: reaches `create` and `update` in `plan.config` |
/// | `variadic` | the last parameter of a function, a `Vec<_>`: takes all further arguments |
/// | `validate = path` | `fn(&T) -> Result<(), E: ToString>` for a known value; repeatable |
/// | `says = "..."` | after `validate`: what a valid value is, for the documentation |
/// | `deprecated = "..."` | why not to use it any more, and what to use instead |
/// | `rename = "..."` | the name in Terraform, when the field's own cannot be used |
///
/// On the struct: the doc comment describes the whole; `#[tf(deprecated = "...")]` deprecates the whole.
#[proc_macro_derive(Model, attributes(tf))]
pub fn derive_model(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand::model(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

#[cfg(test)]
mod tests;
