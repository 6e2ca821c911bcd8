//! Keys in files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use justmanage_identity::{IdentityError, KeyPair};

/// RFC 8410, section 10.3: as `openssl genpkey -algorithm ed25519` writes it, without the public half.
const RFC_8410: &str = "-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC
-----END PRIVATE KEY-----
";
/// SHA-256 of the same section's public key in DER.
const RFC_8410_PIN: &str = "sha256:a1e9156054e04fac899ae9f275132cdc07a5dbc4ea2c2ad3a1ffc6e0d253681f";

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("a file").mode() & 0o777
}

#[test]
fn a_key_that_openssl_made_is_known_by_the_digest_that_openssl_prints() {
    let key = KeyPair::from_pem(RFC_8410).expect("a key");
    assert_eq!(key.pin().to_string(), RFC_8410_PIN);
}

#[test]
fn a_new_key_is_for_its_owner_alone_and_the_same_when_it_is_loaded() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("a/b/operator.key");
    let made = KeyPair::create(&path).expect("a key");
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(path.parent().expect("a parent")), 0o700);
    assert_eq!(KeyPair::load(&path).expect("the key").pin(), made.pin());
    let files: Vec<_> = fs::read_dir(path.parent().expect("a parent")).expect("a directory").flatten().collect();
    assert_eq!(files.len(), 1, "nothing unfinished is left: {files:?}");
}

#[test]
fn a_key_that_exists_is_never_overwritten() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("operator.key");
    let first = KeyPair::create(&path).expect("a key");
    let refused = KeyPair::create(&path).expect_err("refused");
    assert!(
        matches!(&refused, IdentityError::File { source, .. }
        if source.kind() == std::io::ErrorKind::AlreadyExists),
        "{refused:?}"
    );
    assert_eq!(KeyPair::load(&path).expect("the key").pin(), first.pin());
}

#[test]
fn a_key_that_others_can_read_is_refused_with_what_to_do() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("operator.key");
    KeyPair::create(&path).expect("a key");
    for bits in [0o640, 0o604, 0o620, 0o602, 0o610, 0o644, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(bits)).expect("permissions");
        let refused = KeyPair::load(&path).expect_err("refused").to_string();
        assert!(refused.contains(&format!("{bits:o}")) && refused.contains("600"), "{refused}");
        assert!(refused.contains("operator.key"), "{refused}");
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).expect("permissions");
    assert!(KeyPair::load(&path).is_ok(), "read-only for its owner is fine");
}

#[test]
fn what_is_no_key_is_refused_and_not_repeated() {
    let other = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key").serialize_pem();
    let cut = &RFC_8410[..60];
    for text in ["", "secret words", &other, cut] {
        let refused = KeyPair::from_pem(text).expect_err("refused");
        assert!(matches!(refused, IdentityError::NotAKey));
        assert!(!refused.to_string().contains("secret"));
    }
}

#[test]
fn debug_shows_no_private_key() {
    let key = KeyPair::from_pem(RFC_8410).expect("a key");
    assert_eq!(format!("{key:?}"), format!("KeyPair({})", key.pin()));
}

#[test]
fn of_many_who_make_the_same_key_one_succeeds_and_all_load_the_same() {
    let home = tempfile::tempdir().expect("a directory");
    let path = home.path().join("operator.key");
    let made: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(|| KeyPair::create(&path))).collect();
        threads.into_iter().filter_map(|thread| thread.join().expect("a thread").ok()).collect()
    });
    let [made] = &made[..] else { panic!("made by {} threads", made.len()) };
    assert_eq!(KeyPair::load(&path).expect("the key").pin(), made.pin(), "what its maker holds is what is on disk");
    assert_eq!(fs::read_dir(home.path()).expect("a directory").count(), 1, "nothing unfinished is left");
}

#[test]
fn what_a_killed_writer_left_of_a_key_goes_with_the_next_key() {
    let home = tempfile::tempdir().expect("temporary directory");
    let path = home.path().join("operator.key");
    // No process has this number: it is more than the kernel gives.
    let (dead, alive) = (home.path().join("operator.4194999-0.new"), format!("operator.{}-99.new", std::process::id()));
    for left in [&dead, &home.path().join(&alive), &home.path().join("operator.new")] {
        std::fs::write(left, "a private key").expect("what is left");
    }
    KeyPair::create(&path).expect("create");
    assert!(!dead.exists());
    let mut names: Vec<_> = std::fs::read_dir(home.path()).expect("list").flatten().map(|e| e.file_name()).collect();
    names.sort();
    assert_eq!(names, [alive.as_str(), "operator.key", "operator.new"], "what is somebody's stays");
}
