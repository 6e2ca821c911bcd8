//! Fetching a server program and taking it out of its archive, its digest checked before anything in it is looked at.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::time::Duration;

use flate2::read::GzDecoder;
use justmanage_model::{Failure, FieldPath, Release};
use justmanage_platforms::Download;

use super::sha256_of;

/// Longest time of one download: 100 MB over a slow line (1 Mbit/s) take 13 minutes.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(15 * 60);
/// Largest archive and largest program. Redis' own tarballs hold about 30 MB; the bound keeps a wrong URL from filling memory.
const SIZE_LIMIT: u64 = 512 * 1024 * 1024;

/// Fetches the server program of a release from `url`.
pub(super) async fn program(release: Release, url: &str, sha256: &str) -> Result<Download, Failure> {
    let (url_, sha256) = (url.to_owned(), sha256.to_ascii_lowercase());
    let file_name = format!("{}-server", release.engine);
    let work = tokio::task::spawn_blocking(move || {
        let archive = read(&url_).map_err(|error| failed(&url_, &error.to_string()))?;
        let actual = sha256_of(&archive);
        if actual != sha256 {
            return Err(Failure::at(
                FieldPath::root(),
                "Artifact has another digest",
                format!("{url_} has SHA-256 {actual}, not {sha256}. It was not used."),
            )
            .hint("Somebody changed the file, or the entry of `artifacts` names another one. Compare with its publisher's list."));
        }
        let content = extract(archive, &file_name).map_err(|error| failed(&url_, &error.to_string()))?;
        let sha256 = sha256_of(&content);
        Ok(Download { sha256, file_name, release, content: content.into() })
    });
    work.await.unwrap_or_else(|error| Err(failed(url, &error.to_string())))
}

fn read(url: &str) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    if let Some(path) = url.strip_prefix("file://") {
        File::open(path)?.take(SIZE_LIMIT + 1).read_to_end(&mut content)?;
    } else {
        let agent: ureq::Agent = ureq::Agent::config_builder().timeout_global(Some(DOWNLOAD_LIMIT)).build().into();
        let response = agent.get(url).call().map_err(io::Error::other)?;
        response.into_body().into_reader().take(SIZE_LIMIT + 1).read_to_end(&mut content)?;
    }
    if content.len() as u64 > SIZE_LIMIT { Err(too_large()) } else { Ok(content) }
}

/// The program in an archive: the file of that name, wherever in the archive it is; or the archive is the program.
fn extract(archive: Vec<u8>, file_name: &str) -> io::Result<Vec<u8>> {
    if archive.starts_with(b"\x7fELF") {
        return Ok(archive);
    }
    if !archive.starts_with(&[0x1f, 0x8b]) {
        return Err(io::Error::other("it is neither a .tar.gz archive nor a program"));
    }
    let mut entries = tar::Archive::new(GzDecoder::new(Cursor::new(archive)));
    for entry in entries.entries()? {
        let entry = entry?;
        let is_program = entry.path()?.file_name().is_some_and(|name| name == file_name);
        if is_program && entry.header().entry_type().is_file() {
            let mut content = Vec::new();
            entry.take(SIZE_LIMIT + 1).read_to_end(&mut content)?;
            return if content.len() as u64 > SIZE_LIMIT { Err(too_large()) } else { Ok(content) };
        }
    }
    Err(io::Error::other(format!("there is no file {file_name} in it")))
}

fn too_large() -> io::Error {
    io::Error::other("it is larger than 512 MiB")
}

fn failed(url: &str, why: &str) -> Failure {
    Failure::at(FieldPath::root(), "Artifact could not be fetched", format!("{url}: {why}."))
        .hint("Check the address in `artifacts` of the provider block, and that this machine can reach it.")
        .next("Nothing was made. Apply again when it can be fetched.")
}

#[cfg(test)]
mod tests {
    use justmanage_model::{Engine, Version};

    use super::*;

    fn tar_gz(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
        for (name, content) in files {
            let mut header = tar::Header::new_gnu();
            header.set_size(content.len() as u64);
            header.set_mode(0o755);
            header.set_cksum();
            builder.append_data(&mut header, name, *content).expect("append");
        }
        builder.into_inner().and_then(flate2::write::GzEncoder::finish).expect("finish")
    }

    #[test]
    fn the_program_is_taken_out_of_an_archive_wherever_it_stands() {
        let archive = tar_gz(&[("redis-7.0.15/README", b"no"), ("redis-7.0.15/bin/redis-server", b"\x7fELFyes")]);
        assert_eq!(extract(archive, "redis-server").expect("extract"), b"\x7fELFyes");
    }

    #[test]
    fn an_archive_without_the_program_says_so() {
        let error = extract(tar_gz(&[("valkey-server", b"x")]), "redis-server").expect_err("no such file");
        assert!(error.to_string().contains("redis-server"), "{error}");
    }

    #[test]
    fn a_web_page_is_not_taken_for_a_program() {
        let error = extract(b"<html>not found</html>".to_vec(), "redis-server").expect_err("not a program");
        assert!(error.to_string().contains("neither"), "{error}");
    }

    #[tokio::test]
    async fn another_digest_is_refused_and_both_are_named() {
        let file = std::env::temp_dir().join(format!("justmanage-fetch-{}", std::process::id()));
        std::fs::write(&file, b"\x7fELFprogram").expect("write");
        let url = format!("file://{}", file.display());
        let wrong = "0".repeat(64);
        let release = || Release::new(Engine::Redis, Version::new(7, 0, 15));
        let refused = program(release(), &url, &wrong).await.expect_err("another digest");
        assert!(refused.detail.contains(&wrong), "{refused}");
        let right = sha256_of(b"\x7fELFprogram");
        let taken = program(release(), &url, &right).await;
        std::fs::remove_file(&file).expect("clean up");
        assert_eq!(taken.expect("the right digest").content[..], *b"\x7fELFprogram");
    }
}
