//! What tests of clouds have in the place of people, machines and time: an operator with a secret instead of a key, agents that are what
//! their first-boot script says, and a clock that is never waited for.
//!
//! The one invariant: **an agent is made of the script that its machine was made with, and of nothing else.** What the script does not say,
//! or says wrongly, shows here as it would there.

mod clock;
mod operator;
mod shelves;

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use justmanage_model::node::{AgentInfo, NodeOrder, ProcessIdentity, ServerProgram};
use justmanage_model::{Bytes, Engine, Pin, Release, SealingKey, Version};
use justmanage_platform_cloud::{AgentPrograms, CloudProgram, Settings, boot};
use ring::digest;

pub use clock::PlayedClock;
pub use operator::{Machines, PlayedOperator, TRUSTED};
pub use shelves::{Shelf, Shelves};

/// The order that a first-boot script has in it.
///
/// # Panics
/// It has none.
#[must_use]
pub fn order_in(script: &str) -> NodeOrder {
    let line = script.lines().find_map(|line| line.strip_prefix("ORDER='")?.strip_suffix('\''));
    serde_json::from_str(line.expect("an order in the script")).expect("an order")
}

/// The agent that a machine with this script comes to have, at an address, after so many boots. Its key is made on its machine: of the
/// machine's id, here.
#[must_use]
pub fn agent_of(script: &str, id: &str, address: IpAddr, boots: u64) -> AgentInfo {
    let mut key = [0; 32];
    key.copy_from_slice(digest::digest(&digest::SHA256, id.as_bytes()).as_ref());
    AgentInfo {
        claim: order_in(script).claim,
        pin: Pin::from_digest(key),
        sealing: SealingKey::new(key),
        agent: (address, 7379).into(),
        client: (address, 6379).into(),
        bus_port: 16379,
        version: "0.1.0".into(),
        process: ProcessIdentity {
            pid: 700,
            start_time: 300 + boots,
            boot_id: "0d9c0bd4-8f1e-4f0c-b7a6-9d7e2f1c3a5b".into(),
        },
    }
}

/// Settings of a cloud whose machines fetch everything from one mirror.
#[must_use]
pub fn settings() -> Settings {
    let sha256 = |digit: &str| digit.repeat(64);
    let programs = ["x86_64", "aarch64"].map(|machine| {
        (machine.to_owned(), sha256("a"), vec![format!("https://mirror.example.com/justmanage-agent-{machine}")])
    });
    let version = Version::new(8, 0, 1);
    let program = ServerProgram {
        path: PathBuf::from("/var/lib/justmanage/artifacts").join(sha256("b")).join("valkey-server"),
        release: Release::new(Engine::Valkey, version),
        tls: true,
        sha256: sha256("b"),
    };
    Settings {
        agent: AgentPrograms { version: Version::new(0, 1, 0), programs: programs.into() },
        programs: vec![CloudProgram { program, urls: vec!["https://mirror.example.com/valkey-server".into()] }],
        disk: Bytes::mib(8 * 1024),
        toward: boot::ANYWHERE,
    }
}

/// An address that nobody has.
pub const NOBODY: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 254));
