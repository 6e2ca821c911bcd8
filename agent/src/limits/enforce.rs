//! What the agent makes of a running server's limits, and a sentence on each of the three.

use std::fs;
use std::io;
use std::path::Path;

use justmanage_model::{Bytes, Io, MilliCpus};

use super::disk::{self, Disk};
use super::find::{Controller, Version, place};
use super::group::{Group, belongs, name};
use super::{Inner, Made, OOM_SCORE_ADJ, Wanted, sentence, size};

impl Inner {
    /// Makes them so; a sentence each on memory, processors and the disk.
    pub(super) fn enforce(&self, pid: u32, wanted: Wanted) -> Vec<String> {
        let not = |what: &str, why: String| format!("{what}: not limited: {why}");
        // Processors and the disk first: how much weight the group above has follows from what is in its groups.
        let cpu = self.cpu(pid, wanted.resources.cpu).unwrap_or_else(|why| not("processors", why));
        let io = self.io(pid, &wanted.resources.io).unwrap_or_else(|why| not("io", why));
        let memory = self.memory(pid, wanted).unwrap_or_else(|why| not("memory", why));
        self.protect(pid);
        vec![memory, cpu, io]
    }

    fn memory(&self, pid: u32, wanted: Wanted) -> Result<String, String> {
        let group = self.hold(pid, Controller::Memory)?;
        let fail = |error: io::Error| sentence(&group.directory, &error);
        let (data, mut limit) = (wanted.memory, wanted.limit());
        let now = group.memory().map_err(fail)?;
        if now.is_none_or(|now| limit < now) {
            // It is lowered: not below what the server still uses.
            let least = size::least(self.resident(pid));
            limit = limit.max(now.map_or(least, |now| least.min(now)));
        }
        group.limit_memory(limit).map_err(fail)?;
        let is_protected = group.protect_memory(data, limit).map_err(fail)?;
        let in_force = group.memory().map_err(fail)?;
        let in_force = in_force.ok_or_else(|| format!("{} does not keep its limit", group.directory.display()))?;
        let swap = if group.without_swap() { "no swap" } else { "swap is not accounted for by this kernel" };
        let version = group.version;
        let protection = match (is_protected, version) {
            (true, _) => format!("others take nothing from {data} of it, and from the rest only when they must"),
            (false, Version::One) => "others may take from it, against which version 1 has nothing".to_owned(),
            (false, Version::Two) => "others may take from it, against which this kernel has nothing".to_owned(),
        };
        Ok(format!(
            "memory: at most {in_force} for the process, for {data} of data; {swap}; {protection} (control groups, version {version})"
        ))
    }

    fn cpu(&self, pid: u32, cpu: Option<MilliCpus>) -> Result<String, String> {
        let Some(limit) = cpu else {
            if let Ok(Some(group)) = self.held(pid, Controller::Cpu)
                && group.cpus().is_ok_and(|now| now.is_some())
            {
                let freed = group.limit_cpus(None).and_then(|()| group.back());
                freed.map_err(|error| sentence(&group.directory, &error))?;
            }
            return Ok("processors: not limited, as the cluster asks for none".to_owned());
        };
        let group = self.hold(pid, Controller::Cpu)?;
        let fail = |error: io::Error| sentence(&group.directory, &error);
        group.limit_cpus(cpu).map_err(fail)?;
        let is_backed = group.back().map_err(fail)? && group.weight().is_ok();
        let version = group.version;
        let reserved = match (version, is_backed) {
            (Version::Two, true) => "before others",
            (Version::Two, false) => "but not before others, for which this kernel has nothing",
            (Version::One, _) => "before others in the agent's own control group alone",
        };
        Ok(format!("processors: at most {limit} for the process, {reserved} (control groups, version {version})"))
    }

    fn io(&self, pid: u32, wanted: &Io) -> Result<String, String> {
        if wanted.is_nothing() {
            if let (Ok(Some(group)), Ok(disk)) = (self.held(pid, Controller::Io), &self.disk)
                && group.io(*disk).is_ok_and(|now| !now.is_nothing())
            {
                let freed = group.limit_io(*disk, wanted).and_then(|()| group.back());
                freed.map_err(|error| sentence(&group.directory, &error))?;
            }
            return Ok("io: not limited, as the cluster asks for none".to_owned());
        }
        let disk = self.disk.clone()?;
        let group = self.hold(pid, Controller::Io)?;
        let fail = |error: io::Error| sentence(&group.directory, &error);
        group.limit_io(disk, wanted).map_err(fail)?;
        group.back().map_err(fail)?;
        Ok(in_force(&group.io(disk).map_err(fail)?, wanted.weight, disk, "", group.version))
    }

    /// Its group for a controller: where it is, or where it is put now.
    fn hold(&self, pid: u32, controller: Controller) -> Result<Group, String> {
        if let Some(group) = self.held(pid, controller)? {
            // In version 2 it may have been made for another controller.
            let own = place(&self.proc, "self", controller)?;
            group.make(&own.mount, &[controller]).map_err(|error| sentence(&group.directory, &error))?;
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
    pub(super) fn make(&self, controller: Controller) -> Result<Group, String> {
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

/// The sentence on a disk. `weight` is the one that is wanted; `whose` limits these are.
pub(super) fn in_force(now: &Io, weight: Option<u64>, disk: Disk, whose: &str, version: Version) -> String {
    let bounds = match disk::told(now) {
        Some(bounds) => format!("at most {bounds} of disk {disk}{whose}"),
        None => format!("not limited{whose}"),
    };
    let weight = match (weight, now.weight) {
        (_, Some(weight)) => format!("; weight {weight}"),
        (Some(weight), None) if weight != justmanage_model::spec::WEIGHT_USUAL => {
            format!("; weight {weight} is not in force, as the disk's scheduler knows none")
        }
        _ => String::new(),
    };
    format!("io: {bounds}{weight} (control groups, version {version})")
}

/// Whether a path is below a mount, and not the mount itself.
pub(super) fn is_below(group: &Path, mount: &Path) -> bool {
    group != mount && group.starts_with(mount)
}
