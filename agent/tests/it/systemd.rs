//! A stand-in for systemd that needs no root: a socket whose connections become launchers.

#![allow(clippy::unwrap_used)] // The panic is the test's report, here and in its helpers.

use std::io::{BufRead, BufReader, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use justmanage_agent::Directory;
use justmanage_agent::process::Launcher;
use justmanage_agent::server::Supervisor;
use justmanage_model::Timestamp;
use serde_json::Value;

use crate::process_support::{AGENT, PATIENCE};

/// A socket with `Accept=yes` and its service, until it is dropped. What it has started lives on.
pub(crate) struct Systemd {
    pub(crate) socket: PathBuf,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _home: tempfile::TempDir,
}

impl Systemd {
    pub(crate) fn listen() -> Self {
        let home = tempfile::tempdir().unwrap();
        let socket = home.path().join("server.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let seen = over.clone();
        let thread = std::thread::spawn(move || {
            // systemd keeps its own descriptor of each connection, for the life of the instance.
            let mut kept = Vec::new();
            for connection in listener.incoming() {
                let connection = connection.unwrap();
                if seen.load(Ordering::Relaxed) {
                    return;
                }
                kept.push(connection.try_clone().unwrap());
                instance(connection);
            }
        });
        Self { socket, over, thread: Some(thread), _home: home }
    }

    /// What an agent that systemd runs starts its server with.
    pub(crate) fn launcher(&self) -> Launcher {
        Launcher::service(&self.socket)
    }

    /// A supervisor as such an agent has it.
    pub(crate) fn supervisor(&self, directory: &Directory) -> Supervisor {
        Supervisor::adopt(directory.clone(), Timestamp::now, self.launcher()).unwrap()
    }

    /// Sends an order in our own words.
    pub(crate) fn order(&self, order: &Value) -> UnixStream {
        let mut connection = UnixStream::connect(&self.socket).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        connection.write_all(format!("{order}\n").as_bytes()).unwrap();
        connection
    }

    /// The answer to it.
    pub(crate) fn answer(&self, order: &Value) -> Value {
        let mut line = String::new();
        BufReader::new(self.order(order)).read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        // Wakes it.
        let _ = UnixStream::connect(&self.socket);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Starts an instance of the service: a session of its own, nobody's child of ours, systemd's variables, and the outputs
/// somewhere else.
fn instance(connection: UnixStream) {
    // What runs in the background reads nothing, unless it is given another descriptor.
    let script = "exec 3<&0; setsid \"$0\" launch --stdin <&3 3<&- &";
    let status = Command::new("/bin/sh")
        .args(["-c", script, AGENT])
        .stdin(OwnedFd::from(connection))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .envs([("NOTIFY_SOCKET", "/run/systemd/notify"), ("LISTEN_FDS", "1"), ("INVOCATION_ID", "1")])
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}
