//! The cloud as a place of the contract.

use std::sync::Arc;

use async_trait::async_trait;
use justmanage_model::NodeId;
use justmanage_platform_contract::{Can, Contents, Fault, Place};
use justmanage_platforms::{Machine, MachineRef, Platform};

use crate::api::{Api, Instance};
use crate::flaws::Flaw;
use crate::machines::Machines;

/// A cloud whose platform has the flaw with this number; and of which somebody says that it locks names, which it does not.
pub(crate) struct Played<const FLAW: usize, const LOCKS: bool = false>(Arc<Api>);

/// What an instance is, without its number: the next one has another.
fn entry(instance: &Instance) -> (String, String) {
    (instance.token.clone(), format!("{:?} {}", instance.claim, instance.runs))
}

#[async_trait]
impl<const FLAW: usize, const LOCKS: bool> Place for Played<FLAW, LOCKS> {
    const NAME: &'static str = "a cloud in memory";

    async fn new(_room: usize) -> Self {
        Self(Arc::default())
    }

    fn platform(&self) -> Arc<dyn Platform> {
        Arc::new(Machines::new(self.0.clone(), Flaw::ALL.get(FLAW).copied()))
    }

    async fn machines(&self) -> Vec<Option<NodeId>> {
        let ours = |there: &Instance| !there.token.starts_with("web");
        self.0.instances().into_iter().filter(ours).map(|there| there.claim.map(|claim| claim.node)).collect()
    }

    async fn contents(&self) -> Contents {
        self.0.instances().iter().map(entry).collect()
    }

    async fn put_foreign(&self) {
        self.0.put("web 1");
        self.0.put("web 2");
    }

    async fn foreign(&self) -> Contents {
        self.0.instances().iter().filter(|there| there.token.starts_with("web")).map(entry).collect()
    }

    fn leading_elsewhere(&self, _only: &Machine) -> Vec<MachineRef> {
        ["i-1", "i-4711", "elsewhere"].map(|text| MachineRef(text.into())).to_vec()
    }

    async fn stop(&self, machine: &Machine) {
        let number = machine.reference.0.trim_start_matches("i-").parse().expect("a number");
        self.0.stop(number);
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
        if LOCKS { Can::No("somebody says so") } else { Can::Yes }
    }

    async fn inject(&self, fault: Fault, number: usize) {
        self.0.inject(fault, number);
    }

    async fn heal(&self) -> usize {
        self.0.heal()
    }
}
