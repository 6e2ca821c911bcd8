//! What machines of a cloud run, through their agents.

use std::net::SocketAddr;
use std::sync::Arc;

use justmanage_cloud_played::settings;
use justmanage_model::{Artefact, Bytes, Engine, Release, Version};
use justmanage_platform_cloud::{Cloud, KEPT};
use justmanage_platforms::{Download, Limits, Machine, MachineOrder, MachineState, Platform, PlatformError};

use crate::api::Memory;
use crate::{claim, order, platform, platform_with, query};

fn download(digit: &str, version: &str) -> Download {
    let version: Version = version.parse().expect("a version");
    Download {
        file_name: "valkey-server".into(),
        sha256: digit.repeat(64),
        release: Release::new(Engine::Valkey, version),
        content: digit.as_bytes().into(),
    }
}

fn artefact(digit: &str) -> Artefact {
    let digest = digit.repeat(64);
    Artefact::new(format!("{KEPT}/{digest}/valkey-server"), digest).expect("an artefact")
}

fn runs(node: u8, digit: &str) -> MachineOrder {
    MachineOrder { program: Some(artefact(digit)), ..order(node) }
}

fn agent_of(machine: &Machine) -> SocketAddr {
    match &machine.state {
        MachineState::Running(agent) => agent.agent,
        MachineState::Stopped => panic!("it runs"),
    }
}

/// How many programs were sent to a machine.
fn sent(memory: &Memory, machine: &Machine) -> usize {
    memory.1.of(agent_of(machine), |shelf| shelf.sent)
}

#[tokio::test]
async fn what_is_stored_is_on_each_machine_of_the_cluster_and_comes_with_those_that_are_made_later() {
    let memory = Arc::new(Memory::default());
    let first = platform(&memory);
    let stored = first.store(&download("c", "8.1.1"), None).await.expect("nobody is there to ask yet");
    assert_eq!((&stored.path, stored.release.to_string().as_str()), (&artefact("c").server().into(), "valkey 8.1.1"));
    let made = first.ensure(&runs(0, "c")).await.expect("a machine");
    assert_eq!(sent(&memory, &made), 1);
    first.ensure(&runs(0, "c")).await.expect("the same");
    assert_eq!(sent(&memory, &made), 1, "it is there");

    // Another process, which was given nothing: another machine of the cluster has it.
    let second = platform(&memory).ensure(&runs(1, "c")).await.expect("another machine");
    assert_eq!(sent(&memory, &second), 1);

    // A newer one, for this cluster alone.
    let theirs = MachineOrder { claim: claim("sessions", 2, 9), ..order(9) };
    let theirs = platform(&memory).ensure(&theirs).await.expect("somebody else's machine");
    let newer = platform(&memory).store(&download("d", "9.0.0"), Some(&query("cache"))).await.expect("stored");
    assert_eq!(newer.release.to_string(), "valkey 9.0.0");
    assert_eq!([&made, &second, &theirs].map(|machine| sent(&memory, machine)), [2, 2, 0]);
}

#[tokio::test]
async fn many_machines_at_once_need_it_read_once() {
    let memory = Arc::new(Memory::default());
    let first = platform(&memory);
    first.store(&download("c", "8.1.1"), None).await.expect("stored");
    first.ensure(&runs(0, "c")).await.expect("a machine");
    let later = Arc::new(platform(&memory));
    let asked: Vec<_> = (1..9u8)
        .map(|node| {
            let later = later.clone();
            tokio::spawn(async move { later.ensure(&runs(node, "c")).await })
        })
        .collect();
    for asked in asked {
        let made = asked.await.expect("no panic").expect("a machine");
        assert_eq!(sent(&memory, &made), 1);
    }
}

#[tokio::test]
async fn a_program_that_nobody_has_is_missed_with_what_was_asked() {
    let memory = Arc::new(Memory::default());
    let made = platform(&memory).ensure(&order(0)).await.expect("a machine");
    let missed = platform(&memory).ensure(&runs(1, "c")).await.expect_err("nobody has it");
    let PlatformError::Invalid { field, what, .. } = &missed else { panic!("{missed:?}") };
    assert!(field == "artifacts" && what.contains(&"c".repeat(64)) && !what.contains("nobody answers"), "{what}");
    // It was made all the same, and is found and used when it can be had.
    platform(&memory).store(&download("c", "8.1.1"), Some(&query("cache"))).await.expect("stored");
    let second = platform(&memory).ensure(&runs(1, "c")).await.expect("a machine");
    assert_eq!((sent(&memory, &made), sent(&memory, &second)), (1, 1));
    assert_eq!(memory.inside().instances.len(), 2);
}

