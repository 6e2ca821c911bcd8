//! A server that runs as a node of a cluster, in a folder of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::Candidate;
use super::client::{Client, Reply};

/// The next port: all are free, for the network is our own, and the bus's are ten thousand above.
static PORT: AtomicU16 = AtomicU16::new(10_000);

/// As Just Manage sets it.
pub(super) const NODE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a server may take until it answers; the data are small.
const START: Duration = Duration::from_secs(8);
const POLL: Duration = Duration::from_millis(50);

/// Asks until there is an answer, or until the time is over.
pub(super) fn until<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = ask() {
            return Some(found);
        }
        if Instant::now() > end {
            return None;
        }
        thread::sleep(POLL);
    }
}

/// A node. Dropping it kills the server and removes its folder.
pub(super) struct Node<'a> {
    pub(super) release: &'a Candidate,
    pub(super) port: u16,
    folder: TempDir,
    running: Option<(Child, Client)>,
    /// Where in the log the present run begins.
    log: usize,
}

impl<'a> Node<'a> {
    /// A node with an empty folder; its server does not run yet.
    pub(super) fn new(release: &'a Candidate) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("jm-matrix-").tempdir()?;
        let port = PORT.fetch_add(1, Ordering::Relaxed);
        Ok(Self { release, port, folder, running: None, log: 0 })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the server, of whatever release the node is now.
    pub(super) fn start(&mut self, further: &[&str]) -> Result<()> {
        self.log = self.log_text().len();
        let port = self.port.to_string();
        let timeout = NODE_TIMEOUT.as_millis().to_string();
        let mut command = Command::new(&self.release.program);
        command.current_dir(self.folder()).args(["--port", &port, "--bind", "127.0.0.1", "--logfile", "log"]);
        command.args(["--cluster-enabled", "yes", "--cluster-node-timeout", &timeout, "--protected-mode", "no"]);
        command.args(["--save", "", "--appendonly", "no", "--repl-diskless-sync", "yes"]);
        command.args(["--repl-diskless-sync-delay", "0"]).args(further);
        let output = File::create(self.folder().join("output"))?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot start {}", self.release.program.display()))?;
        let mut child = Some(child);
        let answers = until(START, || {
            if child.as_mut().is_some_and(|child| !matches!(child.try_wait(), Ok(None))) {
                return Some(None);
            }
            let mut client = Client::connect(self.port).ok()?;
            let reply = client.call(&["PING"]).ok()?.text();
            (reply == "PONG" || reply.starts_with("MASTERDOWN")).then_some(Some(client))
        });
        match (answers.flatten(), child.take()) {
            (Some(client), Some(child)) => {
                self.running = Some((child, client));
                Ok(())
            }
            (_, child) => {
                if let Some(mut child) = child {
                    let _ = child.kill(); // it may have ended
                    child.wait()?;
                }
                bail!("{} does not start: {}", self.release.name, self.warnings())
            }
        }
    }

    /// Ends the server as a service manager does; what it then saves, it saves.
    pub(super) fn stop(&mut self) -> Result<()> {
        let Some((mut child, _)) = self.running.take() else { return Ok(()) };
        let pid = Pid::from_raw(i32::try_from(child.id())?).context("a pid is positive")?;
        kill_process(pid, Signal::TERM)?;
        if until(Duration::from_secs(15), || child.try_wait().ok().flatten()).is_none() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// Makes it a node of another release, on the same folder and address.
    pub(super) fn become_release(&mut self, release: &'a Candidate) {
        self.release = release;
    }

    pub(super) fn client(&mut self) -> Result<&mut Client> {
        self.running.as_mut().map(|(_, client)| client).context("the server does not run")
    }

    /// See [`Client::ask`].
    pub(super) fn ask(&mut self, command: &str) -> Result<Reply> {
        self.client()?.ask(command)
    }

    /// The text of an answer.
    pub(super) fn text(&mut self, command: &str) -> Result<String> {
        Ok(self.ask(command)?.text())
    }

    /// A line `key:value` of `INFO` or of `CLUSTER INFO`.
    pub(super) fn field(&mut self, command: &str, key: &str) -> Option<String> {
        let text = self.text(command).ok()?;
        let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
        Some(value.trim_end().to_owned())
    }

    /// Its lines of `CLUSTER NODES`, as words.
    pub(super) fn table(&mut self) -> Result<Vec<Vec<String>>> {
        Ok(words(&self.text("CLUSTER NODES")?))
    }

    /// The lines of its `nodes.conf`, as words.
    pub(super) fn table_on_disk(&self) -> Vec<Vec<String>> {
        let bytes = fs::read(self.folder().join("nodes.conf")).unwrap_or_default();
        words(&String::from_utf8_lossy(&bytes)).into_iter().filter(|line| line[0] != "vars").collect()
    }

    /// Whether its own links to all others of `size` nodes are up.
    pub(super) fn is_linked(&mut self, size: usize) -> bool {
        let up = |line: &Vec<String>| {
            let flags = line[2].as_str();
            let well = ["fail", "handshake", "noaddr"].iter().all(|flag| !flags.contains(flag));
            flags.contains("myself") || well && line[7] == "connected"
        };
        self.table().is_ok_and(|table| table.len() == size && table.iter().all(up))
    }

    /// What it logged in its present run.
    pub(super) fn said(&self) -> String {
        self.log_text().get(self.log..).unwrap_or_default().to_owned()
    }

    /// The last of what went wrong in its present run.
    pub(super) fn warnings(&self) -> String {
        let said = self.said();
        let lines = said.lines().filter_map(|line| line.split_once(" # ")).map(|(_, text)| text);
        let lines: Vec<&str> = lines.filter(|text| !text.starts_with("WARNING")).collect(); // of the machine's settings
        lines[lines.len().saturating_sub(3)..].join(" | ")
    }

    fn log_text(&self) -> String {
        let bytes = fs::read(self.folder().join("log")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

fn words(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|words| !words.is_empty()).collect()
}

impl Drop for Node<'_> {
    fn drop(&mut self) {
        if let Some((mut child, _)) = self.running.take() {
            let _ = child.kill(); // it may have ended
            let _ = child.wait();
        }
    }
}

/// Copies what a server wrote into another's folder: one file, or one folder of files.
pub(super) fn take_over(from: &Path, to: &Path, name: &str) -> Result<()> {
    let (from, to): (PathBuf, PathBuf) = (from.join(name), to.join(name));
    if from.is_dir() {
        fs::create_dir(&to)?;
        for entry in fs::read_dir(&from)? {
            let entry = entry?;
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    } else {
        fs::copy(&from, &to).with_context(|| format!("cannot copy {}", from.display()))?;
    }
    Ok(())
}
