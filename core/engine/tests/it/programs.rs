//! What a program says it is.

use std::os::unix::fs::PermissionsExt;

use justmanage_engine::{InspectError, inspect};

use crate::servers::{all, client, name, program};

#[tokio::test]
async fn every_server_is_recognised() {
    for server in all() {
        let found = inspect(&program(&server)).await.unwrap();
        assert_eq!(format!("{}-{}", found.release.engine, found.release.version), name(&server));
        assert!(found.tls, "{server:?} was built with TLS");
        let client = inspect(&client(&server)).await.unwrap_err();
        assert!(matches!(client, InspectError::NotAServer { .. }), "{client}");
    }
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
