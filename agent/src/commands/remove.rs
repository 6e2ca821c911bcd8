//! `remove`: ends agent and server of a node and removes its directory, from whatever state they are in.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use justmanage_steps::step;

use super::end::{AGENT_LIMIT, end};
use super::{CommandError, Outcome, disk};
use crate::directory::Directory;
use crate::limits;
use crate::process::{LockGuard, Watched, find_agent};
use crate::server::{self, end_leftovers};

/// How long a server may take to save its data and end. The data is to be deleted, but whoever removes the wrong node by
/// mistake and has a copy of the directory should not lose more than they must.
const SERVER_LIMIT: Duration = Duration::from_secs(30);
/// How long agents that are started again and again are ended before we give up.
const PATIENCE: Duration = Duration::from_secs(15);

/// Removes a node. One that is gone already is a success.
pub(super) fn remove(directory: &Directory) -> Outcome {
    let fail = disk(directory);
    check(directory)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let agent = find_agent(directory.path(), &directory.agent_lock()).map_err(&fail)?;
        if let Some(agent) = agent.as_ref().and_then(Watched::open) {
            end(&agent, AGENT_LIMIT)?;
        }
        // With the lock in our hands no agent starts any more.
        match LockGuard::take(&directory.agent_lock(), Duration::from_millis(100)) {
            Ok(Some(lock)) => {
                step!("remove: agent ended");
                return with_lock(directory, lock);
            }
            Ok(None) if Instant::now() < deadline => {}
            Ok(None) => {
                let hint = "Another `remove` or `run` is at work; try again when it has ended.";
                return Err(CommandError::new("the node's lock is held by another process", hint));
            }
            // No directory, but perhaps a server that lived through its removal.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return end_server(directory),
            Err(error) => return Err(fail(error)),
        }
    }
}

/// Removes the node whose lock we hold.
pub(super) fn with_lock(directory: &Directory, lock: LockGuard) -> Outcome {
    end_server(directory)?;
    step!("remove: server ended");
    limits::remove(directory);
    delete(directory).map_err(disk(directory))?;
    drop(lock);
    Ok(())
}

/// Refuses to delete what is not a node's. A node that was half removed has at least its order or nothing else than files of
/// ours.
fn check(directory: &Directory) -> Outcome {
    if directory.order().exists() {
        return Ok(());
    }
    let entries = match fs::read_dir(directory.path()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(disk(directory))?,
    };
    let ours = [directory.agent_lock(), directory.agent_info(), directory.agent_log(), directory.ports()];
    for entry in entries {
        let path = entry.map_err(disk(directory))?.path();
        if !ours.contains(&path) {
            return Err(CommandError::new(
                format!("{} is no node's directory: it has no order.json", directory.path().display()),
                "Nothing was removed. Name the directory of a node with --dir.",
            ));
        }
    }
    Ok(())
}

fn end_server(directory: &Directory) -> Outcome {
    let fail = disk(directory);
    // More than one only if somebody else started the second; then both must go.
    while let Some(server) = server::running(directory).map_err(&fail)? {
        // Without its directory it cannot save, and Redis does not end before it has saved.
        end(&server, if directory.data().exists() { SERVER_LIMIT } else { Duration::ZERO })?;
    }
    end_leftovers(&directory.data()).map_err(fail)
}

/// Deletes the directory. The order, by which the node is found, goes last: whoever is killed half-way is called again.
/// The last step is a rename, so that an agent that waits for the lock finds no directory to start in.
fn delete(directory: &Directory) -> io::Result<()> {
    let keep = [directory.order(), directory.agent_lock()];
    for entry in fs::read_dir(directory.path())? {
        let path = entry?.path();
        if !keep.contains(&path) {
            delete_all(&path)?;
        }
    }
    step!("remove: all but the order deleted");
    let last = leftover(directory.path());
    delete_all(&last)?;
    match fs::rename(directory.path(), &last) {
        Err(error) if is_held(&error) => return empty(&keep),
        renamed => renamed?,
    }
    step!("remove: out of sight");
    delete_all(&last)?;
    step!("remove: gone");
    Ok(())
}

/// Whether a directory is not ours to move: what is above is root's, or read-only to our unit, as on a server of the user's own.
fn is_held(error: &io::Error) -> bool {
    use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, ResourceBusy};
    matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem | ResourceBusy)
}

/// Leaves nothing in a directory that has to stay: there an empty one is no claim, and the next takes its place. The order goes last,
/// by which the unit starts its agent.
fn empty([order, lock]: &[PathBuf; 2]) -> io::Result<()> {
    delete_all(lock)?;
    delete_all(order)?;
    step!("remove: empty");
    Ok(())
}

/// Where a node's directory is for its last moment: platforms take what is called so for a directory that was never
/// finished, and clear it away.
fn leftover(directory: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".new-");
    name.push(directory.file_name().unwrap_or_default());
    directory.with_file_name(name)
}

fn delete_all(path: &Path) -> io::Result<()> {
    let deleted = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    deleted.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_has_to_stay_is_left_empty() {
        let home = tempfile::tempdir().expect("a directory");
        let keep = ["order.json", "agent.lock"].map(|name| home.path().join(name));
        fs::write(&keep[0], "{}").expect("an order");
        // The lock may be gone: whoever was cut short is called again.
        empty(&keep).expect("emptied");
        assert_eq!(fs::read_dir(home.path()).expect("it is there").count(), 0);
        empty(&keep).expect("twice is once");
    }

    #[test]
    fn only_what_others_hold_stays() {
        for (kind, held) in [
            (io::ErrorKind::PermissionDenied, true),
            (io::ErrorKind::ReadOnlyFilesystem, true),
            (io::ErrorKind::ResourceBusy, true),
            (io::ErrorKind::DirectoryNotEmpty, false),
            (io::ErrorKind::StorageFull, false),
        ] {
            assert_eq!(is_held(&kind.into()), held, "{kind}");
        }
    }
}
