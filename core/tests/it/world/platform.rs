//! The machines of the world.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use async_trait::async_trait;
use justmanage_model::node::ServerProgram;
use justmanage_model::pool::Zone;
use justmanage_model::{ClusterName, Engine, NodeId, Release, Version};
use justmanage_platforms::{
    ClaimQuery, Connector, Download, Limits, Machine, MachineOrder, MachineRef, MachineState, Offer, Package, Platform,
    PlatformError, PlatformKind, Visible,
};

use super::{Inside, World};

#[async_trait]
impl Platform for World {
    fn kind(&self, _machines: &[MachineRef]) -> PlatformKind {
        PlatformKind::Local
    }

    async fn find(&self, query: &ClaimQuery) -> Result<Vec<Machine>, PlatformError> {
        Ok(self.inside().machines.values().filter(|machine| query.matches(&machine.claim)).cloned().collect())
    }

    async fn find_seen(&self, query: &ClaimQuery) -> Result<Visible, PlatformError> {
        let amiss = self.inside().amiss.clone();
        Ok(Visible { machines: self.find(query).await?, amiss, ..Visible::default() })
    }

    async fn mend(&self, _query: &ClaimQuery) -> Result<(), PlatformError> {
        self.inside().amiss.clear();
        Ok(())
    }

    async fn zones(&self, query: &ClaimQuery) -> Result<BTreeMap<NodeId, Option<Zone>>, PlatformError> {
        let machines = self.find(query).await?;
        let zone = |machine: &Machine| self.inside().zones.get(&machine.claim.node).cloned();
        Ok(machines.iter().map(|machine| (machine.claim.node, zone(machine))).collect())
    }

    async fn clusters(&self) -> Result<BTreeSet<ClusterName>, PlatformError> {
        Ok(self.inside().machines.values().map(|machine| machine.claim.name.clone()).collect())
    }

    async fn ensure(&self, order: &MachineOrder) -> Result<Machine, PlatformError> {
        {
            let mut inside = self.inside();
            if inside.no_capacity && !inside.machines.contains_key(&order.claim.node) {
                return Err(PlatformError::Quota { what: "the disk is full".into(), hint: "Free some.".into() });
            }
            if inside.broken.contains(&order.claim.node) {
                let hint = "Free it.".to_owned();
                return Err(PlatformError::Failed { what: "the port is taken".into(), hint });
            }
            inside.at_once += 1;
            inside.most_at_once = inside.most_at_once.max(inside.at_once);
        }
        // Making a machine takes its time; others are made meanwhile.
        tokio::task::yield_now().await;
        self.inside().at_once -= 1;
        Ok(self
            .act("ensure", |inside| {
                if let Some(rival) = inside.rival.take() {
                    add(inside, &rival);
                }
                add(inside, &order.claim)
            })
            .await)
    }

    async fn remove(&self, machine: &MachineRef) -> Result<(), PlatformError> {
        self.act("remove", |inside| {
            let nodes: Vec<_> =
                inside.machines.iter().filter(|(_, m)| m.reference == *machine).map(|(node, _)| *node).collect();
            for node in nodes {
                let gone = inside.machines.remove(&node);
                inside.invitations.remove(&node);
                if inside.made_again > 0
                    && let Some(machine) = gone
                {
                    inside.made_again -= 1;
                    add(inside, &machine.claim);
                }
            }
            inside.removed.push(machine.clone());
        })
        .await;
        Ok(())
    }

    async fn reach(&self, machine: &Machine) -> Result<Connector, PlatformError> {
        match &machine.state {
            MachineState::Running(info) => Ok(Connector::direct((**info).clone())),
            MachineState::Stopped => Err(PlatformError::NotFound { what: "the agent".into() }),
        }
    }

    async fn agent_version(&self) -> Result<Version, PlatformError> {
        Ok(self.inside().own_version())
    }

    async fn upgrade(&self, machine: &Machine) -> Result<Machine, PlatformError> {
        let node = machine.claim.node;
        self.act("upgrade", |inside| {
            if inside.stubborn.contains(&node) {
                let what = "the agent of version 0.2.0 does not start. The one before was put back and runs".to_owned();
                return Err(PlatformError::Failed { what, hint: "Look at its log.".into() });
            }
            let own = inside.own_version();
            inside.has_version(node, own);
            inside.upgraded.push(node);
            Ok(inside.machines[&node].clone())
        })
        .await
    }

    async fn limit(&self, machine: &Machine, limits: &Limits) -> Result<Vec<String>, PlatformError> {
        let mut inside = self.inside();
        if !inside.machines.contains_key(&machine.claim.node) {
            return Err(PlatformError::NotFound { what: "the machine".into() });
        }
        inside.limits.entry(machine.claim.node).or_default().push(*limits);
        Ok(Vec::new())
    }

    async fn servers(&self, engine: Engine, _directories: &[PathBuf]) -> Result<Vec<ServerProgram>, PlatformError> {
        let program = |version: &str, path: &str, tls| ServerProgram {
            path: path.into(),
            release: Release { engine, version: version.parse().expect("version"), package: None },
            tls,
            sha256: "0".repeat(64),
        };
        Ok(vec![
            program("7.0.11", "/old", true),
            program("7.0.15", "/usr/bin/redis-server", true),
            program("7.0.16", "/bare", false),
        ])
    }

    async fn store(&self, _program: &Download, _cluster: Option<&ClaimQuery>) -> Result<ServerProgram, PlatformError> {
        Err(PlatformError::Denied { what: "nothing is stored here".into(), hint: String::new() })
    }

    async fn packages(&self, _engine: Engine) -> Result<Vec<Offer>, PlatformError> {
        Ok(self.inside().offers.clone())
    }

    async fn install(&self, package: &Package) -> Result<ServerProgram, PlatformError> {
        let path = format!("/kept/{}/redis-server", package.name).into();
        Ok(ServerProgram { path, release: package.release.clone(), tls: true, sha256: "0".repeat(64) })
    }
}

fn add(inside: &mut Inside, claim: &justmanage_model::Claim) -> Machine {
    if !inside.machines.contains_key(&claim.node) {
        let own = inside.own_version();
        inside.has_version(claim.node, own);
    }
    let machine = Machine {
        reference: MachineRef(claim.node.to_string()),
        claim: claim.clone(),
        state: MachineState::Running(Box::new(inside.info(claim))),
    };
    inside.machines.insert(claim.node, machine.clone());
    machine
}
