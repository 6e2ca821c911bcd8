//! Who is let in, and who is believed to be the host.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use justmanage_model::pool::Host;
use justmanage_ssh::credentials::check_key;
use justmanage_ssh::{Credentials, Hosts, SshError};

use crate::sshd::{Keys, Sshd, make_key};

const LIMIT: Duration = Duration::from_secs(60);

async fn tries(credentials: Credentials, host: &Host) -> Result<(), SshError> {
    let done = Hosts::new(credentials).run(host, "true", b"", LIMIT).await?;
    assert!(done.succeeded());
    Ok(())
}

fn with(keys: &Keys, name: &str) -> Credentials {
    Credentials::default().with_key(&keys.path(name).display().to_string(), None).expect("a key")
}

#[tokio::test]
async fn a_host_must_show_the_key_that_is_pinned_or_known() {
    let keys = Keys::make();
    let (sshd, other) = (Sshd::start(&keys), Sshd::start(&keys));
    let public = fs::read_to_string(sshd.folder.path().join("host.pub")).expect("a key");
    tries(with(&keys, "user"), &sshd.pinned()).await.expect("by its fingerprint");
    let whole = Host { keys: vec![public.parse().expect("a key")], ..sshd.host() };
    tries(with(&keys, "user"), &whole).await.expect("by its key");
    // Another's.
    let wrong = Host { keys: other.pinned().keys, ..sshd.host() };
    let refused = tries(with(&keys, "user"), &wrong).await.expect_err("another host").to_string();
    assert!(refused.contains(&sshd.fingerprint()) && refused.contains(&other.fingerprint()), "{refused}");
    // Nobody's: the fingerprint is said, and nothing is learnt.
    let known = keys.path("known_hosts");
    fs::write(&known, "").expect("a file");
    let knows = || with(&keys, "user").with_known_hosts(&known);
    let refused = tries(knows(), &sshd.host()).await.expect_err("nobody knows it");
    assert!(matches!(&refused, SshError::Unknown { hint, .. } if hint.contains(&sshd.fingerprint())), "{refused:?}");
    assert_eq!(fs::read_to_string(&known).expect("a file"), "");
    fs::write(&known, sshd.known()).expect("a file");
    tries(knows(), &sshd.host()).await.expect("known");
    fs::write(&known, sshd.known().replace(public.split_whitespace().nth(1).unwrap(), &other_key(&other)))
        .expect("a file");
    let refused = tries(knows(), &sshd.host()).await.expect_err("another key is known").to_string();
    assert!(refused.contains("known_hosts has another key of this kind"), "{refused}");
    // A pin is what counts, whatever known_hosts says.
    tries(knows(), &sshd.pinned()).await.expect("pinned");
    assert!(!sshd.log().contains("Accepted publickey for nobody"));
}

fn other_key(other: &Sshd) -> String {
    let public = fs::read_to_string(other.folder.path().join("host.pub")).expect("a key");
    public.split_whitespace().nth(1).expect("a key").to_owned()
}

#[tokio::test]
async fn whoever_is_not_let_in_is_told_with_which_keys_it_was_tried() {
    let keys = Keys::make();
    let sshd = Sshd::start(&keys);
    let denied = tries(with(&keys, "other"), &sshd.pinned()).await.expect_err("not authorized");
    let print = Command::new("ssh-keygen").arg("-lf").arg(keys.path("other.pub")).output().expect("ssh-keygen");
    let print = String::from_utf8(print.stdout).expect("text");
    let print = print.split_whitespace().nth(1).expect("a fingerprint");
    assert!(matches!(&denied, SshError::Denied { why, .. } if why.contains(print)), "{denied}");
    let denied = tries(Credentials::default(), &sshd.pinned()).await.expect_err("no key").to_string();
    assert!(denied.contains("there was no key to show"), "{denied}");
    let nobody = Host { port: 1, ..Host::new("127.0.0.1", "root") };
    let unreachable = tries(with(&keys, "user"), &nobody).await.expect_err("nobody listens");
    assert!(matches!(unreachable, SshError::Unreachable { .. }), "{unreachable}");
}

#[test]
fn keys_that_cannot_be_used_are_refused_without_a_word_of_them() {
    let keys = Keys::make();
    let refused = |key: &str, passphrase| Credentials::default().with_key(key, passphrase).expect_err(key);
    assert!(refused("/no/such/key", None).to_string().contains("/no/such/key"));
    let broken = keys.text("user").replace("b3BlbnNzaC1rZXkt", "AAAAAAAAAAAAAAAA");
    let said = format!("{:?}", refused(&broken, None));
    assert!(said.contains("no private key") && !said.contains("AAAAAAAA"), "{said}");
    let locked = keys.path("locked");
    let made =
        Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "wrong horse", "-f"]).arg(&locked).status();
    assert!(made.expect("ssh-keygen").success());
    let text = keys.text("locked");
    assert!(format!("{:?}", refused(&text, None)).contains("passphrase"));
    assert!(format!("{:?}", refused(&text, Some("no"))).contains("passphrase is not its own"));
    Credentials::default().with_key(&text, Some("wrong horse")).expect("its own passphrase");
    make_key("rsa", &keys.path("rsa"));
    assert!(format!("{:?}", refused(&keys.text("rsa"), None)).contains("ssh-add"));
    let shown = format!("{:?}", with(&keys, "user"));
    assert!(!shown.contains("PRIVATE") && shown.contains("keys: 1"), "{shown}");
}

