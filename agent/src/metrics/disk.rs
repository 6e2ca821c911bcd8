//! Room on the disk that the server's data is on.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::page::Page;

/// The server's data and its filesystem at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Disk {
    data: u64,
    size: u64,
    free: u64,
}

impl Disk {
    /// Of a data directory; `None` where there is none.
    pub(super) fn of(folder: &Path) -> Option<Self> {
        let filesystem = rustix::fs::statvfs(folder).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(filesystem.f_frsize);
        // What a user who is not root may still write, as `df` shows it.
        Some(Self { data: used(folder), size: bytes(filesystem.f_blocks), free: bytes(filesystem.f_bavail) })
    }
}

/// What is allocated for the files below a folder. Files come and go while a server rewrites its data; what is gone has no
/// size.
fn used(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => used(&entry.path()),
            // In units of 512 bytes, whatever the filesystem's blocks are.
            Ok(metadata) => metadata.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

pub(super) fn put(page: &mut Page, disk: Option<&Disk>) {
    let data = "What the server's data takes on disk.";
    page.gauge("justmanage_data_used_bytes", data, disk.map(|disk| disk.data));
    let size = "Size of the filesystem that the server's data is on.";
    page.gauge("justmanage_data_filesystem_size_bytes", size, disk.map(|disk| disk.size));
    let free = "Room on the filesystem that the server's data is on, for users other than root.";
    page.gauge("justmanage_data_filesystem_avail_bytes", free, disk.map(|disk| disk.free));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_counted_also_in_folders() {
        let home = tempfile::tempdir().expect("a directory");
        let before = Disk::of(home.path()).expect("a disk");
        assert!(before.free <= before.size && before.size > 0, "{before:?}");
        fs::create_dir(home.path().join("appendonlydir")).expect("a directory");
        fs::write(home.path().join("appendonlydir/file"), vec![7; 1 << 20]).expect("a file");
        fs::File::open(home.path().join("appendonlydir/file")).and_then(|file| file.sync_all()).expect("on disk");
        let after = Disk::of(home.path()).expect("a disk");
        let more = after.data - before.data;
        assert!((1 << 20..2 << 20).contains(&more), "{before:?} {after:?}");
        assert_eq!(Disk::of(&home.path().join("nowhere")), None);
    }
}
