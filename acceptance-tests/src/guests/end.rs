//! The end of a cloud: everything in it goes, and what went wrong unseen is said.

use std::env;
use std::fs;
use std::path::Path;
use std::sync::PoisonError;
use std::thread;

use super::{FOLLOWS, Guests};

/// So many lines of each console are shown of a test that fails.
const LINES: usize = 60;

impl Drop for Guests {
    fn drop(&mut self) {
        let failing = thread::panicking();
        self.hypervisor.stop();
        let mut complaints = self.inside.complaints.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !matches!(self.dhcp.ended(), Ok(None)) {
            let said = fs::read_to_string(self.folder.path().join("dhcp.log")).unwrap_or_default();
            complaints.push(format!("dnsmasq ended:\n{said}"));
        }
        if failing {
            consoles(self.folder.path());
        }
        self.inside.machines().clear();
        self.inside.bridge.end();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_timeout(FOLLOWS);
        }
        complaints.extend(self.home.go_back().err());
        if failing && env::var_os("JUSTMANAGE_KEEP").is_some() {
            self.folder.disable_cleanup(true);
            eprintln!("kept: {}", self.folder.path().display());
        } else if let Err(error) = fs::remove_dir_all(self.folder.path()) {
            complaints.push(format!("{}: {error}", self.folder.path().display()));
        }
        if failing {
            eprintln!("--- of the cloud: {complaints:#?}");
        }
        assert!(failing || complaints.is_empty(), "left behind, or gone wrong: {complaints:#?}");
    }
}

/// Prints the end of every console in a folder.
fn consoles(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_some_and(|end| end == "console") {
            let text = fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            let lines: Vec<_> = text.lines().collect();
            eprintln!("--- end of {}\n{}", path.display(), lines[lines.len().saturating_sub(LINES)..].join("\n"));
        }
    }
}
