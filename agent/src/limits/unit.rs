//! Limits that a server has of its unit, as the kernel keeps them: read, and never changed from here.

use std::io;
use std::path::Path;

use justmanage_model::spec::{WEIGHT_MAX, WEIGHT_USUAL};
use justmanage_model::{Bytes, Io};

use super::Wanted;
use super::disk::Disk;
use super::enforce::{self, is_below};
use super::find::{Controller, Place, Version, place};
use super::group::Group;

/// What is in force for a process of which this is wanted: a sentence each on memory, processors and the disk.
pub(super) fn in_force(proc: &Path, pid: u32, wanted: Wanted, disk: Result<Disk, String>) -> Vec<String> {
    let place = |controller| place(proc, &pid.to_string(), controller);
    let unseen = |what: &str, why: String| format!("{what}: what its unit limits cannot be seen: {why}");
    let memory = place(Controller::Memory).and_then(|place| memory(&place, wanted));
    let cpu = place(Controller::Cpu).and_then(|place| cpu(&place));
    let io = disk.and_then(|disk| io(&place(Controller::Io)?, disk, wanted.resources.io.weight));
    vec![
        memory.unwrap_or_else(|why| unseen("memory", why)),
        cpu.unwrap_or_else(|why| unseen("processors", why)),
        io.unwrap_or_else(|why| unseen("io", why)),
    ]
}

fn memory(place: &Place, wanted: Wanted) -> Result<String, String> {
    let version = place.version;
    let limit = match least(place, Group::memory)? {
        None => "not limited by its unit".to_owned(),
        Some(limit) => {
            let (data, needed) = (wanted.memory, wanted.limit());
            let enough = match limit < needed {
                true => format!("which is less than the {needed} that {data} of data can take"),
                false => format!("for {data} of data"),
            };
            let swap = if least(place, Group::swap)? == Some(Bytes::new(0)) { "; no swap" } else { "" };
            format!("at most {limit} for the process, {enough}, by its unit{swap}")
        }
    };
    let protection = match (version, protected(place)?.get()) {
        (Version::One, _) => "others may take from it, against which version 1 has nothing".to_owned(),
        (Version::Two, 0) => "others may take from it".to_owned(),
        (Version::Two, bytes) => format!("others take nothing from {} of it", Bytes::new(bytes)),
    };
    Ok(format!("memory: {limit}; {protection} (control groups, version {version})"))
}

fn cpu(place: &Place) -> Result<String, String> {
    let version = place.version;
    Ok(match least(place, Group::cpus)? {
        None => "processors: not limited by its unit".to_owned(),
        Some(limit) => {
            let digits = format!("{}.{:03}", limit / 1000, limit % 1000);
            let limit = digits.trim_end_matches('0').trim_end_matches('.');
            let reserved = match everywhere(place, Group::weight)? >= WEIGHT_MAX {
                true => "before others",
                false => "but not before others",
            };
            format!("processors: at most {limit} by its unit, {reserved} (control groups, version {version})")
        }
    })
}

fn io(place: &Place, disk: Disk, weight: Option<u64>) -> Result<String, String> {
    let bound = |pick: fn(&Io) -> Option<u64>| least(place, |group| group.io(disk).map(|io| pick(&io)));
    let now = Io {
        read_bandwidth: bound(|io| io.read_bandwidth.map(Bytes::get))?.map(Bytes::new),
        write_bandwidth: bound(|io| io.write_bandwidth.map(Bytes::get))?.map(Bytes::new),
        read_iops: bound(|io| io.read_iops)?,
        write_iops: bound(|io| io.write_iops)?,
        weight: Some(everyones(place, disk)?).filter(|weight| *weight > 0 && *weight != WEIGHT_USUAL),
    };
    Ok(enforce::in_force(&now, weight, disk, " by its unit", place.version))
}

/// Its weight at a disk: counted among neighbours, so the least of all groups is what it comes to.
fn everyones(place: &Place, disk: Disk) -> Result<u64, String> {
    everywhere(place, |group| Ok(group.io(disk)?.weight.unwrap_or(WEIGHT_USUAL)))
}

/// How much of the memory others cannot take: no more than any group above lets it keep.
fn protected(place: &Place) -> Result<Bytes, String> {
    everywhere(place, |group| Ok(group.protected()?.unwrap_or_default()))
}

/// The least of a group and of those above it; nothing where one of them has none at all.
fn everywhere<T: Ord + Default>(place: &Place, read: impl Fn(&Group) -> io::Result<T>) -> Result<T, String> {
    let mut least = None;
    for directory in place.group.ancestors().take_while(|group| is_below(group, &place.mount)) {
        let value = match read(&Group { version: place.version, directory: directory.to_owned() }) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => T::default(),
            Err(error) => return Err(format!("{}: {error}", directory.display())),
            Ok(value) => value,
        };
        least = Some(match least {
            Some(least) if least < value => least,
            _ => value,
        });
    }
    Ok(least.unwrap_or_default())
}

/// The least limit of a group and of those above it: all of them hold.
fn least<T: Ord>(place: &Place, read: impl Fn(&Group) -> io::Result<Option<T>>) -> Result<Option<T>, String> {
    let mut least = None;
    for directory in place.group.ancestors().take_while(|group| group.starts_with(&place.mount)) {
        match read(&Group { version: place.version, directory: directory.to_owned() }) {
            Ok(limit) => least = [least, limit].into_iter().flatten().min(),
            // Where nobody asked for a controller, and at the top, there is no file of its.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(format!("{}: {error}", directory.display())),
        }
    }
    Ok(least)
}
