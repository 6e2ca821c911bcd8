//! `cargo xtask docs`: the registry's pages, from the schema that the real provider tells real Terraform.
//!
//! Writes `docs/index.md`, `docs/resources/*.md` and `docs/data-sources/*.md`. Examples come from `examples/`, whose
//! every folder the tests run.

mod page;
mod schema;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::terraform::{Install, SOURCE, Terraform};
use crate::{house, shell};
use page::{Subject, page};
use schema::{Provider, Schema, Schemas};

/// Options of `cargo xtask docs`.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// Change nothing; fail when a committed page is not what the schema says
    #[arg(long)]
    check: bool,
}

/// Builds the provider, then writes or checks the pages.
pub(crate) fn run(options: &Options) -> Result<()> {
    shell::stream(house::cargo()?.args(["build", "--locked", "--workspace", "--bins"]))?;
    if options.check { check() } else { write() }
}

/// Fails when a committed page is not what the schema says. The provider must be built.
pub(crate) fn check() -> Result<()> {
    let (wanted, have) = (pages()?, committed()?);
    let stale: Vec<_> = wanted
        .iter()
        .filter(|(path, text)| have.get(*path) != Some(text))
        .map(|(path, _)| path)
        .chain(have.keys().filter(|path| !wanted.contains_key(*path)))
        .map(|path| path.display().to_string())
        .collect();
    if stale.is_empty() {
        println!("{} pages are what the schema says", wanted.len());
        return Ok(());
    }
    bail!("not what the schema says (run `cargo xtask docs` and commit): {}", stale.join(", "));
}

fn write() -> Result<()> {
    let root = house::workspace();
    let wanted = pages()?;
    for path in committed()?.keys().filter(|path| !wanted.contains_key(*path)) {
        fs::remove_file(root.join(path))?;
    }
    for (path, text) in &wanted {
        let file = root.join(path);
        fs::create_dir_all(file.parent().context("a page stands in a folder")?)?;
        fs::write(&file, text).with_context(|| format!("cannot write {}", file.display()))?;
        println!("{}", path.display());
    }
    Ok(())
}

type Pages = BTreeMap<PathBuf, String>;

/// The pages as they should be, by path from the root.
fn pages() -> Result<Pages> {
    let provider = provider_schema()?;
    let root = house::workspace();
    let mut pages = Pages::new();
    let example = example(&root, "provider/provider.tf", "provider \"justmanage\"")?;
    let subject = Subject {
        title: "Just Manage Provider",
        heading: "Just Manage Provider",
        example: example.as_deref(),
        import: None,
    };
    pages.insert("docs/index.md".into(), page(&subject, &provider.provider));
    for (name, schema) in &provider.resource_schemas {
        insert(&mut pages, &root, name, schema, &RESOURCE)?;
    }
    for (name, schema) in &provider.data_source_schemas {
        insert(&mut pages, &root, name, schema, &DATA_SOURCE)?;
    }
    Ok(pages)
}

/// How the registry lays out one kind of thing.
struct Kind {
    word: &'static str,
    folder: &'static str,
    example: &'static str,
    block: &'static str,
}

const RESOURCE: Kind = Kind { word: "Resource", folder: "resources", example: "resource.tf", block: "resource" };
const DATA_SOURCE: Kind =
    Kind { word: "Data Source", folder: "data-sources", example: "data-source.tf", block: "data" };

fn insert(pages: &mut Pages, root: &Path, name: &str, schema: &Schema, kind: &Kind) -> Result<()> {
    let Kind { word, folder, .. } = kind;
    let example = example(root, &format!("{folder}/{name}/{}", kind.example), &format!("{} \"{name}\"", kind.block))?;
    let import = fs::read_to_string(root.join(format!("examples/{folder}/{name}/import.sh"))).ok();
    let subject = Subject {
        title: &format!("{name} {word}"),
        heading: &format!("{name} ({word})"),
        example: example.as_deref(),
        import: import.as_deref(),
    };
    let file = name.strip_prefix("justmanage_").unwrap_or(name);
    pages.insert(format!("docs/{folder}/{file}.md").into(), page(&subject, schema));
    Ok(())
}

/// `examples/<own>` if there is one, else the smallest example that uses `block`.
fn example(root: &Path, own: &str, block: &str) -> Result<Option<String>> {
    let examples = root.join("examples");
    if let Ok(text) = fs::read_to_string(examples.join(own)) {
        return Ok(Some(text));
    }
    let mut found = Vec::new();
    for entry in fs::read_dir(&examples).context("no examples")? {
        let text = fs::read_to_string(entry?.path().join("main.tf")).unwrap_or_default();
        if text.contains(block) {
            found.push(text);
        }
    }
    found.sort_by_key(|text| (text.len(), text.clone()));
    Ok(found.into_iter().next())
}

/// The pages that are committed now.
fn committed() -> Result<Pages> {
    let root = house::workspace();
    let mut pages = Pages::new();
    let mut paths = vec![PathBuf::from("docs/index.md")];
    for folder in ["docs/resources", "docs/data-sources"] {
        for entry in fs::read_dir(root.join(folder)).into_iter().flatten() {
            paths.push(Path::new(folder).join(entry?.file_name()));
        }
    }
    for path in paths {
        if let Ok(text) = fs::read_to_string(root.join(&path)) {
            pages.insert(path, text);
        }
    }
    Ok(pages)
}

/// Asks real Terraform what the built provider says.
fn provider_schema() -> Result<Provider> {
    let work = tempfile::tempdir()?;
    let terraform = Terraform::new(work.path(), &house::target()?.join("debug"), Install::Override)?;
    let config =
        format!("terraform {{\n  required_providers {{\n    justmanage = {{ source = \"{SOURCE}\" }}\n  }}\n}}\n");
    fs::write(terraform.config().join("main.tf"), config)?;
    let said = shell::output(&mut terraform.command(&["providers", "schema", "-json"]))?;
    let schemas: Schemas = serde_json::from_str(&said).context("cannot read what terraform says about the schema")?;
    let ours = schemas.provider_schemas.into_iter().find(|(address, _)| address.ends_with(SOURCE));
    Ok(ours.context("terraform says nothing about our provider")?.1)
}
