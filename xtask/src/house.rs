//! Where things are: the workspace, the cache, the target directory.

use std::env;
use std::fs;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

/// The root of the workspace that cargo runs this binary for.
///
/// Clones share a target directory, and cargo does not build anew for another clone of the same files: the one that the binary was built
/// from may be gone.
pub(crate) fn workspace() -> PathBuf {
    let own =
        env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    own.parent().unwrap_or(&own).to_path_buf()
}

/// `$XDG_CACHE_HOME/justmanage`, or `~/.cache/justmanage`; made when missing.
///
/// Holds what may be deleted at any time and is then fetched or built again: servers, tools, the target directory.
pub(crate) fn cache() -> Result<PathBuf> {
    let base = match env::var_os("XDG_CACHE_HOME").filter(|value| Path::new(value).is_absolute()) {
        Some(base) => PathBuf::from(base),
        None => env::home_dir().context("this account has no home directory: set XDG_CACHE_HOME")?.join(".cache"),
    };
    let cache = base.join("justmanage");
    fs::create_dir_all(&cache).with_context(|| format!("cannot make {}", cache.display()))?;
    Ok(cache)
}

/// A lock on `<cache>/<name>.lock`, held until the value is dropped (or the process dies: it is the kernel's `flock`).
pub(crate) struct Lock(#[expect(dead_code, reason = "holding the open file is holding the lock")] File);

/// Waits until no other task holds the lock `name`.
pub(crate) fn lock(name: &str) -> Result<Lock> {
    let path = cache()?.join(format!("{name}.lock"));
    let file = File::create(&path).with_context(|| format!("cannot open {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(Lock(file))
}

/// The one target directory: `CARGO_TARGET_DIR`, or `<cache>/target`, so that fresh clones share what is built.
pub(crate) fn target() -> Result<PathBuf> {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => Ok(env::current_dir()?.join(folder)),
        None => Ok(cache()?.join("target")),
    }
}

/// Cargo in the workspace, with the one target directory.
///
/// Without what cargo told this program about its own package: some build scripts (that of `ring`) take such variables for
/// their own, and everything above them would be built anew whenever cargo is called by hand and from here in turn.
pub(crate) fn cargo() -> Result<Command> {
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace()).env("CARGO_TARGET_DIR", target()?);
    let ours = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_str().is_some_and(ours)) {
        cargo.env_remove(name);
    }
    Ok(cargo)
}

/// Writes a file that only its owner may read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes()).with_context(|| format!("cannot write {}", path.display()))
}

/// All files called `name` below `folder`, in a stable order.
pub(crate) fn files_called(name: &str, folder: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    let below = |path: PathBuf| if path.is_dir() { files_called(name, &path) } else { vec![path] };
    entries.into_iter().flat_map(below).filter(|path| path.file_name().is_some_and(|file| file == name)).collect()
}