#[tokio::test]
async fn whoever_else_brings_a_program_there_is_waited_for() {
    let memory = Arc::new(Memory::default());
    let made = platform(&memory).ensure(&order(0)).await.expect("a machine");
    memory.1.of(agent_of(&made), |shelf| shelf.busy = 3);
    let own = platform(&memory);
    own.store(&download("c", "8.1.1"), None).await.expect("stored");
    own.ensure(&runs(0, "c")).await.expect("the machine");
    assert_eq!(memory.1.of(agent_of(&made), |shelf| (shelf.busy, shelf.sent)), (0, 1));
}

#[tokio::test]
async fn what_runs_as_something_else_than_it_was_said_to_be_is_an_error_that_names_both() {
    let memory = Arc::new(Memory::default());
    let own = platform(&memory);
    let made = own.ensure(&order(0)).await.expect("a machine");
    memory.1.of(agent_of(&made), |shelf| shelf.runs_as = Some(Version::new(7, 2, 4)));
    own.store(&download("c", "8.1.1"), None).await.expect("stored");
    let said = own.ensure(&runs(0, "c")).await.expect_err("another release").to_string();
    assert!(said.contains("valkey 8.1.1") && said.contains("valkey 7.2.4"), "{said}");
    // Where a machine can be asked at once, it says what it is.
    let stored = own.store(&download("c", "8.1.1"), Some(&query("cache"))).await.expect("stored");
    assert_eq!(stored.release.to_string(), "valkey 7.2.4");
}

#[tokio::test]
async fn what_came_with_the_first_boot_or_the_image_is_not_sent() {
    let memory = Arc::new(Memory::default());
    let image = Artefact::new("/usr/bin/valkey-server", "e".repeat(64)).expect("an artefact");
    let made = platform(&memory)
        .ensure(&MachineOrder { program: Some(image), ..order(0) })
        .await
        .expect("a machine that says itself what it has");
    assert_eq!(sent(&memory, &made), 0);
}

#[tokio::test]
async fn an_older_agent_is_replaced_by_what_its_machine_fetches_and_that_is_remembered() {
    let memory = Arc::new(Memory::default());
    let made = platform(&memory).ensure(&order(0)).await.expect("a machine");
    assert_eq!(platform(&memory).upgrade(&made).await.expect("as new"), made);
    assert_eq!(memory.1.of(agent_of(&made), |shelf| shelf.builds.len()), 0);
    let mut newer = settings();
    newer.agent.version = Version::new(0, 2, 0);
    let own: Cloud = platform_with(&memory, newer);
    let upgraded = own.upgrade(&made).await.expect("replaced");
    assert_eq!(
        memory.1.of(agent_of(&made), |shelf| shelf.builds.clone()),
        [("a".repeat(64), Version::new(0, 2, 0))],
        "the build for its processor"
    );
    let found = platform(&memory).find(&query("cache")).await.expect("machines");
    assert_eq!(found, std::slice::from_ref(&upgraded), "it is remembered");
    let MachineState::Running(agent) = &upgraded.state else { panic!("it runs") };
    assert_eq!(agent.version, "0.2.0");
    let stopped = Machine { state: MachineState::Stopped, ..made };
    let refused = own.upgrade(&stopped).await.expect_err("nobody answers");
    assert!(matches!(refused, PlatformError::Unreachable { .. }), "{refused:?}");
}

#[tokio::test]
async fn limits_are_the_agents_to_set() {
    let memory = Arc::new(Memory::default());
    let made = platform(&memory).ensure(&order(0)).await.expect("a machine");
    let (memory_max, data) = (Some(Bytes::mib(512)), Some(Bytes::mib(256)));
    let limits = Limits { memory: memory_max, data, ..Limits::default() };
    assert_eq!(platform(&memory).limit(&made, &limits).await.expect("limited"), [""; 0]);
    assert_eq!(memory.1.of(agent_of(&made), |shelf| shelf.limits.clone()), [limits]);
    memory.stop(&made.reference.0);
    let refused = platform(&memory).limit(&made, &limits).await.expect_err("nobody answers");
    assert!(matches!(refused, PlatformError::Unreachable { .. }), "{refused:?}");
}
