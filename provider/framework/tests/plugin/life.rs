//! Ends, and what does not end it.

use std::time::Duration;

use rustix::process::Signal;
use tfkit::testing::Launch;
use tfkit_proto::tfplugin6::diagnostic::Severity;

use crate::support::{apply, bare, directory, launch, left_in, plan, signal, thing, until, validate, within};

/// Far below the two seconds after which Terraform kills, and far above what a machine under load needs.
const PROMPT: Duration = Duration::from_millis(900);

#[tokio::test]
async fn shutdown_is_prompt_though_streams_are_open_and_leaves_nothing() {
    let directory = directory();
    let host = launch(directory.path()).start().await.unwrap();
    validate(&host, "fine").await.unwrap();
    let took = host.shutdown().await.unwrap();
    assert!(took < PROMPT, "{took:?}");
    assert!(left_in(directory.path()).is_empty());
}

#[tokio::test]
async fn shutdown_does_not_wait_for_work_that_does_not_end() {
    let directory = directory();
    let host = launch(directory.path()).start().await.unwrap();
    let mut client = host.client();
    let request =
        tfkit_proto::tfplugin6::apply_resource_change::Request { config: thing("block"), ..Default::default() };
    let blocked = tokio::spawn(async move { client.apply_resource_change(request).await.map(drop) });
    let took = host.shutdown().await.unwrap();
    assert!(took < Duration::from_secs(2), "Terraform would have killed it: {took:?}");
    within("the end of the call", blocked).await.unwrap().expect_err("nobody is left to answer");
    assert!(left_in(directory.path()).is_empty());
}

#[tokio::test]
async fn stop_ends_the_work_and_not_the_process() {
    let directory = directory();
    let mut host = launch(directory.path()).env("TF_LOG", "INFO").start().await.unwrap();
    let output = host.output().clone();
    let (applied, ()) = tokio::join!(apply(&host, "wait"), async {
        output.wait_for_log(|line| line.message == "waiting").await.unwrap();
        host.stop().await.unwrap();
    });
    let applied = applied.unwrap();
    assert_eq!(applied.diagnostics.len(), 1);
    assert_eq!(applied.diagnostics[0].severity(), Severity::Error);
    assert_eq!(applied.new_state, thing("wait"), "the truth about what is there");
    assert_eq!(validate(&host, "fine").await.unwrap(), Vec::<String>::new());
    assert!(host.process().unwrap().pid().is_some());
}

#[tokio::test]
async fn a_call_that_blocks_does_not_keep_others_from_being_heard() {
    let directory = directory();
    let host = launch(directory.path()).start().await.unwrap();
    tokio::select! {
        answer = apply(&host, "block") => panic!("the blocked call was first: {answer:?}"),
        answer = async {
            for _ in 0..10 {
                plan(&host, "quick").await.unwrap();
            }
            host.stop().await
        } => answer.unwrap(),
    }
}

#[tokio::test]
async fn sigint_is_terraforms_business() {
    let directory = directory();
    let mut host = launch(directory.path()).env("TF_LOG", "DEBUG").start().await.unwrap();
    validate(&host, "fine").await.unwrap();
    signal(host.process().unwrap(), Signal::INT);
    host.output().wait_for_log(|line| line.message == "SIGINT is left to the host").await.unwrap();
    assert_eq!(validate(&host, "fine").await.unwrap(), Vec::<String>::new());
    host.shutdown().await.unwrap();
}

#[tokio::test]
async fn sigterm_ends_it_cleanly() {
    let directory = directory();
    let mut host = launch(directory.path()).start().await.unwrap();
    validate(&host, "fine").await.unwrap();
    let process = host.process().unwrap();
    signal(process, Signal::TERM);
    assert_eq!(process.wait().await.unwrap().code(), Some(0));
    assert!(left_in(directory.path()).is_empty());
}

#[tokio::test]
async fn sigterm_stops_work_and_lets_it_answer() {
    let directory = directory();
    let mut host = launch(directory.path()).env("TF_LOG", "INFO").start().await.unwrap();
    let output = host.output().clone();
    let pid = host.process().unwrap().pid().unwrap();
    let (applied, ()) = tokio::join!(apply(&host, "wait"), async {
        output.wait_for_log(|line| line.message == "waiting").await.unwrap();
        crate::support::send(pid, Signal::TERM);
    });
    assert_eq!(applied.unwrap().diagnostics[0].summary, "stopped");
}

#[tokio::test]
async fn what_a_killed_provider_left_is_swept_by_the_next() {
    let directory = directory();
    let mut killed = launch(directory.path()).start().await.unwrap();
    let left = killed.process().unwrap().handshake().socket.clone();
    killed.process().unwrap().kill().await.unwrap();
    assert!(left.exists(), "SIGKILL leaves it");
    let living = launch(directory.path()).start().await.unwrap();
    let next = launch(directory.path()).start().await.unwrap();
    until("the sweep", || !left.exists()).await;
    validate(&living, "fine").await.unwrap();
    next.shutdown().await.unwrap();
    living.shutdown().await.unwrap();
    assert!(left_in(directory.path()).is_empty());
}

#[tokio::test]
async fn it_ends_with_the_process_that_started_it() {
    let directory = directory();
    // The shell is the host, and does not hand its place to the provider.
    let mut host = Launch::new("sh").arg("-c").arg("\"$0\" & wait").arg(bare()).env("TMPDIR", directory.path());
    host = host.env_remove("XDG_RUNTIME_DIR");
    let mut host = host.start().await.unwrap();
    validate(&host, "fine").await.unwrap();
    host.process().unwrap().kill().await.unwrap();
    until("the end of the orphan", || left_in(directory.path()).is_empty()).await;
}
