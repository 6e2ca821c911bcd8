//! The agent's log: lines with UTC times in `agent.log`, never longer than two files of 10 MiB.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::directory::Directory;
use crate::server::rotate;

/// What is logged: a level (`debug`) or directives of tracing (`info,justmanage_agent::turn=trace`). What is usual without it.
const LEVEL: &str = "JUSTMANAGE_LOG";
/// Usually our own sentences; the library that agrees on the Record logs each message at `info`, and races that are no fault at
/// `warn`. What is wrong with it is told by `justmanage_record`.
const USUAL: &str = "info,openraft=off";
/// So many bytes are written between two looks at the file's size.
const LOOK_AFTER: usize = 1 << 20;

/// From now on what the process logs goes to the node's `agent.log`.
///
/// # Errors
/// The file cannot be opened, or the process logs already.
pub fn begin(directory: &Directory) -> io::Result<()> {
    let filter = std::env::var(LEVEL).ok().and_then(|level| EnvFilter::try_new(level).ok());
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new(USUAL)))
        .with_ansi(false)
        .with_writer(Log::open(directory.agent_log())?)
        .finish();
    tracing::subscriber::set_global_default(subscriber).map_err(io::Error::other)
}

/// A log file that is put aside when it grows too long.
struct Log {
    path: PathBuf,
    open: Mutex<Open>,
}

struct Open {
    file: File,
    written: usize,
}

impl Log {
    fn open(path: PathBuf) -> io::Result<Self> {
        rotate(&path)?;
        let file = File::options().append(true).create(true).mode(0o600).open(&path)?;
        Ok(Self { path, open: Mutex::new(Open { file, written: 0 }) })
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.written >= LOOK_AFTER {
            open.written = 0;
            // A log that cannot be put aside, on a full disk say, is still better than none.
            let _ = rotate(&self.path);
        }
        open.written += line.len();
        // The whole line: with another write in between, it would be torn by the end of another one.
        open.file.write_all(line).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
