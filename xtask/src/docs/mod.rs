//! `cargo xtask docs`: the registry's pages, from the schema that the real provider tells real Terraform.
//!
//! Writes `docs/index.md` and the pages of resources, data sources, ephemeral resources and functions; the guides beside them are
//! written by hand. Examples come from `examples/`, in the layout that documentation tools read. `--check` holds all of it against
//! the registry's rules (`layout`) and against real Terraform (`examples`), and changes nothing.

mod examples;
mod function;
mod layout;
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
    /// Change nothing; fail when a page or an example is not as it should be
    #[arg(long)]
    check: bool,
    /// The provider is built already
    #[arg(long)]
    built: bool,
}

/// Builds the provider, then writes or checks the pages.
pub(crate) fn run(options: &Options) -> Result<()> {
    if !options.built {
        shell::stream(house::cargo()?.args(["build", "--locked", "--workspace", "--bins"]))?;
    }
    let work = tempfile::tempdir()?;
    let terraform = Terraform::new(work.path(), &house::target()?.join("debug"), Install::Override)?;
    let provider = provider_schema(&terraform)?;
    if options.check { check(&terraform, &provider) } else { write(&provider) }
}

/// Fails when anything is not as it should be, and says all of it.
fn check(terraform: &Terraform, provider: &Provider) -> Result<()> {
    let (wanted, have) = (pages(provider), committed()?);
    let stale = wanted.iter().filter(|(path, text)| have.get(*path) != Some(text)).map(|(path, _)| path);
    let left_over = have.keys().filter(|path| !wanted.contains_key(*path));
    let mut faults: Vec<String> = stale
        .chain(left_over)
        .map(|path| format!("{}: not what the schema says (run `cargo xtask docs` and commit)", path.display()))
        .collect();
    faults.extend(layout::faults(&house::workspace(), provider)?);
    faults.extend(examples::faults(&house::workspace().join("examples"), provider, terraform)?);
    if !faults.is_empty() {
        bail!("{} faults:\n  {}", faults.len(), faults.join("\n  "));
    }
    println!("{} pages are what the schema says; layout and examples are as they should be", wanted.len());
    Ok(())
}

fn write(provider: &Provider) -> Result<()> {
    let root = house::workspace();
    let wanted = pages(provider);
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
fn pages(provider: &Provider) -> Pages {
    let root = house::workspace();
    let mut pages = Pages::new();
    let title = "Just Manage Provider".to_owned();
    let subject = Subject {
        title: title.clone(),
        heading: title,
        index: true,
        example: example(&root, "provider/provider.tf"),
        imports: Vec::new(),
    };
    pages.insert("docs/index.md".into(), page(&subject, &provider.provider));
    for kind in &KINDS {
        for (name, schema) in (kind.schemas)(provider) {
            pages.insert(kind.page(name), page(&kind.subject(&root, name), schema));
        }
    }
    for (name, function) in &provider.functions {
        let example = example(&root, &format!("functions/{name}/function.tf"));
        pages.insert(format!("docs/functions/{name}.md").into(), function::page(name, function, example.as_deref()));
    }
    pages
}

/// How the registry lays out one kind of thing that has a schema.
struct Kind {
    /// What it is called in headings.
    word: &'static str,
    /// Its folder in `docs` and in `examples`.
    folder: &'static str,
    /// Its example in the folder of its type.
    example: &'static str,
    schemas: fn(&Provider) -> &BTreeMap<String, Schema>,
}

const KINDS: [Kind; 3] = [
    Kind { word: "Resource", folder: "resources", example: "resource.tf", schemas: |p| &p.resource_schemas },
    Kind {
        word: "Data Source",
        folder: "data-sources",
        example: "data-source.tf",
        schemas: |p| &p.data_source_schemas,
    },
    Kind {
        word: "Ephemeral Resource",
        folder: "ephemeral-resources",
        example: "ephemeral-resource.tf",
        schemas: |p| &p.ephemeral_resource_schemas,
    },
];

/// Types that `terraform query` lists, each with an example. Kept by hand: Terraform before 1.14 tells nothing of lists. A test of the
/// provider holds the examples against what it really lists.
const LISTS: [&str; 1] = ["justmanage_redis_cluster"];

/// Ways to import, as documentation tools look for them: the file, what stands before it, its language.
const IMPORTS: [(&str, &str, &str); 3] = [
    (
        "import-by-string-id.tf",
        "With an [import block](https://developer.hashicorp.com/terraform/language/import)",
        "terraform",
    ),
    ("import-by-identity.tf", "By its identity, from Terraform and OpenTofu 1.12 on", "terraform"),
    ("import.sh", "By the command", "shell"),
];

impl Kind {
    /// The path of the page of a type.
    fn page(&self, name: &str) -> PathBuf {
        format!("docs/{}/{}.md", self.folder, name.strip_prefix("justmanage_").unwrap_or(name)).into()
    }

    fn subject(&self, root: &Path, name: &str) -> Subject {
        let Self { word, folder, .. } = self;
        let own = |file: &str| example(root, &format!("{folder}/{name}/{file}"));
        let imports = IMPORTS.iter().filter_map(|(file, before, language)| Some((*before, *language, own(file)?)));
        Subject {
            title: format!("{name} {word}"),
            heading: format!("{name} ({word})"),
            index: false,
            example: own(self.example),
            imports: imports.collect(),
        }
    }
}

/// A file of `examples`, if it is there; [`examples`] says which must be.
fn example(root: &Path, file: &str) -> Option<String> {
    fs::read_to_string(root.join("examples").join(file)).ok()
}

/// The pages that are committed now and that are ours to make: all but the guides.
fn committed() -> Result<Pages> {
    let root = house::workspace();
    let mut pages = Pages::new();
    let mut paths = vec![PathBuf::from("docs/index.md")];
    for folder in KINDS.iter().map(|kind| kind.folder).chain(["functions"]) {
        let folder = Path::new("docs").join(folder);
        for entry in fs::read_dir(root.join(&folder)).into_iter().flatten() {
            paths.push(folder.join(entry?.file_name()));
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
fn provider_schema(terraform: &Terraform) -> Result<Provider> {
    fs::write(terraform.config().join("main.tf"), REQUIRED)?;
    let said = shell::output(&mut terraform.command(&["providers", "schema", "-json"]))?;
    fs::remove_file(terraform.config().join("main.tf"))?;
    let schemas: Schemas = serde_json::from_str(&said).context("cannot read what terraform says about the schema")?;
    let ours = schemas.provider_schemas.into_iter().find(|(address, _)| address.ends_with(SOURCE));
    Ok(ours.context("terraform says nothing about our provider")?.1)
}

/// What every example needs and none should repeat.
const REQUIRED: &str = "terraform {
  required_providers {
    justmanage = {
      source = \"justmanage/justmanage\"
    }
  }
}
";
