//! From `.deb` files to a folder whose binaries run as they stand.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use super::apt::Apt;
use crate::shell;

/// Libraries that every machine has and that must match the loader: taking them along would break the binary, unless the
/// loader is taken along as well.
const OF_THE_SYSTEM: [&str; 3] = ["libc6", "libgcc-s1", "libstdc++6"];

/// Unpacks Debian's patchelf below `folder` and returns the program.
pub(super) fn patchelf(apt: &Apt, folder: &Path) -> Result<PathBuf> {
    extract(&apt.download(&["patchelf".into()])?, folder)?;
    Ok(folder.join("usr/bin/patchelf"))
}

/// Makes `place/bin` and `place/lib` from the packages of an engine, in this revision, and the libraries they depend on.
///
/// Of a suite that is not the machine's own, the C library and its loader come along, and all that the libraries need
/// themselves.
pub(super) fn server(apt: &Apt, patchelf: &Path, (engine, revision): (&str, &str), place: &Path) -> Result<()> {
    let root = place.join("unpacked");
    let mut debs = apt.download(&["server", "tools"].map(|part| format!("{engine}-{part}={revision}")))?;
    let mut origin = debs.clone();
    let mut known = BTreeSet::new();
    while !debs.is_empty() {
        extract(&debs, &root)?;
        let mut needed = BTreeSet::new();
        for deb in &debs {
            needed.extend(libraries_in(&field(deb, "Depends")?, apt.is_foreign()));
        }
        let new: Vec<String> = needed.difference(&known).cloned().collect();
        known.extend(needed);
        // The machine's own libraries have what they need on the machine.
        let direct_only = !apt.is_foreign() && known.len() > new.len();
        debs = if new.is_empty() || direct_only { Vec::new() } else { apt.download(&new)? };
        origin.extend(debs.iter().cloned());
    }
    copy_programs(&root.join("usr/bin"), &place.join("bin"))?;
    copy_libraries(&root, &place.join("lib"))?;
    point_at_libraries(patchelf, place)?;
    note_origin(place, &origin)?;
    fs::remove_dir_all(&root)?;
    Ok(())
}

/// Puts the libraries of these packages beside the programs that are in `place/bin` already.
pub(super) fn libraries(apt: &Apt, patchelf: &Path, packages: &[&str], place: &Path) -> Result<()> {
    let root = place.join("unpacked");
    let debs = apt.download(&packages.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())?;
    extract(&debs, &root)?;
    copy_libraries(&root, &place.join("lib"))?;
    point_at_libraries(patchelf, place)?;
    fs::remove_dir_all(&root)?;
    Ok(())
}

/// Makes the programs in `place/bin` start by the loader that was taken along, if one was; `home` is where `place` will be.
///
/// The kernel takes the loader's path as it is written, so it has to be a whole one.
pub(super) fn own_loader(patchelf: &Path, place: &Path, home: &Path) -> Result<()> {
    let Some(loader) = loader(place)? else { return Ok(()) };
    let loader = home.join("lib").join(loader.file_name().context("a loader has a name")?);
    for entry in fs::read_dir(place.join("bin"))? {
        shell::output(shell::plain(patchelf).arg("--set-interpreter").arg(&loader).arg(entry?.path()))?;
    }
    Ok(())
}

/// The loader among the libraries in `place/lib`, if one was taken along.
pub(super) fn loader(place: &Path) -> Result<Option<PathBuf>> {
    let folder = place.join("lib");
    if !folder.exists() {
        return Ok(None);
    }
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("ld-linux") {
            return Ok(Some(entry.path()));
        }
    }
    Ok(None)
}

fn point_at_libraries(patchelf: &Path, place: &Path) -> Result<()> {
    for entry in fs::read_dir(place.join("bin"))? {
        // --force-rpath: DT_RPATH also covers what the libraries need themselves, DT_RUNPATH does not.
        shell::output(
            shell::plain(patchelf).args(["--force-rpath", "--set-rpath", "$ORIGIN/../lib"]).arg(entry?.path()),
        )?;
    }
    Ok(())
}

fn note_origin(place: &Path, debs: &[PathBuf]) -> Result<()> {
    let mut origin: Vec<_> = debs.iter().filter_map(|deb| deb.file_name()?.to_str()).collect();
    origin.sort_unstable();
    fs::write(place.join("packages.txt"), format!("{}\n", origin.join("\n")))?;
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
fn libraries_in(depends: &str, foreign: bool) -> Vec<String> {
    let names = depends.split(',').filter_map(|item| item.split(['(', '|', ':']).next()).map(str::trim);
    let library = |name: &&str| name.starts_with("lib") || *name == "zlib1g";
    names.filter(library).filter(|name| foreign || !OF_THE_SYSTEM.contains(name)).map(String::from).collect()
}

/// Real files, not links: Debian's `redis-server` is a link to `redis-check-rdb`, and `/proc/<pid>/exe` would say so.
fn copy_programs(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| format!("no binaries in {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if ["redis-", "valkey-"].iter().any(|engine| name.to_string_lossy().starts_with(engine)) {
            fs::copy(entry.path(), to.join(name))?;
        }
    }
    Ok(())
}

/// The `lib*.so*` that stand directly in a library folder, with their links, and the loader.
fn copy_libraries(root: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let mut copied = 0;
    for folder in library_folders(root)? {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let library =
                |text: &&str| (text.starts_with("lib") || text.starts_with("ld-linux")) && text.contains(".so");
            let Some(text) = name.to_str().filter(library) else {
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
    fn libraries_are_taken_along_and_the_c_library_only_with_its_loader() {
        let depends =
            "adduser, libatomic1 (>= 4.8), libc6 (>= 2.34), liblzf1 (>= 1.5), libssl3 | libssl1.1, zlib1g:amd64\n";
        assert_eq!(libraries_in(depends, false), ["libatomic1", "liblzf1", "libssl3", "zlib1g"]);
        assert_eq!(libraries_in(depends, true), ["libatomic1", "libc6", "liblzf1", "libssl3", "zlib1g"]);
    }

    #[test]
    fn a_loader_is_found_only_where_one_was_taken_along() {
        let place = tempfile::tempdir().unwrap();
        assert_eq!(loader(place.path()).unwrap(), None);
        fs::create_dir(place.path().join("lib")).unwrap();
        fs::write(place.path().join("lib/libc.so.6"), "").unwrap();
        assert_eq!(loader(place.path()).unwrap(), None);
        let own = place.path().join("lib/ld-linux-x86-64.so.2");
        fs::write(&own, "").unwrap();
        assert_eq!(loader(place.path()).unwrap(), Some(own));
    }
}
