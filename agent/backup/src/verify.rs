//! Loads a part into a server that serves nobody, and counts its keys.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use justmanage_engine::info::Fields;
use justmanage_model::Bytes;
use justmanage_model::backup::{BackupId, Compression};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use crate::digest::Digest;
use crate::error::{BackupError, StoreError};
use crate::head::{HEAD_MAX, Head};
use crate::pack::feed;
use crate::part::Part;
use crate::scratch::{Scratch, Server};
use crate::store::ClusterStore;

/// How long a server may make no progress while it loads. It reports after every 2 MiB; a single value of gigabytes takes longer.
const PATIENCE: Duration = Duration::from_secs(120);
/// For one question to it.
const CALL: Duration = Duration::from_secs(5);
/// How often it is asked.
const PAUSE: Duration = Duration::from_millis(20);
/// What is left free on the disk besides the file.
const SPARE: u64 = 64 << 20;
/// Largest window of zstd that is accepted, as a power of two: what is written here needs 2 MiB.
const WINDOW: u32 = 23;

/// With what parts are verified.
#[derive(Clone, Debug)]
pub struct Bench {
    /// The server program; of the release that wrote the part, or a later one that reads it.
    pub program: PathBuf,
    /// A directory of the agent's alone; made when it is missing. It takes the size of the part's file of data.
    pub directory: PathBuf,
    /// Where the kernel says how much memory there is.
    pub meminfo: PathBuf,
}

impl Bench {
    /// With a server program, in a directory.
    #[must_use]
    pub fn new(program: impl Into<PathBuf>, directory: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), directory: directory.into(), meminfo: "/proc/meminfo".into() }
    }
}

/// A part that was loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many keys it has. What had expired since is not among them.
    pub keys: u64,
}

/// Fetches a part back from the store, compares both digests, loads it into a server of its own, and counts its keys. Nothing of that
/// remains, whatever comes of it.
///
/// # Errors
/// [`BackupError::Damaged`] if it is not what was written, or cannot be loaded. [`BackupError::NotVerified`] if there is not enough
/// memory or disk for that, or no server: nothing then speaks against it.
pub async fn verify(store: &ClusterStore, id: &BackupId, part: &Part, bench: &Bench) -> Result<Verified, BackupError> {
    memory_for(part, &bench.meminfo)?;
    let scratch =
        Scratch::new(&bench.directory, id, part.shard).await.map_err(local("make a directory for a server"))?;
    let verified = verify_in(&scratch, store, id, part, bench).await;
    let removed = scratch.close().await.map_err(local("remove a directory of a server"));
    // What was found out first is the news.
    verified.and_then(|verified| removed.map(|()| verified))
}

async fn verify_in(
    scratch: &Scratch,
    store: &ClusterStore,
    id: &BackupId,
    part: &Part,
    bench: &Bench,
) -> Result<Verified, BackupError> {
    disk_for(part, &bench.directory)?;
    let beginning = fetch(store, id, part, &scratch.file()).await?;
    let said = Head::read(&beginning).and_then(|head| head.keys);
    let mut server = scratch.serve(&bench.program).map_err(|error| not(format!("no server was started: {error}")))?;
    let loaded = load(&mut server).await.map_err(|fault| match fault {
        Fault::Refused(why) => damaged(id, part, why),
        Fault::Other(why) => not(why),
    })?;
    let counted = Counted::of(&loaded);
    if let Some(why) = counted.contradiction(said) {
        return Err(damaged(id, part, why));
    }
    Ok(Verified { keys: counted.keys })
}

fn local(doing: &'static str) -> impl Fn(io::Error) -> BackupError {
    move |source| BackupError::Local { doing, source }
}

fn not(why: impl Into<String>) -> BackupError {
    BackupError::NotVerified { why: why.into() }
}

fn damaged(id: &BackupId, part: &Part, why: impl Into<String>) -> BackupError {
    BackupError::Damaged { id: id.clone(), object: part.object.clone(), why: why.into() }
}

/// Whether a server with these data fits beside what runs here. The file says what they took where they came from; what loads them
/// takes some more, and the node's own server may grow meanwhile.
fn memory_for(part: &Part, meminfo: &Path) -> Result<(), BackupError> {
    let expected = part.used_memory.unwrap_or(part.rdb).get();
    let needed = expected.saturating_add(expected / 10 * 3);
    let text = std::fs::read_to_string(meminfo).map_err(|error| not(format!("{}: {error}", meminfo.display())))?;
    let available = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")?.split_whitespace().next());
    let kib: Option<u64> = available.and_then(|kib| kib.parse().ok());
    match kib.map(|kib| kib * 1024) {
        Some(available) if available >= needed => Ok(()),
        Some(available) => Err(not(format!(
            "loading it takes some {} MiB of memory, and {} MiB are available",
            needed >> 20,
            available >> 20
        ))),
        None => Err(not("the kernel does not say how much memory is available")),
    }
}

