//! Who gets in.

use tfkit::testing::{KeyKind, Presenting, Version};

use crate::support::{directory, launch, validate, within};

#[tokio::test]
async fn only_the_host_with_its_key_gets_in() {
    let directory = directory();
    for key in [KeyKind::P521, KeyKind::P256] {
        let process = launch(directory.path()).key(key).spawn().await.unwrap();
        for version in [Version::Tls13, Version::Tls12] {
            for presenting in [Presenting::Nothing, Presenting::Another, Presenting::Stolen] {
                let refused = process.try_to_enter(presenting, version).await.expect_err("refused");
                assert_ne!(refused.kind(), std::io::ErrorKind::TimedOut, "{key:?} {presenting:?} {version:?}");
            }
            process.try_to_enter(Presenting::Own, version).await.unwrap_or_else(|e| panic!("{key:?} {version:?}: {e}"));
        }
    }
}

#[tokio::test]
async fn the_refusals_are_for_the_reason_that_was_meant() {
    let directory = directory();
    let process = launch(directory.path()).spawn().await.unwrap();
    for (presenting, version, reason) in [
        (Presenting::Nothing, Version::Tls13, "CertificateRequired"),
        (Presenting::Another, Version::Tls13, "AccessDenied"),
        (Presenting::Another, Version::Tls12, "AccessDenied"),
        (Presenting::Stolen, Version::Tls13, "DecryptError"),
        (Presenting::Stolen, Version::Tls12, "DecryptError"),
    ] {
        let refused = process.try_to_enter(presenting, version).await.expect_err("refused");
        assert!(refused.to_string().contains(reason), "{presenting:?} {version:?}: {refused}");
    }
}

#[tokio::test]
async fn a_client_that_stalls_does_not_keep_the_host_out() {
    let directory = directory();
    let process = launch(directory.path()).spawn().await.unwrap();
    let mut stalled = Vec::new();
    for _ in 0..20 {
        stalled.push(process.stall().await.unwrap());
    }
    within("entry", process.try_to_enter(Presenting::Own, Version::Tls13)).await.unwrap();
    drop(stalled);
}

#[tokio::test]
async fn an_attack_does_not_disturb_the_host() {
    let directory = directory();
    let mut host = launch(directory.path()).start().await.unwrap();
    for presenting in [Presenting::Nothing, Presenting::Another, Presenting::Stolen] {
        host.process().unwrap().try_to_enter(presenting, Version::Tls13).await.expect_err("refused");
    }
    assert_eq!(validate(&host, "fine").await.unwrap(), Vec::<String>::new());
}
