//! The servers that `cargo xtask servers` put into the cache.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

/// A server of the cache.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Server {
    /// As the binary prints it, such as `7.0.15`.
    pub version: String,
    /// The folder of its binaries: what the provider's `artifacts` may name as a directory.
    pub bin: PathBuf,
}

impl Server {
    /// Its release line, such as `7.0`.
    pub fn line(&self) -> &str {
        self.version.rsplit_once('.').map_or(&self.version, |(line, _)| line)
    }
}

/// The `redis` or `valkey` that everything is tried with: of a line that runs on the machine's own libraries. (The cache has
/// other lines, too.)
///
/// # Panics
/// When there is none, with what to do.
pub fn usual(engine: &str) -> Server {
    let line = match engine {
        "redis" => "7.0",
        "valkey" => "8.0",
        other => panic!("{other} is no engine"),
    };
    of_line(engine, line)
}

/// The newest server of a release line in the cache.
///
/// # Panics
/// When there is none, with what to do.
pub fn of_line(engine: &str, line: &str) -> Server {
    let folder = folder();
    newest_in(&folder, &format!("{engine}-{line}.")).unwrap_or_else(|| {
        panic!("no {engine} {line} in {}: run `cargo xtask servers` (or `cargo xtask test`)", folder.display())
    })
}

/// A further patch of a release line, beside the one that [`of_line`] finds: another version, or another package of the same.
///
/// # Panics
/// As there.
pub fn patch_of_line(engine: &str, line: &str) -> Server {
    let folder = folder().with_file_name("patches");
    newest_in(&folder, &format!("{engine}-{line}.")).unwrap_or_else(|| {
        panic!("no {engine} {line} in {}: run `cargo xtask servers` (or `cargo xtask test`)", folder.display())
    })
}

/// The folder of all servers: one folder below it for each, with its `bin`.
pub fn folder() -> PathBuf {
    let cache = env::var_os("XDG_CACHE_HOME").filter(|value| Path::new(value).is_absolute()).map(PathBuf::from);
    cache.unwrap_or_else(|| env::home_dir().expect("a home directory").join(".cache")).join("justmanage/servers")
}

fn newest_in(folder: &Path, line: &str) -> Option<Server> {
    let entries = fs::read_dir(folder).ok()?.flatten();
    let versions = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let patch: u32 = name.strip_prefix(line)?.parse().ok()?;
        let version = name.split_once('-')?.1.to_owned();
        Some((patch, Server { version, bin: entry.path().join("bin") }))
    });
    versions.max().map(|(_, server)| server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_found_with_its_newest_patch() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["redis-7.0.9", "redis-7.0.15", "redis-7.2.20", "valkey-8.0.1", ".making-redis-7.0.99"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let redis = newest_in(folder.path(), "redis-7.0.").unwrap();
        assert_eq!((redis.version.as_str(), redis.line()), ("7.0.15", "7.0"));
        assert_eq!(newest_in(folder.path(), "valkey-8.0.").unwrap().version, "8.0.1");
        assert_eq!(newest_in(folder.path(), "valkey-8.1."), None);
    }
}
