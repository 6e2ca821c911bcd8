//! What the derive refuses, and what it says.

use syn::parse_str;

use crate::expand;

fn refusals(source: &str) -> Vec<String> {
    match expand::model(&parse_str(source).expect("the test's source is Rust")) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| error.to_string()).collect(),
    }
}

fn refusals_of_field(options: &str) -> Vec<String> {
    refusals(&format!("/// S.\nstruct S {{ /// D.\n #[tf({options})] field: T }}"))
}

#[test]
fn accepts_what_makes_sense() {
    for options in [
        "required",
        "required, replace, sensitive",
        "required, validate = check, says = \"x\", validate = module::other",
        "optional",
        "optional, computed, keep, replace",
        "optional, default = 5",
        "default = \"text\"",
        "computed, keep, sensitive",
        "optional, write_only, sensitive",
        "required, write_only, deprecated = \"use y\"",
        "required, rename = \"other\"",
        "variadic, validate = check",
    ] {
        assert_eq!(refusals_of_field(options), Vec::<String>::new(), "{options}");
    }
}

#[test]
fn refuses_contradictions() {
    for (options, message) in [
        ("sensitive", "say who gives the value"),
        ("required, optional", "optional contradicts required"),
        ("required, computed", "what is required is never computed"),
        ("required, default = 1", "what is required never needs a default"),
        ("computed, write_only", "a write-only value exists in the configuration only"),
        ("write_only, default = 1", "a write-only value exists in the configuration only"),
        ("default = 1, keep", "a default decides the value"),
        ("optional, keep", "only a computed value can be kept"),
        ("computed, replace", "use modify_plan"),
        ("computed, validate = check", "only what the user gives is validated"),
        ("variadic, required", "is nothing else"),
        ("variadic, computed", "is nothing else"),
        ("variadic, default = 1", "is nothing else"),
        ("required, required", "given twice"),
        ("default = 1, default = 2", "given twice"),
        ("required, says = \"x\"", "`says` describes the `validate` before it"),
        ("required, validate = a, says = \"x\", says = \"y\"", "`says` describes the `validate` before it"),
        ("required, rename = \"Bad\"", "has only a-z, 0-9 and _"),
        ("required, rename = \"1st\"", "has only a-z, 0-9 and _"),
        ("mandatory", "unknown option"),
    ] {
        let refusals = refusals_of_field(options);
        assert!(
            matches!(&refusals[..], [only] if only.contains(message)),
            "{options}: expected one refusal with {message:?}, found {refusals:?}"
        );
    }
}

#[test]
fn refuses_shapes_that_are_no_schema() {
    for (source, message) in [
        ("/// S.\nenum S { A }", "a struct with named fields"),
        ("/// S.\nstruct S(String);", "a struct with named fields"),
        ("/// S.\nstruct S<T> { /// D.\n #[tf(required)] field: T }", "no parameters"),
        ("/// S.\n#[tf(version = 1)] struct S { /// D.\n #[tf(required)] field: T }", "a model has only deprecated"),
        ("/// S.\nstruct S { #[tf(required)] field: T }", "a doc comment is missing"),
        ("/// S.\nstruct S { /// D.\n #[tf(required)] Field: T }", "has only a-z, 0-9 and _"),
        (
            "/// S.\nstruct S { /// D.\n #[tf(required)] a: T, /// D.\n #[tf(required, rename = \"a\")] b: T }",
            "another field has this name",
        ),
    ] {
        let refusals = refusals(source);
        assert!(
            matches!(&refusals[..], [only] if only.contains(message)),
            "{source}: expected one refusal with {message:?}, found {refusals:?}"
        );
    }
}

#[test]
fn says_everything_that_is_wrong_at_once() {
    let refusals = refusals("/// S.\nstruct S { #[tf(required, optional)] a: T, /// D.\n b: T }");
    assert_eq!(refusals.len(), 3, "{refusals:?}");
}

#[test]
fn reads_doc_comments_as_markdown() {
    let input: syn::DeriveInput =
        parse_str("/// One.\n///\n/// * two\n///   deeper\nstruct S {}").expect("the test's source is Rust");
    assert_eq!(crate::options::docs(&input.attrs), "One.\n\n* two\n  deeper");
}

#[test]
fn strips_raw_identifiers() {
    let code = expand::model(&parse_str("/// S.\nstruct S { /// D.\n #[tf(required)] r#type: T }").expect("Rust"));
    let code = code.expect("it is a model").to_string();
    assert!(code.contains("\"type\""), "{code}");
    assert!(!code.contains("\"r#type\""), "{code}");
}
