//! The bare provider, and waiting.

use std::{
    future::Future,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use bytes::Bytes;
use rustix::process::{Pid, Signal, kill_process};
use tfkit::testing::{Host, Launch, Process};
use tfkit_proto::tfplugin6::{
    ClientCapabilities, DynamicValue, apply_resource_change, plan_resource_change, validate_resource_config,
};

/// How long anything may take.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// examples/bare.rs
pub fn bare() -> PathBuf {
    built("bare")
}

/// An example of this package, which cargo builds beside these tests.
pub fn built(example: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.ancestors().nth(2).unwrap().join("examples").join(example);
    assert!(path.exists(), "{path:?} is not built: run the tests of the whole package, or `cargo build --examples`");
    path
}

/// The bare provider with its sockets in a directory of the test.
pub fn launch(directory: &Path) -> Launch {
    launch_program(bare(), directory)
}

/// A provider with its sockets in a directory of the test.
pub fn launch_program(program: PathBuf, directory: &Path) -> Launch {
    Launch::new(program).env("TMPDIR", directory).env_remove("XDG_RUNTIME_DIR").env("RUST_BACKTRACE", "0")
}

pub fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

/// Files and directories that are left.
pub fn left_in(directory: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

pub fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

pub fn signal(process: &Process, signal: Signal) {
    send(process.pid().unwrap(), signal);
}

/// Waits for a condition that nobody announces.
pub async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !holds() {
        assert!(begin.elapsed() < DEADLINE, "too late: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Waits for an end.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("too late: {what}"))
}

/// `{ note = null, text = TEXT }` as core sends it.
pub fn thing(text: &str) -> Option<DynamicValue> {
    let mut bytes = b"\x82\xa4note\xc0\xa4text\xdb".to_vec();
    bytes.extend(u32::try_from(text.len()).unwrap().to_be_bytes());
    bytes.extend(text.as_bytes());
    Some(DynamicValue { msgpack: bytes.into(), json: Bytes::new() })
}

fn nothing() -> Option<DynamicValue> {
    Some(DynamicValue { msgpack: Bytes::from_static(b"\xc0"), json: Bytes::new() })
}

pub async fn validate(host: &Host, text: &str) -> Result<Vec<String>, tonic::Status> {
    let request = validate_resource_config::Request {
        type_name: "bare_thing".into(),
        config: thing(text),
        client_capabilities: Some(ClientCapabilities::default()),
    };
    let answer = host.client().validate_resource_config(request).await?.into_inner();
    Ok(answer.diagnostics.into_iter().map(|diagnostic| diagnostic.summary).collect())
}

pub async fn plan(host: &Host, text: &str) -> Result<plan_resource_change::Response, tonic::Status> {
    let request = plan_resource_change::Request {
        type_name: "bare_thing".into(),
        prior_state: nothing(),
        proposed_new_state: thing(text),
        config: thing(text),
        ..Default::default()
    };
    Ok(host.client().plan_resource_change(request).await?.into_inner())
}

pub async fn apply(host: &Host, text: &str) -> Result<apply_resource_change::Response, tonic::Status> {
    let request = apply_resource_change::Request {
        type_name: "bare_thing".into(),
        prior_state: nothing(),
        planned_state: thing(text),
        config: thing(text),
        ..Default::default()
    };
    Ok(host.client().apply_resource_change(request).await?.into_inner())
}
