//! Where the server programs of the tests are.

use std::path::PathBuf;

/// The directories of unpacked servers, each named `redis-VERSION` or `valkey-VERSION` with `bin/` inside: under
/// `JUSTMANAGE_TEST_SERVERS`, or where `cargo xtask servers` puts them.
///
/// Fails if one of the engines is missing: a test that skips what it needs proves nothing.
pub(crate) fn all() -> Vec<PathBuf> {
    let directory = std::env::var_os("JUSTMANAGE_TEST_SERVERS").map_or_else(cache, PathBuf::from);
    let help = "run `cargo xtask servers`, or set JUSTMANAGE_TEST_SERVERS";
    let entries = std::fs::read_dir(&directory).unwrap_or_else(|error| panic!("{directory:?}: {error}; {help}"));
    let mut found: Vec<PathBuf> =
        entries.map(|entry| entry.unwrap().path()).filter(|path| program(path).is_file()).collect();
    found.sort();
    for engine in ["redis-", "valkey-"] {
        assert!(found.iter().any(|path| name(path).starts_with(engine)), "no {engine}* in {directory:?}; {help}");
    }
    found
}

fn cache() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    base.unwrap_or_else(home).join("justmanage/servers")
}

pub(crate) fn name(server: &std::path::Path) -> String {
    server.file_name().unwrap().to_string_lossy().into_owned()
}

/// `redis` or `valkey`.
pub(crate) fn engine(server: &std::path::Path) -> String {
    name(server).split('-').next().unwrap().to_owned()
}

/// The server program of a directory.
pub(crate) fn program(server: &std::path::Path) -> PathBuf {
    server.join("bin").join(format!("{}-server", engine(server)))
}

/// The client program of a directory.
pub(crate) fn client(server: &std::path::Path) -> PathBuf {
    server.join("bin").join(format!("{}-cli", engine(server)))
}
