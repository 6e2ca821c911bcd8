//! Provider and agent as cargo built them, and the certainty that they are of these sources.
//!
//! Cargo does not build other packages' binaries for a test. `cargo xtask test` builds the whole workspace first; who runs
//! the tests by hand and forgot to is told so, instead of testing yesterday's provider.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The provider's file name.
pub const PROVIDER: &str = "terraform-provider-justmanage";

/// The agent's file name; the provider finds it beside itself.
pub const AGENT: &str = "justmanage-agent";

/// How to build both.
const BUILD: &str = "run `cargo build --workspace --bins --tests` (or `cargo xtask test`, which does) first";

/// The path of the built `name`.
///
/// # Panics
/// When it is missing, of another checkout, or older than its sources; with what to do.
pub fn built(name: &str) -> PathBuf {
    let binary = target_folder().join(name);
    if let Err(why) = check(&binary, Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")) {
        panic!("{why}: {BUILD}");
    }
    binary
}

/// `target/debug`: this test's own binary stands in `target/debug/deps`.
fn target_folder() -> PathBuf {
    let own = env::current_exe().expect("the path of this test");
    let deps = own.parent().expect("a binary stands in a folder");
    if deps.ends_with("deps") {
        deps.parent().expect("deps stands in a folder").to_path_buf()
    } else {
        deps.to_path_buf()
    }
}

/// Is `binary` there, built from `workspace`, and not older than a source? Cargo writes the sources beside it (`<name>.d`).
fn check(binary: &Path, workspace: &Path) -> Result<(), String> {
    let shown = binary.display();
    let made = changed(binary).ok_or_else(|| format!("{shown} is not built"))?;
    let listed = fs::read_to_string(binary.with_extension("d")).map_err(|error| format!("{shown}.d: {error}"))?;
    let sources = sources(&listed);
    if !sources.iter().any(|source| source.starts_with(workspace)) {
        return Err(format!("{shown} was built from another checkout than {}", workspace.display()));
    }
    match sources.iter().find(|source| changed(source).is_none_or(|time| time > made)) {
        Some(newer) => Err(format!("{shown} is older than {}", newer.display())),
        None => Ok(()),
    }
}

/// The prerequisites in a line of make: `target: one two\ three`.
fn sources(listed: &str) -> Vec<PathBuf> {
    let list = listed.split_once(": ").map_or("", |(_, list)| list);
    let words = list.replace("\\ ", "\0");
    words.split_whitespace().map(|word| PathBuf::from(word.replace('\0', " "))).collect()
}

fn changed(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).and_then(|data| data.modified()).ok()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::time::Duration;

    use super::*;

    #[test]
    fn stale_and_foreign_binaries_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (binary, source) = (folder.path().join("agent"), folder.path().join("a dir/main.rs"));
        fs::create_dir(folder.path().join("a dir")).unwrap();
        let refused = |expected: &str| {
            let why = check(&binary, folder.path()).unwrap_err();
            assert!(why.contains(expected), "{why}");
        };
        refused("is not built");
        fs::write(&source, "").unwrap();
        fs::write(&binary, "").unwrap();
        let escaped = source.display().to_string().replace(' ', "\\ ");
        fs::write(folder.path().join("agent.d"), format!("{}: {escaped}\n", binary.display())).unwrap();
        assert_eq!(check(&binary, folder.path()), Ok(()));
        assert!(check(&binary, Path::new("/elsewhere")).unwrap_err().contains("another checkout"));
        File::open(&source).unwrap().set_modified(SystemTime::now() + Duration::from_secs(5)).unwrap();
        refused("is older than");
        fs::remove_file(&source).unwrap();
        refused("is older than");
    }
}
