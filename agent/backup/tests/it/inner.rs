//! Tests that need a process of their own, which is killed, measured or shut in: the same program again.

use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Where such a process works; it is not set in the tests that people start.
const DIRECTORY: &str = "JUSTMANAGE_BACKUP_TEST_DIRECTORY";

/// The directory of a process that was started by [`command`].
pub(crate) fn directory() -> Option<std::path::PathBuf> {
    std::env::var_os(DIRECTORY).map(Into::into)
}

/// Runs a test of this program that is ignored otherwise.
pub(crate) fn command(test: &str, directory: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]).env(DIRECTORY, directory);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command
}

/// A process that ends with this.
pub(crate) struct Ending(pub(crate) Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
