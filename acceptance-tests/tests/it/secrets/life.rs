//! Runs things in a cluster's life, and keeps what they say and what is secret.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use acceptance_tests::repeat::Repeat;
use acceptance_tests::secrets::{Secrets, sha256};
use acceptance_tests::sightings::ProcessWatch;
use acceptance_tests::{Run, Workspace, binaries};
use tempfile::TempDir;

use super::kept::{self, HELD, YOURS};
use super::look::Look;
use super::stage::{install, talkative_agent, temporary_users};

/// How often servers are asked for temporary users: one is there for as long as a plan takes.
const EVERY: Duration = Duration::from_millis(20);

pub(super) struct Life {
    pub(super) workspace: Workspace,
    pub(super) secrets: Secrets,
    /// By the name of a secret: parts of places where it belongs.
    pub(super) homes: BTreeMap<String, BTreeSet<String>>,
    pub(super) processes: ProcessWatch,
    /// Hashes of the passwords of temporary users.
    pub(super) temporary: Arc<Mutex<BTreeSet<String>>>,
    _users: Repeat,
    told: TempDir,
    /// Places that were looked at and were not empty.
    pub(super) looked: BTreeSet<String>,
    /// Secrets that were found where they belong.
    pub(super) at_home: BTreeSet<String>,
    /// How files were when they were looked at.
    pub(super) read: BTreeMap<PathBuf, Look>,
    runs: usize,
}

impl Life {
    /// An empty workspace in which everybody tells all that they can.
    pub(super) fn begin() -> Self {
        let mut workspace = Workspace::with_provider("");
        install(&workspace);
        let agent = talkative_agent(&workspace);
        workspace.set("JUSTMANAGE_AGENT", &agent.display().to_string());
        workspace.set("TF_LOG", "TRACE");
        workspace.set("TF_LOG_PATH", &workspace.root().join("trace.log").display().to_string());
        // At this level the library that agrees on the Record says at WARN what is no fault, and agents are stopped on purpose.
        workspace.allow_alarm("");
        for folder in ["said", "opened"] {
            fs::create_dir(workspace.root().join(folder)).expect("a directory");
        }
        let temporary = Arc::new(Mutex::new(BTreeSet::new()));
        let (hashes, clusters) = (temporary.clone(), workspace.clusters());
        let users = Repeat::start(EVERY, move || hashes.lock().expect("hashes").extend(temporary_users(&clusters)));
        let processes = ProcessWatch::start(workspace.root().to_path_buf());
        Self {
            workspace,
            secrets: Secrets::default(),
            homes: BTreeMap::new(),
            processes,
            temporary,
            _users: users,
            told: tempfile::tempdir().expect("a directory"),
            looked: BTreeSet::new(),
            at_home: BTreeSet::new(),
            read: BTreeMap::new(),
            runs: 0,
        }
    }

    /// Where somebody may say what he knows without being overheard.
    pub(super) fn told(&self) -> PathBuf {
        self.told.path().to_path_buf()
    }

    /// This is secret from now on, except in these places.
    pub(super) fn keep(&mut self, name: &str, secret: &[u8], homes: &[&str]) {
        self.secrets.learn(name, secret);
        self.homes.entry(name.to_owned()).or_default().extend(homes.iter().map(|home| (*home).to_owned()));
    }

    /// The same of a private key, PEM.
    pub(super) fn keep_pem(&mut self, name: &str, pem: &str, homes: &[&str]) {
        for kept in kept::keys(name, pem, "") {
            self.keep(&kept.name, &kept.secret, homes);
        }
    }

    /// Gives Terraform a password, by a variable of the environment. The cluster keeps its hash.
    pub(super) fn give(&mut self, variable: &str, name: &str, password: &str) {
        self.workspace.set(variable, password);
        self.keep(name, password.as_bytes(), &YOURS);
        let hash = sha256(password.as_bytes());
        if !self.homes.contains_key(&format!("the hash of {name}")) {
            self.keep(&format!("the hash of {name}"), hash.as_bytes(), &HELD);
        }
    }

    /// Runs Terraform, and keeps what it says.
    #[track_caller]
    pub(super) fn run(&mut self, what: &str, arguments: &[&str]) -> Run {
        let run = self.workspace.terraform(arguments);
        self.said(what, &run);
        run
    }

    #[track_caller]
    pub(super) fn apply(&mut self, what: &str) -> Run {
        self.run(what, &["apply", "-json", "-auto-approve", "-input=false"])
    }

    /// Runs a command of the agent, as somebody who knows no password, and keeps what it says.
    #[track_caller]
    pub(super) fn ask_agent(&mut self, arguments: &[&str]) {
        let agent = self.workspace.plugins().join(binaries::AGENT);
        let child = self.workspace.program(agent, arguments).env_clear().spawn().expect("the agent's program starts");
        let run = self.workspace.wait(child).ok();
        assert!(!run.stdout.is_empty());
        self.said(binaries::AGENT, &run);
    }

    fn said(&mut self, what: &str, run: &Run) {
        self.runs += 1;
        let file = |stream: &str| self.workspace.root().join(format!("said/{what}, {}, {stream}", self.runs));
        fs::write(file("stdout"), &run.stdout).expect("what it said");
        fs::write(file("stderr"), &run.stderr).expect("what it said");
    }

    /// Unpacks a saved plan, which is an archive whose parts are compressed.
    pub(super) fn open_plan(&self, name: &str) {
        let file = File::open(self.workspace.config().join(name)).expect("the plan");
        let mut archive = zip::ZipArchive::new(file).expect("a plan is a zip archive");
        archive.extract(self.workspace.root().join("opened").join(name)).expect("it is whole");
    }
}
