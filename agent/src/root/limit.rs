//! Limits of the server's unit and of its slice: from its next start on by parts of the units, and at once for what runs.

use std::fs;
use std::io;
use std::path::Path;

use justmanage_model::Limits;

use super::place::{Base, remove, write};
use super::systemd::{SERVER, SLICE, servers, systemctl};

/// What every process of a server has besides its data: as much is left free above twice what it uses.
const BESIDES: u64 = 128 << 20;

/// Makes it so. Answers with what is not in force before the server's next start.
///
/// # Errors
/// What kept it from being done; calling again goes on.
pub(super) fn limit(base: &Base, limits: &Limits) -> Result<Vec<String>, String> {
    part(&base.limits(SERVER), &limits.unit_part())?;
    part(&base.limits(SLICE), &limits.slice_part())?;
    let mut later = Vec::new();
    // Before systemd reads its units anew: what is said at runtime counts for more than those, also where it is to stay as it is.
    for unit in servers()? {
        limit_unit(&unit, limits, &mut later)?;
    }
    set(SLICE, limits.slice_properties())?;
    // Also where the text was there already: whoever wrote it may have got no further.
    systemctl(&["daemon-reload"]).map(|_| later)
}

/// A part of a unit with this text, or none.
fn part(path: &Path, text: &str) -> Result<(), String> {
    let directory = path.parent().unwrap_or(path);
    let done = || -> io::Result<()> {
        if text.is_empty() {
            remove(path)?;
            // Its owner may have put something of theirs there.
            let _ = fs::remove_dir(directory);
            return Ok(());
        }
        let text = format!("{text}\n");
        if fs::read_to_string(path).is_ok_and(|there| there == text) {
            return Ok(());
        }
        fs::create_dir_all(directory)?;
        write(path, text.as_bytes(), 0o644)
    };
    done().map_err(|error| format!("{} cannot be written: {error}", path.display()))
}

/// Puts the limits in force for a server that runs. A lower one would kill it if it is below what it has already, or comes to have
/// while it saves: as much again, and what every server has besides.
fn limit_unit(unit: &str, limits: &Limits, later: &mut Vec<String>) -> Result<(), String> {
    let show = |property: &str| systemctl(&["show", &format!("--property={property}"), "--value", unit]);
    let now = show("MemoryMax")?.trim().to_owned();
    let used = show("MainPID")?.trim().parse::<u32>().ok().and_then(used);
    let memory = match (limits.memory.map(|memory| memory.get()), used) {
        (Some(wanted), Some(used)) if is_lower(wanted, &now) && 2 * used + BESIDES > wanted => {
            later.push(format!("memory: it uses {} KiB now", used / 1024));
            now
        }
        (Some(wanted), _) => wanted.to_string(),
        (None, _) => "infinity".to_owned(),
    };
    let properties = [format!("MemoryMax={memory}")].into_iter().chain(limits.unit_properties());
    set(unit, properties.collect())
}

/// Whether so much is less than what is in force.
fn is_lower(wanted: u64, now: &str) -> bool {
    now == "infinity" || now.parse().is_ok_and(|now: u64| wanted < now)
}

/// Memory of a process that is its own, in bytes.
fn used(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Sets properties of a unit, for as long as it runs.
fn set(unit: &str, properties: Vec<String>) -> Result<(), String> {
    let mut arguments = vec!["set-property", "--runtime", unit];
    arguments.extend(properties.iter().map(String::as_str));
    systemctl(&arguments).map(drop).map_err(|_| format!("the limits of {unit} cannot be set"))
}