#[test]
fn a_key_is_looked_at_without_its_passphrase() {
    let keys = Keys::make();
    check_key(&keys.text("user"), false).expect("a key");
    make_key("ecdsa", &keys.path("ecdsa"));
    check_key(&keys.text("ecdsa"), true).expect("a key that needs none");
    for kind in ["ed25519", "rsa"] {
        let locked = keys.path(&format!("locked-{kind}"));
        let made = Command::new("ssh-keygen").args(["-q", "-t", kind, "-N", "wrong horse", "-f"]).arg(&locked).status();
        assert!(made.expect("ssh-keygen").success());
    }
    let refused = |text: &str, has_passphrase| format!("{:?}", check_key(text, has_passphrase).expect_err("unusable"));
    assert!(refused(&keys.text("locked-ed25519"), false).contains("needs a passphrase"));
    check_key(&keys.text("locked-ed25519"), true).expect("whether it is its own shows when it is used");
    make_key("rsa", &keys.path("rsa"));
    for text in [keys.text("rsa"), keys.text("locked-rsa")] {
        assert!(refused(&text, true).contains("Ed25519 and ECDSA"), "{}", refused(&text, true));
    }
    assert!(refused("no key", true).contains("no private key"));
}

#[tokio::test]
async fn several_keys_are_tried_one_after_the_other() {
    let keys = Keys::make();
    let sshd = Sshd::start(&keys);
    let both = Credentials::default().and_key(&keys.text("other"), None).and_then(|one| {
        // It needs none, and is taken without.
        one.and_key(&keys.text("user"), Some("wrong horse"))
    });
    tries(both.expect("two keys"), &sshd.pinned()).await.expect("the second is taken");
    let known = keys.path("known_hosts");
    fs::write(&known, sshd.known()).expect("a file");
    let files = [keys.path("no-such-file"), known];
    tries(with(&keys, "user").with_known_hosts_of(files), &sshd.host()).await.expect("the second file knows it");
}

#[tokio::test]
async fn a_host_that_says_nothing_is_given_up_in_the_time_that_is_asked_for() {
    let keys = Keys::make();
    let silent = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let host = Host { port, ..Host::new("127.0.0.1", "root") };
    let late = tries(with(&keys, "user").with_limit(Duration::from_secs(1)), &host).await.expect_err("nobody speaks");
    assert!(late.to_string().contains("within 1 s"), "{late}");
}

/// An `ssh-agent` that ends with this.
struct Agent(std::process::Child, PathBuf);

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn the_ssh_agent_signs_also_with_keys_that_we_do_not() {
    let keys = Keys::make();
    let socket = keys.path("agent.sock");
    let mut agent = Command::new("ssh-agent");
    agent.args(["-D", "-a"]).arg(&socket).stdin(Stdio::null()).stdout(Stdio::null());
    let agent = Agent(agent.spawn().expect("ssh-agent"), socket.clone());
    let begun = Instant::now();
    while !socket.exists() {
        assert!(begun.elapsed() < LIMIT, "ssh-agent does not listen");
        std::thread::yield_now();
    }
    let add = |name: &str| {
        let added = Command::new("ssh-add").arg("-q").arg(keys.path(name)).env("SSH_AUTH_SOCK", &agent.1).status();
        assert!(added.expect("ssh-add").success());
    };
    let sshd = Sshd::start(&keys);
    let by_agent = || Credentials::default().with_agent(&socket);
    add("other");
    assert!(matches!(tries(by_agent(), &sshd.pinned()).await, Err(SshError::Denied { .. })));
    add("user");
    tries(by_agent(), &sshd.pinned()).await.expect("the second key that it offers");
    make_key("rsa", &keys.path("rsa"));
    add("rsa");
    fs::copy(keys.path("rsa.pub"), sshd.folder.path().join("authorized")).expect("authorized");
    tries(by_agent(), &sshd.pinned()).await.expect("RSA, signed by the agent");
    let gone = Credentials::default().with_agent(keys.path("nobody.sock"));
    let denied = tries(gone, &sshd.pinned()).await.expect_err("no agent").to_string();
    assert!(denied.contains("nobody.sock"), "{denied}");
}
