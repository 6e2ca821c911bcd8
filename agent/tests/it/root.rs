//! The root helper, as somebody meets it who has become the agent's user: by its protocol alone.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixStream;
use std::process::{Command, Output};

use justmanage_identity::{KeyPair, warrant};
use justmanage_model::{Bytes, Claim, Limits, NodeId, Purpose, Terms, Timestamp, Warrant};
use serde_json::{Value, json};

use crate::machine::{sha256, signed};
use crate::machinery::{Machinery, hear};
use crate::node::random;

fn limits() -> Limits {
    Limits { memory: Some(Bytes::mib(512)), data: Some(Bytes::mib(100)), ..Limits::default() }
}

#[test]
fn nothing_is_done_that_no_operator_has_signed_for_this_machine() {
    let machine = Machinery::new();
    let (operator, claim) = (machine.node.operator.clone(), machine.claim().clone());
    let before = machine.programs();
    let stranger = KeyPair::generate().expect("a key");
    let agent = || Purpose::Agent { sha256: sha256(b"new"), version: "9.9.9".parse().expect("a version") };
    for purpose in [Purpose::Limits(limits()), agent()] {
        let good = signed(&operator, &claim, purpose.clone());
        let elsewhere = Claim { node: NodeId::from_entropy(random()), ..claim.clone() };
        let other_cluster = Claim { cluster: justmanage_model::ClusterId::from_entropy(random()), ..claim.clone() };
        let at = |hours: i64| {
            let issued = Timestamp::from_second(Timestamp::now().as_second() + hours * 3600).expect("a moment");
            let terms = Terms { cluster: claim.cluster, node: claim.node, issued, purpose: purpose.clone() };
            warrant::sign(&operator, &terms).expect("a warrant")
        };
        let foreign = signed(&stranger, &claim, purpose.clone());
        for (warrant, says) in [
            (foreign.clone(), "no operator of this machine"),
            (Warrant { key: good.key.clone(), ..foreign }, "signature does not hold"),
            (Warrant { signature: "00".repeat(64), ..good.clone() }, "signature does not hold"),
            (
                Warrant {
                    terms: good.terms.replace(&claim.node.to_string(), &elsewhere.node.to_string()),
                    ..good.clone()
                },
                "signature does not hold",
            ),
            (Warrant { key: String::new(), ..good }, "no warrant"),
            (signed(&operator, &elsewhere, purpose.clone()), "it was signed for node"),
            (signed(&operator, &other_cluster, purpose.clone()), "it was signed for node"),
            (at(-30), "more than a day apart"),
            (at(30), "more than a day apart"),
        ] {
            let why = machine.why(&warrant);
            assert!(why.contains(says), "{says}: {why}");
        }
    }
    for line in [json!({}), json!("limits"), json!({ "warrant": {} })] {
        let mut connection = UnixStream::connect(&machine.socket).expect("a connection");
        connection.write_all(format!("{line}\n").as_bytes()).expect("said");
        let mut said = String::new();
        let _ = connection.read_to_string(&mut said);
        assert_eq!(said, "", "{line}");
    }
    assert_eq!(
        (machine.programs(), machine.asked()),
        (before, String::new()),
        "nothing was touched, and systemd not asked"
    );
    assert_eq!(fs::read_dir(machine.base.join("system")).expect("a directory").count(), 0);
}

#[test]
fn an_order_that_is_not_roots_names_no_operators() {
    let machine = Machinery::new();
    let (operator, claim) = (machine.node.operator.clone(), machine.claim().clone());
    let order = machine.node.path.join("order.json");
    let aside = machine.node.path.join("order.aside");
    let text = fs::read(&order).expect("an order");
    let why = || machine.why(&signed(&operator, &claim, Purpose::Limits(limits())));
    // The directory is the agent's: it could take the order away, and put another there.
    fs::rename(&order, &aside).expect("moved");
    assert!(why().contains("there is none"), "{}", why());
    symlink(&aside, &order).expect("a link");
    assert!(why().contains("cannot be relied on"), "{}", why());
    fs::remove_file(&order).expect("removed");
    fs::write(&order, text).expect("written");
    fs::set_permissions(&order, fs::Permissions::from_mode(0o666)).expect("a mode");
    assert!(why().contains("not root's alone"), "{}", why());
    fs::set_permissions(&order, fs::Permissions::from_mode(0o644)).expect("a mode");
    std::os::unix::fs::chown(&order, Some(65534), None).expect("this test gives files away, and needs root");
    assert!(why().contains("not root's alone"), "{}", why());
    assert_eq!(machine.asked(), "");
}

#[test]
fn a_warrant_counts_until_a_later_one_was_used() {
    let machine = Machinery::new();
    let (operator, claim) = (machine.node.operator.clone(), machine.claim().clone());
    let early = signed(&operator, &claim, Purpose::Limits(Limits::default()));
    let late = signed(&operator, &claim, Purpose::Limits(limits()));
    assert_eq!(machine.ask(&early), json!({ "limited": [] }));
    assert_eq!(machine.ask(&early), json!({ "limited": [] }), "nobody may have heard the answer");
    assert_eq!(machine.ask(&late), json!({ "limited": [] }));
    let why = machine.why(&early);
    assert!(why.contains("that one counts"), "{why}");
    let part = machine.base.join("system/justmanage-server@.service.d/limits.conf");
    let text = fs::read_to_string(&part).expect("a part of the unit");
    assert_eq!(text, format!("{}\n", limits().unit_part()));
}

