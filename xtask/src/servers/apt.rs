//! Debian packages without touching the system: apt with its own lists, cache and configuration.
//!
//! The mirrors and the signing keys are the machine's own; the suites are those that are asked for. Signatures are checked as
//! always. Works for any user, and leaves the system's sources, lists and installed packages as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use super::sources::Suite;
use crate::shell;

/// Debian's own keys as the package `debian-archive-keyring` lays them; without the file, apt's default keys are used.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// Servers that are not in the suite itself yet: taken from `experimental` if that has a newer one, and nothing else of it.
const PREFERENCES: &str =
    "Package: redis-server redis-tools valkey-server valkey-tools\nPin: release a=experimental\nPin-Priority: 500\n";

/// What fetches a single file as apt fetches packages; it stands beside apt itself, on nobody's path.
const HELPER: &str = "/usr/lib/apt/apt-helper";

/// An apt of our own in one folder, for one suite.
pub(super) struct Apt {
    folder: PathBuf,
    config: PathBuf,
    foreign: bool,
    mirror: String,
}

impl Apt {
    /// Sets it up in `folder` and fetches the package lists (about 10 MB).
    pub(super) fn new(folder: &Path, suite: Suite) -> Result<Self> {
        if shell::on_path("apt-get").is_none() || shell::on_path("dpkg-deb").is_none() {
            bail!(
                "this machine has no apt: servers are unpacked from Debian packages. Install Redis or Valkey another way \
                 and put redis-server or valkey-server on PATH"
            );
        }
        for part in ["state", "lists", "cache", "debs"] {
            fs::create_dir_all(folder.join(part))?;
        }
        let (targets, codename) = (targets()?, codename()?);
        let list = sources_from(&targets, &codename, suite, Path::new(KEYRING).exists())?;
        fs::write(folder.join("sources.list"), list)?;
        fs::write(folder.join("preferences"), PREFERENCES)?;
        let config = folder.join("apt.conf");
        fs::write(&config, configuration(folder))?;
        let own = codename == "bookworm" && matches!(suite, Suite::Bookworm | Suite::BookwormAlone);
        let mirror = mirror(&targets, &codename)?.to_owned();
        let apt = Self { folder: folder.to_path_buf(), config, foreign: !own, mirror };
        shell::output(apt.command("apt-get").arg("update")).context("cannot fetch Debian's package lists")?;
        Ok(apt)
    }

    /// Whether its programs need another C library than the machine's.
    pub(super) fn is_foreign(&self) -> bool {
        self.foreign
    }

    /// The revisions of a package that its suite has for this machine, newest first; none where it does not know the package.
    pub(super) fn revisions(&self, package: &str) -> Result<Vec<String>> {
        Ok(revisions_in(&shell::output(self.command("apt-cache").args(["madison", package]))?))
    }

    /// Downloads a file of the machine's own mirror of Debian, whose digest it must have.
    pub(super) fn download_file(&self, path: &str, sha256: &str, to: &Path) -> Result<()> {
        let from = format!("{}/{path}", self.mirror.trim_end_matches('/'));
        let mut helper = self.command(HELPER);
        helper.arg("download-file").arg(from).arg(to).arg(format!("SHA256:{sha256}"));
        shell::output(&mut helper).map(drop)
    }

    /// Downloads `packages`, each in the revision that stands behind a `=` or the newest there is, and returns the files.
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

/// A `sources.list` of a suite, by the machine's own mirrors and keys.
pub(super) fn sources_list(suite: Suite) -> Result<String> {
    sources_from(&targets()?, &codename()?, suite, Path::new(KEYRING).exists())
}

/// Where the machine's own packages come from: lines of mirror, suite and component.
fn targets() -> Result<String> {
    let format = "$(REPO_URI) $(RELEASE) $(COMPONENT)";
    shell::output(shell::plain("apt-get").args([
        "indextargets",
        "--no-release-info",
        "--format",
        format,
        "Created-By: Packages",
    ]))
}

fn codename() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").context("cannot tell which Debian this is")?;
    let codename = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(codename.context("/etc/os-release has no VERSION_CODENAME: is this a Debian?")?.trim_matches('"').to_owned())
}

/// Where the machine has a suite from.
fn mirror<'a>(listed: &'a str, wanted: &str) -> Result<&'a str> {
    let found = listed.lines().find_map(|target| {
        let [uri, suite, "main"] = target.split_whitespace().collect::<Vec<_>>()[..] else { return None };
        (suite == wanted).then_some(uri)
    });
    found.with_context(|| format!("apt on this machine has no sources for {wanted}: is it a Debian?"))
}

