//! One node: a directory, the files that the engine writes into it, and a server process.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use justmanage_engine::acl::{AGENT_USER, Reach};
use justmanage_engine::{
    Connection, Login, NodeConfig, NodeFiles, OwnUsers, ServerBinary, Trust, acl, config, inspect,
};
use justmanage_model::{Bytes, PasswordHash, Release, Secret, User, UserName};
use tempfile::TempDir;

use crate::authority::Authority;
use crate::ports::Ports;
use crate::servers::{client, program};

/// For whatever takes milliseconds; a loaded machine makes seconds of them.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const AGENT_PASSWORD: &str = "agent-password";
pub(crate) const REPLICATION_PASSWORD: &str = "replication \"password\"";
pub(crate) const PROBE_PASSWORD: &str = "probe-password";
pub(crate) const MEMORY: Bytes = Bytes::mib(64);

/// Its process ends with it.
pub(crate) struct Node {
    server: PathBuf,
    /// Gone with the node.
    _directory: TempDir,
    pub(crate) release: Release,
    /// Its server was built with TLS, and so uses it.
    pub(crate) tls: bool,
    pub(crate) authority: Arc<Authority>,
    pub(crate) files: NodeFiles,
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) users: BTreeMap<UserName, User>,
    pub(crate) address: SocketAddr,
    /// Its own users may do what moving slots needs.
    pub(crate) moving: bool,
    ports: Ports,
    process: Option<Child>,
}

pub(crate) fn hash(password: &str) -> PasswordHash {
    let digest = ring::digest::digest(&ring::digest::SHA256, password.as_bytes());
    PasswordHash::from_digest(digest.as_ref().try_into().unwrap())
}

/// The passwords of our own users, with this one for replication.
pub(crate) fn own(replication: &str) -> OwnUsers {
    OwnUsers {
        agent: hash(AGENT_PASSWORD),
        replication: hash(replication),
        probe: hash(PROBE_PASSWORD),
        reach: Reach::Usual,
        beside: None,
    }
}

pub(crate) fn user(acl: &str, passwords: &[&str]) -> User {
    User {
        acl: acl.parse().unwrap(),
        passwords: passwords.iter().map(|password| hash(password).into()).collect(),
        given: Default::default(),
    }
}

impl Node {
    /// A node with these settings, not started.
    pub(crate) async fn new(server: &Path, config: &[(&str, &str)]) -> Self {
        let found = inspect(&program(server)).await.unwrap();
        Self::of(Arc::new(Authority::new()), server, found, config)
    }

    /// A node of the cluster with this authority.
    pub(crate) fn of(authority: Arc<Authority>, server: &Path, found: ServerBinary, config: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        // A blank in the path: whoever writes paths into files has to quote them.
        let root = directory.path().join("a node");
        let at = |name: &str| root.join(name);
        let files = NodeFiles {
            data: at("data"),
            log: at("server.log"),
            acl: at("users.acl"),
            certificate: at("server.crt"),
            key: at("server.key"),
            ca: at("ca.crt"),
        };
        std::fs::create_dir_all(&files.data).unwrap();
        let ports = Ports::free();
        let node = Self {
            server: server.to_owned(),
            _directory: directory,
            release: found.release,
            tls: found.tls,
            authority,
            files,
            config: config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            users: BTreeMap::new(),
            address: ([127, 0, 0, 1], ports.client).into(),
            moving: false,
            ports,
            process: None,
        };
        node.write_certificate(2040);
        node
    }

    /// A node that runs and answers.
    pub(crate) async fn started(server: &Path, config: &[(&str, &str)]) -> (Self, Connection) {
        let mut node = Self::new(server, config).await;
        let connection = node.start().await;
        (node, connection)
    }

    pub(crate) fn write_certificate(&self, until: i32) {
        let leaf = self.authority.leaf(until);
        std::fs::write(&self.files.certificate, leaf.certificate).unwrap();
        std::fs::write(&self.files.key, leaf.key).unwrap();
        std::fs::write(&self.files.ca, &self.authority.pem).unwrap();
    }

