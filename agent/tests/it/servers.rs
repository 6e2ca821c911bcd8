//! Where the server programs of the tests are.

use std::path::{Path, PathBuf};

/// A Redis; see [`find`].
pub(crate) fn redis() -> PathBuf {
    find("redis-7.0.")
}

/// A Valkey; see [`find`].
pub(crate) fn valkey() -> PathBuf {
    find("valkey-8.0.")
}

/// The directory of an unpacked server of a release line, named `ENGINE-VERSION` with `bin/` inside: under
/// `JUSTMANAGE_TEST_SERVERS`, or where `cargo xtask servers` puts them. Fails if there is none: a test that skips what it
/// needs proves nothing.
///
/// These two lines are the usual ones; how the others differ is what the engine's own tests look at.
pub(crate) fn find(line: &str) -> PathBuf {
    find_in(&directory(), line)
}

/// A further patch of a line, of those that lie beside them in `patches`: who looks for a line does not find these.
pub(crate) fn patch(version: &str) -> PathBuf {
    find_in(&directory().with_file_name("patches"), version)
}

fn directory() -> PathBuf {
    std::env::var_os("JUSTMANAGE_TEST_SERVERS").map_or_else(cache, PathBuf::from)
}

fn find_in(directory: &Path, line: &str) -> PathBuf {
    let help = "run `cargo xtask servers`, or set JUSTMANAGE_TEST_SERVERS";
    let entries = std::fs::read_dir(directory).unwrap_or_else(|error| panic!("{directory:?}: {error}; {help}"));
    let mut found = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(line)))
        .filter(|path| program(path).is_file());
    found.next().unwrap_or_else(|| panic!("no {line}* in {directory:?}; {help}"))
}

fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    base.unwrap_or_else(home).join("justmanage/servers")
}

fn engine(server: &Path) -> String {
    let name = server.file_name().expect("a name").to_string_lossy().into_owned();
    name.split('-').next().expect("an engine").to_owned()
}

/// The server program of a directory.
pub(crate) fn program(server: &Path) -> PathBuf {
    server.join("bin").join(format!("{}-server", engine(server)))
}

/// The client program of a directory.
pub(crate) fn client(server: &Path) -> PathBuf {
    server.join("bin").join(format!("{}-cli", engine(server)))
}
