//! What a program says it is.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use justmanage_engine::{InspectError, inspect};

use crate::node::Node;
use crate::servers::{client, name, on_every_server, on_every_server_with_tls, program};

on_every_server! { a_server_is_recognised, what_is_said_of_tls_is_so }

on_every_server_with_tls! { tls_is_found }

async fn a_server_is_recognised(server: PathBuf) {
    let found = inspect(&program(&server)).await.unwrap();
    assert_eq!(format!("{}-{}", found.release.engine, found.release.version), name(&server));
}

async fn tls_is_found(server: PathBuf) {
    assert!(inspect(&program(&server)).await.unwrap().tls);
}

/// A server that cannot do TLS refuses to start with a port for it.
async fn what_is_said_of_tls_is_so(server: PathBuf) {
    let found = inspect(&program(&server)).await.unwrap();
    let mut node = Node::new(&server, &[]).await;
    node.tls = true;
    let started = node.try_start().await.is_ok();
    assert_eq!(started, found.tls);
}

#[tokio::test]
async fn a_client_is_no_server() {
    let error = inspect(&client()).await.unwrap_err();
    assert!(matches!(error, InspectError::NotAServer { .. }), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("redis-server");
    let print = |text: &str| {
        std::fs::write(&file, format!("#!/bin/sh\necho '{text}'\n")).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
    };
    print("Redis server v=7.0.15 sha=00000000:0 malloc=libc bits=64 build=0");
    let found = inspect(&file).await.unwrap();
    assert_eq!((found.release.to_string().as_str(), found.tls), ("redis 7.0.15", false));
    print("something else");
    let error = inspect(&file).await.unwrap_err();
    assert!(error.to_string().contains("printed \"something else\""), "{error}");
}
