//! Running the agent's commands: `start`, `status`, `remove`.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use justmanage_model::Version;
use justmanage_model::node::{AgentInfo, NodeStatus, ServerProgram};
use justmanage_platforms::PlatformError;
use justmanage_steps::step;
use ring::digest;
use serde::de::DeserializeOwned;
use tokio::process::Command;

use crate::root::{ARTEFACTS, Root, RootLock, denied, make_private};

/// Longest time for a command of the agent. `remove` is the slowest: 15 s for agents that hang or are started again, 30 s for
/// a server to save its data, 10 s for each to vanish after it was killed. Twice the sum is a hang.
const COMMAND_LIMIT: Duration = Duration::from_secs(2 * 65);

/// The agent's program as the provider ships it.
#[derive(Clone, Debug)]
pub struct AgentBinary {
    path: PathBuf,
    /// The digest of the program, as it was when it was last read: one node after the other asks, within milliseconds.
    digest: Arc<Mutex<Option<(Look, String)>>>,
    /// What it calls itself, in the same way: every plan of every cluster asks.
    version: Arc<Mutex<Option<(Look, Version)>>>,
}

/// What tells one build of a file from the next without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Look {
    inode: u64,
    length: u64,
    changed: (i64, i64),
}

impl AgentBinary {
    /// The program at a path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), digest: Arc::default(), version: Arc::default() }
    }

    /// A copy of the program in the root, so that a node outlives the provider's own installation. One file per build:
    /// a running agent's file is never overwritten.
    ///
    /// # Errors
    /// [`PlatformError::Invalid`] when the provider was installed without its agent.
    pub fn install(&self, root: &Root, _lock: &RootLock) -> Result<PathBuf, PlatformError> {
        let look = self.look()?;
        let digest = self.digest(&look)?;
        let target = root.programs().join(format!("justmanage-agent-{digest}"));
        if fs::metadata(&target).is_ok_and(|found| found.len() == look.length) {
            return Ok(target);
        }
        make_private(&root.programs())?;
        let unfinished = target.with_extension("new");
        let write = || -> io::Result<()> {
            fs::copy(&self.path, &unfinished)?;
            fs::set_permissions(&unfinished, fs::Permissions::from_mode(0o700))?;
            File::open(&unfinished)?.sync_all()?;
            step!("agent's program: copied");
            fs::rename(&unfinished, &target)?;
            step!("agent's program: in place");
            Ok(())
        };
        write().map_err(|error| denied(&target, &error))?;
        Ok(target)
    }

    fn look(&self) -> Result<Look, PlatformError> {
        let found = fs::metadata(&self.path).map_err(|error| self.missing(&error))?;
        Ok(Look { inode: found.ino(), length: found.len(), changed: (found.mtime(), found.mtime_nsec()) })
    }

    /// The first digits of the program's SHA-256.
    fn digest(&self, look: &Look) -> Result<String, PlatformError> {
        let mut known = self.digest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, digest)) = known.as_ref().filter(|(before, _)| before == look) {
            return Ok(digest.clone());
        }
        let program = fs::read(&self.path).map_err(|error| self.missing(&error))?;
        let digest = digest::digest(&digest::SHA256, &program);
        let short: String = digest.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        *known = Some((look.clone(), short.clone()));
        Ok(short)
    }

    /// What the program calls itself.
    ///
    /// # Errors
    /// [`PlatformError::Invalid`] when the provider was installed without its agent, [`PlatformError::Failed`] when that cannot be
    /// run.
    pub async fn version(&self) -> Result<Version, PlatformError> {
        let look = self.look()?;
        let known = self.version.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((_, version)) = known.filter(|(before, _)| *before == look) {
            return Ok(version);
        }
        let mut command = Command::new(&self.path);
        command.arg("--version");
        let printed = run(command).await.map_err(|why| PlatformError::Failed {
            what: format!("`justmanage-agent --version` failed: {why}"),
            hint: "Install the provider's whole archive again; its two programs belong together.".into(),
        })?;
        let printed = String::from_utf8_lossy(&printed);
        let word = printed.split_whitespace().last().unwrap_or_default();
        let version: Version = word.parse().map_err(|error| unexpected(&self.path, &error))?;
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = Some((look, version));
        Ok(version)
    }

    /// Puts an installed copy in the place of a node's older agent, and returns when it answers.
    ///
    /// # Errors
    /// [`PlatformError::Failed`] with the agent's own words.
    pub async fn upgrade(&self, installed: &Path, node: &Path) -> Result<AgentInfo, PlatformError> {
        answer(installed, &verb(installed, "upgrade", node).await?)
    }

    /// Starts the agent of a node from an installed copy, and returns when it listens. One that runs already stays.
    ///
    /// # Errors
    /// [`PlatformError::Failed`] with the agent's own words.
    pub async fn start(&self, installed: &Path, node: &Path) -> Result<AgentInfo, PlatformError> {
        answer(installed, &verb(installed, "start", node).await?)
    }

    /// What runs in these nodes' directories, in their order: one run of the program for all of them.
    ///
    /// # Errors
    /// [`PlatformError::Failed`] with the agent's own words.
    pub async fn status(&self, nodes: &[PathBuf]) -> Result<Vec<NodeStatus>, PlatformError> {
        let Some(first) = nodes.first() else { return Ok(Vec::new()) };
        self.present()?;
        let mut command = Command::new(&self.path);
        command.arg("status");
        for node in nodes {
            command.arg("--dir").arg(node);
        }
        let printed = run(command).await.map_err(|why| failed("status", first, &why))?;
        let lines = printed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let statuses = lines.map(|line| answer(&self.path, line)).collect::<Result<Vec<NodeStatus>, _>>()?;
        if statuses.len() == nodes.len() { Ok(statuses) } else { Err(unexpected(&self.path, &"too few lines")) }
    }

    /// Stops agent and server of a node and removes its directory. A node that is gone already is a success.
    ///
    /// # Errors
    /// [`PlatformError::Failed`] with the agent's own words.
    pub async fn remove(&self, node: &Path) -> Result<(), PlatformError> {
        self.present()?;
        verb(&self.path, "remove", node).await.map(|_| ())
    }

    /// What server programs are, of these files. Files that are none are left out of the answer.
    ///
    /// # Errors
    /// [`PlatformError::Failed`] with the agent's own words.
    pub async fn inspect(&self, files: &[PathBuf]) -> Result<Vec<ServerProgram>, PlatformError> {
        if files.is_empty() {
            return Ok(Vec::new());
        }
        self.present()?;
        let mut command = Command::new(&self.path);
        command.arg("inspect").args(files);
        answer(
            &self.path,
            &run(command).await.map_err(|why| PlatformError::Failed {
                what: format!("`justmanage-agent inspect` failed: {why}"),
                hint: "Run the command by hand to see more.".into(),
            })?,
        )
    }

    fn present(&self) -> Result<(), PlatformError> {
        fs::metadata(&self.path).map(|_| ()).map_err(|error| self.missing(&error))
    }

    fn missing(&self, error: &io::Error) -> PlatformError {
        PlatformError::Invalid {
            field: "agent".into(),
            what: format!("the agent's program cannot be read at {}: {error}", self.path.display()),
            hint:
                "The provider comes with the program `justmanage-agent` beside it. Install the whole archive, or name \
                   the program with JUSTMANAGE_AGENT."
                    .into(),
        }
    }
}