/// The second column of `apt-cache madison`, whose lines are `package | revision | where`.
fn revisions_in(said: &str) -> Vec<String> {
    let revision = |line: &str| Some(line.split('|').nth(1)?.trim().to_owned());
    said.lines().filter_map(revision).collect()
}

/// The lines of a `sources.list` for a suite, with the mirrors that the machine of this codename uses.
fn sources_from(listed: &str, codename: &str, suite: Suite, keyring: bool) -> Result<String> {
    let (debian, security) = (mirror(listed, codename)?, mirror(listed, &format!("{codename}-security"))?);
    let lines: &[(&str, &str)] = match suite {
        Suite::Bookworm => &[(debian, "bookworm"), (debian, "bookworm-backports"), (security, "bookworm-security")],
        Suite::BookwormAlone => &[(debian, "bookworm")],
        Suite::Trixie => &[(debian, "trixie"), (security, "trixie-security")],
        Suite::Sid => &[(debian, "sid"), (debian, "experimental")],
        Suite::SidAlone => &[(debian, "sid")],
        Suite::BullseyeSecurity => &[(security, "bullseye-security")],
    };
    let signed = if keyring { format!("[signed-by={KEYRING}] ") } else { String::new() };
    Ok(lines.iter().map(|(uri, name)| format!("deb {signed}{uri} {name} main\n")).collect())
}

/// Everything that apt reads or writes stands in `folder`; hooks of the machine's configuration (such as a container
/// image's clean-up of the system's package cache) are cleared, and what such images switch off to save space is on: without
/// its own index, each call of apt reads all lists anew, which takes a second or more.
fn configuration(folder: &Path) -> String {
    let folder = folder.display();
    format!(
        r#"Dir::State "{folder}/state";
Dir::State::Lists "{folder}/lists";
Dir::State::status "/dev/null";
Dir::Cache "{folder}/cache";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
Dir::Etc::SourceList "{folder}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "{folder}/preferences";
Dir::Etc::PreferencesParts "/dev/null";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
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
    fn suites_come_from_the_machines_own_mirrors() {
        let listed = "https://other.test/apt cloud-bookworm main\nhttp://mirror.test/debian/ bookworm contrib\n\
                      http://mirror.test/debian/ bookworm main\nhttp://mirror.test/security/ bookworm-security main\n";
        let lines = |suite| sources_from(listed, "bookworm", suite, false).unwrap();
        assert_eq!(
            lines(Suite::Bookworm),
            "deb http://mirror.test/debian/ bookworm main\n\
             deb http://mirror.test/debian/ bookworm-backports main\n\
             deb http://mirror.test/security/ bookworm-security main\n"
        );
        assert_eq!(lines(Suite::BookwormAlone), "deb http://mirror.test/debian/ bookworm main\n");
        assert_eq!(lines(Suite::SidAlone), "deb http://mirror.test/debian/ sid main\n");
        assert_eq!(lines(Suite::BullseyeSecurity), "deb http://mirror.test/security/ bullseye-security main\n");
        let signed = sources_from(listed, "bookworm", Suite::Sid, true).unwrap();
        assert!(signed.lines().all(|line| line.starts_with("deb [signed-by=/usr/share/keyrings/")), "{signed}");
        assert!(sources_from(listed, "noble", Suite::Bookworm, false).is_err());
    }

    #[test]
    fn revisions_are_read_in_their_order() {
        let said = " redis-server |  5:8.6.3-1 | http://mirror.test/debian experimental/main amd64 Packages\n \
                    redis-server |  5:8.0.6-3 | http://mirror.test/debian sid/main amd64 Packages\n";
        assert_eq!(revisions_in(said), ["5:8.6.3-1", "5:8.0.6-3"]);
        assert_eq!(revisions_in(""), [""; 0]);
    }

    #[test]
    fn nothing_of_the_system_is_written() {
        let text = configuration(Path::new("/own"));
        for setting in
            ["Dir::State ", "Dir::State::Lists", "Dir::Cache", "Dir::Etc::SourceList", "Dir::Etc::Preferences "]
        {
            let line = text.lines().find(|line| line.starts_with(setting)).unwrap();
            assert!(line.contains("\"/own/"), "{line}");
        }
    }
}
