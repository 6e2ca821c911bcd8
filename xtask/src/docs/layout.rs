//! What registries ask of `docs/`, as rules
//! (<https://developer.hashicorp.com/terraform/registry/providers/docs>, and the checks of terraform-plugin-docs).

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::schema::{Attribute, Block, Provider, Schema};
use super::{KINDS, Kind};

/// Folders that a registry reads.
const REGISTRY: [&str; 7] =
    ["actions", "data-sources", "ephemeral-resources", "functions", "guides", "list-resources", "resources"];
/// Folders of ours that it does not.
const OURS: [&str; 1] = ["decisions"];
/// Most pages, and most bytes of one ("storage limits"): what is above is not shown.
const MOST_PAGES: usize = 2000;
const MOST_BYTES: u64 = 500_000;

/// What of `docs/` below `root` breaks a rule, one sentence each.
pub(super) fn faults(root: &Path, provider: &Provider) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    if root.join("website/docs").exists() {
        faults.push("website/docs: the layout of old; a registry would read that and not docs".to_owned());
    }
    let docs = root.join("docs");
    let pages = pages(&docs, &mut faults)?;
    if pages.len() >= MOST_PAGES {
        faults.push(format!("docs: {} pages, and a registry takes fewer than {MOST_PAGES}", pages.len()));
    }
    for page in &pages {
        let shown = page.strip_prefix(root).unwrap_or(page).display().to_string();
        if fs::metadata(page)?.len() > MOST_BYTES {
            faults.push(format!("{shown}: larger than {MOST_BYTES} bytes"));
        }
        let text = fs::read_to_string(page).with_context(|| format!("{shown} cannot be read"))?;
        faults
            .extend(front_matter(&text, shown == "docs/index.md").into_iter().map(|fault| format!("{shown}: {fault}")));
    }
    if !docs.join("index.md").is_file() {
        faults.push("docs/index.md: missing".to_owned());
    }
    for kind in &KINDS {
        kind_matches(root, kind, provider, &mut faults);
    }
    let functions: BTreeSet<PathBuf> =
        provider.functions.keys().map(|name| format!("docs/functions/{name}.md").into()).collect();
    same_pages(root, "docs/functions", &functions, &mut faults);
    Ok(faults)
}

/// The pages that a registry reads; what stands where it does not belong is a fault.
fn pages(docs: &Path, faults: &mut Vec<String>) -> Result<Vec<PathBuf>> {
    let mut pages = Vec::new();
    for folder in entries(docs)? {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !folder.is_dir() {
            if name == "index.md" {
                pages.push(folder);
            }
        } else if REGISTRY.contains(&name.as_str()) {
            for page in entries(&folder)? {
                let file = page.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let plain =
                    |stem: &str| stem.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
                match file.strip_suffix(".md") {
                    Some(stem) if plain(stem) && page.is_file() => pages.push(page),
                    _ => faults.push(format!("docs/{name}/{file}: no page; a page is NAME.md, directly in its folder")),
                }
            }
        } else if !OURS.contains(&name.as_str()) {
            faults.push(format!("docs/{name}: neither a registry's folder ({}) nor one of ours", REGISTRY.join(", ")));
        }
    }
    Ok(pages)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let read = fs::read_dir(folder).with_context(|| format!("{} cannot be read", folder.display()))?;
    let mut entries = read.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>>>()?;
    entries.sort();
    Ok(entries)
}

/// What is wrong with the head of a page.
fn front_matter(text: &str, index: bool) -> Vec<String> {
    let Some((head, _)) = text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")) else {
        return vec!["no front matter between two lines of ---".to_owned()];
    };
    let mut keys: BTreeMap<&str, String> = BTreeMap::new();
    let mut last = None;
    for line in head.lines() {
        if let Some((key, value)) = line.split_once(':').filter(|_| !line.starts_with(' ')) {
            keys.insert(key, value.trim().trim_start_matches("|-").trim_matches('"').to_owned());
            last = Some(key);
        } else if let Some(value) = last.and_then(|key| keys.get_mut(key)) {
            value.push_str(line.trim());
        }
    }
    let mut faults = Vec::new();
    for key in ["page_title", "description"] {
        if keys.get(key).is_none_or(String::is_empty) {
            faults.push(format!("front matter lacks {key}"));
        }
    }
    for key in keys.keys() {
        // `layout` and `sidebar_current` belong to the layout of old; the provider's own page stands in no group.
        let known = ["page_title", "description", "subcategory"].contains(key) && !(index && *key == "subcategory");
        if !known {
            faults.push(format!("front matter has {key}"));
        }
    }
    faults
}

/// Every type has its page, no page is left over, and each names exactly the attributes of its schema.
fn kind_matches(root: &Path, kind: &Kind, provider: &Provider, faults: &mut Vec<String>) {
    let schemas = (kind.schemas)(provider);
    same_pages(root, &format!("docs/{}", kind.folder), &schemas.keys().map(|name| kind.page(name)).collect(), faults);
    for (name, schema) in schemas {
        let path = kind.page(name);
        let Ok(text) = fs::read_to_string(root.join(&path)) else { continue };
        let (said, meant) = (named(&text), attributes(schema));
        for missing in meant.difference(&said) {
            faults.push(format!("{}: says nothing of {missing}", path.display()));
        }
        for unknown in said.difference(&meant) {
            faults.push(format!("{}: {unknown} is not in the schema", path.display()));
        }
    }
}

fn same_pages(root: &Path, folder: &str, wanted: &BTreeSet<PathBuf>, faults: &mut Vec<String>) {
    let have = entries(&root.join(folder)).unwrap_or_default();
    let have: BTreeSet<PathBuf> =
        have.iter().filter_map(|path| path.strip_prefix(root).ok()).map(PathBuf::from).collect();
    faults.extend(wanted.difference(&have).map(|path| format!("{}: missing", path.display())));
    faults.extend(have.difference(wanted).map(|path| format!("{}: of nothing that the provider has", path.display())));
}

/// The paths of the attributes that a page describes: list items below `## Schema`, in the part that they stand in.
fn named(text: &str) -> BTreeSet<String> {
    let (mut named, mut inside, mut above) = (BTreeSet::new(), false, String::new());
    for line in text.lines() {
        if line.starts_with("## ") {
            inside = line == "## Schema";
        } else if let Some(path) = line.strip_prefix("### Nested Schema for `") {
            above = format!("{}.", path.trim_end_matches('`'));
        } else if let Some((name, _)) =
            line.strip_prefix("- `").and_then(|rest| rest.split_once("` (")).filter(|_| inside)
        {
            named.insert(format!("{above}{name}"));
        }
    }
    named
}

/// The paths of the attributes and blocks of a schema.
fn attributes(schema: &Schema) -> BTreeSet<String> {
    fn block(above: &str, of: &Block, all: &mut BTreeSet<String>) {
        nested(above, &of.attributes, all);
        for (name, inner) in &of.block_types {
            all.insert(format!("{above}{name}"));
            block(&format!("{above}{name}."), &inner.block, all);
        }
    }
    fn nested(above: &str, attributes: &BTreeMap<String, Attribute>, all: &mut BTreeSet<String>) {
        for (name, attribute) in attributes {
            all.insert(format!("{above}{name}"));
            if let Some(inner) = &attribute.nested_type {
                nested(&format!("{above}{name}."), &inner.attributes, all);
            }
        }
    }
    let mut all = BTreeSet::new();
    block("", &schema.block, &mut all);
    all
}

#[cfg(test)]
mod tests;
