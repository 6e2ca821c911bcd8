//! Limits of the server's process: memory, processor time and its disk by control groups, where this user may make them.
//!
//! `memory` of a cluster is `maxmemory`, to which the server keeps by itself; the limit of the process is computed upward from
//! it ([`Resources::memory_limit`]), and is there for what nobody planned: buffers without bounds, a leak. A server starts in its group
//! ([`Confinement`]), and one that is adopted is put into it. What cannot be done is one sentence in the node's observation,
//! and no reason not to run. Why so:
//! docs/decisions/0012-limits-of-a-server.md and 0030-resources.md.
//!
//! A server that systemd starts is in the groups of its unit, whose limits root writes: those are read, and nothing is made or
//! changed (docs/decisions/0026-servers.md).

mod disk;
mod enforce;
mod find;
mod group;
mod size;
mod unit;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use justmanage_model::{Bytes, ClusterSpec, NodeId, Resources};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::directory::Directory;
use crate::process::Confinement;
use disk::Disk;
use find::Controller;
use group::Group;

/// How much less likely than others the kernel is to end the server when the whole machine has no memory left. Others of
/// that machine hold copies of what is on disk; a server holds what its clients were told is kept.
const OOM_SCORE_ADJ: i16 = -500;
/// How often the limits in force are looked at: who else is root can change them at any time, and mostly nobody does.
const LOOK_AGAIN: Duration = Duration::from_secs(60);
/// The same for those of a unit: an apply that has just changed them should see so soon, and to read them is nothing.
const LOOK_AGAIN_AT_UNIT: Duration = Duration::from_secs(5);
/// How long the last process of a group may take to leave it after its end: the kernel gives its memory back first.
const LEAVE_LIMIT: Duration = Duration::from_secs(5);

/// What a server's process is to be limited to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// `maxmemory`.
    pub memory: Bytes,
    /// What is asked for besides.
    pub resources: Resources,
}

impl Wanted {
    /// Most memory of the process.
    fn limit(&self) -> Bytes {
        self.resources.memory_limit(self.memory)
    }
}

impl From<&ClusterSpec> for Wanted {
    fn from(spec: &ClusterSpec) -> Self {
        Self { memory: spec.memory, resources: spec.resources }
    }
}

/// The limits of one node's server. Clones are the same.
#[derive(Clone, Debug)]
pub struct Limits {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    limiter: Limiter,
    directory: Directory,
    node: NodeId,
    /// `/proc`.
    proc: PathBuf,
    /// The one that the node's data are on, or why there is none.
    disk: Result<Disk, String>,
    told: Mutex<Option<Told>>,
}

/// Whose the groups are that the server is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Limiter {
    /// The agent's: it makes them.
    Agent,
    /// Its unit's: systemd makes them.
    Unit,
}

/// What was in force when it was looked at last.
#[derive(Debug)]
struct Told {
    of: (u32, Wanted),
    at: Instant,
    sentences: Vec<String>,
}

/// `limits.json`: groups that were made for this node, so that they can be removed by whoever removes it.
#[derive(Debug, Default, Deserialize, Serialize)]
struct Made {
    groups: Vec<PathBuf>,
}

impl Limits {
    /// Of a node's server.
    pub fn new(directory: Directory, node: NodeId) -> Self {
        let disk = Disk::of(directory.path(), Path::new("/sys"));
        Self::on(Limiter::Agent, directory, node, "/proc".into(), disk)
    }

    /// Of a node's server that systemd starts: what limits it is its unit's.
    pub fn of_unit(directory: Directory, node: NodeId) -> Self {
        let disk = Disk::of(directory.path(), Path::new("/sys"));
        Self::on(Limiter::Unit, directory, node, "/proc".into(), disk)
    }

    fn on(limiter: Limiter, directory: Directory, node: NodeId, proc: PathBuf, disk: Result<Disk, String>) -> Self {
        Self { inner: Arc::new(Inner { limiter, directory, node, proc, disk, told: Mutex::new(None) }) }
    }

    /// Makes the groups of a server that is about to start, and says how it is to begin.
    pub fn confinement(&self, wanted: Wanted) -> Confinement {
        let mut join: Vec<PathBuf> = Vec::new();
        if self.inner.limiter == Limiter::Unit {
            return Confinement { join, oom_score_adj: Some(OOM_SCORE_ADJ) };
        }
        let Wanted { memory, resources } = wanted;
        let asked = [
            (Controller::Memory, true),
            (Controller::Cpu, resources.cpu.is_some()),
            (Controller::Io, !resources.io.is_nothing() && self.inner.disk.is_ok()),
        ];
        for (controller, _) in asked.into_iter().filter(|(_, asked)| *asked) {
            let made = self.inner.make(controller).and_then(|group| {
                let limited = match (controller, &self.inner.disk) {
                    (Controller::Memory, _) => group
                        .limit_memory(wanted.limit())
                        .and_then(|()| group.protect_memory(memory, wanted.limit()).map(drop)),
                    (Controller::Cpu, _) => group.limit_cpus(resources.cpu).and_then(|()| group.back().map(drop)),
                    (Controller::Io, Ok(disk)) => {
                        group.limit_io(*disk, &resources.io).and_then(|()| group.back().map(drop))
                    }
                    (Controller::Io, Err(_)) => Ok(()),
                };
                limited.map(|()| group.members()).map_err(|error| sentence(&group.directory, &error))
            });
            // Why not is said with the next look at the server.
            if let Ok(members) = made {
                join.push(members);
            }
        }
        join.dedup();
        Confinement { join, oom_score_adj: Some(OOM_SCORE_ADJ) }
    }

    /// Makes the limits of a running server so, unless they are its unit's, and says what is in force, or why nothing is. What was
    /// so a minute ago is taken for so; the kernel may take seconds for a lower limit, so this waits on a thread of its own.
    pub async fn enforce(&self, pid: u32, wanted: Wanted) -> Vec<String> {
        let inner = self.inner.clone();
        let told = tokio::task::spawn_blocking(move || inner.told(pid, wanted)).await;
        told.unwrap_or_default()
    }
}

impl Inner {
    fn told(&self, pid: u32, wanted: Wanted) -> Vec<String> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = match self.limiter {
            Limiter::Agent => LOOK_AGAIN,
            Limiter::Unit => LOOK_AGAIN_AT_UNIT,
        };
        if let Some(told) = told.as_ref().filter(|told| told.of == (pid, wanted) && told.at.elapsed() < fresh) {
            return told.sentences.clone();
        }
        let sentences = match self.limiter {
            Limiter::Agent => self.enforce(pid, wanted),
            Limiter::Unit => unit::in_force(&self.proc, pid, wanted, self.disk.clone()),
        };
        *told = Some(Told { of: (pid, wanted), at: Instant::now(), sentences: sentences.clone() });
        sentences
    }
}

/// Removes the groups of a node whose server has ended.
pub fn remove(directory: &Directory) {
    let made: Made = directory.read(&directory.limits()).ok().flatten().unwrap_or_default();
    for group in made.groups {
        let deadline = Instant::now() + LEAVE_LIMIT;
        // The last process is gone when its parent is told, and leaves its group a moment later.
        while let Err(error) = Group::remove(&group) {
            if error.kind() != io::ErrorKind::ResourceBusy || Instant::now() > deadline {
                warn!(group = %group.display(), error = error.to_string(), "a control group is left behind");
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Why a group cannot be used.
fn sentence(group: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            format!("this user may not make or change control groups ({})", group.display())
        }
        _ => format!("{}: {error}", group.display()),
    }
}

#[cfg(test)]
mod tests;
