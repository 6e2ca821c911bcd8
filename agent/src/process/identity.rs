//! Who a process is.

use std::fs;
use std::io;
use std::sync::OnceLock;

use justmanage_model::node::ProcessIdentity;

use super::stat::Stat;

/// The process that has a pid now, be it only as a zombie.
///
/// # Errors
/// [`io::ErrorKind::NotFound`] when there is none.
pub fn identity(pid: u32) -> io::Result<ProcessIdentity> {
    let start_time = Stat::of(pid).map_err(gone)?.start_time;
    Ok(ProcessIdentity { pid, start_time, boot_id: boot_id()?.to_owned() })
}

/// This boot of this machine: start times count from it, so those of another boot mean nothing.
///
/// # Errors
/// `/proc` is not there.
pub fn boot_id() -> io::Result<&'static str> {
    static BOOT: OnceLock<String> = OnceLock::new();
    if let Some(boot) = BOOT.get() {
        return Ok(boot);
    }
    let read = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(BOOT.get_or_init(|| read.trim().to_owned()))
}

/// A process that ends while its file is read gives ESRCH where one that ended before gives ENOENT.
fn gone(error: io::Error) -> io::Error {
    if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) {
        return io::Error::new(io::ErrorKind::NotFound, error);
    }
    error
}
