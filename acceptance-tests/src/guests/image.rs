//! What guests boot, as `cargo xtask guests` put it into the cache.

use std::path::PathBuf;

use crate::recipe;

/// A disk with Debian 12 and its cloud-init, and the kernel that belongs to it. Nobody writes to any of these.
#[derive(Debug, Clone)]
pub(super) struct Image {
    /// The system's disk: a raw file, in which a file system begins at once.
    pub(super) disk: PathBuf,
    /// The kernel.
    pub(super) kernel: PathBuf,
    /// Its first file system.
    pub(super) initrd: PathBuf,
}

impl Image {
    /// The one in the cache.
    ///
    /// # Panics
    /// When it is not there; with what to do.
    pub(super) fn cached() -> Self {
        let place = recipe::made("guests", "bookworm", "image.sh");
        Self { disk: place.join("disk"), kernel: place.join("vmlinuz"), initrd: place.join("initrd") }
    }
}
