//! The agent is replaced by an operator's call while its server runs on; what does not come up is taken out again.

use std::fs;
use std::process::Command;

use justmanage_agent_proto::v1::ProgramPart;
use justmanage_agent_proto::v1::program_reply::What;
use justmanage_model::node::AgentInfo;
use justmanage_model::{Limits, Purpose, Replaced, Replacement};
use justmanage_steps::MARK;
use tonic::Code;

use crate::machine::{Machine, sha256, signed};
use crate::machinery::{Machinery, helper};
use crate::node::{AGENT, Node, answer};
use crate::operator::{Operator, first_record};
use crate::wait::DEADLINE;

/// The program under test as it calls itself another version.
fn build(version: &str) -> Vec<u8> {
    let mut program = fs::read(AGENT).expect("a program");
    program.extend_from_slice(format!("\n{MARK}{version}\n").as_bytes());
    program
}

/// One that says a version, and does nothing else.
fn broken(version: &str) -> Vec<u8> {
    let says = format!("[ \"$1\" = --version ] && echo justmanage-agent {version} && exit 0");
    format!("#!/bin/sh\n{says}\necho 'it cannot start' >&2\nexit 1\n").into_bytes()
}

fn start(machine: &Machinery) -> AgentInfo {
    let mut command = Command::new(machine.bin("agent"));
    command.arg("start").arg("--dir").arg(&machine.node.path).env("JUSTMANAGE_ROOT_SOCKET", &machine.socket);
    answer(&command.output().expect("the program"))
}

/// A node that serves, on a machine with a root helper.
async fn serving(machine: &Machinery) -> (AgentInfo, u32) {
    let agent = start(machine);
    let mut operator = Operator::of(&machine.node, &agent);
    operator.found(&first_record(&machine.node, &agent)).await.expect("founded");
    let server = operator.converged().await.server().expect("a server").pid;
    (agent, server)
}

fn parts(machine: &Machinery, program: &[u8], version: &str) -> Vec<ProgramPart> {
    let purpose = Purpose::Agent { sha256: sha256(program), version: version.parse().expect("a version") };
    let warrant = signed(&machine.node.operator, machine.claim(), purpose);
    let head = ProgramPart { warrant: serde_json::to_vec(&warrant).expect("JSON"), ..ProgramPart::default() };
    let rest = program.chunks(1 << 20).map(|part| ProgramPart { content: part.to_vec(), ..ProgramPart::default() });
    std::iter::once(head).chain(rest).collect()
}

