//! The contract of all platforms.

use std::sync::Arc;

use async_trait::async_trait;
use justmanage_model::NodeId;
use justmanage_platform_cloud::{Stage, Tags};
use justmanage_platform_contract::{self as contract, Can, Contents, Fault, Place};
use justmanage_platforms::{Machine, MachineRef, Platform};

use crate::api::{Memory, Real};
use crate::platform;

contract::all!(Played, include_str!("contract.txt"));

/// A cloud in memory.
struct Played(Arc<Memory>);

/// What an instance is, without its number: the next one has another.
fn entry(instance: &Real) -> (String, String) {
    let claim = instance.shown.tags.claim();
    let name = claim.map_or(instance.shown.id.clone(), |claim| claim.node.to_string());
    (name, format!("{:?} {} {} {:?}", instance.shown.stage, instance.zone, instance.kind, instance.shown.tags.claim()))
}

fn is_foreign(instance: &Real) -> bool {
    instance.script == "theirs"
}

#[async_trait]
impl Place for Played {
    const NAME: &'static str = "what all clouds have in common, on a cloud in memory";

    async fn new(_room: usize) -> Self {
        Self(Arc::default())
    }

    fn platform(&self) -> Arc<dyn Platform> {
        Arc::new(platform(&self.0))
    }

    async fn machines(&self) -> Vec<Option<NodeId>> {
        let inside = self.0.inside();
        let there = inside.instances.iter().filter(|there| there.shown.stage != Stage::Gone && !is_foreign(there));
        there.map(|there| there.shown.tags.claim().map(|claim| claim.node)).collect()
    }

    async fn contents(&self) -> Contents {
        let inside = self.0.inside();
        let machines = inside.instances.iter().filter(|there| there.shown.stage != Stage::Gone).map(entry);
        let firewalls = inside.firewalls.iter().map(|(there, _)| {
            (format!("firewall {:?}", there.tags.claim().map(|claim| claim.name)), format!("{}", there.is_right))
        });
        machines.chain(firewalls).collect()
    }

    async fn put_foreign(&self) {
        self.0.put("theirs", Tags::default());
        // Tags as ours, and no claim.
        self.0.put("theirs", Tags::read("jm:", [("jm:cluster", "production"), ("jm:name", "cache")]));
    }

    async fn foreign(&self) -> Contents {
        self.0.inside().instances.iter().filter(|there| is_foreign(there)).map(entry).collect()
    }

    fn leading_elsewhere(&self, _only: &Machine) -> Vec<MachineRef> {
        let firewall = self.0.inside().firewalls[0].0.id.clone();
        ["i-00001", "i-00002", "i-4711", "fw-4711", &firewall, "elsewhere"].map(|text| MachineRef(text.into())).to_vec()
    }

    async fn stop(&self, machine: &Machine) {
        self.0.stop(&machine.reference.0);
    }

    fn can(fault: Fault) -> Can {
        match fault {
            Fault::AnswerLost
            | Fault::Throttled
            | Fault::NoCapacity
            | Fault::Quota
            | Fault::NotVisible
            | Fault::Killed => Can::Yes,
        }
    }

    fn namesakes() -> Can {
        Can::No("the firewall of a name is there once")
    }

    async fn inject(&self, fault: Fault, number: usize) {
        self.0.inject(fault, number);
    }

    async fn heal(&self) -> usize {
        self.0.heal()
    }
}
