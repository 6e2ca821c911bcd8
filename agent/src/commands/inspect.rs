//! `inspect`: which files are server programs, and what they are.

use std::path::{Path, PathBuf};

use justmanage_model::node::ServerProgram;
use tokio::task::JoinSet;

use super::CommandError;
use crate::content::sha256;

mod package;

/// The server programs among these files, in their order, all asked at once. A file that is none, or that cannot be read or
/// run, is left out: whoever asks has only guessed where one might be.
pub(super) fn inspect(files: Vec<PathBuf>) -> Result<Vec<ServerProgram>, CommandError> {
    let hint = "The machine is out of memory, or of processes; try again.";
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::new(error, hint))?;
    Ok(runtime.block_on(async {
        let mut asked = JoinSet::new();
        for (position, file) in files.into_iter().enumerate() {
            asked.spawn(async move { (position, program(&file).await) });
        }
        let mut answers = asked.join_all().await;
        answers.sort_by_key(|(position, _)| *position);
        answers.into_iter().filter_map(|(_, program)| program).collect()
    }))
}

async fn program(file: &Path) -> Option<ServerProgram> {
    // Absolute, but not resolved: a Debian `redis-server` is a link to `redis-check-rdb`, and is what it is called.
    let path = std::path::absolute(file).ok()?;
    let own = path.clone();
    let package = tokio::task::spawn_blocking(move || package::package_of(&own));
    let (server, sha256, package) = tokio::join!(justmanage_engine::inspect(&path), sha256(&path), package);
    let (server, sha256) = (server.ok()?, sha256.ok()?);
    let mut release = server.release;
    release.package = package.ok()?.filter(|package| package.is_of(release.version));
    Some(ServerProgram { path, release, tls: server.tls, sha256 })
}
