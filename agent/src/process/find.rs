//! Finding the processes of a node when no file tells who they are.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use justmanage_model::node::ProcessIdentity;

use super::identity;
use super::stat::Stat;

/// A process that works in a directory and has a certain file open.
struct Tenant {
    identity: ProcessIdentity,
    session: u32,
}

/// The server that works in a data directory, if one does: the agent died between its start and the note about it.
///
/// A server of ours has its own session, works in the data directory, and holds that directory open, because its
/// [`Launcher`](super::Launcher) locked it. All three are asked for: somebody's shell that stands in the directory is
/// no server, and neither is the fork that a server saves its data with.
///
/// # Errors
/// `/proc` cannot be read.
pub fn find_by_cwd(data: &Path) -> io::Result<Option<ProcessIdentity>> {
    let mut servers = tenants(data, data)?.into_iter().filter(|tenant| tenant.session == tenant.identity.pid);
    Ok(servers.next().map(|tenant| tenant.identity))
}

/// Forks of a server of this data directory that outlived it. Such a fork would, when it is done, rename an old snapshot over
/// what a new server has saved meanwhile.
///
/// # Errors
/// `/proc` cannot be read.
pub fn leftovers(data: &Path) -> io::Result<Vec<ProcessIdentity>> {
    let leaderless = |tenant: &Tenant| Stat::of(tenant.session).map_or(true, |leader| leader.is_over());
    Ok(tenants(data, data)?.into_iter().filter(leaderless).map(|tenant| tenant.identity).collect())
}

/// The agent that runs in a node's directory: it works there and holds its lock, and runs as `justmanage-agent run`.
/// (`remove` holds the lock, too, and may be called from inside the directory.)
///
/// # Errors
/// `/proc` cannot be read.
pub fn find_agent(directory: &Path, lock: &Path) -> io::Result<Option<ProcessIdentity>> {
    let runs = |tenant: &Tenant| {
        fs::read(format!("/proc/{}/cmdline", tenant.identity.pid))
            .is_ok_and(|line| line.split(|byte| *byte == 0).nth(1) == Some(b"run"))
    };
    Ok(tenants(directory, lock)?.into_iter().find(runs).map(|tenant| tenant.identity))
}

/// The processes of our own user, other than ourselves, that work in `cwd` and have `open` open.
fn tenants(cwd: &Path, open: &Path) -> io::Result<Vec<Tenant>> {
    let (cwd, open) = (Place::at(cwd), Place::at(open));
    let (user, own) = (rustix::process::geteuid().as_raw(), std::process::id());
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let proc = entry.path();
        // A process may end while we look at it: then it is simply not there. Nearly all work elsewhere, and that is the
        // cheapest question: the kernel writes `stat` in some 40 µs.
        let works_here = || cwd.is(&proc.join("cwd"));
        if pid == own || !fs::metadata(&proc).is_ok_and(|metadata| metadata.uid() == user) || !works_here() {
            continue;
        }
        // Who it is before what it does: were the pid to change hands in between, the identity would be that of one who is gone.
        let (Ok(identity), Ok(stat)) = (identity(pid), Stat::of(pid)) else { continue };
        if !stat.is_over() && works_here() && open.is_any(&proc.join("fd")) {
            found.push(Tenant { identity, session: stat.session });
        }
    }
    Ok(found)
}

/// A file or directory, there or deleted.
struct Place {
    file: Option<(u64, u64)>,
    /// How `/proc` names it once it is deleted.
    deleted: PathBuf,
}

impl Place {
    fn at(path: &Path) -> Self {
        let mut deleted = real(path).into_os_string();
        deleted.push(" (deleted)");
        let file = fs::metadata(path).ok().map(|metadata| (metadata.dev(), metadata.ino()));
        Self { file, deleted: deleted.into() }
    }

    /// Whether a link in `/proc` leads to it.
    fn is(&self, link: &Path) -> bool {
        let there = fs::metadata(link).ok().map(|metadata| (metadata.dev(), metadata.ino()));
        there.is_some_and(|there| self.file == Some(there)) || fs::read_link(link).is_ok_and(|to| to == self.deleted)
    }

    /// Whether any link in a directory does.
    fn is_any(&self, links: &Path) -> bool {
        fs::read_dir(links).is_ok_and(|links| links.flatten().any(|link| self.is(&link.path())))
    }
}

/// The path without symbolic links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_owned(),
    })
}
