//! The directory of all local clusters: its layout, its lock, and the claims in it.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use justmanage_model::node::{AgentInfo, NodeOrder};
use justmanage_model::{ClusterName, NodeId, Version};
use justmanage_platforms::PlatformError;
use justmanage_steps::step;
use rustix::fs::{FlockOperation, flock};

/// The claim of a node, in the node's directory.
const ORDER: &str = "order.json";
/// Leads to the program of the agent that ran last, in the node's directory; written by the agent when it answers.
const PROGRAM: &str = "program";
/// What the agent that ran last says of itself, in the node's directory.
const AGENT: &str = "agent.json";
/// An agent's program that nobody runs stays so long: whoever put it there is about to run it.
const UNUSED: Duration = Duration::from_secs(60 * 60);
/// Agent programs, one file per build, shared by the nodes. Beginning with a dot, it cannot be a cluster's name.
const PROGRAMS: &str = ".bin";
/// Server programs that were downloaded, one directory per digest.
pub(crate) const ARTEFACTS: &str = ".artifacts";

/// The directory under which every local cluster lives: `$XDG_DATA_HOME/justmanage` unless the provider says otherwise.
#[derive(Clone, Debug)]
pub struct Root {
    path: PathBuf,
}

/// Holding it excludes every other operator of the same root.
#[derive(Debug)]
pub struct RootLock {
    _directory: File,
}

impl Root {
    /// The root at a path; nothing is made yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where a node lives.
    pub fn node(&self, name: &ClusterName, node: &NodeId) -> PathBuf {
        self.path.join(name.as_str()).join(node.to_string())
    }

    /// Whose node lives in a directory, if a node can live there.
    pub fn cluster_of(&self, directory: &Path) -> Option<ClusterName> {
        let mut inside = directory.strip_prefix(&self.path).ok()?.components().map(|part| part.as_os_str().to_str());
        let name = inside.next()??.parse().ok()?;
        let _: NodeId = inside.next()??.parse().ok()?;
        inside.next().is_none().then_some(name)
    }

    /// Where agent programs are kept.
    pub fn programs(&self) -> PathBuf {
        self.path.join(PROGRAMS)
    }

    /// Where downloaded server programs are kept.
    pub fn artefacts(&self) -> PathBuf {
        self.path.join(ARTEFACTS)
    }

    /// Makes the root if need be and takes its lock. Blocks while another operator holds it: they hold it for
    /// milliseconds to seconds. Call it off the async threads.
    ///
    /// # Errors
    /// [`PlatformError::Denied`] when the directory cannot be made or opened.
    pub fn lock(&self) -> Result<RootLock, PlatformError> {
        loop {
            make_private(&self.path)?;
            let directory = match File::open(&self.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened.map_err(|error| denied(&self.path, &error))?,
            };
            flock(&directory, FlockOperation::LockExclusive).map_err(|error| denied(&self.path, &error.into()))?;
            // Whoever held the lock before us may have removed the directory with the last cluster in it:
            // then ours is a lock on nothing.
            let ours = directory.metadata().map_err(|error| denied(&self.path, &error))?;
            match fs::metadata(&self.path) {
                Ok(now) if (now.dev(), now.ino()) == (ours.dev(), ours.ino()) => {
                    return Ok(RootLock { _directory: directory });
                }
                _ => {}
            }
        }
    }

