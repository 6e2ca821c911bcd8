//! From `.deb` files to a folder whose binaries run as they stand.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::apt::Apt;
use crate::shell;

/// Libraries that every Debian has and that must match the loader: taking them along would break the binary.
const OF_THE_SYSTEM: [&str; 3] = ["libc6", "libgcc-s1", "libstdc++6"];

/// Unpacks Debian's patchelf below `folder` and returns the program.
pub(super) fn patchelf(apt: &Apt, folder: &Path) -> Result<PathBuf> {
    extract(&apt.download(&["patchelf".into()])?, folder)?;
    Ok(folder.join("usr/bin/patchelf"))
}

/// Makes `place/bin` and `place/lib` from `packages` and the libraries they depend on.
pub(super) fn server(apt: &Apt, patchelf: &Path, packages: [&str; 2], place: &Path) -> Result<()> {
    let root = place.join("unpacked");
    let mut debs = apt.download(&packages.map(String::from))?;
    let mut libraries = Vec::new();
    for deb in &debs {
        libraries.extend(libraries_in(&field(deb, "Depends")?));
    }
    libraries.sort();
    libraries.dedup();
    let libraries = apt.download(&libraries)?;
    extract(&debs, &root)?;
    extract(&libraries, &root)?;
    debs.extend(libraries);

    copy_binaries(&root.join("usr/bin"), &place.join("bin"))?;
    copy_libraries(&root, &place.join("lib"))?;
    for entry in fs::read_dir(place.join("bin"))? {
        // --force-rpath: DT_RPATH also covers what the libraries need themselves, DT_RUNPATH does not.
        shell::output(
            shell::plain(patchelf).args(["--force-rpath", "--set-rpath", "$ORIGIN/../lib"]).arg(entry?.path()),
        )?;
    }
    let mut origin: Vec<_> = debs.iter().filter_map(|deb| deb.file_name()?.to_str()).collect();
    origin.sort_unstable();
    fs::write(place.join("packages.txt"), format!("{}\n", origin.join("\n")))?;
    fs::remove_dir_all(&root)?;
    Ok(())
}

fn extract(debs: &[PathBuf], root: &Path) -> Result<()> {
    fs::create_dir_all(root)?;
    for deb in debs {
        shell::output(shell::plain("dpkg-deb").arg("-x").arg(deb).arg(root))?;
    }
    Ok(())
}

fn field(deb: &Path, name: &str) -> Result<String> {
    shell::output(shell::plain("dpkg-deb").arg("-f").arg(deb).arg(name))
}

/// The packages of libraries in a `Depends` field, such as `adduser, libc6 (>= 2.34), liblzf1 (>= 1.5)`.
fn libraries_in(depends: &str) -> Vec<String> {
    let names = depends.split(',').filter_map(|item| item.split(['(', '|']).next()).map(str::trim);
    names.filter(|name| name.starts_with("lib") && !OF_THE_SYSTEM.contains(name)).map(String::from).collect()
}

/// Real files, not links: Debian's `redis-server` is a link to `redis-check-rdb`, and `/proc/<pid>/exe` would say so.
fn copy_binaries(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("no binaries in {}", from.display()))? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

/// The `lib*.so*` that stand directly in a library folder, with their links.
fn copy_libraries(root: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut copied = 0;
    for folder in library_folders(root)? {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some(text) = name.to_str().filter(|text| text.starts_with("lib") && text.contains(".so")) else {
                continue;
            };
            if entry.file_type()?.is_symlink() {
                symlink(fs::read_link(entry.path())?, to.join(text))?;
            } else {
                fs::copy(entry.path(), to.join(text))?;
            }
            copied += 1;
        }
    }
    if copied == 0 {
        bail!("the packages held no library");
    }
    Ok(())
}

/// `usr/lib/<triplet>` and `lib/<triplet>`, whatever the machine's architecture calls them.
fn library_folders(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for base in ["usr/lib", "lib"].map(|base| root.join(base)).iter().filter(|base| base.is_dir()) {
        for entry in fs::read_dir(base)? {
            let path = entry?.path();
            if path.is_dir() && path.to_string_lossy().ends_with("-linux-gnu") {
                found.push(path);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_taken_along_but_not_the_c_library() {
        let depends =
            "adduser, libatomic1 (>= 4.8), libc6 (>= 2.34), liblzf1 (>= 1.5), libssl3 | libssl1.1, libsystemd0\n";
        assert_eq!(libraries_in(depends), ["libatomic1", "liblzf1", "libssl3", "libsystemd0"]);
    }
}
