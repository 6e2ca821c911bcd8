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

/// Which processes of our own user, other than ourselves, work where: one look at `/proc`, for any number of questions.
pub struct Workplaces(Vec<(u32, Spot)>);

impl Workplaces {
    /// Looks now.
    ///
    /// # Errors
    /// `/proc` cannot be read.
    pub fn look() -> io::Result<Self> {
        let (user, own) = (rustix::process::geteuid().as_raw(), std::process::id());
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc")?.flatten() {
            let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
            let proc = entry.path();
            // A process may end while we look at it: then it is simply not there.
            if pid != own && fs::metadata(&proc).is_ok_and(|metadata| metadata.uid() == user) {
                found.push((pid, Spot::of(&proc.join("cwd"))));
            }
        }
        Ok(Self(found))
    }

    /// The server that works in a data directory, if one does: the agent died between its start and the note about it.
    ///
    /// A server of ours has its own session, works in the data directory, and holds that directory open, because its
    /// [`Launcher`](super::Launcher) locked it. All three are asked for: somebody's shell that stands in the directory is
    /// no server, and neither is the fork that a server saves its data with.
    pub fn server_in(&self, data: &Path) -> Option<ProcessIdentity> {
        let mut servers = self.tenants(data, data).into_iter().filter(|tenant| tenant.session == tenant.identity.pid);
        servers.next().map(|tenant| tenant.identity)
    }

    /// The processes that work in `cwd` and have `open` open.
    fn tenants(&self, cwd: &Path, open: &Path) -> Vec<Tenant> {
        let cwd = Place::at(cwd);
        // Nearly all work elsewhere. That is asked first, for it costs least: the kernel writes `stat` in some 40 µs.
        let here = self.0.iter().filter(|(_, spot)| cwd.is(spot)).map(|(pid, _)| *pid);
        let tenant = |pid: u32| {
            let proc = PathBuf::from(format!("/proc/{pid}"));
            // Who it is before what it does: were the pid to change hands in between, the identity would be that of one who is
            // gone.
            let (identity, stat) = (identity(pid).ok()?, Stat::of(pid).ok()?);
            let works_here = cwd.is(&Spot::of(&proc.join("cwd"))) && Place::at(open).is_any(&proc.join("fd"));
            (!stat.is_over() && works_here).then_some(Tenant { identity, session: stat.session })
        };
        here.filter_map(tenant).collect()
    }
}

/// Forks of a server of this data directory that outlived it. Such a fork would, when it is done, rename an old snapshot over
/// what a new server has saved meanwhile.
///
/// # Errors
/// `/proc` cannot be read.
pub fn leftovers(data: &Path) -> io::Result<Vec<ProcessIdentity>> {
    let leaderless = |tenant: &Tenant| Stat::of(tenant.session).map_or(true, |leader| leader.is_over());
    let tenants = Workplaces::look()?.tenants(data, data);
    Ok(tenants.into_iter().filter(leaderless).map(|tenant| tenant.identity).collect())
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
    let tenants = Workplaces::look()?.tenants(directory, lock);
    Ok(tenants.into_iter().find(runs).map(|tenant| tenant.identity))
}

/// Where a link in `/proc` leads.
struct Spot {
    file: Option<(u64, u64)>,
    path: Option<PathBuf>,
}

impl Spot {
    fn of(link: &Path) -> Self {
        let file = fs::metadata(link).ok().map(|metadata| (metadata.dev(), metadata.ino()));
        Self { file, path: fs::read_link(link).ok() }
    }
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

    /// Whether that is where it leads.
    fn is(&self, spot: &Spot) -> bool {
        spot.file.is_some() && spot.file == self.file || spot.path.as_ref() == Some(&self.deleted)
    }

    /// Whether any link in a directory leads to it.
    fn is_any(&self, links: &Path) -> bool {
        fs::read_dir(links).is_ok_and(|links| links.flatten().any(|link| self.is(&Spot::of(&link.path()))))
    }
}

/// The path without symbolic links, as far as it exists.
fn real(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| match (path.parent(), path.file_name()) {
        (Some(parent), Some(name)) => real(parent).join(name),
        _ => path.to_owned(),
    })
}