    /// The names of all clusters that have a node here.
    ///
    /// # Errors
    /// [`PlatformError::Denied`] when a directory cannot be read, [`PlatformError::Invalid`] when a claim is damaged.
    pub fn clusters(&self) -> Result<BTreeSet<ClusterName>, PlatformError> {
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            entries => entries.map_err(|error| denied(&self.path, &error))?,
        };
        let mut clusters = BTreeSet::new();
        for entry in entries {
            let entry = entry.map_err(|error| denied(&self.path, &error))?;
            // Other names are our own stores, or nothing of ours; and so is a file, whatever its name. What cannot be looked at is
            // not skipped: it is an error below.
            let Some(name) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
            if fs::metadata(entry.path()).is_ok_and(|found| !found.is_dir()) {
                continue;
            }
            if !self.orders(&name)?.is_empty() {
                clusters.insert(name);
            }
        }
        Ok(clusters)
    }

    /// The orders of all nodes under a cluster's name, with their directories.
    ///
    /// # Errors
    /// [`PlatformError::Denied`] when the directory cannot be read, [`PlatformError::Invalid`] when a claim is damaged.
    pub fn orders(&self, name: &ClusterName) -> Result<Vec<(PathBuf, NodeOrder)>, PlatformError> {
        let cluster = self.path.join(name.as_str());
        let entries = match fs::read_dir(&cluster) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(|error| denied(&cluster, &error))?,
        };
        let mut orders = Vec::new();
        for entry in entries {
            let directory = entry.map_err(|error| denied(&cluster, &error))?.path();
            // Names that are no node ids are unfinished directories of `create_node`, without a claim yet.
            if directory.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.parse::<NodeId>().is_ok())
                && let Some(order) = read_order(&directory)?
            {
                orders.push((directory, order));
            }
        }
        orders.sort_by_key(|(_, order)| (order.claim.seat.is_none(), order.claim.seat));
        Ok(orders)
    }

    /// Makes a node's directory with its claim in it, whole or not at all. One that is there already stays as it is.
    ///
    /// # Errors
    /// [`PlatformError::Denied`] when the directory cannot be written.
    pub fn create_node(&self, _lock: &RootLock, order: &NodeOrder) -> Result<PathBuf, PlatformError> {
        let directory = self.node(&order.claim.name, &order.claim.node);
        if directory.join(ORDER).exists() {
            return Ok(directory);
        }
        let cluster = self.path.join(order.claim.name.as_str());
        make_private(&cluster)?;
        let unfinished = cluster.join(format!(".new-{}", order.claim.node));
        remove_all(&unfinished)?;
        make_private(&unfinished)?;
        let text = serde_json::to_vec_pretty(order)
            .map_err(|error| denied(&unfinished, &io::Error::new(io::ErrorKind::InvalidData, error)))?;
        let finish = || -> io::Result<()> {
            let mut file = File::create_new(unfinished.join(ORDER))?;
            file.write_all(&text)?;
            file.sync_all()?;
            File::open(&unfinished)?.sync_all()?;
            step!("node's directory: made");
            fs::rename(&unfinished, &directory)?;
            File::open(&cluster)?.sync_all()?;
            step!("node's directory: in place");
            Ok(())
        };
        finish().map_err(|error| denied(&directory, &error))?;
        Ok(directory)
    }

    /// The program of the agent that ran last in a node's directory, if it is still there.
    pub fn program_of(&self, node: &Path) -> Option<PathBuf> {
        fs::read_link(node.join(PROGRAM)).ok().filter(|program| program.is_file())
    }

    /// The version of the agent that ran last in a node's directory.
    pub fn last_version(&self, node: &Path) -> Option<Version> {
        let info: AgentInfo = serde_json::from_slice(&fs::read(node.join(AGENT)).ok()?).ok()?;
        info.version.parse().ok()
    }

    /// Removes agents' programs that no node runs any more, except `keep`. What cannot be removed stays: it costs nothing but room.
    pub fn sweep_programs(&self, _lock: &RootLock, keep: &Path) {
        let below = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let visible = |path: &PathBuf| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'));
        let nodes: Vec<PathBuf> = below(&self.path).filter(visible).flat_map(|cluster| below(&cluster)).collect();
        // By their names alone, which are one per build: agents note the path that the kernel gives them, in which no symbolic link
        // is left, and the way here may lead over one.
        let name = |path: &Path| path.file_name().map(OsStr::to_owned);
        let noted = |node: &PathBuf| name(&fs::read_link(node.join(PROGRAM)).ok()?);
        let used: Vec<Option<OsString>> = nodes.iter().map(noted).collect();
        // Agents of the first release note nothing: then nobody knows what runs.
        if used.iter().any(Option::is_none) {
            return;
        }
        for program in below(&self.programs()) {
            let fresh = fs::metadata(&program).and_then(|found| found.modified());
            let fresh = fresh.is_ok_and(|made| made.elapsed().is_ok_and(|age| age < UNUSED));
            if name(&program) != name(keep) && !fresh && !used.contains(&name(&program)) {
                let _ = fs::remove_file(&program);
            }
        }
    }

    /// Removes what nobody needs any more after a node went: the cluster's directory when it is empty, and with the last
    /// cluster the programs and the root itself. The cluster's directory goes after all that: as long as it is there, whoever
    /// looks for the cluster finds that this is not done ([`Root::is_untidy`]).
    ///
    /// # Errors
    /// [`PlatformError::Denied`] when something cannot be removed.
    pub fn tidy(&self, _lock: &RootLock, name: &ClusterName) -> Result<(), PlatformError> {
        let cluster = self.path.join(name.as_str());
        step!("root: about to be tidied");
        let mut nodes_left = false;
        for entry in fs::read_dir(&cluster).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(".new-") {
                remove_all(&entry.path())?;
            } else {
                nodes_left = true;
            }
        }
        if nodes_left {
            return Ok(());
        }
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten().map(|entry| entry.file_name());
        let clusters_left = entries.filter(|entry| *entry != *name.as_str()).any(|e| !is_ours(&e.to_string_lossy()));
        if !clusters_left {
            step!("root: about to be emptied");
            remove_all(&self.programs())?;
            remove_all(&self.artefacts())?;
            step!("root: emptied");
        }
        // Both refuse when somebody has put something there, and that is right.
        let _ = fs::remove_dir(&cluster);
        step!("root: the cluster's directory is gone");
        let _ = fs::remove_dir(&self.path);
        Ok(())
    }

    /// Whether something is left of a cluster that has no nodes any more: whoever removed the last one was killed before it was
    /// done.
    pub fn is_untidy(&self, name: &ClusterName) -> bool {
        let is_empty = |path: &Path| fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none());
        self.path.join(name.as_str()).is_dir() || is_empty(&self.path)
    }
}

