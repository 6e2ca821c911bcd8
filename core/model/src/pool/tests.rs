//! Pools as text, and what is refused.

use super::*;

const PRINT: &str = "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU";

fn pool(text: &str) -> Pool {
    text.parse().unwrap_or_else(|fault: Invalid| panic!("{text}: {fault:?}"))
}

fn refused(text: &str) -> String {
    let fault = text.parse::<Pool>().expect_err(text);
    format!("{} {}", fault.detail, fault.hint)
}

#[test]
fn a_pool_is_one_text_and_back() {
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    let text = format!(
        "jump j1 gate.example.com user ops port 2222 key {PRINT}; jump j2 198.51.100.9 user root via j1; \
         10.0.0.11 user admin key {key} via j2 private 192.168.0.11 announce db1.example.com zone a disk=nvme rack=r1; 2001:db8::12 user root hidden"
    );
    let read = pool(&text);
    assert_eq!(read.to_string(), text);
    let [first, second] = read.servers.as_slice() else { panic!("{read:?}") };
    assert_eq!(first.host.jump.as_ref().and_then(|jump| jump.jump.as_ref()).map(|jump| jump.port), Some(2222));
    assert_eq!(first.host.keys[0].as_str(), key);
    assert_eq!(first.labels.len(), 2);
    assert_eq!((second.hidden, second.host.to_string().as_str()), (true, "2001:db8::12"));
}

#[test]
fn servers_that_nobody_takes_need_no_name() {
    for text in ["10.0.0.11 announce db1; 10.0.0.12 hidden", "10.0.0.11 hidden announce db1; 10.0.0.12"] {
        assert!(text.parse::<Pool>().is_ok(), "{text}");
    }
}

#[test]
fn what_is_usual_need_not_be_said_and_has_one_spelling() {
    let one = pool("10.0.0.11;10.0.0.12   rack=b   zone  x  disk=a;");
    assert_eq!(one.to_string(), "10.0.0.11 user root; 10.0.0.12 user root zone x disk=a rack=b");
    assert_eq!(pool(&one.to_string()), one);
    // Jump hosts go by numbers, whatever they were called, and those that nobody uses are not kept.
    let jumps =
        pool("jump unused 10.9.9.9; jump bastion 198.51.100.7 user ops; 10.0.0.11 via bastion; 10.0.0.12 via bastion");
    assert_eq!(
        jumps.to_string(),
        "jump j1 198.51.100.7 user ops; 10.0.0.11 user root via j1; 10.0.0.12 user root via j1"
    );
}

#[test]
fn faults_are_named_with_their_places() {
    for (text, expected) in [
        ("", "no server is written here"),
        ("10.0.0.11;;10.0.0.12", "no server is written here"),
        ("10.0.0.11; 10.0.0.11 user admin", "10.0.0.11 is listed twice, as server 1 and 2."),
        ("10.0.0.300", "is no address"),
        ("admin@10.0.0.11", "user and port have attributes of their own"),
        ("10.0.0.11 port 99999", "a port from 1 to 65535"),
        ("10.0.0.11 port 0", "a port from 1 to 65535"),
        ("10.0.0.11 private db1", "an address such as 10.0.0.11"),
        ("10.0.0.11 announce 203.0.113.7", "a host name such as"),
        ("10.0.0.11 announce db1; 10.0.0.12", "10.0.0.12 has no name to be announced by, and others have."),
        ("10.0.0.11 announce db1; 10.0.0.12 announce DB1", "10.0.0.11 and 10.0.0.12 are both announced as db1."),
        ("10.0.0.11 zone -a", "does not belong here"),
        ("10.0.0.11 disk=nvme disk=ssd", "is a label that is there already"),
        ("10.0.0.11 zone=a", "is a word of its own"),
        ("jump gate jump", "Write the name with its domain"),
        ("10.0.0.11 nvme", "says nothing about a server"),
        ("10.0.0.11 via gate", "is no jump host"),
        ("10.0.0.11 user 0admin", "is no user"),
        ("10.0.0.11 key MD5:16:27:ac", "is no key"),
        ("jump a 10.9.0.1; jump a 10.9.0.2; 10.0.0.11 via a", "is the name of two jump hosts"),
        (
            "jump a 10.9.0.1; jump b 10.9.0.2 via a; jump c 10.9.0.3 via b; jump d 10.9.0.4 via c; jump e 10.9.0.5 via d; \
             10.0.0.11 via e",
            "leads through too many jump hosts",
        ),
    ] {
        let said = refused(text);
        assert!(said.contains(expected), "{text:?}: {said}");
    }
    assert!(refused("10.0.0.11 port 99999").contains("character 16"), "{}", refused("10.0.0.11 port 99999"));
}

#[test]
fn keys_of_hosts_are_fingerprints_or_public_keys_and_nothing_else() {
    let read = |text: &str| text.parse::<HostKey>().map(|key| key.to_string());
    assert_eq!(read(PRINT).unwrap(), PRINT);
    assert_eq!(read(&format!("{PRINT}=")).unwrap(), PRINT, "padding is not part of it");
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl";
    assert_eq!(read(&format!("{key} root@db1")).unwrap(), key, "a comment is not part of it");
    for wrong in ["", "SHA256:short", "MD5:16:27", "ssh-dss AAAA", "ssh-ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----"]
    {
        assert!(read(wrong).is_err(), "{wrong}");
    }
    let secret = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0".parse::<HostKey>().expect_err("a private key");
    assert!(!format!("{secret:?}").contains("c2VjcmV0"), "{secret:?}");
}

#[test]
fn too_much_is_refused() {
    let many: Vec<String> = (0..=SERVERS_MAX).map(|number| format!("host{number}")).collect();
    assert!(refused(&many.join(";")).contains("At most 500"));
    let labels: Vec<String> = (0..=LABELS_MAX).map(|number| format!("l{number}=x")).collect();
    assert!(refused(&format!("10.0.0.11 {}", labels.join(" "))).contains("33 labels"));
}

#[test]
fn a_host_reads_back_as_it_is_called() {
    for text in ["10.0.0.11", "admin@db1.example.com:2222", "[2001:db8::1]:2222", "ops@2001:db8::1"] {
        assert_eq!(text.parse::<Host>().expect(text).called(), text);
    }
    assert_eq!("[2001:db8::1]".parse::<Host>().expect("a host").called(), "2001:db8::1");
    assert_eq!("root@10.0.0.11:22".parse::<Host>().expect("a host").called(), "10.0.0.11");
    for text in ["", "@10.0.0.11", "10.0.0.11:0", "10.0.0.11:ssh", "[2001:db8::1]22", "a b"] {
        text.parse::<Host>().expect_err(text);
    }
}

#[test]
fn servers_that_are_taken_out_of_a_pool_are_seen_and_not_taken() {
    let pool = |text: &str| text.parse::<Pool>().expect(text);
    let both = pool("10.0.0.1; 10.0.0.2 zone b").and_before(&pool("10.0.0.2 zone a; 10.0.0.3 zone c"));
    assert_eq!(both.servers.iter().map(|server| server.former).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(both.clone().without_former(), pool("10.0.0.1; 10.0.0.2 zone b"));
    assert_eq!(both.to_string(), pool("10.0.0.1; 10.0.0.2 zone b; 10.0.0.3 zone c hidden").to_string());
}
