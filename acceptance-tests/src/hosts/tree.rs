//! The trees that hosts stand on, as `cargo xtask hosts` put them into the cache.

use std::fs;
use std::path::{Path, PathBuf};

use crate::secrets::sha256;
use crate::servers;

/// What hosts run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum System {
    /// Debian 12: systemd 252, glibc 2.36.
    #[default]
    Bookworm,
    /// Debian 13: systemd 257, glibc 2.41.
    Trixie,
}

impl System {
    /// Debian's name of it.
    pub const fn suite(self) -> &'static str {
        match self {
            Self::Bookworm => "bookworm",
            Self::Trixie => "trixie",
        }
    }

    /// The tree in the cache.
    ///
    /// # Panics
    /// When it is not there; with what to do.
    pub(super) fn tree(self) -> PathBuf {
        let recipe = Path::new(env!("CARGO_MANIFEST_DIR")).join("hosts/tree.sh");
        let recipe = fs::read(recipe).expect("the recipe of trees");
        let tree = servers::folder().with_file_name(name(self.suite(), &recipe));
        assert!(tree.is_dir(), "{} is missing: run `cargo xtask hosts` (or `cargo xtask test`)", tree.display());
        tree
    }
}

/// The name of a tree in the cache. `xtask/src/hosts.rs` has the same, and the same test.
fn name(suite: &str, recipe: &[u8]) -> String {
    format!("hosts-{suite}-{}", &sha256(recipe)[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_named_by_their_recipe() {
        assert_eq!(name("bookworm", b"recipe\n"), "hosts-bookworm-c0b39da76abd2446");
    }
}
