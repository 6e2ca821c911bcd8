//! A node's data directory emptied: wholly, also by who is killed on the way.
//!
//! A server that finds part of what another one wrote starts on it, and takes it for all there is. So it is said in the directory that
//! all of it is to go, before any of it goes; whoever starts the server next, by whatever plan, comes to the end of it first. The
//! directory itself stays, and is not replaced by another: processes of a server are found by the directory that they work in.

use std::fs::{self, File};
use std::io;

use justmanage_engine::BUS_FILE;
use justmanage_steps::step;

use crate::directory::Directory;

/// As long as this file is in the data directory, nothing in there is data any more.
const MARK: &str = "emptying";

/// Whether somebody began to empty it, and did not come to the end.
pub(super) fn is_open(directory: &Directory) -> bool {
    directory.data().join(MARK).exists()
}

/// Removes the server's data, all but who it is on the bus. What the server left half-written counts as data.
pub(super) fn empty(directory: &Directory) -> io::Result<()> {
    let data = directory.data();
    let mark = data.join(MARK);
    directory.write_bytes(&mark, b"")?;
    for entry in fs::read_dir(&data)? {
        let entry = entry?;
        if entry.file_name() == BUS_FILE || entry.file_name() == MARK {
            continue;
        }
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
        step!("data: partly removed");
    }
    // In this order also on disk: no mark comes back to what the next server writes, and none goes before what it stands for.
    File::open(&data)?.sync_all()?;
    fs::remove_file(&mark)?;
    File::open(&data)?.sync_all()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// A node whose server has left these files.
    fn node(home: &Path, files: &[&str]) -> Directory {
        let directory = Directory::new(home);
        for file in files {
            let path = directory.data().join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(path, file).expect("written");
        }
        directory
    }

    fn left(directory: &Directory) -> Vec<String> {
        let entries = fs::read_dir(directory.data()).expect("the data");
        entries.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn all_goes_but_who_the_server_is_on_the_bus() {
        let home = tempfile::tempdir().expect("a directory");
        let manifest = "appendonlydir/appendonly.aof.manifest";
        let files = [BUS_FILE, "dump.rdb", "temp-1.rdb", manifest, "appendonlydir/appendonly.aof.1.base.rdb"];
        let directory = node(home.path(), &files);
        empty(&directory).expect("emptied");
        assert_eq!(left(&directory), [BUS_FILE]);
        assert_eq!(fs::read_to_string(directory.data().join(BUS_FILE)).expect("the file"), BUS_FILE);
        assert!(!is_open(&directory));
        empty(&directory).expect("emptied once more");
        assert_eq!(left(&directory), [BUS_FILE]);
    }

    #[test]
    fn what_was_begun_is_known_and_comes_to_its_end() {
        let home = tempfile::tempdir().expect("a directory");
        let directory = node(home.path(), &[BUS_FILE, "appendonlydir/appendonly.aof.manifest"]);
        assert!(!is_open(&directory), "whole data");
        // Killed when it had removed the base and not the manifest.
        directory.write_bytes(&directory.data().join(MARK), b"").expect("written");
        assert!(is_open(&directory));
        empty(&directory).expect("emptied");
        assert_eq!(left(&directory), [BUS_FILE]);
        assert!(!is_open(&directory));
    }

    #[test]
    fn nothing_goes_before_it_is_said() {
        let home = tempfile::tempdir().expect("a directory");
        let directory = node(home.path(), &[BUS_FILE, "dump.rdb"]);
        // Where the mark cannot be put, as on a full disk.
        fs::create_dir(directory.data().join(MARK)).expect("made");
        fs::write(directory.data().join(MARK).join("in the way"), "").expect("written");
        empty(&directory).expect_err("there is no mark");
        assert!(directory.data().join("dump.rdb").exists());
    }
}
