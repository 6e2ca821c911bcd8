//! The first line, and what is said instead of it.

use std::{
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    time::Duration,
};

use tfkit::testing::HostError;

use crate::support::{bare, directory, launch, left_in};

#[tokio::test]
async fn the_line_names_a_socket_that_only_this_user_can_reach() {
    let directory = directory();
    let process = launch(directory.path()).spawn().await.unwrap();
    let socket = &process.handshake().socket;
    assert!(socket.starts_with(directory.path()), "{socket:?}");
    for part in socket.ancestors().skip(1).take_while(|part| *part != directory.path()) {
        assert_eq!(std::fs::metadata(part).unwrap().permissions().mode() & 0o777, 0o700, "{part:?}");
    }
    assert_eq!(process.handshake().multiplex, None);
}

#[tokio::test]
async fn one_line_is_written_and_nothing_else() {
    let directory = directory();
    let host = launch(directory.path()).start().await.unwrap();
    let output = host.output().clone();
    host.shutdown().await.unwrap();
    assert_eq!(output.stdout(), Vec::<String>::new());
    assert_eq!(output.text(), "");
}

#[tokio::test]
async fn a_host_that_asks_about_multiplexing_is_answered() {
    let directory = directory();
    let process = launch(directory.path()).env("PLUGIN_MULTIPLEX_GRPC", "true").spawn().await.unwrap();
    assert_eq!(process.handshake().multiplex.as_deref(), Some("false"));
}

#[tokio::test]
async fn started_by_hand_it_says_what_it_is() {
    let directory = directory();
    let run = launch(directory.path()).env_remove("TF_PLUGIN_MAGIC_COOKIE").run().await.unwrap();
    assert_eq!((run.0.code(), run.1.as_str()), (Some(1), ""));
    assert!(run.2.starts_with("This binary is a plugin."), "{}", run.2);
}

#[tokio::test]
async fn a_host_without_protocol_6_is_told() {
    let directory = directory();
    let run = launch(directory.path()).env("PLUGIN_PROTOCOL_VERSIONS", "4,5").run().await.unwrap();
    assert_eq!((run.0.code(), run.1.as_str()), (Some(1), ""));
    assert!(run.2.contains("protocol 6") && run.2.contains("4,5"), "{}", run.2);
}

#[tokio::test]
async fn without_a_client_certificate_nothing_is_served() {
    let directory = directory();
    let run = launch(directory.path()).env_remove("PLUGIN_CLIENT_CERT").run().await.unwrap();
    assert_eq!((run.0.code(), run.1.as_str()), (Some(1), ""));
    assert!(run.2.contains("TF_DISABLE_PLUGIN_TLS"), "{}", run.2);
    let run = launch(directory.path()).env("PLUGIN_CLIENT_CERT", "nonsense").run().await.unwrap();
    assert_eq!((run.0.code(), run.1.as_str()), (Some(1), ""));
    assert!(left_in(directory.path()).is_empty());
}

#[tokio::test]
async fn a_temporary_directory_without_room_for_an_address_is_avoided() {
    let directory = directory();
    let long = directory.path().join("d".repeat(100));
    std::fs::create_dir(&long).unwrap();
    let short = directory.path().join("run");
    std::fs::create_dir(&short).unwrap();
    let host = launch(&long).env("XDG_RUNTIME_DIR", &short).start().await.unwrap();
    host.shutdown().await.unwrap();
    let process = launch(&long).env("XDG_RUNTIME_DIR", &short).spawn().await.unwrap();
    assert!(process.handshake().socket.starts_with(&short), "{:?}", process.handshake().socket);
    assert!(process.handshake().socket.as_os_str().as_bytes().len() < 108);
}

#[tokio::test]
async fn the_directory_that_the_host_demands_is_used_or_refused() {
    let directory = directory();
    let demanded = directory.path().join("demanded");
    std::fs::create_dir(&demanded).unwrap();
    let process = launch(directory.path()).env("PLUGIN_UNIX_SOCKET_DIR", &demanded).spawn().await.unwrap();
    assert!(process.handshake().socket.starts_with(&demanded));
    let long = directory.path().join("d".repeat(100));
    let run = launch(directory.path()).env("PLUGIN_UNIX_SOCKET_DIR", &long).run().await.unwrap();
    assert_eq!(run.0.code(), Some(1));
    assert!(run.2.contains("PLUGIN_UNIX_SOCKET_DIR"), "{}", run.2);
}

/// That the host is as strict as go-plugin: it is what finds a `println!` before the handshake.
#[tokio::test]
async fn the_test_host_refuses_another_first_line() {
    let print = format!("echo hello from println; exec {:?}", bare());
    let error = tfkit::testing::Launch::new("sh").arg("-c").arg(print).spawn().await.unwrap_err();
    assert!(matches!(error, HostError::Handshake(ref line) if line.contains("hello from println")), "{error}");
}

/// AWS-LC spends 21 ms on entropy at the start of every process, and a plan starts three. The best of many starts counts,
/// because a machine under load delays any of them; that delay none can avoid.
#[tokio::test]
async fn no_library_delays_the_start() {
    let directory = directory();
    let mut best = Duration::MAX;
    for _ in 0..100 {
        let process = launch(directory.path()).spawn().await.unwrap();
        best = best.min(process.took());
        if best < Duration::from_millis(15) {
            return;
        }
    }
    panic!("the best of 100 starts took {best:?}");
}
