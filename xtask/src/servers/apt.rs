//! Debian packages without touching the system: apt with its own lists, cache and configuration.
//!
//! The mirrors and the signing keys are the machine's own; backports are added beside them. Signatures are checked as
//! always. Works for any user, and leaves the system's sources, lists and installed packages as they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::shell;

/// Debian's own keys as the package `debian-archive-keyring` lays them; without the file, apt's default keys are used.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// An apt of our own in one folder.
pub(super) struct Apt {
    folder: PathBuf,
    config: PathBuf,
}

impl Apt {
    /// Sets it up in `folder` and fetches the package lists (about 14 MB).
    pub(super) fn new(folder: &Path) -> Result<Self> {
        if shell::on_path("apt-get").is_none() || shell::on_path("dpkg-deb").is_none() {
            bail!(
                "this machine has no apt: servers are unpacked from Debian packages. Install Redis or Valkey another way \
                 and put redis-server or valkey-server on PATH"
            );
        }
        for part in ["state", "lists", "cache", "debs"] {
            fs::create_dir_all(folder.join(part))?;
        }
        fs::write(folder.join("sources.list"), sources()?)?;
        let config = folder.join("apt.conf");
        fs::write(&config, configuration(folder))?;
        let apt = Self { folder: folder.to_path_buf(), config };
        shell::output(apt.command("apt-get").arg("update")).context("cannot fetch Debian's package lists")?;
        Ok(apt)
    }

    /// Downloads `packages` in the newest version there is, and returns the files.
    pub(super) fn download(&self, packages: &[String]) -> Result<Vec<PathBuf>> {
        let debs = tempfile::tempdir_in(self.folder.join("debs"))?.keep();
        shell::output(self.command("apt-get").arg("download").args(packages).current_dir(&debs))?;
        let files: Vec<_> = fs::read_dir(&debs)?.map(|entry| Ok(entry?.path())).collect::<Result<_>>()?;
        if files.len() != packages.len() {
            bail!("asked apt for {packages:?} and got {files:?}");
        }
        Ok(files)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = shell::plain(program);
        command.arg("-c").arg(&self.config);
        command
    }
}

/// The machine's sources and the backports of its release, as lines of a `sources.list`.
fn sources() -> Result<String> {
    let format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
    let listed = shell::output(shell::plain("apt-get").args([
        "indextargets",
        "--no-release-info",
        "--format",
        format,
        "Created-By: Packages",
    ]))?;
    let release = fs::read_to_string("/etc/os-release").context("cannot tell which Debian this is")?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    let codename = codename.context("/etc/os-release has no VERSION_CODENAME: is this a Debian?")?.trim_matches('"');
    sources_from(&listed, codename, Path::new(KEYRING).exists())
}

fn sources_from(listed: &str, codename: &str, keyring: bool) -> Result<String> {
    let signed = if keyring { format!("[signed-by={KEYRING}] ") } else { String::new() };
    let mut lines = BTreeSet::new();
    for target in listed.lines() {
        let [uri, suite, component] = target.split_whitespace().collect::<Vec<_>>()[..] else { continue };
        // Other parties' repositories that the machine knows have other keys, and nothing that is needed here.
        if suite == codename || suite.strip_prefix(codename).is_some_and(|rest| rest.starts_with('-')) {
            lines.insert(format!("deb {signed}{uri} {suite} {component}\n"));
        }
        if suite == codename {
            lines.insert(format!("deb {signed}{uri} {codename}-backports {component}\n"));
        }
    }
    if lines.is_empty() {
        bail!("apt on this machine has no sources for {codename}");
    }
    Ok(lines.into_iter().collect())
}

/// Everything that apt reads or writes stands in `folder`; hooks of the machine's configuration (such as a container
/// image's clean-up of the system's package cache) are cleared.
fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"Dir::State "{folder}/state";
Dir::State::Lists "{folder}/lists";
Dir::State::status "/dev/null";
Dir::Cache "{folder}/cache";
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backports_stand_beside_the_machines_own_sources() {
        let listed = "http://mirror.test/debian/ bookworm main\nhttp://mirror.test/debian/ bookworm main\n\
                      http://mirror.test/security/ bookworm-security main\nhttps://other.test/apt cloud-bookworm main\n";
        let lines = sources_from(listed, "bookworm", false).unwrap();
        assert_eq!(
            lines,
            "deb http://mirror.test/debian/ bookworm main\n\
             deb http://mirror.test/debian/ bookworm-backports main\n\
             deb http://mirror.test/security/ bookworm-security main\n"
        );
        let signed = sources_from(listed, "bookworm", true).unwrap();
        assert!(signed.lines().all(|line| line.starts_with("deb [signed-by=/usr/share/keyrings/")), "{signed}");
        assert!(sources_from(listed, "trixie", false).is_err());
    }

    #[test]
    fn nothing_of_the_system_is_written() {
        let text = configuration(Path::new("/own"));
        for setting in ["Dir::State ", "Dir::State::Lists", "Dir::Cache", "Dir::Etc::SourceList"] {
            let line = text.lines().find(|line| line.starts_with(setting)).unwrap();
            assert!(line.contains("\"/own/"), "{line}");
        }
    }
}
