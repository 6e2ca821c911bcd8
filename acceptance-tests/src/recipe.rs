//! What recipes of this crate have made in the cache: trees that hosts stand on, disks that guests boot.
//!
//! `cargo xtask hosts` and `cargo xtask guests` carry them out.

use std::fs;
use std::path::{Path, PathBuf};

use crate::secrets::sha256;
use crate::servers;

/// What the recipe `acceptance-tests/TASK/FILE` has made of a suite of Debian.
///
/// # Panics
/// When it is not there; with what to do.
pub(crate) fn made(task: &str, suite: &str, file: &str) -> PathBuf {
    let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join(task).join(file);
    let recipe = fs::read(&recipe).unwrap_or_else(|error| panic!("{}: {error}", recipe.display()));
    let place = servers::folder().with_file_name(name(task, suite, &recipe));
    assert!(place.is_dir(), "{} is missing: run `cargo xtask {task}` (or `cargo xtask test`)", place.display());
    place
}

/// The name of what was made. `xtask/src/recipe.rs` has the same, and the same test.
fn name(task: &str, suite: &str, recipe: &[u8]) -> String {
    format!("{task}-{suite}-{}", &sha256(recipe)[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_made_is_named_by_its_recipe() {
        assert_eq!(name("hosts", "bookworm", b"recipe\n"), "hosts-bookworm-c0b39da76abd2446");
    }
}
