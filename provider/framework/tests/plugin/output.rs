//! Logs, prints and panics.

use tonic::Code;

use crate::support::{directory, launch, left_in, until, validate, within};

#[tokio::test]
async fn without_tf_log_nothing_is_written() {
    let directory = directory();
    let host = launch(directory.path()).start().await.unwrap();
    let output = host.output().clone();
    validate(&host, "log").await.unwrap();
    host.shutdown().await.unwrap();
    assert_eq!(output.text(), "");
}

#[tokio::test]
async fn with_tf_log_every_line_is_one_that_terraform_reads() {
    let directory = directory();
    let host = launch(directory.path()).env("TF_LOG", "TRACE").start().await.unwrap();
    let output = host.output().clone();
    validate(&host, "log").await.unwrap();
    let line = output.wait_for_log(|line| line.message == "a warning").await.unwrap();
    assert_eq!(line.level, "warn");
    let fields = line.fields.unwrap();
    assert_eq!((&fields["number"], &fields["node"]), (&4.into(), &"jmn1".into()));
    let long = output.wait_for_log(|line| line.message.starts_with("xxx")).await.unwrap();
    assert!(long.raw.len() < 64 << 10);
    host.shutdown().await.unwrap();
    for line in output.log() {
        assert!(line.fields.is_some() && !line.kills_terraform, "{}", line.raw);
        assert!(!line.raw.contains("h2::") && !line.raw.contains("rustls::"), "{}", line.raw);
    }
}

#[tokio::test]
async fn the_level_is_that_of_the_provider() {
    let directory = directory();
    let host = launch(directory.path()).env("TF_LOG", "TRACE").env("TF_LOG_PROVIDER", "ERROR").start().await.unwrap();
    let output = host.output().clone();
    validate(&host, "log").await.unwrap();
    host.shutdown().await.unwrap();
    assert_eq!(output.text(), "");
}

#[tokio::test]
async fn a_forgotten_print_reaches_the_host_by_its_own_way() {
    let directory = directory();
    let host = launch(directory.path()).start().await.unwrap();
    let output = host.output().clone();
    validate(&host, "print").await.unwrap();
    let stray = output.wait_for(crate::support::DEADLINE, |output| Some(output.stray()).filter(|s| !s.is_empty()));
    assert_eq!(stray.await.unwrap(), "a forgotten print\n");
    assert_eq!(output.stdout(), Vec::<String>::new());
}

#[tokio::test]
async fn prints_that_nobody_reads_do_not_stop_the_provider() {
    let directory = directory();
    let process = launch(directory.path()).spawn().await.unwrap();
    let host = tfkit::testing::Host::silent(process).await.unwrap();
    assert_eq!(within("the answer", validate(&host, "flood")).await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_panic_in_a_call_is_the_error_of_that_call() {
    let directory = directory();
    let host = launch(directory.path()).start().await.unwrap();
    let output = host.output().clone();
    let status = validate(&host, "panic-in-validate").await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    assert!(status.message().contains("asked to panic\nin two lines"), "{}", status.message());
    assert!(status.message().contains("bare.rs:"), "{}", status.message());
    assert_eq!(validate(&host, "fine").await.unwrap(), Vec::<String>::new(), "the process lives on");
    host.shutdown().await.unwrap();
    assert_eq!(output.text(), "", "it is not a crash");
}

#[tokio::test]
async fn a_panic_elsewhere_is_printed_as_terraform_looks_for_it() {
    let directory = directory();
    let host = launch(directory.path()).start().await.unwrap();
    let output = host.output().clone();
    validate(&host, "panic-elsewhere").await.unwrap();
    output.wait_for_log(|line| line.raw == "panic: nobody caught me").await.unwrap();
    output.wait_for_log(|line| line.raw.contains("bare.rs:")).await.unwrap();
    assert_eq!(validate(&host, "fine").await.unwrap(), Vec::<String>::new());
}

#[tokio::test]
async fn a_crash_leaves_a_directory_that_the_next_start_removes() {
    let directory = directory();
    let mut host = launch(directory.path()).start().await.unwrap();
    validate(&host, "crash").await.unwrap_err();
    host.output().wait_for_log(|line| line.raw == "panic: fell over").await.unwrap();
    assert!(!host.process().unwrap().wait().await.unwrap().success());
    let next = launch(directory.path()).start().await.unwrap();
    next.shutdown().await.unwrap();
    until("the sweep", || left_in(directory.path()).is_empty()).await;
}
