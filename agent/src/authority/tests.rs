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

struct Issued {
    _place: tempfile::TempDir,
    directory: Directory,
    authority: String,
    key: AuthorityKey,
}

const CLUSTER: ClusterId = ClusterId::from_entropy([1; 10]);

fn holder() -> Holder<'static> {
    let (node, address) = (NodeId::from_entropy([1; 10]), "127.0.0.1".parse().expect("address"));
    Holder { node, address, name: None, generation: Generation::new(7) }
}

fn made() -> Issued {
    let place = tempfile::tempdir().expect("temporary directory");
    let directory = Directory::new(place.path());
    let Made { certificate: authority, key, .. } = found(CLUSTER, None, now()).expect("found");
    issue(&directory, CLUSTER, &key, holder(), now()).expect("issue");
    Issued { _place: place, directory, authority, key }
}

/// What a client that trusts `authority` says of the server's certificate, under this name, at this moment.
fn judge(made: &Issued, authority: &str, name: &str, at: Timestamp) -> Result<(), Error> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authority.as_bytes()) {
        roots.add(authority.expect("authority")).expect("trust");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().expect("verifier");
    let certificate = CertificateDer::from_pem_file(pair(&made.directory)).expect("certificate");
    let name = ServerName::try_from(name.to_owned()).expect("name");
    let at = UnixTime::since_unix_epoch(std::time::Duration::from_secs(at.as_second().unsigned_abs()));
    verifier.verify_server_cert(&certificate, &[], &name, &[], at).map(|_| ())
}

#[test]
fn a_server_that_is_announced_is_trusted_by_that_name_too() {
    let made = made();
    let name = "db1.example.com".parse().expect("a name");
    let to = Holder { name: Some(&name), ..holder() };
    assert!(judge(&made, &made.authority, "db1.example.com", now()).is_err());
    issue(&made.directory, CLUSTER, &made.key, to, now()).expect("issue");
    for name in ["db1.example.com", "127.0.0.1"] {
        assert_eq!(judge(&made, &made.authority, name, now()), Ok(()), "{name}");
    }
    assert!(judge(&made, &made.authority, "db2.example.com", now()).is_err());
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
fn whoever_holds_the_key_issues_for_the_same_authority_later() {
    let made = made();
    issue_again(&made, &made.key, days(30)).expect("issue");
    judge(&made, &made.authority, "127.0.0.1", days(100)).expect("from then on");
}

#[test]
fn a_key_that_is_none_is_refused() {
    let made = made();
    let before = std::fs::read(pair(&made.directory)).expect("key");
    let error = issue_again(&made, &AuthorityKey { named: None, key: Secret::new("nothing".to_owned()) }, now())
        .expect_err("no key");
    assert!(error.to_string().contains("key of the authority"), "{error}");
    assert_eq!(std::fs::read(pair(&made.directory)).expect("key"), before, "nothing was changed");
}

fn issue_again(made: &Issued, key: &AuthorityKey, at: Timestamp) -> io::Result<()> {
    issue(&made.directory, CLUSTER, key, holder(), at)
}

#[test]
fn it_is_renewed_before_two_thirds_of_its_life_are_over_and_says_by_which_record_it_came() {
    let made = made();
    let shown = CertificateDer::from_pem_file(pair(&made.directory)).expect("certificate");
    let shown = justmanage_engine::Certificate::from_der(&shown).expect("a certificate");
    assert_eq!(shown.issued, Some(Generation::new(7)));
    let renewed = justmanage_planner::renewed_at(shown.from, shown.until);
    let life = shown.until.duration_since(shown.from);
    assert!(renewed.duration_since(shown.from) * 3 < life * 2, "{renewed}");
    assert!(renewed > days(50), "and not sooner than need be: {renewed}");
}

#[test]
fn whoever_trusts_two_authorities_trusts_certificates_of_both() {
    let made = made();
    let next = found(CLUSTER, Some(Generation::new(9)), now()).expect("found");
    judge(&made, &next.certificate, "127.0.0.1", now()).expect_err("it is not of that one");
    let both = format!("{}{}", made.authority, next.certificate);
    judge(&made, &both, "127.0.0.1", now()).expect("of the old one");
    issue_again(&made, &next.key, now()).expect("issue");
    judge(&made, &both, "127.0.0.1", now()).expect("of the new one");
    judge(&made, &next.certificate, "127.0.0.1", now()).expect("by itself, too");
    judge(&made, &made.authority, "127.0.0.1", now()).expect_err("the old one is another");
    assert!(next.due > days(2400) && next.due < days(2440), "two thirds of ten years: {}", next.due);
}

#[test]
fn keys_are_for_their_owner_alone_and_each_issue_has_a_new_one() {
    use std::os::unix::fs::PermissionsExt;
    let made = made();
    let path = pair(&made.directory);
    let mode = std::fs::metadata(&path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{}", path.display());
    let before = std::fs::read(&path).expect("key");
    issue_again(&made, &made.key, now()).expect("again");
    assert_ne!(std::fs::read(&path).expect("key"), before);
}
