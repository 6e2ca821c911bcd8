//! Debug mode.

use std::path::PathBuf;

use rustix::process::Signal;
use tfkit::testing::{Host, Launch};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::support::{bare, directory, left_in, send, validate, within};

/// The provider in debug mode, the value that it prints, and the socket in it.
pub async fn start(directory: &std::path::Path) -> (Child, String, PathBuf) {
    let mut command = Command::new(bare());
    command.arg("--debug").env("TMPDIR", directory).env_remove("XDG_RUNTIME_DIR").env_remove("TF_LOG");
    let mut child = command.stdout(std::process::Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let value = within("the instructions", async {
        loop {
            let line = lines.next_line().await.unwrap().expect("a line with the value");
            if let Some(value) = line.trim().strip_prefix("TF_REATTACH_PROVIDERS='") {
                break value.strip_suffix('\'').unwrap().to_owned();
            }
        }
    })
    .await;
    let parsed: serde_json::Value = serde_json::from_str(&value).unwrap();
    let socket = parsed["example.test/acme/bare"]["Addr"]["String"].as_str().unwrap().into();
    (child, value, socket)
}

#[tokio::test]
async fn several_clients_come_and_go_and_sigint_ends_it() {
    let directory = directory();
    let (mut child, _, socket) = start(directory.path()).await;
    for _ in 0..3 {
        let host = Host::attach(&socket).await.unwrap();
        assert_eq!(validate(&host, "fine").await.unwrap(), Vec::<String>::new());
        host.stop().await.unwrap();
        // A host that does not know better asks for the end.
        host.shutdown().await.unwrap();
    }
    let host = Host::attach(&socket).await.unwrap();
    send(child.id().unwrap(), Signal::INT);
    assert!(within("the end", child.wait()).await.unwrap().success());
    drop(host);
    assert!(left_in(directory.path()).is_empty());
}

#[tokio::test]
async fn the_flag_and_nothing_else_opens_the_socket() {
    let directory = directory();
    // The environment of a host, without TLS: only `--debug` may serve it.
    let launch = Launch::new(bare()).env("TMPDIR", directory.path()).env("TF_REATTACH_PROVIDERS", "{}");
    let (status, out, _) = launch.env_remove("PLUGIN_CLIENT_CERT").run().await.unwrap();
    assert_eq!((status.code(), out.as_str()), (Some(1), ""));
}
