//! Limits that a server has of its unit, as the kernel keeps them: read, and never changed from here.

use std::io;
use std::path::Path;

use justmanage_model::Bytes;
use justmanage_model::spec::process_limit;

use super::find::{Controller, Place, place};
use super::group::Group;

/// What is in force for a process with so much data: a sentence on memory, and one on processors.
pub(super) fn in_force(proc: &Path, pid: u32, data: Bytes) -> Vec<String> {
    let place = |controller| place(proc, &pid.to_string(), controller);
    let unseen = |what: &str, why: String| format!("{what}: what its unit limits cannot be seen: {why}");
    let memory = place(Controller::Memory).and_then(|place| memory(&place, data));
    let cpus = place(Controller::Cpu).and_then(|place| cpus(&place));
    vec![memory.unwrap_or_else(|why| unseen("memory", why)), cpus.unwrap_or_else(|why| unseen("processors", why))]
}

fn memory(place: &Place, data: Bytes) -> Result<String, String> {
    let Some(limit) = least(place, Group::memory)? else { return Ok("memory: not limited by its unit".to_owned()) };
    let needed = process_limit(data);
    let enough = match limit < needed {
        true => format!("which is less than the {needed} that {data} of data can take"),
        false => format!("for {data} of data"),
    };
    let swap = if least(place, Group::swap)? == Some(Bytes::new(0)) { "; no swap" } else { "" };
    let version = place.version;
    Ok(format!(
        "memory: at most {limit} for the process, {enough}, by its unit{swap} (control groups, version {version})"
    ))
}

fn cpus(place: &Place) -> Result<String, String> {
    Ok(match least(place, Group::cpus)? {
        None => "processors: not limited by its unit".to_owned(),
        Some(limit) => {
            let digits = format!("{}.{:03}", limit / 1000, limit % 1000);
            let limit = digits.trim_end_matches('0').trim_end_matches('.');
            format!("processors: at most {limit} by its unit (control groups, version {})", place.version)
        }
    })
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
