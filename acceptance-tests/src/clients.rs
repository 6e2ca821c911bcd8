//! Clients of other languages that write to a whole cluster all the time: redis-py and ioredis, each a program of its own.
//!
//! The programs are in `clients/`, and so are the pins of what they stand on, which `cargo xtask clients` puts into the cache. Passwords
//! travel in the environment. [`crate::load`] is the same by the library of this language.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use serde_json::Value;

use crate::load::Seen;
use crate::{DEADLINE, Login, Workspace, servers};

/// A library that finds its way through a cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// <https://redis.readthedocs.io>, of Python.
    RedisPy,
    /// <https://github.com/redis/ioredis>, of Node.js.
    Ioredis,
}

impl Library {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::RedisPy, Self::Ioredis];

    /// Its folder in the cache, the file that pins what is in it, and what finds it there.
    const fn place(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::RedisPy => ("python", "requirements.txt", "PYTHONPATH", ""),
            Self::Ioredis => ("node", "package-lock.json", "NODE_PATH", "node_modules"),
        }
    }

    /// The program that uses it, ready to start.
    ///
    /// # Panics
    /// When the cache has not what is pinned; with what to do.
    fn program(self) -> Command {
        let (folder, pins, variable, below) = self.place();
        let place = servers::folder().with_file_name("clients").join(folder);
        let (wanted, have) = (fs::read(sources().join(pins)), fs::read(place.join(pins)));
        assert!(
            have.is_ok_and(|have| wanted.is_ok_and(|wanted| wanted == have)),
            "{} is not what clients/{pins} pins: run `cargo xtask clients` (or `cargo xtask test`)",
            place.display()
        );
        let (interpreter, script) = match self {
            Self::RedisPy => ("python3", "writer.py"),
            Self::Ioredis => ("node", "writer.js"),
        };
        let mut command = Command::new(interpreter);
        command.arg(sources().join(script)).env(variable, place.join(below));
        command
    }
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

/// An application at work until it is [told to end](Client::end).
pub struct Client {
    library: Library,
    process: Child,
    input: Option<ChildStdin>,
    says: Receiver<String>,
}

impl Client {
    /// Begins, with keys below `prefix`; as soon as it has written.
    ///
    /// # Panics
    /// It does not write.
    pub fn begin(library: Library, workspace: &Workspace, login: &Login, endpoints: &[String], prefix: &str) -> Self {
        let ca = workspace.config().join(format!("{library:?}.pem"));
        fs::write(&ca, &login.ca).expect("a certificate");
        let mut command = library.program();
        command.arg(&ca).args([&login.user, prefix]);
        command.args(endpoints.iter().map(|endpoint| endpoint.trim_start_matches("rediss://")));
        command.env("WRITER_PASSWORD", &login.password).current_dir(workspace.config());
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", command.get_program().to_string_lossy()));
        let says = lines(process.stdout.take().expect("output"));
        let input = process.stdin.take();
        let mut client = Self { library, process, input, says };
        assert_eq!(client.line("writes"), "writing", "{library:?}");
        client
    }

    /// Has it write a little more, and count.
    ///
    /// # Panics
    /// It does not answer.
    pub fn end(mut self) -> Seen {
        drop(self.input.take());
        let line = self.line("counts");
        let report: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let number = |key: &str| report[key].as_u64().unwrap_or_else(|| panic!("{key} is no number: {line}"));
        let errors = report["errors"].as_array().unwrap_or_else(|| panic!("no errors: {line}"));
        Seen {
            acknowledged: number("acknowledged"),
            lost: number("lost"),
            missing: Vec::new(),
            gap: Duration::from_secs_f64(report["gap_s"].as_f64().expect("seconds")),
            errors: errors.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        }
    }

    fn line(&mut self, what: &str) -> String {
        let library = self.library;
        self.says.recv_timeout(DEADLINE).unwrap_or_else(|error| panic!("{library:?}: until it {what}: {error}"))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (says, said) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if says.send(line).is_err() {
                return;
            }
        }
    });
    said
}
