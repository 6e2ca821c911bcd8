//! One node: a directory, the files that the engine writes into it, and a server process.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use justmanage_engine::acl::AGENT_USER;
use justmanage_engine::{Connection, Login, NodeConfig, NodeFiles, Trust, acl, config, inspect};
use justmanage_model::{Bytes, PasswordHash, Release, Secret, User, UserName};
use tempfile::TempDir;

use crate::authority::Authority;
use crate::servers::{client, program};

/// For whatever takes milliseconds; a loaded machine makes seconds of them.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);
pub(crate) const AGENT_PASSWORD: &str = "agent-password";
pub(crate) const MEMORY: Bytes = Bytes::mib(64);

/// Its process ends with it.
pub(crate) struct Node {
    server: PathBuf,
    /// Gone with the node.
    _directory: TempDir,
    pub(crate) release: Release,
    pub(crate) authority: Authority,
    pub(crate) files: NodeFiles,
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) users: BTreeMap<UserName, User>,
    pub(crate) address: SocketAddr,
    bus_port: u16,
    process: Option<Child>,
}

pub(crate) fn hash(password: &str) -> PasswordHash {
    let digest = ring::digest::digest(&ring::digest::SHA256, password.as_bytes());
    PasswordHash::from_digest(digest.as_ref().try_into().unwrap())
}

pub(crate) fn user(acl: &str, passwords: &[&str]) -> User {
    User { acl: acl.parse().unwrap(), passwords: passwords.iter().map(|password| hash(password)).collect() }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

impl Node {
    /// A node with these settings of its user, not started.
    pub(crate) async fn new(server: &Path, config: &[(&str, &str)]) -> Self {
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
        let node = Self {
            server: server.to_owned(),
            _directory: directory,
            release: inspect(&program(server)).await.unwrap().release,
            authority: Authority::new(),
            files,
            config: config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            users: BTreeMap::new(),
            address: ([127, 0, 0, 1], free_port()).into(),
            bus_port: free_port(),
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
        assert!(self.process.is_none(), "it runs already");
        let text = config::render(&NodeConfig {
            release: &self.release,
            address: self.address.ip(),
            client_port: self.address.port(),
            bus_port: self.bus_port,
            memory: MEMORY,
            config: &self.config,
            files: &self.files,
        });
        let file = self.files.data.join("../server.conf");
        std::fs::write(&file, text.unwrap()).unwrap();
        std::fs::write(&self.files.acl, acl::render(&self.users, &hash(AGENT_PASSWORD))).unwrap();
        let process = Command::new(program(&self.server))
            .arg(&file)
            .current_dir(&self.files.data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.process = Some(process.unwrap());
        self.connect().await
    }

    /// Logs in as the agent as soon as the server lets it.
    pub(crate) async fn connect(&mut self) -> Connection {
        let started = Instant::now();
        loop {
            let error = match self.open(AGENT_USER, AGENT_PASSWORD).await {
                Ok(connection) => return connection,
                Err(error) => error,
            };
            let ended = self.process.as_mut().unwrap().try_wait().unwrap();
            let log = || std::fs::read_to_string(&self.files.log).unwrap_or_default();
            assert!(ended.is_none(), "the server ended: {ended:?}\n{}", log());
            assert!(started.elapsed() < DEADLINE, "{error:?}\n{}", log());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// One try to log in.
    pub(crate) async fn open(&self, user: &str, password: &str) -> Result<Connection, justmanage_engine::CallError> {
        let trust = Trust::from_pem(&self.authority.pem).unwrap();
        let login = Login { user: user.to_owned(), password: Secret::new(password.to_owned()) };
        Connection::open(self.address, &trust, &login, Duration::from_secs(5)).await
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

    /// What the engine's own client program says to a command, as a user.
    pub(crate) fn client(&self, user: &str, password: &str, command: &[&str]) -> String {
        let Output { stdout, stderr, .. } = Command::new(client(&self.server))
            .args(["-h", "127.0.0.1", "-p", &self.address.port().to_string(), "--tls", "--cacert"])
            .arg(&self.files.ca)
            .args(["--user", user, "--no-auth-warning"])
            .env("REDISCLI_AUTH", password)
            .env("VALKEYCLI_AUTH", password)
            .args(command)
            .output()
            .unwrap();
        format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)).trim().to_owned()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}
