//! Platform and agents whose every call is a step, before it is made and after it was answered; in debug builds alone.
//!
//! Since these are the traits themselves, no call that the manager makes can be forgotten.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use justmanage_model::backup::{BackupEntry, BackupId};
use justmanage_model::journal::Entry;
use justmanage_model::node::{AgentInfo, ServerProgram};
use justmanage_model::pool::Zone;
use justmanage_model::{ClusterName, Engine, Epoch, HostName, NodeId, Record, Version};
use justmanage_platforms::{
    ClaimQuery, Connector, Download, Limits, Machine, MachineOrder, MachineRef, Offer, Package, Platform,
    PlatformError, PlatformKind, Visible, Way,
};
use justmanage_steps::step;

use crate::agents::{AgentError, Agents, ClusterStatus, NodeReply, Note, Proposal};

struct Marked<T: ?Sized>(Arc<T>);

/// The same two, with their calls marked.
pub(super) fn marked(platform: Arc<dyn Platform>, agents: Arc<dyn Agents>) -> (Arc<dyn Platform>, Arc<dyn Agents>) {
    (Arc::new(Marked(platform)), Arc::new(Marked(agents)))
}

async fn call<T>(name: &str, call: impl Future<Output = T>) -> T {
    step!("{name}: asked");
    let answer = call.await;
    step!("{name}: answered");
    answer
}

#[async_trait]
impl Platform for Marked<dyn Platform> {
    fn kind(&self, machines: &[MachineRef]) -> PlatformKind {
        self.0.kind(machines)
    }

    async fn find(&self, query: &ClaimQuery) -> Result<Vec<Machine>, PlatformError> {
        call("platform.find", self.0.find(query)).await
    }

    async fn mend(&self, query: &ClaimQuery) -> Result<(), PlatformError> {
        call("platform.mend", self.0.mend(query)).await
    }

    async fn find_seen(&self, query: &ClaimQuery) -> Result<Visible, PlatformError> {
        call("platform.find", self.0.find_seen(query)).await
    }

    async fn clusters(&self) -> Result<BTreeSet<ClusterName>, PlatformError> {
        self.0.clusters().await
    }

    async fn ensure(&self, order: &MachineOrder) -> Result<Machine, PlatformError> {
        call("platform.ensure", self.0.ensure(order)).await
    }

    async fn remove(&self, machine: &MachineRef) -> Result<(), PlatformError> {
        call("platform.remove", self.0.remove(machine)).await
    }

    async fn reach(&self, machine: &Machine) -> Result<Connector, PlatformError> {
        self.0.reach(machine).await
    }

    async fn agent_version(&self) -> Result<Version, PlatformError> {
        call("platform.agent_version", self.0.agent_version()).await
    }

    async fn upgrade(&self, machine: &Machine) -> Result<Machine, PlatformError> {
        call("platform.upgrade", self.0.upgrade(machine)).await
    }

    async fn limit(&self, machine: &Machine, limits: &Limits) -> Result<Vec<String>, PlatformError> {
        call("platform.limit", self.0.limit(machine, limits)).await
    }

    async fn servers(&self, engine: Engine, directories: &[PathBuf]) -> Result<Vec<ServerProgram>, PlatformError> {
        call("platform.servers", self.0.servers(engine, directories)).await
    }

    async fn store(&self, program: &Download, cluster: Option<&ClaimQuery>) -> Result<ServerProgram, PlatformError> {
        call("platform.store", self.0.store(program, cluster)).await
    }

    async fn announced(&self, query: &ClaimQuery) -> Result<BTreeMap<NodeId, HostName>, PlatformError> {
        call("platform.announced", self.0.announced(query)).await
    }

    async fn zones(&self, query: &ClaimQuery) -> Result<BTreeMap<NodeId, Option<Zone>>, PlatformError> {
        call("platform.zones", self.0.zones(query)).await
    }

    async fn packages(&self, engine: Engine) -> Result<Vec<Offer>, PlatformError> {
        call("platform.packages", self.0.packages(engine)).await
    }

    async fn install(&self, package: &Package) -> Result<ServerProgram, PlatformError> {
        call("platform.install", self.0.install(package)).await
    }
}

#[async_trait]
impl Agents for Marked<dyn Agents> {
    fn lead(&self, agent: &AgentInfo, way: Way) {
        self.0.lead(agent, way);
    }

    async fn status(&self, agent: &AgentInfo) -> Result<NodeReply, AgentError> {
        call("agents.status", self.0.status(agent)).await
    }

    async fn observe(
        &self,
        agent: &AgentInfo,
        seen: Option<&ClusterStatus>,
        within: Duration,
    ) -> Result<ClusterStatus, AgentError> {
        call("agents.observe", self.0.observe(agent, seen, within)).await
    }

    async fn invite(&self, agent: &AgentInfo, record: &Record) -> Result<Proposal, AgentError> {
        call("agents.invite", self.0.invite(agent, record)).await
    }

    async fn found(&self, agent: &AgentInfo, epoch: Epoch) -> Result<Proposal, AgentError> {
        call("agents.found", self.0.found(agent, epoch)).await
    }

    async fn propose(
        &self,
        agent: &AgentInfo,
        before: &Record,
        after: &Record,
        note: &Note,
    ) -> Result<Proposal, AgentError> {
        call("agents.propose", self.0.propose(agent, before, after, note)).await
    }

    async fn relocate(&self, agent: &AgentInfo, places: &BTreeMap<NodeId, SocketAddr>) -> Result<(), AgentError> {
        call("agents.relocate", self.0.relocate(agent, places)).await
    }

    async fn journal(&self, agent: &AgentInfo, after: u64) -> Result<Vec<Entry>, AgentError> {
        call("agents.journal", self.0.journal(agent, after)).await
    }

    async fn backups(&self, agent: &AgentInfo, before: Option<&BackupId>) -> Result<Vec<BackupEntry>, AgentError> {
        call("agents.backups", self.0.backups(agent, before)).await
    }
}
