//! The emulator as a process: it ends with whoever started it, however that ends.

use std::env;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use justmanage_played_http::{Message, call};

/// Longest time for it to come up: three seconds where there is nothing else to do, and minutes on a machine with thirty others at work.
const PATIENCE: Duration = Duration::from_secs(200);
/// It ends when its input does: that is when this process ends, at the latest.
const PROGRAM: &str = "import os, sys, threading
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
from moto.server import main
main(sys.argv[1:])";

/// A moto of one test's own.
#[derive(Debug)]
pub(crate) struct Moto {
    child: Child,
    _input: ChildStdin,
    pub(crate) port: u16,
}

impl Moto {
    /// Starts one, and waits until it answers.
    ///
    /// # Panics
    /// It is not in the cache, or does not come up. That is never passed over in silence.
    pub(crate) async fn start() -> Self {
        let packages = cache().join("clients/moto");
        assert!(packages.join("moto").is_dir(), "{} has no moto: run `cargo xtask clients`", packages.display());
        // Free until somebody else takes it within the next second.
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
        let mut command = Command::new("python3");
        command
            .args(["-c", PROGRAM, "-H", "127.0.0.1", "-p", &port.to_string()])
            .env("PYTHONPATH", &packages)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            // Off by default: then any image, type and key is accepted.
            .envs(
                [
                    "MOTO_ENABLE_AMI_VALIDATION",
                    "MOTO_EC2_ENABLE_INSTANCE_TYPE_VALIDATION",
                    "MOTO_ENABLE_KEYPAIR_VALIDATION",
                ]
                .map(|name| (name, "1")),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("python3");
        let input = child.stdin.take().expect("its input");
        let mut moto = Self { child, _input: input, port };
        let end = Instant::now() + PATIENCE;
        let question = Message {
            first: "GET /moto-api/ HTTP/1.1".into(),
            headers: vec![("host".into(), "localhost".into())],
            body: Vec::new(),
        };
        while call(port, &question).await.is_err() {
            let ended = moto.child.try_wait().expect("its state");
            assert!(ended.is_none() && Instant::now() < end, "moto does not come up: {ended:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        moto
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// As `cargo xtask` has it.
fn cache() -> PathBuf {
    let base = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|base| base.is_absolute());
    base.unwrap_or_else(|| env::home_dir().expect("a home directory").join(".cache")).join("justmanage")
}
