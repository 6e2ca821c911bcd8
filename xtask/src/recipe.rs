//! Recipes: scripts of acceptance-tests that make something of Debian's packages, once, in the cache.
//!
//! Layout: `<cache>/TASK-SUITE-HASH`, named by the bytes of the script, so that a checkout with another one takes nothing away from this
//! one's tests. Each appears by one rename, and nothing writes to it any more.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use ring::digest::{SHA256, digest};

use crate::{house, servers, shell};

/// A script that takes a suite, a folder that is not there, and a `sources.list`; and makes the folder.
pub(crate) struct Recipe {
    /// The task of that name, the folder of acceptance-tests that the script is in, the lock, and how what it makes is called.
    pub(crate) task: &'static str,
    /// The script.
    pub(crate) file: &'static str,
}

impl Recipe {
    /// Makes what is missing of a suite, and prints where it is.
    pub(crate) fn carry_out(&self, suite: &str) -> Result<()> {
        let script = house::workspace().join("acceptance-tests").join(self.task).join(self.file);
        let script = fs::read(&script).with_context(|| format!("cannot read {}", script.display()))?;
        let place = house::cache()?.join(name(self.task, suite, &script));
        if !place.exists() {
            let _one_at_a_time = house::lock(self.task)?;
            if !place.exists() {
                self.make(suite, &script, &place).with_context(|| format!("cannot make {}", place.display()))?;
            }
        }
        println!("{}", place.display());
        Ok(())
    }

    fn make(&self, suite: &str, script: &[u8], place: &Path) -> Result<()> {
        if !rustix::process::geteuid().is_root() {
            bail!("what {} of tests stand on is root's: run this as root", self.task);
        }
        eprintln!("making what {} of tests stand on, of Debian's {suite}", self.task);
        let cache = place.parent().context("the cache has a root")?;
        let making = format!(".making-{}-", self.task);
        remove_leftovers(cache, &making)?;
        let work = tempfile::Builder::new().prefix(&making).tempdir_in(cache)?;
        let [file, sources, made] = [self.file, "sources.list", "made"].map(|name| work.path().join(name));
        fs::write(&file, script)?;
        fs::write(&sources, servers::sources_list(suite)?)?;
        shell::output(shell::plain("sh").arg(&file).arg(suite).arg(&made).arg(&sources))?;
        fs::rename(&made, place).context("cannot move it to its place")
    }
}

/// The name of what is made. `acceptance-tests/src/recipe.rs` has the same, and the same test.
fn name(task: &str, suite: &str, script: &[u8]) -> String {
    let digits: String = digest(&SHA256, script).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{task}-{suite}-{}", &digits[..16])
}

/// Removes what a killed task left; called under the lock, so none of it is in use.
fn remove_leftovers(cache: &Path, making: &str) -> Result<()> {
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(making) {
            fs::remove_dir_all(entry.path()).with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_named_by_its_recipe() {
        assert_eq!(name("hosts", "bookworm", b"recipe\n"), "hosts-bookworm-c0b39da76abd2446");
    }

    #[test]
    fn what_is_half_made_is_removed_and_all_else_stays() {
        let cache = tempfile::tempdir().unwrap();
        for folder in [".making-hosts-x1/tree/etc", "hosts-bookworm-1", ".making-guests-x1", ".making-servers"] {
            fs::create_dir_all(cache.path().join(folder)).unwrap();
        }
        remove_leftovers(cache.path(), ".making-hosts-").unwrap();
        let mut left: Vec<_> = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".making-guests-x1", ".making-servers", "hosts-bookworm-1"]);
    }
}
