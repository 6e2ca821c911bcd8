//! The unix socket, in a directory that only this user can enter, and that does not outlive the process for long.
//!
//! `<base>/tfkit-<uid>/<random>/plugin`. The process holds a lock (flock) on its own directory; the kernel releases it at
//! any death. So a directory whose lock can be had is proven to be left over, also across containers that share the base,
//! where a process id would prove nothing.
//!
//! `PLUGIN_UNIX_SOCKET_GROUP` is not honoured: it would open the directory to others, and Terraform does not set it.

use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::net::UnixListener},
    path::{Path, PathBuf},
};

use ring::rand::{SecureRandom, SystemRandom};
use rustix::{
    fs::{AtFlags, FlockOperation, Mode, OFlags, flock, fstat, lstat, mkdir, open as open_at, stat, unlinkat},
    io::Errno,
    process::geteuid,
};

/// Bytes of a socket address for the path, one of them for the closing NUL (`sun_path` in unix(7)).
const SUN_PATH: usize = 108;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub(super) enum SocketError {
    #[error("PLUGIN_UNIX_SOCKET_DIR={0:?} cannot hold the socket: too long, or not usable in a handshake line")]
    Demanded(PathBuf),
    #[error("no directory for the socket among {0:?}")]
    Nowhere(Vec<PathBuf>, #[source] io::Error),
    #[error("the socket cannot be used")]
    Listener(#[source] io::Error),
}

/// A listening socket in its directory; removed when dropped.
#[derive(Debug)]
pub(super) struct Socket {
    parent: PathBuf,
    directory: PathBuf,
    path: PathBuf,
    listener: UnixListener,
    /// Keeps the lock.
    _lock: OwnedFd,
}

/// Listens in `demanded`, or else in the first fitting temporary directory: of the environment, of the user, of the
/// system. `TMPDIR` may be too long for a socket address.
pub(super) fn open(demanded: Option<&Path>) -> Result<Socket, SocketError> {
    if let Some(base) = demanded {
        if !fits(base) {
            return Err(SocketError::Demanded(base.to_owned()));
        }
        return open_in(base).map_err(|error| SocketError::Nowhere(vec![base.to_owned()], error));
    }
    let runtime = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from).filter(|dir| dir.is_absolute());
    let bases: Vec<PathBuf> =
        [Some(std::env::temp_dir()), runtime, Some("/tmp".into())].into_iter().flatten().filter(|b| fits(b)).collect();
    let mut last = io::Error::from(io::ErrorKind::NotFound);
    for base in &bases {
        match open_in(base) {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(SocketError::Nowhere(bases, last))
}

/// Whether a socket below `base` has an address, and one that fits into a line whose fields are divided by bars.
fn fits(base: &Path) -> bool {
    let longest = base.join(parent_name()).join("0123456789abcdef/plugin");
    let plain = base.to_str().is_some_and(|text| !text.contains(|c: char| c == '|' || c.is_control()));
    plain && longest.as_os_str().len() < SUN_PATH
}

fn parent_name() -> String {
    format!("tfkit-{}", geteuid().as_raw())
}

fn open_in(base: &Path) -> io::Result<Socket> {
    let base = std::path::absolute(base)?;
    let parent = base.join(parent_name());
    // A neighbour that ends may remove the empty parent, and one that sweeps may take a directory before we lock it.
    for _ in 0..100 {
        match mkdir(&parent, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        match check_private(&parent) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            checked => checked?,
        }
        match lock_new(&parent) {
            Ok((directory, lock)) => {
                let path = directory.join("plugin");
                let listener = UnixListener::bind(&path)?;
                return Ok(Socket { parent, directory, path, listener, _lock: lock });
            }
            Err(Errno::NOENT | Errno::EXIST | Errno::WOULDBLOCK) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// The parent is a directory of ours that nobody else can enter: in /tmp anybody could have made it before us.
fn check_private(parent: &Path) -> io::Result<()> {
    let found = lstat(parent)?;
    let mode = Mode::from_raw_mode(found.st_mode);
    let directory = rustix::fs::FileType::from_raw_mode(found.st_mode).is_dir();
    if directory && found.st_uid == geteuid().as_raw() && !mode.intersects(Mode::RWXG | Mode::RWXO) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::PermissionDenied,
        format!("{} is not a private directory of ours", parent.display()),
    ))
}

/// A new directory, locked before anybody can think it dead; errors are those that call for another try, or real ones.
fn lock_new(parent: &Path) -> rustix::io::Result<(PathBuf, OwnedFd)> {
    let mut name = [0; 8];
    SystemRandom::new().fill(&mut name).map_err(|_| Errno::IO)?;
    let directory = parent.join(format!("{:016x}", u64::from_ne_bytes(name)));
    mkdir(&directory, Mode::RWXU)?;
    let lock = lock(&directory)?;
    // Between mkdir and lock it may have been swept away; then the lock is on a directory without a name.
    let (held, named) = (fstat(&lock)?, stat(&directory)?);
    if (held.st_dev, held.st_ino) == (named.st_dev, named.st_ino) { Ok((directory, lock)) } else { Err(Errno::NOENT) }
}

fn lock(directory: &Path) -> rustix::io::Result<OwnedFd> {
    let fd =
        open_at(directory, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    flock(&fd, FlockOperation::NonBlockingLockExclusive)?;
    Ok(fd)
}

impl Socket {
    /// The address.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The listener, for the runtime.
    pub(super) fn listener(&self) -> Result<UnixListener, SocketError> {
        let listener = self.listener.try_clone().map_err(SocketError::Listener)?;
        listener.set_nonblocking(true).map_err(SocketError::Listener)?;
        Ok(listener)
    }

    /// Removes what killed providers of this user have left. Failures do not matter: the next one tries again.
    pub(super) fn sweep_neighbours(&self) {
        let Ok(entries) = std::fs::read_dir(&self.parent) else { return };
        for neighbour in entries.flatten().map(|entry| entry.path()).filter(|path| *path != self.directory) {
            if let Ok(fd) = lock(&neighbour) {
                remove(&neighbour, &File::from(fd));
            }
        }
    }
}

/// Removes a directory of which we hold the lock.
fn remove(directory: &Path, held: &File) {
    let _ = unlinkat(held, "plugin", AtFlags::empty());
    let _ = std::fs::remove_dir(directory);
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        let _ = std::fs::remove_dir(&self.directory);
        // Fails while other providers have their directories in it.
        let _ = std::fs::remove_dir(&self.parent);
    }
}

#[cfg(test)]
mod tests;
