//! A provider process, started as Terraform starts it.

use std::{
    ffi::OsString,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD_NO_PAD};
use rustls_pki_types::CertificateDer;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use super::{
    Host, HostError, KeyKind, Output,
    identity::Identity,
    output::{self, Source},
};
use crate::plugin::handshake::{COOKIE, PROTOCOL};

/// How long anything may take that takes milliseconds on an idle machine.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// How to start a provider.
#[derive(Clone, Debug)]
pub struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(String, Option<OsString>)>,
    key: KeyKind,
}

impl Launch {
    /// Starts this program, with what go-plugin sets in the environment.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self { program: program.into(), arguments: Vec::new(), environment: Vec::new(), key: KeyKind::P521 }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Sets a variable, also one of go-plugin's.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.environment.push((name.into(), Some(value.into())));
        self
    }

    /// Removes a variable, also one of go-plugin's.
    #[must_use]
    pub fn env_remove(mut self, name: impl Into<String>) -> Self {
        self.environment.push((name.into(), None));
        self
    }

    /// The kind of the host's key.
    #[must_use]
    pub fn key(mut self, key: KeyKind) -> Self {
        self.key = key;
        self
    }

    /// Starts the process and connects to it.
    ///
    /// # Errors
    /// When it does not start, says no proper handshake, or refuses the connection.
    pub async fn start(self) -> Result<Host, HostError> {
        Host::connect(self.spawn().await?).await
    }

    /// Starts the process and reads its handshake, without a connection.
    ///
    /// # Errors
    /// When it does not start, or its first line is not a handshake.
    pub async fn spawn(self) -> Result<Process, HostError> {
        let identity = Identity::new(self.key);
        let mut command = self.command(&identity);
        let begin = Instant::now();
        let mut child = command.spawn().map_err(HostError::Start)?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(HostError::Handshake("the process has no standard output".into()));
        };
        let output = Output::default();
        output::read(Source::Stderr, stderr, output.clone());
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let read = timeout(DEADLINE, stdout.read_line(&mut line)).await;
        if !matches!(read, Ok(Ok(1..))) {
            let status = timeout(DEADLINE, child.wait()).await;
            return Err(HostError::Handshake(format!("no line; {status:?}; {}", output.text())));
        }
        let took = begin.elapsed();
        let handshake = Handshake::parse(&line)?;
        output::read(Source::Stdout, stdout, output.clone());
        Ok(Process { child, handshake, identity, output, took })
    }

    /// Starts the process in the expectation that it ends by itself, and returns its exit status, standard output and
    /// standard error.
    ///
    /// # Errors
    /// When it does not start, or does not end.
    pub async fn run(self) -> Result<(ExitStatus, String, String), HostError> {
        let mut child = self.command(&Identity::new(self.key)).spawn().map_err(HostError::Start)?;
        let (mut out, mut err) = (String::new(), String::new());
        let ended = timeout(DEADLINE, async {
            if let Some(mut stdout) = child.stdout.take() {
                stdout.read_to_string(&mut out).await?;
            }
            if let Some(mut stderr) = child.stderr.take() {
                stderr.read_to_string(&mut err).await?;
            }
            child.wait().await
        });
        match ended.await {
            Ok(status) => Ok((status.map_err(HostError::Start)?, out, err)),
            Err(_) => Err(HostError::Late("the process did not end")),
        }
    }

    fn command(&self, identity: &Identity) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.kill_on_drop(true);
        for unset in ["TF_LOG", "TF_LOG_PROVIDER", "PLUGIN_MULTIPLEX_GRPC"] {
            command.env_remove(unset);
        }
        command.env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", format!("5,{PROTOCOL}"));
        command.env("PLUGIN_MIN_PORT", "10000").env("PLUGIN_MAX_PORT", "25000");
        command.env("PLUGIN_CLIENT_CERT", identity.pem());
        for (name, value) in &self.environment {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }
}

/// What the provider says in its first line.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// Where it listens.
    pub socket: PathBuf,
    /// Its certificate.
    pub certificate: CertificateDer<'static>,
    /// The seventh field: the answer to PLUGIN_MULTIPLEX_GRPC.
    pub multiplex: Option<String>,
}

impl Handshake {
    fn parse(line: &str) -> Result<Self, HostError> {
        let bad = |what: &str| HostError::Handshake(format!("{what}: {line:?}"));
        let fields: Vec<&str> = line.strip_suffix('\n').ok_or_else(|| bad("no end of line"))?.split('|').collect();
        let [core, protocol, network, address, kind, certificate, rest @ ..] = fields.as_slice() else {
            return Err(bad("too few fields"));
        };
        if (*core, *protocol, *network, *kind) != ("1", PROTOCOL, "unix", "grpc") || rest.len() > 1 {
            return Err(bad("not a handshake for protocol 6"));
        }
        let certificate = STANDARD_NO_PAD.decode(certificate).map_err(|_| bad("a bad certificate"))?;
        let multiplex = rest.first().map(|field| (*field).to_owned());
        Ok(Self { socket: address.into(), certificate: certificate.into(), multiplex })
    }
}

/// A provider process that listens; killed when dropped.
#[derive(Debug)]
pub struct Process {
    pub(super) child: Child,
    pub(super) handshake: Handshake,
    pub(super) identity: Identity,
    pub(super) output: Output,
    took: Duration,
}

impl Process {
    /// Its handshake.
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// Time from the start of the process to its line, which every run of Terraform waits for several times.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Its process id, while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// What it wrote.
    pub fn output(&self) -> &Output {
        &self.output
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end within half a minute.
    pub async fn wait(&mut self) -> Result<ExitStatus, HostError> {
        let status =
            timeout(DEADLINE, self.child.wait()).await.map_err(|_| HostError::Late("the process did not end"))?;
        status.map_err(HostError::Start)
    }

    /// Kills it as the kernel would, without a chance to clean up.
    ///
    /// # Errors
    /// When it cannot be killed, or has ended before.
    pub async fn kill(&mut self) -> Result<(), HostError> {
        self.child.kill().await.map_err(HostError::Start)
    }
}
