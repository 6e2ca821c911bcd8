//! Which revision of which package brought a file, where dpkg knows: read from dpkg's own files.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use justmanage_model::PackageRevision;

/// The revision of the package that owns a file; `None` where dpkg does not know it, or is not there.
///
/// Read from [dpkg's files](https://manpages.debian.org/bookworm/dpkg/dpkg.1.en.html#FILES) and not asked from its programs:
/// a minimal image has the one without the other, and no program is run that a `PATH` could lead astray.
pub(super) fn package_of(path: &Path) -> Option<PackageRevision> {
    package_in(Path::new("/var/lib/dpkg"), path)
}

fn package_in(dpkg: &Path, path: &Path) -> Option<PackageRevision> {
    // A Debian `redis-server` is a link to `redis-check-rdb` in another package of the same source: what is run counts.
    let real = path.canonicalize().ok()?;
    let (name, architecture) = owner(&dpkg.join("info"), &real)?;
    revision(&dpkg.join("status"), &name, architecture.as_deref())
}

/// The package, and its architecture where several of them are installed, whose list has the file.
fn owner(info: &Path, file: &Path) -> Option<(String, Option<String>)> {
    // Lists older than the merge of /bin into /usr/bin name the old place.
    let old = file.strip_prefix("/usr").ok().map(|rest| Path::new("/").join(rest));
    let is_it = |line: &[u8]| {
        let named = |path: &PathBuf| path.as_os_str().as_bytes() == line;
        file.as_os_str().as_bytes() == line || old.as_ref().is_some_and(named)
    };
    for entry in fs::read_dir(info).ok()?.flatten() {
        let list = entry.path();
        if list.extension().is_none_or(|extension| extension != "list") {
            continue;
        }
        let Ok(text) = fs::read(&list) else { continue };
        if text.split(|byte| *byte == b'\n').any(is_it) {
            let name = list.file_stem()?.to_str()?;
            let (name, architecture) = name.split_once(':').map_or((name, None), |(name, rest)| (name, Some(rest)));
            return Some((name.to_owned(), architecture.map(str::to_owned)));
        }
    }
    None
}

/// The version of an installed package, from dpkg's table: paragraphs of `Field: value`, with an empty line between them.
fn revision(status: &Path, name: &str, architecture: Option<&str>) -> Option<PackageRevision> {
    let mut fields: [Option<String>; 4] = Default::default();
    let names = ["Package", "Status", "Architecture", "Version"];
    // The last paragraph may end with the file.
    let lines = BufReader::new(fs::File::open(status).ok()?).split(b'\n').map_while(Result::ok);
    for line in lines.chain([Vec::new()]) {
        let line = String::from_utf8_lossy(&line);
        if let Some((field, value)) = line.split_once(": ") {
            if let Some(position) = names.iter().position(|name| *name == field) {
                fields[position] = Some(value.trim().to_owned());
            }
        } else if line.is_empty() {
            let [package, status, built_for, version] = std::mem::take(&mut fields);
            let installed = status.is_some_and(|status| status.ends_with(" installed"));
            let same = architecture.is_none() || architecture == built_for.as_deref();
            if package.as_deref() == Some(name) && installed && same {
                return version?.parse().ok();
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "\
Package: redis-tools
Status: deinstall ok config-files
Architecture: i386
Version: 5:6.0.16-1

Package: redis-tools
Status: install ok installed
Architecture: amd64
Description: tools
 Package: of a continued line
Version: 5:7.0.15-1~deb12u10

Package: redis-server
Status: install ok installed
Architecture: amd64
Version: 5:7.0.14-1";

    /// A dpkg with these lists, and a file `program` beside it.
    struct Machine {
        home: tempfile::TempDir,
        program: PathBuf,
    }

    impl Machine {
        fn new(lists: &[(&str, &str)]) -> Self {
            let home = tempfile::tempdir().expect("a directory");
            let program = home.path().canonicalize().expect("a path").join("redis-check-rdb");
            fs::write(&program, "a program").expect("a file");
            fs::create_dir_all(home.path().join("info")).expect("a directory");
            fs::write(home.path().join("status"), STATUS).expect("a file");
            for (name, text) in lists {
                let text = text.replace("PROGRAM", program.to_str().expect("a path"));
                fs::write(home.path().join("info").join(name), text).expect("a file");
            }
            Self { home, program }
        }

        fn package(&self, path: &Path) -> Option<String> {
            package_in(self.home.path(), path).map(|package| package.to_string())
        }
    }

    #[test]
    fn the_package_that_lists_a_file_tells_its_revision() {
        let machine = Machine::new(&[
            ("redis-server.list", "/.\n/usr\n/usr/bin/redis-server\nPROGRAM.old\n"),
            ("redis-tools.list", "/.\n/usr\nPROGRAM\n"),
            ("redis-tools.md5sums", "PROGRAM\n"),
        ]);
        assert_eq!(machine.package(&machine.program).as_deref(), Some("5:7.0.15-1~deb12u10"));
        // Through a link, as a Debian server is called.
        let link = machine.home.path().join("redis-server");
        std::os::unix::fs::symlink(&machine.program, &link).expect("a link");
        assert_eq!(machine.package(&link).as_deref(), Some("5:7.0.15-1~deb12u10"));
    }

    #[test]
    fn the_last_paragraph_counts_and_architectures_are_told_apart() {
        let machine = Machine::new(&[("redis-server.list", "PROGRAM")]);
        assert_eq!(machine.package(&machine.program).as_deref(), Some("5:7.0.14-1"));
        for (list, revision) in
            [("redis-tools:amd64.list", Some("5:7.0.15-1~deb12u10")), ("redis-tools:i386.list", None)]
        {
            let machine = Machine::new(&[(list, "PROGRAM\n")]);
            assert_eq!(machine.package(&machine.program).as_deref(), revision, "{list}");
        }
    }

    #[test]
    fn files_that_no_package_brought_have_none() {
        let machine = Machine::new(&[("redis-server.list", "PROGRAMS\n/x/PROGRAM\n")]);
        assert_eq!(machine.package(&machine.program), None);
        assert_eq!(machine.package(Path::new("/nowhere/redis-server")), None);
        assert_eq!(package_in(Path::new("/nowhere"), &machine.program), None, "no dpkg");
        let unlisted = Machine::new(&[("redis-cli.list", "PROGRAM\n")]);
        assert_eq!(unlisted.package(&unlisted.program), None, "a list without a paragraph");
    }

    /// Where this machine has dpkg, it owns some file that everybody has.
    #[test]
    fn the_real_dpkg_is_understood() {
        if Path::new("/var/lib/dpkg/status").exists() {
            assert!(package_of(Path::new("/usr/bin/dpkg")).is_some());
        }
        assert_eq!(package_of(Path::new("/proc/self/exe")), None, "this test is nobody's package");
    }
}