/// What became of a build, when that is known.
async fn outcome(node: &Node, agent: &AgentInfo, program: &[u8]) -> (Replacement, String) {
    let begun = std::time::Instant::now();
    let mut machine = Machine::of(node, agent);
    loop {
        if let Ok((_, version, Some(replacement))) = machine.programs().await
            && replacement.sha256 == sha256(program)
            && replacement.state != Replaced::Begun
        {
            return (replacement, version);
        }
        assert!(begun.elapsed() < DEADLINE, "it does not come to an end: {}", node.log());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_newer_build_takes_the_agents_place_and_the_server_runs_on() {
    let machine = Machinery::new();
    let (agent, server) = serving(&machine).await;
    let newer = build("9.9.9");
    // The last word may be lost with the agent that says it.
    if let Ok(said) = Machine::of(&machine.node, &agent).replace(parts(&machine, &newer, "9.9.9")).await {
        assert_eq!(said, What::Placed(true));
    }
    let (replacement, version) = outcome(&machine.node, &agent, &newer).await;
    assert_eq!((replacement.state, version.as_str(), replacement.why.as_str()), (Replaced::Done, "9.9.9", ""));
    let said = Operator::of(&machine.node, &agent).converged().await;
    assert_eq!(said.server().expect("a server").pid, server, "it runs on");
    assert_eq!(said.node.agent_version, "9.9.9");
    let name = format!("justmanage-agent-{}", &sha256(&newer)[..16]);
    crate::wait::until("what nobody runs any more is gone", || {
        (machine.programs() == ["agent", &name, "replaced.json", "root", "warrants.json"]).then_some(())
    });
    for link in ["agent", "root"] {
        assert_eq!(fs::read_link(machine.bin(link)).expect("a link").to_string_lossy(), name);
    }
    // Whatever is not newer stays out, whoever sends it.
    for version in ["9.9.9", "9.9.8", "0.0.1"] {
        let said = Machine::of(&machine.node, &agent).replace(parts(&machine, &build(version), version)).await;
        assert_eq!(said.expect("an answer"), What::Stays("9.9.9".to_owned()));
    }
}

#[tokio::test]
async fn a_build_that_does_not_come_up_is_taken_out_again() {
    let machine = Machinery::new();
    let (agent, server) = serving(&machine).await;
    let before = machine.programs();
    fs::write(machine.base.join("restarts"), "7").expect("written");
    let broken = broken("9.9.9");
    if let Ok(said) = Machine::of(&machine.node, &agent).replace(parts(&machine, &broken, "9.9.9")).await {
        assert_eq!(said, What::Placed(true));
    }
    let (replacement, version) = outcome(&machine.node, &agent, &broken).await;
    assert_eq!((replacement.state, version.as_str()), (Replaced::PutBack, env!("CARGO_PKG_VERSION")));
    assert!(replacement.why.contains("ended 5 times") && replacement.why.contains("its log ends"), "{replacement:?}");
    let said = Operator::of(&machine.node, &agent).converged().await;
    assert_eq!(said.server().expect("a server").pid, server, "it ran on all the while");
    crate::wait::until("only what was there is there", || {
        let left: Vec<String> = machine.programs().into_iter().filter(|name| !name.ends_with(".json")).collect();
        (left == before).then_some(())
    });
}

#[tokio::test]
async fn a_helper_that_is_killed_leaves_an_agent_that_starts() {
    for (step, restarts) in [
        ("root: build is there", true),
        ("root: the one before is noted", true),
        ("root: build is in place", true),
        ("root: build was started", true),
        // The build runs, and the next call sees it through.
        ("root: build was started", false),
    ] {
        let steps = tempfile::tempdir().expect("a directory");
        fs::write(steps.path().join("kill"), format!("self 1 root: {step}\n")).expect("written");
        let machine = Machinery::new();
        let (agent, server) = serving(&machine).await;
        let newer = build("9.9.9");
        let warrant = parts(&machine, &newer, "9.9.9").remove(0).warrant;
        // The helper by hand: what dies is to be this one, and nobody who works beside it.
        let (ours, theirs) = std::os::unix::net::UnixStream::pair().expect("a pair");
        let mut dying = helper(&machine.base, &machine.socket);
        dying.stdin(std::os::fd::OwnedFd::from(theirs)).env("JUSTMANAGE_STEPS", steps.path());
        let mut dying = dying.spawn().expect("the helper");
        let content = newer.clone();
        let sending = tokio::task::spawn_blocking(move || {
            use std::io::{Read, Write};
            let warrant: serde_json::Value = serde_json::from_slice(&warrant).expect("JSON");
            let line = serde_json::json!({ "warrant": warrant, "length": content.len() });
            (&ours).write_all(format!("{line}\n").as_bytes()).expect("said");
            let mut heard = [0; 7];
            (&ours).read_exact(&mut heard).expect("an answer");
            assert_eq!(&heard, b"\"send\"\n");
            (&ours).write_all(&content).expect("sent");
            dying.wait().expect("an end")
        });
        let ended = sending.await.expect("no panic");
        assert!(!ended.success() && steps.path().join("killed").exists(), "{step}: {ended}");
        if restarts {
            // As systemd does it, whenever the service is started again.
            let mut restart = Command::new(machine.base.join("stubs/systemctl"));
            restart.args(["restart", "justmanage-agent.service"]).env("JUSTMANAGE_ROOT_SOCKET", &machine.socket);
            assert!(restart.status().expect("a restart").success());
            assert!(!machine.bin("before").is_symlink(), "{step}");
            let said = Operator::of(&machine.node, &agent).converged().await;
            assert_eq!(said.server().expect("a server").pid, server, "{step}");
            assert_eq!(said.node.agent_version, env!("CARGO_PKG_VERSION"), "{step}: nobody saw the build come up");
        }
        // And the next call goes on.
        let _ = Machine::of(&machine.node, &agent).replace(parts(&machine, &newer, "9.9.9")).await;
        let (replacement, version) = outcome(&machine.node, &agent, &newer).await;
        assert_eq!((replacement.state, version.as_str()), (Replaced::Done, "9.9.9"), "{step}");
    }
}

#[tokio::test]
async fn without_a_root_helper_nothing_is_replaced_or_limited() {
    let node = Node::new(&crate::servers::redis());
    let agent = node.start();
    let mut machine = Machine::of(&node, &agent);
    let purpose = Purpose::Agent { sha256: sha256(b"x"), version: "9.9.9".parse().expect("a version") };
    let warrant = signed(&node.operator, &node.order.claim, purpose);
    let head = ProgramPart { warrant: serde_json::to_vec(&warrant).expect("JSON"), ..ProgramPart::default() };
    let refused = machine.replace(vec![head]).await.expect_err("refused");
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused:?}");
    let warrant = signed(&node.operator, &node.order.claim, Purpose::Limits(Limits::default()));
    let refused = machine.limit(&warrant).await.expect_err("refused");
    assert!(refused.message().contains("no root helper"), "{refused:?}");
}

#[tokio::test]
async fn what_root_refuses_the_operator_is_told() {
    let machine = Machinery::new();
    let agent = start(&machine);
    let mut caller = Machine::of(&machine.node, &agent);
    let limits = Purpose::Limits(Limits::default());
    assert_eq!(
        caller.limit(&signed(&machine.node.operator, machine.claim(), limits.clone())).await.expect("limited"),
        [""; 0]
    );
    let stranger = justmanage_identity::KeyPair::generate().expect("a key");
    let refused = caller.limit(&signed(&stranger, machine.claim(), limits)).await.expect_err("refused");
    assert_eq!(refused.code(), Code::FailedPrecondition);
    assert!(refused.message().contains("no operator of this machine"), "{refused:?}");
    let newer = build("9.9.9");
    let purpose = Purpose::Agent { sha256: sha256(&newer), version: "9.9.9".parse().expect("a version") };
    let mut parts = parts(&machine, &newer, "9.9.9");
    parts[0].warrant = serde_json::to_vec(&signed(&stranger, machine.claim(), purpose)).expect("JSON");
    let refused = caller.replace(parts).await.expect_err("refused");
    assert!(refused.message().contains("no operator of this machine"), "{refused:?}");
    assert!(
        !machine.node.path.join("artifacts").read_dir().is_ok_and(|mut left| left.next().is_some()),
        "nothing is left"
    );
}