/// Tells an agent in which directory it keeps server programs.
const KEPT: &str = "JUSTMANAGE_ARTIFACTS";

/// Runs a verb of the agent on a node and returns what it printed.
async fn verb(program: &Path, verb: &str, node: &Path) -> Result<Vec<u8>, PlatformError> {
    let mut command = Command::new(program);
    command.arg(verb).arg("--dir").arg(node);
    // Root, cluster, node: what agents fetch by themselves is where everything else is that nodes share.
    let kept = node.ancestors().nth(2).map(|root| (KEPT, root.join(ARTEFACTS)));
    run_with(command, kept).await.map_err(|why| failed(verb, node, &why))
}

fn failed(verb: &str, node: &Path, why: &str) -> PlatformError {
    PlatformError::Failed {
        what: format!("`justmanage-agent {verb}` failed for {}: {why}", node.display()),
        hint: format!("Its log is {}; apply again when the cause is gone.", node.join("agent.log").display()),
    }
}

/// Runs a command of the agent and returns what it printed, or why it failed.
async fn run(command: Command) -> Result<Vec<u8>, String> {
    run_with(command, None).await
}

/// The same with something in its environment.
async fn run_with(mut command: Command, more: Option<(&str, PathBuf)>) -> Result<Vec<u8>, String> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    // Ctrl-C reaches the whole process group of the terminal. What is to become of the work, Terraform says through the provider;
    // a command that died of it would look like a machine that failed.
    command.process_group(0);
    // A node lives long after this process: nothing of Terraform's environment (cloud credentials, TF_VAR_*) goes along.
    command.env_clear();
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.envs(justmanage_steps::inherited()).envs(more);
    let output = tokio::time::timeout(COMMAND_LIMIT, command.output())
        .await
        .map_err(|_| format!("it did not come to an end within {} s", COMMAND_LIMIT.as_secs()))?
        .map_err(|error| format!("it cannot be run: {error}"))?;
    if output.status.success() { Ok(output.stdout) } else { Err(last_words(&output.stderr)) }
}

/// The error that the agent printed last: `{"error": "...", "hint": "..."}` or plain text.
fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    #[derive(serde::Deserialize)]
    struct Words {
        error: String,
        #[serde(default)]
        hint: String,
    }
    serde_json::from_str::<Words>(last)
        .map(|w| if w.hint.is_empty() { w.error } else { format!("{}. {}", w.error.trim_end_matches('.'), w.hint) })
        .unwrap_or_else(|_| last.to_owned())
}

fn answer<T: DeserializeOwned>(program: &Path, stdout: &[u8]) -> Result<T, PlatformError> {
    serde_json::from_slice(stdout).map_err(|error| unexpected(program, &error))
}

fn unexpected(program: &Path, what: &dyn std::fmt::Display) -> PlatformError {
    PlatformError::Failed {
        what: format!("{} answered something unexpected: {what}", program.display()),
        hint: "Provider and agent are of different builds; install them from one archive.".into(),
    }
}
