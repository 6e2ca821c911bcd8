//! `cargo xtask hosts`: the trees that hosts of tests stand on, in the cache, as `acceptance-tests/hosts/tree.sh` makes them.
//!
//! Layout: `<cache>/hosts-bookworm-HASH` and `<cache>/hosts-trixie-HASH`, named by the bytes of that script, so that a checkout with
//! another one takes nothing away from this one's tests. Each appears by one rename, and nothing writes to it any more.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use ring::digest::{SHA256, digest};

use crate::{house, servers, shell};

/// What hosts run; the first is what most of them do.
const SUITES: [&str; 2] = ["bookworm", "trixie"];

/// How the folders begin in which trees are made.
const MAKING: &str = ".making-hosts-";

/// Makes what is missing, a quarter of a minute for each.
pub(crate) fn run() -> Result<()> {
    let recipe = house::workspace().join("acceptance-tests/hosts/tree.sh");
    let recipe = fs::read(&recipe).with_context(|| format!("cannot read {}", recipe.display()))?;
    for suite in SUITES {
        let place = house::cache()?.join(name(suite, &recipe));
        if !place.exists() {
            let _one_at_a_time = house::lock("hosts")?;
            if !place.exists() {
                make(suite, &recipe, &place).with_context(|| format!("cannot make {}", place.display()))?;
            }
        }
        println!("{}", place.display());
    }
    Ok(())
}

/// The name of a tree in the cache. `acceptance-tests/src/hosts/tree.rs` has the same, and the same test.
fn name(suite: &str, recipe: &[u8]) -> String {
    let digits: String = digest(&SHA256, recipe).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("hosts-{suite}-{}", &digits[..16])
}

fn make(suite: &str, recipe: &[u8], place: &Path) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        bail!("hosts and their trees are root's: run this as root");
    }
    eprintln!("making a tree of {suite} for hosts of tests");
    let cache = place.parent().context("the cache has a root")?;
    remove_leftovers(cache)?;
    let work = tempfile::Builder::new().prefix(MAKING).tempdir_in(cache)?;
    let [script, sources, made] = ["tree.sh", "sources.list", "tree"].map(|name| work.path().join(name));
    fs::write(&script, recipe)?;
    fs::write(&sources, servers::sources_list(suite)?)?;
    shell::output(shell::plain("sh").arg(&script).arg(suite).arg(&made).arg(&sources))?;
    fs::rename(&made, place).context("cannot move the tree to its place")
}

/// Removes what a killed task left; called under the lock, so none of it is in use.
fn remove_leftovers(cache: &Path) -> Result<()> {
    for entry in fs::read_dir(cache)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with(MAKING) {
            fs::remove_dir_all(entry.path()).with_context(|| format!("cannot remove {}", entry.path().display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_named_by_their_recipe() {
        assert_eq!(name("bookworm", b"recipe\n"), "hosts-bookworm-c0b39da76abd2446");
    }

    #[test]
    fn half_made_trees_are_removed_and_others_stay() {
        let cache = tempfile::tempdir().unwrap();
        for folder in [".making-hosts-x1/tree/etc", "hosts-bookworm-1", ".making-servers"] {
            fs::create_dir_all(cache.path().join(folder)).unwrap();
        }
        remove_leftovers(cache.path()).unwrap();
        let mut left: Vec<_> = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, [".making-servers", "hosts-bookworm-1"]);
    }
}
