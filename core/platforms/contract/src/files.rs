//! What is in directories, and who runs: for places that are made of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::Contents;

/// Longest time for the end of a command whose caller was killed: a shell that removes some files, on a machine with much to do.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often it is looked for.
const BETWEEN: Duration = Duration::from_millis(2);

/// What is in a directory, in no order; nothing if there is none.
#[must_use]
pub fn below(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}

/// Everything below a directory, by names from there on: directories, links, and files with their text.
#[must_use]
pub fn contents(directory: &Path) -> Contents {
    let mut found = Contents::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for path in below(&folder) {
            let name = path.strip_prefix(directory).unwrap_or(&path).display().to_string();
            // What goes meanwhile is not there.
            let Ok(kind) = fs::symlink_metadata(&path).map(|metadata| metadata.file_type()) else { continue };
            let what = if kind.is_dir() {
                folders.push(path);
                "a directory".to_owned()
            } else if kind.is_symlink() {
                format!("leads to {:?}", fs::read_link(&path).ok())
            } else if kind.is_file() {
                String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned()
            } else {
                "something else".to_owned()
            };
            found.insert(name, what);
        }
    }
    found
}

/// Puts somebody's files below a directory.
///
/// # Panics
/// They cannot be written.
pub fn put_foreign(directory: &Path, files: &[&str]) {
    for path in files.iter().map(|file| directory.join(file)) {
        fs::create_dir_all(path.parent().expect("a directory")).expect("a directory");
        fs::write(path, "somebody's").expect("a file");
    }
}

/// What is in files of these names, of all contents.
#[must_use]
pub fn among(contents: Contents, files: &[&str]) -> Contents {
    contents.into_iter().filter(|(name, _)| files.contains(&name.as_str())).collect()
}

/// Waits until no process of these groups runs any more.
///
/// # Panics
/// One does for too long.
pub async fn ended(groups: &BTreeSet<&str>) {
    let end = Instant::now() + PATIENCE;
    while groups.iter().any(|group| runs(group)) {
        assert!(Instant::now() < end, "what was begun for somebody who was killed does not end");
        tokio::time::sleep(BETWEEN).await;
    }
}

/// Whether a process of this group runs.
fn runs(group: &str) -> bool {
    below(Path::new("/proc")).iter().any(|process| {
        let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
        // Behind its name, which ends in a parenthesis: its state, its parent, its group.
        let mut words = stat.rsplit(") ").next().unwrap_or_default().split(' ');
        words.next().is_some_and(|state| state != "Z") && words.nth(1) == Some(group)
    })
}
