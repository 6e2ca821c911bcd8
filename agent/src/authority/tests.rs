//! The certificates, as a client of the cluster looks at them.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{Error, RootCertStore};

use super::*;

fn now() -> Timestamp {
    "2026-11-21T04:00:00Z".parse().expect("a moment")
}

struct Made {
    _place: tempfile::TempDir,
    directory: Directory,
    authority: String,
}

fn made() -> Made {
    let place = tempfile::tempdir().expect("temporary directory");
    let directory = Directory::new(place.path());
    let cluster = ClusterId::from_entropy([1; 10]);
    let authority = found(&directory, &cluster, now()).expect("found");
    let node = NodeId::from_entropy([1; 10]);
    issue(&directory, &cluster, &node, "127.0.0.1".parse().expect("address"), &authority, now()).expect("issue");
    Made { _place: place, directory, authority }
}

/// What a client that trusts `authority` says of the server's certificate, under this name, at this moment.
fn judge(made: &Made, authority: &str, name: &str, at: Timestamp) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).expect("authority")).expect("trust");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("verifier");
    let certificate = CertificateDer::from_pem_file(server_files(&made.directory).certificate).expect("certificate");
    let name = ServerName::try_from(name.to_owned()).expect("name");
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.as_second().unsigned_abs()));
    verifier.verify_server_cert(&certificate, &[], &name, &[], at).map(|_| ())
}

fn days(count: i64) -> Timestamp {
    now() + jiff::SignedDuration::from_hours(24 * count)
}

#[test]
fn clients_trust_the_server_by_its_address_and_on_loopback_by_name() {
    let made = made();
    for name in ["127.0.0.1", "localhost"] {
        judge(&made, &made.authority, name, now()).expect(name);
    }
    judge(&made, &made.authority, "127.0.0.2", now()).expect_err("another address");
    judge(&made, &made.authority, "example.test", now()).expect_err("another name");
}

#[test]
fn another_authority_is_another_cluster() {
    let (one, other) = (made(), made());
    judge(&one, &other.authority, "127.0.0.1", now()).expect_err("not its authority");
}

#[test]
fn it_is_valid_from_a_day_ago_for_ninety_days() {
    let made = made();
    for at in [days(-1), days(0), days(89)] {
        judge(&made, &made.authority, "127.0.0.1", at).expect("valid");
    }
    for at in [days(-3), days(92)] {
        judge(&made, &made.authority, "127.0.0.1", at).expect_err("not valid");
    }
}

#[test]
fn a_founding_that_was_cut_short_goes_on_with_the_key_that_is_there() {
    let made = made();
    let key = std::fs::read(made.directory.secrets().join(AUTHORITY_KEY)).expect("key");
    let cluster = ClusterId::from_entropy([1; 10]);
    let again = found(&made.directory, &cluster, days(1)).expect("again");
    assert_eq!(std::fs::read(made.directory.secrets().join(AUTHORITY_KEY)).expect("key"), key);
    judge(&made, &again, "127.0.0.1", days(1)).expect("what was signed before holds");
}

#[test]
fn a_node_without_the_authoritys_key_says_so() {
    let made = made();
    std::fs::remove_file(made.directory.secrets().join(AUTHORITY_KEY)).expect("lose it");
    let (cluster, node) = (ClusterId::from_entropy([1; 10]), NodeId::from_entropy([1; 10]));
    let address = "127.0.0.1".parse().expect("address");
    let error = issue(&made.directory, &cluster, &node, address, &made.authority, now()).expect_err("no key");
    assert!(error.to_string().contains("key of the authority"), "{error}");
}

#[test]
fn keys_are_for_their_owner_alone_and_each_issue_has_a_new_one() {
    use std::os::unix::fs::PermissionsExt;
    let made = made();
    let files = server_files(&made.directory);
    for path in [files.key.clone(), made.directory.secrets().join(AUTHORITY_KEY)] {
        assert_eq!(
            std::fs::metadata(&path).expect("metadata").permissions().mode() & 0o777,
            0o600,
            "{}",
            path.display()
        );
    }
    let before = std::fs::read(&files.key).expect("key");
    let (cluster, node) = (ClusterId::from_entropy([1; 10]), NodeId::from_entropy([1; 10]));
    issue(&made.directory, &cluster, &node, "127.0.0.1".parse().expect("address"), &made.authority, now())
        .expect("again");
    assert_ne!(std::fs::read(&files.key).expect("key"), before);
}
