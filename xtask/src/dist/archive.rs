//! Archives that are the same whenever their files are the same.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use ring::digest::{Context as Digest, SHA256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// A file of an archive.
pub(super) struct Entry {
    /// Its name in the archive.
    pub(super) name: String,
    /// What is in it.
    pub(super) file: PathBuf,
    /// Its permissions.
    pub(super) mode: u32,
}

/// Writes an archive: by name, at one fixed time (1980, when time begins for zip), deflated.
pub(super) fn write(path: &Path, mut entries: Vec<Entry>) -> Result<()> {
    entries.sort_by(|one, other| one.name.cmp(&other.name));
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    let mut archive = ZipWriter::new(BufWriter::new(file));
    for Entry { name, file, mode } in &entries {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .last_modified_time(DateTime::default())
            .unix_permissions(*mode);
        let mut content = File::open(file).with_context(|| format!("{} cannot be read", file.display()))?;
        archive.start_file(name, options)?;
        io::copy(&mut content, &mut archive).with_context(|| format!("cannot pack {}", file.display()))?;
    }
    archive.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    Ok(())
}

/// The SHA-256 of a file, in hexadecimal.
pub(super) fn digest(path: &Path) -> Result<String> {
    let mut file = BufReader::new(File::open(path).with_context(|| format!("{} cannot be read", path.display()))?);
    let (mut digest, mut buffer) = (Digest::new(&SHA256), vec![0; 1 << 16]);
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        digest.update(&buffer[..length]);
    }
    Ok(digest.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn the_same_files_make_the_same_archive_whenever_and_in_whatever_order() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let entry = |name: &str, mode| Entry { name: name.to_owned(), file: at(name), mode };
        fs::write(at("provider"), "p".repeat(100_000)).unwrap();
        fs::write(at("agent"), "a").unwrap();
        write(&at("one.zip"), vec![entry("provider", 0o755), entry("agent", 0o644)]).unwrap();
        let later = SystemTime::now() + Duration::from_secs(1_000_000);
        File::options().append(true).open(at("agent")).unwrap().set_modified(later).unwrap();
        write(&at("two.zip"), vec![entry("agent", 0o644), entry("provider", 0o755)]).unwrap();
        assert_eq!(fs::read(at("one.zip")).unwrap(), fs::read(at("two.zip")).unwrap());
        assert!(fs::metadata(at("one.zip")).unwrap().len() < 2_000, "it is compressed");

        let mut archive = zip::ZipArchive::new(File::open(at("one.zip")).unwrap()).unwrap();
        let names: Vec<_> = archive.file_names().map(|name| name.unwrap().into_owned()).collect();
        assert_eq!(names, ["agent", "provider"]);
        for (name, mode, length) in [("agent", 0o644, 1), ("provider", 0o755, 100_000)] {
            let file = archive.by_name(name).unwrap();
            assert_eq!((file.unix_mode().unwrap() & 0o777, file.size()), (mode, length), "{name}");
        }
    }

    #[test]
    fn a_digest_is_that_of_sha256sum() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "abc").unwrap();
        let known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(digest(file.path()).unwrap(), known);
    }
}
