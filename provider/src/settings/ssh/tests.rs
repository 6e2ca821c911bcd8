//! Ways to log in: which are taken, and that nothing of them is repeated.

use std::fs;
use std::process::Command;

use tfkit::Attr;

use super::*;

/// Settings of which nothing is said.
fn nothing() -> SshSettings {
    SshSettings {
        private_key: None,
        private_key_file: None,
        passphrase: None,
        agent: None,
        known_hosts_files: None,
        connect_timeout: None,
    }
}

fn unsaid() -> SshSettingsView {
    SshSettingsView {
        private_key: Attr::Null,
        private_key_file: Attr::Null,
        passphrase: Attr::Null,
        agent: Attr::Null,
        known_hosts_files: Attr::Null,
        connect_timeout: Attr::Null,
    }
}

/// A private key of a kind, with this passphrase.
fn key(kind: &str, passphrase: &str) -> String {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("key");
    let made = Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", passphrase, "-f"]).arg(&file).status();
    assert!(made.expect("ssh-keygen").success(), "ssh-keygen -t {kind}");
    fs::read_to_string(file).expect("a key")
}

/// What is said of settings, as path and text.
fn said(settings: &SshSettingsView) -> Vec<(String, String)> {
    let mut report = Diagnostics::new();
    validate(settings, &mut report);
    report.iter().map(|one| (one.path.to_string(), one.detail.clone())).collect()
}

/// Whether a message has a line of a key. (Its last line may be so short that it is anywhere.)
fn repeats(message: &str, key: &str) -> bool {
    key.lines().filter(|line| line.len() > 8).any(|line| message.contains(line))
}

fn of_key(text: &str, passphrase: Attr<String>) -> Vec<(String, String)> {
    said(&SshSettingsView { private_key: text.into(), passphrase, ..unsaid() })
}

#[test]
fn keys_that_can_be_used_are_taken_and_others_are_refused_with_what_can() {
    assert_eq!(said(&unsaid()), []);
    for kind in ["ed25519", "ecdsa"] {
        assert_eq!(of_key(&key(kind, ""), Attr::Null), [], "{kind}");
    }
    let locked = key("ed25519", "wrong horse");
    for passphrase in ["wrong horse".into(), Attr::unknown()] {
        assert_eq!(of_key(&locked, passphrase), []);
    }
    let rsa = key("rsa", "");
    let torn = locked.replace("-----END", "");
    for (text, says) in [
        (&rsa, "Ed25519 and ECDSA keys can be given"),
        (&key("rsa", "wrong horse"), "Ed25519 and ECDSA keys can be given"),
        (&locked, "needs a passphrase"),
        (&torn.replace("b3BlbnNzaC1rZXkt", "AAAA"), "no private key that can be read"),
        (&"~/.ssh/id_ed25519".to_owned(), "belongs into `private_key_file`"),
    ] {
        let found = of_key(text, Attr::Null);
        let [(path, detail)] = found.as_slice() else { panic!("{says}: {found:?}") };
        assert!(path == "ssh.private_key" && detail.contains(says), "{says}: {found:?}");
        assert!(!repeats(detail, text), "{detail}");
    }
    // What is not known yet is not judged.
    assert_eq!(said(&SshSettingsView { private_key: Attr::unknown(), ..unsaid() }), []);
}

#[test]
fn what_stands_in_the_wrong_place_is_said_there_and_not_repeated() {
    let text = key("ed25519", "");
    let found = said(&SshSettingsView { private_key_file: text.as_str().into(), ..unsaid() });
    assert!(found.len() == 1 && found[0].0 == "ssh.private_key_file", "{found:?}");
    assert!(!repeats(&format!("{found:?}"), &text), "{found:?}");
    let found = said(&SshSettingsView { passphrase: "wrong horse".into(), ..unsaid() });
    assert!(found.len() == 1 && found[0].0 == "ssh.passphrase", "{found:?}");
    assert!(!format!("{found:?}").contains("wrong horse"), "{found:?}");
    let shown = format!("{:?}", SshSettingsView { private_key: "secret one".into(), ..unsaid() });
    assert!(!shown.contains("secret one") && shown.contains("***"), "{shown}");
}

#[test]
fn several_ways_are_tried_one_after_the_other() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("key");
    fs::write(&file, key("ed25519", "wrong horse")).expect("a file");
    let settings = SshSettings {
        // A passphrase is tried on keys that have one.
        private_key: Some(key("ecdsa", "")),
        private_key_file: Some(file.display().to_string()),
        passphrase: Some("wrong horse".to_owned()),
        known_hosts_files: Some(vec!["/etc/ssh/ssh_known_hosts".to_owned(), "/no/such/file".to_owned()]),
        connect_timeout: Some("90s".to_owned()),
        ..nothing()
    };
    let logins = Logins::new(Some(settings)).expect("ways to log in");
    let shown = format!("{:?}", logins.credentials().expect("keys"));
    for part in ["keys: 2", "agent: None", "/etc/ssh/ssh_known_hosts", "/no/such/file", "90s"] {
        assert!(shown.contains(part), "{part}: {shown}");
    }
    // As `ssh` would, if nothing is said.
    for settings in [None, Some(nothing())] {
        Logins::new(settings)
            .and_then(|logins| logins.credentials().map_err(|_| no_agent()))
            .expect("what ssh would use");
    }
}

#[test]
fn a_key_that_cannot_be_used_is_said_when_it_is_needed_and_not_repeated() {
    let failed = |settings: SshSettings| {
        let logins = Logins::new(Some(settings)).expect("nothing is read yet");
        logins.credentials().expect_err("no key")
    };
    let nowhere = failed(SshSettings { private_key_file: Some("/no/such/key".to_owned()), ..nothing() });
    assert!(nowhere.detail.contains("No such file") && !nowhere.detail.contains("/no/such/key"), "{nowhere:?}");
    let other = SshSettings {
        private_key: Some(key("ed25519", "wrong horse")),
        passphrase: Some("battery staple".to_owned()),
        ..nothing()
    };
    let other = format!("{:?}", failed(other));
    assert!(other.contains("`ssh.private_key`") && other.contains("passphrase is not its own"), "{other}");
    assert!(!other.contains("battery") && !other.contains("BEGIN"), "{other}");
}

#[test]
fn a_login_takes_a_second_at_least_and_ten_minutes_at_most() {
    for (text, fits) in [("1s", true), ("20s", true), ("10m", true), ("0s", false), ("11m", false), ("20", false)] {
        assert_eq!(timeout(text).is_ok(), fits, "{text}");
    }
}