/// Whether an entry of the root is one of our own stores rather than a cluster.
fn is_ours(entry: &str) -> bool {
    entry == PROGRAMS || entry == ARTEFACTS
}

/// Reads a node's claim; `None` when the directory went in the meantime.
fn read_order(directory: &Path) -> Result<Option<NodeOrder>, PlatformError> {
    let path = directory.join(ORDER);
    let text = match fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.map_err(|error| denied(&path, &error))?,
    };
    serde_json::from_slice(&text).map(Some).map_err(|error| PlatformError::Invalid {
        field: "local".into(),
        what: format!("{} is damaged: {error}", path.display()),
        hint: format!(
            "This file says whose node the directory holds. If you know that its data are not needed, stop its processes \
             and remove {}.",
            directory.display()
        ),
    })
}

/// Makes a directory, and those above it, that nobody else may enter.
pub(crate) fn make_private(path: &Path) -> Result<(), PlatformError> {
    if path.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(|error| denied(path, &error))
}

/// Removes a directory with everything in it; one that is not there is a success.
fn remove_all(path: &Path) -> Result<(), PlatformError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(denied(path, &error)),
        _ => Ok(()),
    }
}

/// An error of the file system, by what the caller can do.
pub(crate) fn denied(path: &Path, error: &io::Error) -> PlatformError {
    let what = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            PlatformError::Quota { what, hint: "Free some space on this file system, then apply again.".into() }
        }
        _ => PlatformError::Denied {
            what,
            hint: "Make the directory writable for the user that runs Terraform, or choose another one with \
                   `local = { directory = \"...\" }` in the provider block."
                .into(),
        },
    }
}
