//! What a server program is: engine, version, and whether it speaks TLS.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use justmanage_model::{Engine, Release, Version};
use tokio::io::AsyncReadExt;
use tokio::process::Command;

/// How long a program may take to print its version. It takes 5 ms; a second of a loaded machine is no reason to fail, and a
/// program that waits for input is not a server.
const LIMIT: Duration = Duration::from_secs(5);

/// A server program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerBinary {
    /// What it says it is. Of which package it came, it does not know.
    pub release: Release,
    /// It was built with TLS.
    pub tls: bool,
}

/// Why a file is not a server program that can be used.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// There is no such file, or it cannot be read or run.
    #[error("{path:?} cannot be run")]
    NotRunnable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It ran, and is something else.
    #[error("{path:?} is not a Redis or Valkey server: it {said}")]
    NotAServer {
        /// The file.
        path: PathBuf,
        /// What it did instead.
        said: String,
    },
}

/// Asks a program what it is.
///
/// # Errors
/// It cannot be run, or is not a Redis or Valkey server.
pub async fn inspect(path: &Path) -> Result<ServerBinary, InspectError> {
    let not_runnable = |source| InspectError::NotRunnable { path: path.to_owned(), source };
    let not_a_server = |said| InspectError::NotAServer { path: path.to_owned(), said };
    let tls = contains(path, TLS_MARK).await.map_err(not_runnable)?;
    let output = match version_text(path).await.map_err(not_runnable)? {
        Some(output) => output,
        None => return Err(not_a_server(format!("did not end within {} s", LIMIT.as_secs()))),
    };
    let text = String::from_utf8_lossy(&output);
    let Some((engine, version)) = parse_version(&text) else {
        let first: String = text.lines().next().unwrap_or_default().chars().take(80).collect();
        return Err(not_a_server(format!("printed {first:?}")));
    };
    Ok(ServerBinary { release: Release::new(engine, version), tls })
}

/// `Redis server v=7.0.15 sha=...` or `Valkey server v=8.0.1 sha=...`.
fn parse_version(text: &str) -> Option<(Engine, Version)> {
    let mut words = text.split_whitespace();
    let engine = match (words.next()?, words.next()?) {
        ("Redis", "server") => Engine::Redis,
        ("Valkey", "server") => Engine::Valkey,
        _ => return None,
    };
    Some((engine, words.next()?.strip_prefix("v=")?.parse().ok()?))
}

/// OpenSSL's constructor: named by every server that was built with TLS, linked either way, and by none that was not. (Names
/// of TLS directives will not do: servers without TLS know them too, to say that they do not.)
const TLS_MARK: &[u8] = b"SSL_CTX_new";

async fn contains(path: &Path, mark: &[u8]) -> std::io::Result<bool> {
    let mut file = tokio::fs::File::open(path).await?;
    let mut window = Vec::with_capacity(1 << 17);
    loop {
        // What is kept from before is shorter than the mark, so a mark across two reads is found, and found once.
        let seen = window.len().saturating_sub(mark.len() - 1);
        window.drain(..seen);
        if (&mut file).take(1 << 16).read_to_end(&mut window).await? == 0 {
            return Ok(false);
        }
        if is_in(&window, mark) {
            return Ok(true);
        }
    }
}

/// Looks at whole words only where the first letter is right: programs with all their symbols have tens of megabytes.
fn is_in(mut bytes: &[u8], mark: &[u8]) -> bool {
    while let Some(at) = mark.first().and_then(|first| bytes.iter().position(|byte| byte == first)) {
        bytes = &bytes[at..];
        if bytes.starts_with(mark) {
            return true;
        }
        bytes = &bytes[1..];
    }
    false
}

/// What a program printed when it was asked for its version; `None` if it did not end in time.
async fn version_text(program: &Path) -> std::io::Result<Option<Vec<u8>>> {
    let child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    match tokio::time::timeout(LIMIT, child.wait_with_output()).await {
        Ok(output) => output.map(|output| Some(output.stdout)),
        Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_servers_print_them() {
        let redis = "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0\n";
        assert_eq!(parse_version(redis), Some((Engine::Redis, Version::new(7, 0, 15))));
        let valkey = "Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=39f7c371e0a96e3d\n";
        assert_eq!(parse_version(valkey), Some((Engine::Valkey, Version::new(8, 0, 1))));
        for other in ["", "redis-cli 7.0.15\n", "Redis server v=7.0\n", "Redis server\n", "KeyDB server v=6.3.4 sha=0"]
        {
            assert_eq!(parse_version(other), None, "{other:?}");
        }
    }

    #[tokio::test]
    async fn a_mark_is_found_wherever_it_lies() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        let size = 1 << 16;
        for at in [0, 1, size - 11, size - 5, size, 2 * size + 7] {
            let mut bytes = vec![b'S'; 3 * size];
            std::fs::write(&file, &bytes).unwrap();
            assert!(!contains(&file, TLS_MARK).await.unwrap());
            bytes[at..at + TLS_MARK.len()].copy_from_slice(TLS_MARK);
            std::fs::write(&file, &bytes).unwrap();
            assert!(contains(&file, TLS_MARK).await.unwrap(), "at {at}");
        }
    }

    #[tokio::test]
    async fn other_programs_are_refused() {
        let missing = inspect(Path::new("/nowhere/redis-server")).await.unwrap_err();
        assert!(matches!(missing, InspectError::NotRunnable { .. }), "{missing}");
        let other = inspect(Path::new("/bin/true")).await.unwrap_err();
        assert!(matches!(other, InspectError::NotAServer { .. }), "{other}");
    }
}
