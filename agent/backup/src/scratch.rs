//! A server that serves nobody: a process that ends with whoever started it, and a directory that goes with it.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use justmanage_engine::Connection;
use justmanage_model::backup::BackupId;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::process::{Child, Command};
use tokio::task::spawn_blocking;

/// What directories of such servers begin with.
const PREFIX: &str = "verify-";
/// The file that the server loads.
const FILE: &str = "dump.rdb";
const SOCKET: &str = "server.sock";
const LOG: &str = "server.log";

/// Starts the server with its arguments, and ends it when the agent's end of standard input is closed, which the kernel sees to
/// however the agent ends. (The kernel's own signal for that, `PR_SET_PDEATHSIG`, has to be asked for between fork and exec, and comes
/// already when the *thread* ends that has started a process.)
///
/// It takes only what nobody else wants of processor and disk, and is the first to go when there is no memory left.
const KEEPER: &str = r#"
exec 3<&0 </dev/null
{ echo 1000 >/proc/self/oom_score_adj; } 2>/dev/null
if command -v ionice >/dev/null; then set -- ionice -c 3 "$@"; fi
nice -n 19 "$@" 3<&- & server=$!
{ read -r _ <&3; kill -9 "$server"; } 2>/dev/null & guard=$!
wait "$server"; code=$?
kill "$guard" 2>/dev/null
exit "$code"
"#;

/// A directory for a server. What is in it goes with this value.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
    /// Held open, as a way to the socket whose name is short enough wherever the directory is.
    folder: File,
    /// It was removed already.
    closed: bool,
}

impl Scratch {
    /// An empty one for a part of a backup, below a directory that is the agent's alone; what an agent that was killed has left of it
    /// goes first.
    pub(crate) async fn new(below: &Path, id: &BackupId, shard: u16) -> io::Result<Self> {
        let (below, path) = (below.to_owned(), below.join(format!("{PREFIX}{id}-{shard:04}")));
        let made = spawn_blocking(move || {
            end(&path)?;
            DirBuilder::new().recursive(true).mode(0o700).create(&below)?;
            DirBuilder::new().mode(0o700).create(&path)?;
            let folder = File::open(&path)?;
            Ok(Self { path, folder, closed: false })
        });
        made.await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Removes it, and whoever still works in it.
    pub(crate) async fn close(mut self) -> io::Result<()> {
        self.closed = true;
        let path = self.path.clone();
        spawn_blocking(move || end(&path)).await.unwrap_or_else(|error| Err(io::Error::other(error)))
    }

    /// Where the file goes that the server loads.
    pub(crate) fn file(&self) -> PathBuf {
        self.path.join(FILE)
    }

    /// Starts a server that loads the file, and writes nothing.
    pub(crate) fn serve(&self, program: &Path) -> io::Result<Server<'_>> {
        let mut command = Command::new("/bin/sh");
        command.arg("-c").arg(KEEPER).arg("keeper").arg(program);
        command.args(["--port", "0", "--unixsocket", SOCKET, "--unixsocketperm", "700"]);
        command.args(["--dbfilename", FILE, "--save", "", "--appendonly", "no", "--daemonize", "no", "--logfile", LOG]);
        // As many databases as there can well be: a file with one more cannot be loaded.
        command.args(["--cluster-enabled", "no", "--databases", "1024", "--maxmemory", "0", "--maxclients", "16"]);
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_else(|| "/usr/bin:/bin".into()));
        command.current_dir(&self.path).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Server { scratch: self, keeper: command.spawn()? })
    }

    /// The end of the server's log.
    fn log(&self) -> String {
        fs::read(self.path.join(LOG)).map(|log| String::from_utf8_lossy(&log).into_owned()).unwrap_or_default()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Whoever waited for it has lost interest. What remains is found at the next start.
        if !self.closed {
            let _ = end(&self.path);
        }
    }
}

/// A server that runs. It ends when this is dropped, before its directory goes.
#[derive(Debug)]
pub(crate) struct Server<'a> {
    scratch: &'a Scratch,
    keeper: Child,
}

impl Server<'_> {
    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> io::Result<Option<i32>> {
        // The shell says of a program that a signal ended: 128 and the number.
        Ok(self.keeper.try_wait()?.map(|status| status.code().unwrap_or(128)))
    }

    /// What it has written into its log.
    pub(crate) fn log(&self) -> String {
        self.scratch.log()
    }

    /// A connection to it.
    pub(crate) async fn connect(&self, limit: Duration) -> Option<Connection> {
        let socket = format!("/proc/self/fd/{}/{SOCKET}", self.scratch.folder.as_raw_fd());
        Connection::open_local(Path::new(&socket), limit).await.ok()
    }
}

/// Removes what agents that were killed have left below a directory: servers that still run, and their files. To be called when the
/// agent starts.
///
/// # Errors
/// It cannot be removed.
pub fn clean(below: &Path) -> io::Result<()> {
    let entries = match fs::read_dir(below) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX)) {
            end(&entry.path())?;
        }
    }
    Ok(())
}

/// Ends every process that works in a directory, and removes that.
fn end(path: &Path) -> io::Result<()> {
    let Ok(path) = path.canonicalize() else { return Ok(()) };
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        // Held by a descriptor before it is looked at, so that it is the one that was looked at which is ended.
        let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
        if fs::read_link(entry.path().join("cwd")).is_ok_and(|directory| directory == path) {
            // Gone already is as well.
            let _ = pidfd_send_signal(&process, Signal::KILL);
        }
    }
    match fs::remove_dir_all(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
