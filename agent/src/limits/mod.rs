//! Limits of the server's process: memory and processor time by control groups, where this user may make them.
//!
//! `memory` of a cluster is `maxmemory`, to which the server keeps by itself; the limit of the process is computed upward from
//! it ([`process_limit`]), and is there for what nobody planned: buffers without bounds, a leak. A server starts in its group
//! ([`Confinement`]), and one that is adopted is put into it. What cannot be done is one sentence in the node's observation,
//! and no reason not to run. Why so: docs/decisions/0012-limits-of-a-server.md.
//!
//! A server that systemd starts is in the groups of its unit, whose limits root writes: those are read, and nothing is made or
//! changed (docs/decisions/0026-servers.md).

mod find;
mod group;
mod size;
mod unit;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use justmanage_model::spec::process_limit;
use justmanage_model::{Bytes, ClusterSpec, MilliCpus, NodeId};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::directory::Directory;
use crate::process::Confinement;
use find::{Controller, place};
use group::{Group, belongs, name};

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
    /// Processors; `None`: as many as there are.
    pub cpus: Option<MilliCpus>,
}

impl From<&ClusterSpec> for Wanted {
    fn from(spec: &ClusterSpec) -> Self {
        Self { memory: spec.memory, cpus: spec.cpus }
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
        Self::on(Limiter::Agent, directory, node, "/proc".into())
    }

    /// Of a node's server that systemd starts: what limits it is its unit's.
    pub fn of_unit(directory: Directory, node: NodeId) -> Self {
        Self::on(Limiter::Unit, directory, node, "/proc".into())
    }

    fn on(limiter: Limiter, directory: Directory, node: NodeId, proc: PathBuf) -> Self {
        Self { inner: Arc::new(Inner { limiter, directory, node, proc, told: Mutex::new(None) }) }
    }

    /// Makes the groups of a server that is about to start, and says how it is to begin.
    pub fn confinement(&self, wanted: Wanted) -> Confinement {
        let mut join: Vec<PathBuf> = Vec::new();
        if self.inner.limiter == Limiter::Unit {
            return Confinement { join, oom_score_adj: Some(OOM_SCORE_ADJ) };
        }
        for controller in [Controller::Memory, Controller::Cpu] {
            if controller == Controller::Cpu && wanted.cpus.is_none() {
                continue;
            }
            let made = self.inner.make(controller).and_then(|group| {
                let limited = match controller {
                    Controller::Memory => group.limit_memory(process_limit(wanted.memory)),
                    Controller::Cpu => group.limit_cpus(wanted.cpus),
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
            Limiter::Unit => unit::in_force(&self.proc, pid, wanted.memory),
        };
        *told = Some(Told { of: (pid, wanted), at: Instant::now(), sentences: sentences.clone() });
        sentences
    }

    fn enforce(&self, pid: u32, wanted: Wanted) -> Vec<String> {
        let memory = self.memory(pid, wanted.memory).unwrap_or_else(|why| format!("memory: not limited: {why}"));
        let mut sentences = vec![memory];
        sentences.extend(
            self.cpus(pid, wanted.cpus)
                .map(|said| said.unwrap_or_else(|why| format!("processors: not limited: {why}"))),
        );
        self.protect(pid);
        sentences
    }

    fn memory(&self, pid: u32, memory: Bytes) -> Result<String, String> {
        let group = self.hold(pid, Controller::Memory)?;
        let fail = |error: io::Error| sentence(&group.directory, &error);
        let mut limit = process_limit(memory);
        let now = group.memory().map_err(fail)?;
        if now.is_none_or(|now| limit < now) {
            // It is lowered: not below what the server still uses.
            let least = size::least(self.resident(pid));
            limit = limit.max(now.map_or(least, |now| least.min(now)));
        }
        group.limit_memory(limit).map_err(fail)?;
        let in_force = group.memory().map_err(fail)?;
        let in_force = in_force.ok_or_else(|| format!("{} does not keep its limit", group.directory.display()))?;
        let swap = if group.without_swap() { "no swap" } else { "swap is not accounted for by this kernel" };
        let version = group.version;
        Ok(format!(
            "memory: at most {in_force} for the process, for {memory} of data; {swap} (control groups, version {version})"
        ))
    }

    /// `None` where nothing is wanted and nothing is in force.
    fn cpus(&self, pid: u32, cpus: Option<MilliCpus>) -> Option<Result<String, String>> {
        let told = |group: &Group| match cpus {
            Some(cpus) => format!("processors: at most {cpus} (control groups, version {})", group.version),
            None => "processors: not limited, as the cluster asks for none".to_owned(),
        };
        let held = match cpus {
            Some(_) => self.hold(pid, Controller::Cpu),
            None => Ok(self.held(pid, Controller::Cpu).ok().flatten()?),
        };
        Some(held.and_then(|group| {
            let limited = group.limit_cpus(cpus);
            limited.map(|()| told(&group)).map_err(|error| sentence(&group.directory, &error))
        }))
    }

    /// Its group for a controller: where it is, or where it is put now.
    fn hold(&self, pid: u32, controller: Controller) -> Result<Group, String> {
        if let Some(group) = self.held(pid, controller)? {
            return Ok(group);
        }
        let group = self.make(controller)?;
        fs::write(group.members(), pid.to_string()).map_err(|error| sentence(&group.directory, &error))?;
        Ok(group)
    }

    /// Its group for a controller, if it is in one of ours.
    fn held(&self, pid: u32, controller: Controller) -> Result<Option<Group>, String> {
        let place = place(&self.proc, &pid.to_string(), controller)?;
        let ours = place.group.file_name().is_some_and(|last| *last == *name(self.node));
        Ok(ours.then_some(Group { version: place.version, directory: place.group }))
    }

    /// The group for a controller, made, and noted before it is.
    fn make(&self, controller: Controller) -> Result<Group, String> {
        let own = place(&self.proc, "self", controller)?;
        let group = belongs(&own, self.node)?;
        let file = self.directory.limits();
        let mut made: Made = self.directory.read(&file).ok().flatten().unwrap_or_default();
        if !made.groups.contains(&group.directory) {
            made.groups.push(group.directory.clone());
            self.directory.write(&file, &made).map_err(|error| format!("{}: {error}", file.display()))?;
        }
        group.make(&own.mount, &[controller]).map_err(|error| sentence(&group.directory, &error))?;
        Ok(group)
    }

    /// What the process has in memory; nothing if that cannot be seen.
    fn resident(&self, pid: u32) -> Bytes {
        let status = fs::read_to_string(self.proc.join(pid.to_string()).join("status")).unwrap_or_default();
        let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        Bytes::new(kib.unwrap_or(0_u64).saturating_mul(1024))
    }

    /// Others are ended before it. Only root may; where not, it is as likely as any.
    fn protect(&self, pid: u32) {
        let _ = fs::write(self.proc.join(pid.to_string()).join("oom_score_adj"), OOM_SCORE_ADJ.to_string());
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
