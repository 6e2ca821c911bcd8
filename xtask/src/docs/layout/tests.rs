//! Each rule, broken once.

use super::super::page::{Subject, page};
use super::*;

const SCHEMA: &str = r#"{"block": {"description": "A thing.", "attributes": {
    "name": {"type": "string", "required": true, "description": "Its name."},
    "disks": {"optional": true, "description": "Disks.", "nested_type": {"nesting_mode": "list", "attributes": {
      "size": {"type": "number", "optional": true, "description": "Bytes."}}}}},
  "block_types": {"timeouts": {"nesting_mode": "single", "block": {"description": "How long.", "attributes": {
    "create": {"type": "string", "optional": true, "description": "For create."}}}}}}}"#;

fn provider() -> Provider {
    let schema: Schema = serde_json::from_str(SCHEMA).unwrap();
    Provider { resource_schemas: [("justmanage_thing".to_owned(), schema)].into(), ..Provider::default() }
}

/// A tree that breaks nothing, changed by `change`; its faults.
fn faults_of(change: impl FnOnce(&Path)) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let docs = folder.path().join("docs");
    for folder in ["resources", "guides", "decisions"] {
        fs::create_dir_all(docs.join(folder)).unwrap();
    }
    let provider = provider();
    let schema = &provider.resource_schemas["justmanage_thing"];
    let subject = |index| Subject { title: "A thing".into(), heading: "A thing".into(), index, ..Subject::default() };
    fs::write(docs.join("index.md"), page(&subject(true), schema)).unwrap();
    fs::write(docs.join("resources/thing.md"), page(&subject(false), schema)).unwrap();
    fs::write(docs.join("guides/install.md"), "---\npage_title: \"How\"\ndescription: |-\n  How.\n---\n\n# How\n")
        .unwrap();
    fs::write(docs.join("decisions/0001-why.md"), "# Why\n").unwrap();
    fs::write(docs.join("glossary.md"), "# Words\n").unwrap();
    change(folder.path());
    faults(folder.path(), &provider).unwrap()
}

fn edit(path: PathBuf, from: &str, to: &str) {
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains(from), "{from} is in {text}");
    fs::write(path, text.replace(from, to)).unwrap();
}

#[test]
fn what_keeps_all_rules_has_no_fault() {
    assert_eq!(faults_of(|_| ()), [""; 0]);
}

#[test]
fn every_rule_that_is_broken_is_said() {
    type Break = fn(&Path);
    let cases: &[(&str, Break)] = &[
        ("docs/index.md: missing", |root| fs::remove_file(root.join("docs/index.md")).unwrap()),
        ("docs/resources/thing.md: missing", |root| fs::remove_file(root.join("docs/resources/thing.md")).unwrap()),
        ("docs/resources/other.md: of nothing that the provider has", |root| {
            fs::copy(root.join("docs/resources/thing.md"), root.join("docs/resources/other.md")).unwrap();
        }),
        ("docs/functions/now.md: of nothing that the provider has", |root| {
            fs::create_dir(root.join("docs/functions")).unwrap();
            fs::copy(root.join("docs/guides/install.md"), root.join("docs/functions/now.md")).unwrap();
        }),
        ("docs/data_sources: neither a registry's folder", |root| {
            fs::create_dir(root.join("docs/data_sources")).unwrap()
        }),
        ("docs/guides/Two Words.md: no page", |root| fs::write(root.join("docs/guides/Two Words.md"), "").unwrap()),
        ("docs/guides/more: no page", |root| fs::create_dir(root.join("docs/guides/more")).unwrap()),
        ("docs/guides/install.html.md: no page", |root| {
            fs::write(root.join("docs/guides/install.html.md"), "").unwrap()
        }),
        ("website/docs: the layout of old", |root| fs::create_dir_all(root.join("website/docs")).unwrap()),
        ("docs/guides/install.md: larger than 500000 bytes", |root| {
            let text = fs::read_to_string(root.join("docs/guides/install.md")).unwrap();
            fs::write(root.join("docs/guides/install.md"), text + &"x".repeat(500_000)).unwrap();
        }),
        ("docs/guides/install.md: no front matter", |root| {
            fs::write(root.join("docs/guides/install.md"), "# How\n").unwrap()
        }),
        ("docs/guides/install.md: front matter lacks page_title", |root| {
            edit(root.join("docs/guides/install.md"), "page_title: \"How\"", "page_title: \"\"");
        }),
        ("docs/guides/install.md: front matter lacks description", |root| {
            edit(root.join("docs/guides/install.md"), "\ndescription: |-\n  How.", "");
        }),
        ("docs/guides/install.md: front matter has layout", |root| {
            edit(root.join("docs/guides/install.md"), "page_title", "layout: x\npage_title");
        }),
        ("docs/index.md: front matter has subcategory", |root| {
            edit(root.join("docs/index.md"), "page_title", "subcategory: \"\"\npage_title");
        }),
        ("docs/resources/thing.md: says nothing of disks.size", |root| {
            edit(root.join("docs/resources/thing.md"), "- `size` (Number) Bytes.\n", "");
        }),
        ("docs/resources/thing.md: says nothing of timeouts.create", |root| {
            edit(root.join("docs/resources/thing.md"), "- `create`", "- create");
        }),
        ("docs/resources/thing.md: nam is not in the schema", |root| {
            edit(root.join("docs/resources/thing.md"), "- `name`", "- `name` (String) x\n- `nam`");
        }),
    ];
    for (expected, break_it) in cases {
        let faults = faults_of(break_it);
        assert!(matches!(&faults[..], [one] if one.starts_with(expected)), "{expected}: {faults:?}");
    }
}

#[test]
fn too_many_pages_are_said() {
    let faults = faults_of(|root| {
        let guide = fs::read_to_string(root.join("docs/guides/install.md")).unwrap();
        for number in 0..MOST_PAGES {
            fs::write(root.join(format!("docs/guides/g{number}.md")), &guide).unwrap();
        }
    });
    assert!(matches!(&faults[..], [one] if one.contains("fewer than 2000")), "{faults:?}");
}
