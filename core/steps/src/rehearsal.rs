//! Steps that are recorded, and the one at which somebody dies.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Signal, getpid, getppid, kill_process};

/// Names the directory in which a test records and kills.
pub const ENVIRONMENT: &str = "JUSTMANAGE_STEPS";

/// What is written behind a program's end, between line breaks, before the version that it is to call itself.
pub const MARK: &str = "justmanage-version ";

/// How much of a program's end is looked at for [`MARK`] and a version.
const END: u64 = 64;

/// This process passes a step: its part and the name, such as `run: file server.json: written`. What cannot be written is not recorded: a test notices that nobody died.
pub fn passed(name: &str) {
    if let Some(directory) = directory() {
        let _ = pass(directory, &format!("{}: {name}", part()));
    }
}

/// By how many seconds the clock of this process is to be ahead, as the file `clock` says now.
pub(crate) fn ahead_s() -> i64 {
    let read = |directory: &PathBuf| fs::read_to_string(directory.join("clock")).ok()?.trim().parse().ok();
    directory().and_then(read).unwrap_or_default()
}

fn directory() -> Option<&'static PathBuf> {
    static DIRECTORY: OnceLock<Option<PathBuf>> = OnceLock::new();
    DIRECTORY.get_or_init(|| std::env::var_os(ENVIRONMENT).map(PathBuf::from)).as_ref()
}

/// What this process is: the first word of its command line, or its program.
fn part() -> String {
    let mut words = std::env::args_os();
    let program = words.next().map(PathBuf::from).unwrap_or_default();
    words.next().unwrap_or_else(|| program.file_name().unwrap_or_default().to_owned()).to_string_lossy().into_owned()
}

fn pass(directory: &Path, name: &str) -> io::Result<()> {
    // Agents and provider pass steps at the same time; only one of them is to die. The kernel lets go of the lock of the dead.
    let lock = OpenOptions::new().write(true).create(true).truncate(false).open(directory.join("lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    let list = directory.join("passed");
    OpenOptions::new().append(true).create(true).open(&list)?.write_all(format!("{name}\n").as_bytes())?;
    let order = match fs::read_to_string(directory.join("kill")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        order => order?,
    };
    let mut words = order.trim_end().splitn(3, ' ');
    let (victim, time, wanted) = (words.next(), words.next(), words.next());
    let times = fs::read_to_string(&list)?.lines().filter(|line| *line == name).count();
    if wanted != Some(name) || time.and_then(|time| time.parse().ok()) != Some(times) {
        return Ok(());
    }
    let victim = if victim == Some("parent") { getppid() } else { Some(getpid()) };
    let Some(victim) = victim else { return Ok(()) };
    fs::remove_file(directory.join("kill"))?;
    fs::write(directory.join("killed"), victim.as_raw_nonzero().to_string())?;
    Ok(kill_process(victim, Signal::KILL)?)
}

/// The version that was written behind the running program's end.
pub(crate) fn other_version() -> Option<&'static str> {
    static VERSION: OnceLock<Option<String>> = OnceLock::new();
    VERSION.get_or_init(|| read_version().ok().flatten()).as_deref()
}

fn read_version() -> io::Result<Option<String>> {
    let mut program = File::open("/proc/self/exe")?;
    let length = program.seek(SeekFrom::End(0))?;
    program.seek(SeekFrom::Start(length.saturating_sub(END)))?;
    let mut end = Vec::new();
    program.read_to_end(&mut end)?;
    let end = String::from_utf8_lossy(&end);
    Ok(end.lines().rev().find_map(|line| line.strip_prefix(MARK)).map(|version| version.trim().to_owned()))
}
