//! A second process that cleans a folder up when the first one ends, however it ends.
//!
//! It waits on a pipe that the first process holds: Ctrl-C, a kill or a panic close it just as a normal end does. It is in
//! a process group of its own, so that Ctrl-C does not reach it.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::procfs;

/// How the folders of demo and bench begin. Nothing else is ever cleaned, whoever calls.
const OURS: [&str; 3] = ["jm-demo-", "jm-bench-", "justmanage-demo"];

/// What the first process says when everything shall stay.
const KEEP: &[u8] = b"keep";

/// The first process's end.
pub(crate) struct Cleaner(Child);

impl Cleaner {
    /// Starts to watch `folder`.
    pub(crate) fn watch(folder: &Path) -> Result<Self> {
        // Not by its path: the build that the demo begins with may have put another file there.
        let mut command = Command::new("/proc/self/exe");
        command.arg("clean-up-after").arg(folder).current_dir("/").stdin(Stdio::piped()).process_group(0);
        Ok(Self(command.spawn().context("cannot start the process that cleans up")?))
    }

    /// Cleans up now, and waits for it.
    pub(crate) fn finish(mut self) -> Result<()> {
        drop(self.0.stdin.take());
        ensure!(self.0.wait()?.success(), "cleaning up failed");
        Ok(())
    }

    /// Leaves everything as it is.
    pub(crate) fn dismiss(mut self) -> Result<()> {
        self.0.stdin.take().context("the pipe")?.write_all(KEEP)?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// The second process: waits, then kills what lives in `folder` and removes it.
pub(crate) fn clean_up_after(folder: &Path) -> Result<()> {
    let mut said = Vec::new();
    std::io::stdin().read_to_end(&mut said)?;
    if said == KEEP || !folder.exists() {
        return Ok(());
    }
    let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    ensure!(OURS.iter().any(|ours| name.starts_with(ours)), "{} is no folder of a demo", folder.display());
    procfs::kill_inside(folder);
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}