    /// Writes the files, starts the server, and waits until it answers.
    pub(crate) async fn start(&mut self) -> Connection {
        self.launch();
        self.connect().await
    }

    /// The same; the server's log if it ended instead.
    pub(crate) async fn try_start(&mut self) -> Result<Connection, String> {
        self.launch();
        self.try_connect().await
    }

    fn launch(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let text = config::render(&NodeConfig {
            release: &self.release,
            address: self.address.ip(),
            client_port: self.address.port(),
            bus_port: self.ports.bus(),
            memory: MEMORY,
            config: &self.config,
            replication_password: &Secret::new(REPLICATION_PASSWORD.to_owned()),
            plaintext: !self.tls,
            files: &self.files,
        });
        let file = self.files.data.join("../server.conf");
        std::fs::write(&file, text.unwrap()).unwrap();
        let reach = if self.moving { Reach::Moving } else { Reach::Usual };
        let own = OwnUsers { reach, ..own(REPLICATION_PASSWORD) };
        let text = acl::render(&self.users, &self.release, &own);
        std::fs::write(&self.files.acl, text).unwrap();
        let process = Command::new(program(&self.server))
            .arg(&file)
            .current_dir(&self.files.data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
    }

    /// Logs in as the agent as soon as the server lets it.
    pub(crate) async fn connect(&mut self) -> Connection {
        self.try_connect().await.unwrap_or_else(|log| panic!("the server ended, or does not answer:\n{log}"))
    }

    /// The server's log if it ended, or does not answer in time.
    async fn try_connect(&mut self) -> Result<Connection, String> {
        let started = Instant::now();
        loop {
            if let Ok(connection) = self.open(AGENT_USER, AGENT_PASSWORD).await {
                return Ok(connection);
            }
            let ended = self.process.as_mut().unwrap().try_wait().unwrap().is_some();
            if ended || started.elapsed() > DEADLINE {
                return Err(std::fs::read_to_string(&self.files.log).unwrap_or_default());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// One try to log in.
    pub(crate) async fn open(&self, user: &str, password: &str) -> Result<Connection, justmanage_engine::CallError> {
        let login = Login { user: user.to_owned(), password: Secret::new(password.to_owned()) };
        let limit = Duration::from_secs(5);
        if !self.tls {
            return Connection::open_plaintext(self.address, &login, limit).await;
        }
        let trust = Trust::from_pem(&self.authority.pem).unwrap();
        Connection::open(self.address, &trust, &login, limit).await
    }

    /// The port of its bus.
    pub(crate) const fn bus_port(&self) -> u16 {
        self.ports.bus()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().unwrap().id()
    }

    /// Sends a signal to the server's process.
    pub(crate) fn signal(&self, signal: &str) {
        let status = Command::new("kill").args([signal, &self.pid().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Waits until the server's process has ended by itself.
    pub(crate) async fn ended(&mut self) {
        let mut process = self.process.take().unwrap();
        let started = Instant::now();
        while process.try_wait().unwrap().is_none() {
            assert!(started.elapsed() < DEADLINE, "the server goes on");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Kills its process as the kernel does when memory runs out.
    pub(crate) fn kill(&mut self) {
        let mut process = self.process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    /// What a client program says to a command, as a user.
    pub(crate) fn client(&self, user: &str, password: &str, command: &[&str]) -> String {
        said(self.client_program(user, password).args(command).stdin(Stdio::null()))
    }

    /// A client program that is logged in, and has no commands yet.
    pub(crate) fn client_program(&self, user: &str, password: &str) -> Command {
        let mut client = Command::new(client());
        client.args(["-h", "127.0.0.1", "-p", &self.address.port().to_string()]);
        if self.tls {
            client.args(["--tls", "--cacert"]).arg(&self.files.ca);
        }
        client.args(["--user", user, "--no-auth-warning"]).env("REDISCLI_AUTH", password);
        client
    }
}

/// What a client program prints.
pub(crate) fn said(client: &mut Command) -> String {
    let Output { stdout, stderr, .. } = client.output().unwrap();
    format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)).trim().to_owned()
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