#[test]
fn limits_are_those_of_the_scripts_of_servers() {
    let machine = Machinery::new();
    let (operator, claim) = (machine.node.operator.clone(), machine.claim().clone());
    let ask = |limits: Limits| machine.ask(&signed(&operator, &claim, Purpose::Limits(limits)));
    assert_eq!(ask(limits()), json!({ "limited": [] }));
    let slice = machine.base.join("system/justmanage.slice.d/limits.conf");
    assert_eq!(fs::read_to_string(&slice).expect("a part"), format!("{}\n", limits().slice_part()));
    let instance = format!("justmanage-server@1-2-3.service MemoryMax={}", Bytes::mib(512).get());
    let expected = [
        format!("set-property --runtime {instance} {}", limits().unit_properties().join(" ")),
        format!("set-property --runtime justmanage.slice {}", limits().slice_properties().join(" ")),
        "daemon-reload".to_owned(),
    ];
    let asked: Vec<String> = machine
        .asked()
        .lines()
        .filter(|line| !line.starts_with("show") && !line.starts_with("list"))
        .map(str::to_owned)
        .collect();
    assert_eq!(asked, expected);
    // A server that uses more than that is not killed by it.
    fs::write(machine.base.join("server"), std::process::id().to_string()).expect("written");
    let tight = Limits { memory: Some(Bytes::mib(1)), data: None, ..limits() };
    let answer = ask(tight);
    assert!(answer["limited"][0].as_str().is_some_and(|later| later.starts_with("memory: it uses")), "{answer}");
    assert!(machine.asked().contains("justmanage-server@1-2-3.service MemoryMax=infinity"), "{}", machine.asked());
    assert_eq!(ask(Limits::default()), json!({ "limited": [] }));
    assert!(!slice.exists() && !slice.with_file_name("").exists(), "no limits are no part");
}

#[test]
fn a_build_that_is_not_what_was_signed_is_not_kept() {
    let machine = Machinery::new();
    let (operator, claim) = (machine.node.operator.clone(), machine.claim().clone());
    let before = machine.programs();
    let version = || "9.9.9".parse().expect("a version");
    let send = |build: &[u8], digest: String, length: usize| {
        let warrant = signed(&operator, &claim, Purpose::Agent { sha256: digest, version: version() });
        let (mut connection, answer) = machine.say(&json!({ "warrant": warrant, "length": length }));
        if answer != json!("send") {
            return answer;
        }
        connection.write_all(build).expect("sent");
        connection.shutdown(std::net::Shutdown::Write).expect("shut");
        hear(&connection)
    };
    let script = b"#!/bin/sh\necho justmanage-agent 9.9.8\n".to_vec();
    let broken = b"\x7fELF and nothing else".to_vec();
    for (build, digest, length, says) in [
        (&script, sha256(b"another"), script.len(), "what arrived has SHA-256"),
        (&script, sha256(&script), script.len() + 1, "1 bytes less"),
        (&script, sha256(&script), script.len(), "it says that it is 9.9.8"),
        (&broken, sha256(&broken), broken.len(), "does not run on this machine"),
        (&script, "../../../../etc/passwd".to_owned(), script.len(), "SHA-256 is none"),
        (&script, sha256(b"none"), 0, "0 bytes"),
        (&script, sha256(b"huge"), usize::MAX, "bytes"),
    ] {
        let answer = send(build, digest, length);
        assert!(answer["refused"].as_str().is_some_and(|why| why.contains(says)), "{says}: {answer}");
    }
    let left: Vec<String> = machine.programs().into_iter().filter(|name| name != "warrants.json").collect();
    assert_eq!((left, machine.asked()), (before, String::new()));
}

/// Before each start of the service: a build that nobody saw come up goes.
#[test]
fn what_was_cut_short_is_taken_out_at_the_next_start() {
    let machine = Machinery::new();
    let good = fs::read_link(machine.bin("agent")).expect("a link");
    let recover = || -> Output {
        let mut command = Command::new(machine.bin("root"));
        command.args(["root", "recover", "--base"]).arg(&machine.base).output().expect("the helper")
    };
    assert!(recover().status.success());
    assert_eq!(fs::read_link(machine.bin("agent")).expect("a link"), good, "nothing was begun");
    fs::remove_file(machine.bin("agent")).expect("removed");
    symlink("justmanage-agent-broken", machine.bin("agent")).expect("a link");
    symlink(&good, machine.bin("before")).expect("a link");
    let noted = json!({ "sha256": "00", "version": "9.9.9", "state": "begun" });
    fs::write(machine.bin("replaced.json"), noted.to_string()).expect("written");
    // As long as a helper is at it, it decides.
    let lock = fs::File::open(machine.bin("")).expect("a directory");
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).expect("a lock");
    assert!(recover().status.success());
    assert!(machine.bin("before").is_symlink());
    drop(lock);
    assert!(recover().status.success());
    assert_eq!(fs::read_link(machine.bin("agent")).expect("a link"), good);
    assert!(!machine.bin("before").is_symlink());
    let noted: Value = serde_json::from_slice(&fs::read(machine.bin("replaced.json")).expect("a note")).expect("JSON");
    assert_eq!(noted["state"], json!("put_back"));
}