fn disk_for(part: &Part, directory: &Path) -> Result<(), BackupError> {
    let found = rustix::fs::statvfs(directory).map_err(|error| local("look at the disk")(error.into()))?;
    let free = found.f_bavail.saturating_mul(found.f_frsize);
    let needed = part.rdb.get().saturating_add(SPARE);
    if free < needed {
        let (needed, free, directory) = (needed >> 20, free >> 20, directory.display());
        return Err(not(format!("unpacking it takes {needed} MiB of disk, and {free} MiB are free in {directory}")));
    }
    Ok(())
}

/// Unpacks a part into a file, and compares digests on the way. Gives the beginning of the file.
async fn fetch(store: &ClusterStore, id: &BackupId, part: &Part, into: &Path) -> Result<Vec<u8>, BackupError> {
    let name = format!("{id}/{}", part.object);
    let source = match store.open(&name).await {
        Err(StoreError::NotFound { .. }) => return Err(damaged(id, part, "it is gone")),
        source => source?,
    };
    let (pieces, to_unpack) = mpsc::channel(4);
    let file = File::options().write(true).create_new(true).open(into).map_err(local("unpack"))?;
    let (most, compression) = (part.rdb.get(), part.compression);
    let unpack = spawn_blocking(move || Unpacker::new(file, most).all(to_unpack, compression));
    let (ignored, _) = watch::channel(Bytes::new(0));
    let (read, unpacked) = tokio::join!(feed(source, pieces, &ignored), unpack);
    read.map_err(|source| StoreError::of("read", name, source))?;
    let unpacked = unpacked.unwrap_or_else(|error| Err(Spoilt::Disk(io::Error::other(error))));
    let (stored, rdb, beginning) = unpacked.map_err(|spoilt| match spoilt {
        Spoilt::Disk(error) if error.kind() == io::ErrorKind::StorageFull => not("the disk is full"),
        Spoilt::Disk(error) => local("unpack")(error),
        Spoilt::Stored(why) => damaged(id, part, why),
    })?;
    for (what, found, said) in [
        ("what is stored", stored, (part.stored.get(), &part.stored_sha256)),
        ("the file of data in it", rdb, (part.rdb.get(), &part.rdb_sha256)),
    ] {
        if (found.0, &found.1) != said {
            let why =
                format!("{what} has {} bytes and SHA-256 {}, instead of {} and {}", found.0, found.1, said.0, said.1);
            return Err(damaged(id, part, why));
        }
    }
    Ok(beginning)
}

/// Why something cannot be unpacked.
enum Spoilt {
    /// Where it is unpacked.
    Disk(io::Error),
    /// What is unpacked.
    Stored(String),
}

/// Where unpacked data go.
struct Unpacker {
    file: File,
    /// More than it is said to be never reaches the disk.
    left: u64,
    rdb: Digest,
    beginning: Vec<u8>,
    failed: Option<io::Error>,
}

type Found = (u64, String);

impl Unpacker {
    fn new(file: File, most: u64) -> Self {
        Self { file, left: most, rdb: Digest::new(), beginning: Vec::new(), failed: None }
    }

    fn all(
        mut self,
        mut from: mpsc::Receiver<bytes::Bytes>,
        compression: Compression,
    ) -> Result<(Found, Found, Vec<u8>), Spoilt> {
        let mut stored = Digest::new();
        let mut unpack = || match compression {
            Compression::None => {
                while let Some(piece) = from.blocking_recv() {
                    stored.update(&piece);
                    self.write_all(&piece)?;
                }
                Ok(())
            }
            Compression::Zstd => {
                let mut decoder = zstd::stream::write::Decoder::new(&mut self)?;
                decoder.window_log_max(WINDOW)?;
                while let Some(piece) = from.blocking_recv() {
                    stored.update(&piece);
                    decoder.write_all(&piece)?;
                }
                decoder.flush()
            }
        };
        let unpacked: io::Result<()> = unpack();
        match (self.failed, unpacked) {
            (Some(error), _) => Err(Spoilt::Disk(error)),
            (None, Err(error)) => Err(Spoilt::Stored(format!("it cannot be unpacked: {error}"))),
            (None, Ok(())) => Ok((stored.finish(), self.rdb.finish(), self.beginning)),
        }
    }
}

impl Write for Unpacker {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| io::Error::other("there is more in it"))?;
        if let Err(error) = self.file.write_all(bytes) {
            let kind = error.kind();
            self.failed = Some(error);
            return Err(kind.into());
        }
        self.rdb.update(bytes);
        let missing = HEAD_MAX - self.beginning.len();
        self.beginning.extend_from_slice(&bytes[..missing.min(bytes.len())]);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Why a server does not load a file.
