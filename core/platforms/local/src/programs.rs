//! Server programs on this machine: where to look for them, and where downloaded ones are kept.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use justmanage_model::Engine;
use justmanage_platforms::{Download, PlatformError};

use crate::root::{Root, RootLock, denied, make_private};

/// The files that may be server programs of an engine: on the search path, then in the directories.
pub(crate) fn candidates(engine: Engine, directories: &[PathBuf]) -> Vec<PathBuf> {
    let name = file_name(engine);
    let mut files = Vec::new();
    for directory in directories {
        look_in(directory, name, &mut files);
        let mut below: Vec<PathBuf> =
            fs::read_dir(directory).into_iter().flatten().flatten().map(|e| e.path()).collect();
        below.sort();
        for directory in below.iter().filter(|path| path.is_dir()) {
            look_in(directory, name, &mut files);
        }
    }
    for directory in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        push(directory.join(name), &mut files);
    }
    files
}

/// The name of an engine's server program.
pub(crate) fn file_name(engine: Engine) -> &'static str {
    match engine {
        Engine::Redis => "redis-server",
        Engine::Valkey => "valkey-server",
    }
}

fn look_in(directory: &Path, name: &str, files: &mut Vec<PathBuf>) {
    push(directory.join(name), files);
    push(directory.join("bin").join(name), files);
}

/// Adds a file that exists, by its absolute path as given: a link stays a link, since it is what a package updates.
fn push(file: PathBuf, files: &mut Vec<PathBuf>) {
    if file.is_file()
        && let Ok(absolute) = std::path::absolute(&file)
        && !files.contains(&absolute)
    {
        files.push(absolute);
    }
}

/// Keeps a downloaded program under its digest; one that is there already stays.
pub(crate) fn store(root: &Root, _lock: &RootLock, program: &Download) -> Result<PathBuf, PlatformError> {
    let directory = root.artefacts().join(&program.sha256);
    let target = directory.join(&program.file_name);
    if target.is_file() {
        return Ok(target);
    }
    make_private(&directory)?;
    let unfinished = target.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = File::options().write(true).create(true).truncate(true).mode(0o700).open(&unfinished)?;
        file.write_all(&program.content)?;
        file.sync_all()?;
        fs::rename(&unfinished, &target)
    };
    write().map_err(|error| denied(&target, &error))?;
    Ok(target)
}
