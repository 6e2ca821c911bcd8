//! Every example of the documentation is in its place, formatted, and valid for the provider as it was built.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::schema::Provider;
use super::{IMPORTS, KINDS, LISTS, REQUIRED};
use crate::terraform::Terraform;

/// Two ways to import the same thing: one configuration has one of them, and Terraform before 1.12 cannot read the second.
const BY_STRING: &str = "import-by-string-id.tf";
const BY_IDENTITY: &str = "import-by-identity.tf";

/// What of `examples/` is not as it should be, one sentence each.
pub(super) fn faults(examples: &Path, provider: &Provider, terraform: &Terraform) -> Result<Vec<String>> {
    let mut faults = places(examples, provider)?;
    let mut fmt = terraform.command(&["fmt", "-check", "-recursive", "-no-color"]);
    let done = fmt.arg(examples).output().context("terraform fmt does not start")?;
    if !done.status.success() {
        let named = String::from_utf8_lossy(&done.stdout).trim().replace('\n', ", ");
        let said = String::from_utf8_lossy(&done.stderr);
        faults.push(format!("not as `terraform fmt` has it: {named} {}", said.trim()));
    }
    let identities = knows_identities(terraform)?;
    for folder in folders(examples, provider).into_iter().filter(|folder| folder.is_dir()) {
        faults.extend(invalid(&folder, terraform, BY_IDENTITY)?);
        if identities && folder.join(BY_IDENTITY).is_file() {
            faults.extend(invalid(&folder, terraform, BY_STRING)?);
        }
    }
    Ok(faults)
}

/// The folders with examples for pages.
fn folders(examples: &Path, provider: &Provider) -> Vec<PathBuf> {
    let of_kinds =
        KINDS.iter().flat_map(|kind| (kind.schemas)(provider).keys().map(|name| (kind.folder, name.as_str())));
    let functions = provider.functions.keys().map(|name| ("functions", name.as_str()));
    let below = of_kinds.chain(functions).map(|(folder, name)| examples.join(folder).join(name));
    std::iter::once(examples.join("provider")).chain(below).collect()
}

/// Examples that are missing, and files that no documentation tool would read.
fn places(examples: &Path, provider: &Provider) -> Result<Vec<String>> {
    let mut wanted: BTreeSet<PathBuf> = ["provider/provider.tf".into()].into();
    let mut may: BTreeSet<PathBuf> = BTreeSet::new();
    for kind in &KINDS {
        for name in (kind.schemas)(provider).keys() {
            let own = Path::new(kind.folder).join(name);
            wanted.insert(own.join(kind.example));
            if kind.folder == "resources" {
                may.extend(IMPORTS.iter().map(|(file, ..)| own.join(file)));
            }
        }
    }
    wanted.extend(provider.functions.keys().map(|name| Path::new("functions").join(name).join("function.tf")));
    wanted.extend(LISTS.iter().map(|name| Path::new("list-resources").join(name).join("list-resource.tfquery.hcl")));
    let mut have = BTreeSet::new();
    for top in KINDS.iter().map(|kind| kind.folder).chain(["provider", "functions", "list-resources"]) {
        files(&examples.join(top), &mut have)?;
    }
    let have: BTreeSet<PathBuf> =
        have.iter().filter_map(|file| Some(file.strip_prefix(examples).ok()?.to_owned())).collect();
    let missing = wanted.difference(&have).map(|file| format!("examples/{}: missing", file.display()));
    let strange = have.iter().filter(|file| !wanted.contains(*file) && !may.contains(*file));
    let strange = strange.map(|file| format!("examples/{}: no documentation tool reads it", file.display()));
    Ok(missing.chain(strange).collect())
}

fn files(folder: &Path, found: &mut BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else {
            found.insert(path);
        }
    }
    Ok(())
}

/// What `terraform validate` has against the files of one folder, all at once but for one.
fn invalid(folder: &Path, terraform: &Terraform, without: &str) -> Result<Option<String>> {
    let config = terraform.config();
    fs::remove_dir_all(&config)?;
    fs::create_dir(&config)?;
    fs::write(config.join("required.tf"), REQUIRED)?;
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".tf") && name != without {
            fs::copy(&file, config.join(&name))?;
        }
    }
    let done = terraform.command(&["validate", "-no-color"]).output().context("terraform validate does not start")?;
    let said = String::from_utf8_lossy(&done.stderr);
    let shown = folder.display();
    Ok((!done.status.success()).then(|| format!("{shown}: not valid\n{}", said.trim())))
}

/// Whether this Terraform can read an import by identity.
fn knows_identities(terraform: &Terraform) -> Result<bool> {
    let done = terraform.command(&["version", "-json"]).output().context("terraform version does not start")?;
    let said: serde_json::Value = serde_json::from_slice(&done.stdout).context("terraform version -json")?;
    let version = said["terraform_version"].as_str().unwrap_or_default();
    let mut numbers = version.split(['.', '-']).map(|part| part.parse::<u32>().unwrap_or_default());
    Ok((numbers.next(), numbers.next()) >= (Some(1), Some(12)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_example_that_is_missing_or_strange_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let mut provider = Provider::default();
        provider.resource_schemas.insert("justmanage_thing".into(), Default::default());
        provider.functions.insert("now".into(), Default::default());
        let write = |name: &str| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        };
        let said = |provider: &Provider| places(folder.path(), provider).unwrap();
        let missing = |name: &str| format!("examples/{name}: missing");
        let all = [
            "functions/now/function.tf",
            "list-resources/justmanage_redis_cluster/list-resource.tfquery.hcl",
            "provider/provider.tf",
            "resources/justmanage_thing/resource.tf",
        ];
        assert_eq!(said(&provider), all.map(missing));
        all.iter().for_each(|name| write(name));
        ["import.sh", "import-by-string-id.tf"]
            .iter()
            .for_each(|name| write(&format!("resources/justmanage_thing/{name}")));
        write("local-node/main.tf"); // not an example of a page
        assert_eq!(said(&provider), [""; 0]);
        write("resources/justmanage_other/resource.tf");
        write("functions/now/import.sh");
        write("list-resources/justmanage_other/list-resource.tfquery.hcl");
        let strange = |name: &str| format!("examples/{name}: no documentation tool reads it");
        let other = [
            "functions/now/import.sh",
            "list-resources/justmanage_other/list-resource.tfquery.hcl",
            "resources/justmanage_other/resource.tf",
        ];
        assert_eq!(said(&provider), other.map(strange));
    }
}