enum Fault {
    /// It says that the file is bad.
    Refused(String),
    /// Anything else.
    Other(String),
}

/// Waits until a server has loaded its file; what it then says of itself.
async fn load(server: &mut Server<'_>) -> Result<Fields, Fault> {
    let (mut seen, mut since) = (None, Instant::now());
    let mut connection = None;
    loop {
        if let Some(code) = server.ended().map_err(|error| Fault::Other(error.to_string()))? {
            return Err(server.fault(code));
        }
        if connection.is_none() {
            connection = server.connect(CALL).await;
        }
        if let Some(open) = &mut connection {
            match open.info().await {
                Ok(fields) if fields.get("loading") == Some("0") => return Ok(fields),
                Ok(fields) => {
                    let loaded = fields.number("loading_loaded_bytes");
                    if loaded != seen {
                        (seen, since) = (loaded, Instant::now());
                    }
                }
                Err(_) => connection = None,
            }
        }
        if since.elapsed() > PATIENCE {
            return Err(Fault::Other(format!(
                "the server that loads it made no progress for {} s",
                PATIENCE.as_secs()
            )));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

impl Server<'_> {
    /// Why it ended.
    fn fault(&self, code: i32) -> Fault {
        // Its words are not repeated: there can be names of keys in them.
        let log = self.log();
        let bad = [
            "Fatal error loading",
            "Wrong RDB checksum",
            "Internal error in RDB",
            "after rdb file reading failure",
            "Can't handle RDB format",
        ];
        if bad.iter().any(|words| log.contains(words)) {
            return Fault::Refused("a server of its release cannot load it".to_owned());
        }
        // By a signal of its own making, which is what bytes that make no sense come to in servers before 7.0; unless it is that memory
        // is out.
        if matches!(code, 134..=136 | 139) && !log.contains("Out Of Memory") {
            return Fault::Refused("a server of its release cannot load it".to_owned());
        }
        match code {
            137 => Fault::Other("the server that loads it was killed, maybe for want of memory".to_owned()),
            code => Fault::Other(format!("the server that was to load it ended with code {code}")),
        }
    }
}

/// What a server counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    /// All keys that it has loaded.
    keys: u64,
    /// Keys that had expired when they were to be loaded; before Redis 7.0 no server says it.
    expired: Option<u64>,
    /// How many keys each database has now, of those that have any.
    databases: usize,
}

impl Counted {
    fn of(fields: &Fields) -> Self {
        let keys = |said: &str| said.split(',').find_map(|part| part.strip_prefix("keys=")?.parse::<u64>().ok());
        let databases: Vec<u64> = fields
            .beginning("db")
            .filter(|(number, _)| number.parse::<u64>().is_ok())
            .filter_map(|(_, said)| keys(said))
            .collect();
        Self {
            // Since it has loaded them, more may have expired.
            keys: fields.number("rdb_last_load_keys_loaded").unwrap_or_else(|| databases.iter().sum()),
            expired: fields.number("rdb_last_load_keys_expired"),
            databases: databases.len(),
        }
    }

    /// In what it contradicts what the file says of its first database with keys, where expired ones are counted as well.
    fn contradiction(self, said: Option<u64>) -> Option<String> {
        let said = said?;
        let fits = match self.expired {
            Some(expired) if self.databases <= 1 => said == self.keys + expired,
            Some(expired) => said <= self.keys + expired,
            None => self.databases > 1 || self.keys <= said,
        };
        (!fits).then(|| format!("{} keys were loaded from it, and it says that it has {said}", self.keys))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contradicts(info: &str, said: Option<u64>) -> bool {
        Counted::of(&Fields::parse(info)).contradiction(said).is_some()
    }

    #[test]
    fn keys_are_as_many_as_the_file_says() {
        let loaded = "rdb_last_load_keys_loaded:5\r\nrdb_last_load_keys_expired:2\r\n";
        let one = format!("{loaded}db0:keys=4,expires=1\r\n");
        assert_eq!(Counted::of(&Fields::parse(&one)).keys, 5, "one has expired since");
        for (info, said, wrong) in [
            (one.as_str(), Some(7), false),
            (&one, Some(6), true),
            (&one, Some(8), true),
            (&one, None, false),
            (&format!("{loaded}db0:keys=3\r\ndb7:keys=2\r\n"), Some(3), false),
            (&format!("{loaded}db0:keys=3\r\ndb7:keys=2\r\n"), Some(8), true),
            ("db0:keys=5\r\n", Some(5), false),
            ("db0:keys=5\r\n", Some(9), false),
            ("db0:keys=5\r\n", Some(4), true),
            ("", Some(0), false),
        ] {
            assert_eq!(contradicts(info, said), wrong, "{info:?} {said:?}");
        }
    }
}
