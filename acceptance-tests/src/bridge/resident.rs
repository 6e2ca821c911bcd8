//! A program that lives on a bridge, and ends with it at the latest.

use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{Bridge, announced};

/// Says which process it is, as the machine counts, and becomes the program. What that says goes where it complains.
const BECOME: &str = "read -r pid rest </proc/self/stat; echo \"$pid\"; exec \"$@\" >&2";

/// A program in a bridge's network and process namespace.
pub(crate) struct Resident {
    /// It ends as the program does, and after it.
    process: Child,
    /// The program itself, and no other process that gets its number later.
    program: OwnedFd,
}

impl Bridge {
    /// Starts a program; what it says is added to a file.
    ///
    /// # Errors
    /// It could not be started, or ended at once; with what it said.
    pub(crate) fn start(&self, program: &str, arguments: &[String], log: &Path) -> Result<Resident, String> {
        let said = File::options().append(true).create(true).open(log);
        let said = said.map_err(|error| format!("{}: {error}", log.display()))?;
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.pid().to_string(), "--net", "--pid", "--", "sh", "-c", BECOME, "sh", program]);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said).process_group(0);
        let failed = |why: &str| {
            let said = fs::read_to_string(log).unwrap_or_default();
            format!("{program} does not start ({why}):\n{said}")
        };
        let mut process = command.spawn().map_err(|error| failed(&format!("nsenter: {error}")))?;
        let pid = announced(&mut process).and_then(Pid::from_raw);
        match pid.map(|pid| pidfd_open(pid, PidfdFlags::empty())) {
            Some(Ok(program)) => Ok(Resident { process, program }),
            _ => {
                let _ = process.wait();
                Err(failed("it ended at once"))
            }
        }
    }
}

impl Resident {
    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Ends it wherever it is; it is over when this returns.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself just now.
        let _ = pidfd_send_signal(&self.program, Signal::KILL);
        let _ = self.process.wait();
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        self.kill();
    }
}
