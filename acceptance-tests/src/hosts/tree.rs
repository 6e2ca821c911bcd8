//! The trees that hosts stand on, as `cargo xtask hosts` put them into the cache.

use std::path::PathBuf;

use crate::recipe;

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
        recipe::made("hosts", self.suite(), "tree.sh")
    }
}
