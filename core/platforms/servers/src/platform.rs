//! The platform's trait, for servers of a pool.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use justmanage_model::node::ServerProgram;
use justmanage_model::pool::{Host, Pool, Server, Zone};
use justmanage_model::{ClusterName, Engine, HostName, NodeId, Version};
use justmanage_platforms::kind::HOSTS_MAX;
use justmanage_platforms::{
    ClaimQuery, Connector, Download, Limits, Machine, MachineOrder, MachineRef, MachineState, Offer, Package, Platform,
    PlatformError, PlatformKind, Visible,
};
use justmanage_ssh::Output;

use crate::artefacts::Given;
use crate::ensure::LIMIT;
use crate::look::{Care, Look, Looks};
use crate::order::moved;
use crate::programs::Programs;
use crate::reach::Reach;
use crate::script::Script;
use crate::scripts;
use crate::shell::Shell;
use crate::trouble::{on_the_way, refused};

/// Nodes on the servers of a pool.
pub struct Servers {
    pub(crate) pool: Arc<Pool>,
    pub(crate) shell: Arc<dyn Shell>,
    pub(crate) programs: Programs,
    pub(crate) looks: Looks,
    pub(crate) given: Given,
    reach: Reach,
}

impl Servers {
    /// Servers of this pool, which a shell leads to, for these agents.
    #[must_use]
    pub fn new(pool: Pool, shell: Arc<dyn Shell>, programs: Programs) -> Self {
        let pool = Arc::new(pool);
        let looks = Looks::new(pool.clone(), shell.clone());
        Self { pool, shell, programs, looks, given: Given::default(), reach: Reach::default() }
    }

    /// Carries a script out on a host.
    pub(crate) async fn carry_out(
        &self,
        host: &Host,
        script: &Script,
        limit: Duration,
    ) -> Result<Output, PlatformError> {
        self.shell.carry_out(host, script, limit).await.map_err(|error| on_the_way(&error).into())
    }

    /// What a node on a host is called: `10.0.0.11/jmn...`.
    pub(crate) fn reference(host: &Host, node: NodeId) -> MachineRef {
        MachineRef(format!("{host}/{node}"))
    }

    /// The server and the node that are called so.
    fn find_reference(&self, MachineRef(text): &MachineRef) -> Result<(&Server, NodeId), PlatformError> {
        let found = text.rsplit_once('/').and_then(|(name, node)| {
            let server = self.pool.servers.iter().find(|server| server.host.to_string() == name)?;
            Some((server, node.parse::<NodeId>().ok()?))
        });
        found.ok_or_else(|| PlatformError::Invalid {
            field: "servers".into(),
            what: format!("{text} is on no server of the pool"),
            hint: "Take its server into the pool again, by the address that it had there.".into(),
        })
    }

    /// The machines that a look has seen.
    fn machines(look: &Look, pool: &Pool, query: &ClaimQuery) -> Vec<Machine> {
        let meant = look.claimed().filter(|(_, order, _)| query.matches(&order.claim));
        let machines = meant.map(|(at, order, seen)| Machine {
            reference: Self::reference(&pool.servers[at].host, order.claim.node),
            claim: order.claim.clone(),
            // One that listens where its server is not any more, or is not to be reached, is started where that is.
            state: match (&seen.agent, moved(&pool.servers[at], order, seen)) {
                (Some(info), None) => MachineState::Running(Box::new(info.clone())),
                _ => MachineState::Stopped,
            },
        });
        machines.collect()
    }
}

#[async_trait]
impl Platform for Servers {
    fn kind(&self, machines: &[MachineRef]) -> PlatformKind {
        let host = |machine: &MachineRef| self.find_reference(machine).ok().map(|(server, _)| server.host.called());
        let mut hosts: Vec<String> = machines.iter().filter_map(host).collect();
        if hosts.is_empty() {
            hosts = self.pool.servers.iter().map(|server| server.host.called()).collect();
        }
        hosts.truncate(HOSTS_MAX);
        PlatformKind::Servers { hosts }
    }

    async fn find(&self, query: &ClaimQuery) -> Result<Vec<Machine>, PlatformError> {
        let look = self.looks.since(Instant::now()).await;
        look.whole()?;
        Ok(Self::machines(&look, &self.pool, query))
    }

    async fn find_seen(&self, query: &ClaimQuery) -> Result<Visible, PlatformError> {
        let look = self.looks.with_care(Care::Lately, Instant::now()).await;
        if look.servers.iter().all(Result::is_err) {
            look.whole()?;
        }
        let silent = look.servers.iter().filter_map(|seen| seen.as_ref().err());
        let silent = silent.map(|trouble| format!("{}.", trouble.what.trim_end_matches('.'))).collect();
        Ok(Visible { machines: Self::machines(&look, &self.pool, query), silent, ..Visible::default() })
    }

    async fn clusters(&self) -> Result<BTreeSet<ClusterName>, PlatformError> {
        let look = self.looks.since(Instant::now()).await;
        look.whole()?;
        Ok(look.claimed().map(|(_, order, _)| order.claim.name.clone()).collect())
    }

    async fn ensure(&self, order: &MachineOrder) -> Result<Machine, PlatformError> {
        self.make(order).await
    }

    async fn remove(&self, machine: &MachineRef) -> Result<(), PlatformError> {
        let (server, node) = self.find_reference(machine)?;
        self.vacate(&server.host, node).await
    }

    async fn reach(&self, machine: &Machine) -> Result<Connector, PlatformError> {
        let MachineState::Running(info) = &machine.state else {
            return Err(PlatformError::Unreachable {
                what: format!("the agent of {} does not run", machine.claim.node),
                hint: "An apply starts it again.".into(),
            });
        };
        let (server, _) = self.find_reference(&machine.reference)?;
        let way = self.reach.way(&self.shell, &server.host, info.agent).await;
        Ok(Connector { agent: (**info).clone(), way })
    }

    async fn agent_version(&self) -> Result<Version, PlatformError> {
        self.programs.check()?;
        Ok(self.programs.version())
    }

    async fn upgrade(&self, machine: &Machine) -> Result<Machine, PlatformError> {
        let (server, node) = self.find_reference(&machine.reference)?;
        let host = &server.host;
        let seen = self.looks.ask(server).await?;
        if seen.order.as_ref().is_none_or(|order| order.claim.node != node) {
            return Err(gone(machine));
        }
        // An agent whose version is none was built by somebody for themselves; an older one is replaced, and so is that.
        let theirs = seen.agent.as_ref().and_then(|agent| Some((agent, agent.version.parse::<Version>().ok()?)));
        let ours = self.programs.version();
        // One of ours may have been put there by somebody who was cut short, and has left the one before it.
        let is_done = |version: &Version| *version > ours || *version == ours && !seen.upgrading;
        if let Some((agent, _)) = theirs.filter(|(_, version)| is_done(version)) {
            return Ok(Machine { state: MachineState::Running(Box::new(agent.clone())), ..machine.clone() });
        }
        let facts = seen.facts.as_ref().map_err(|why| PlatformError::Failed {
            what: format!("{host} can run no node any more: {why}"),
            hint: "Apply again when it can.".into(),
        })?;
        let program = self.programs.of(&facts.machine)?;
        let info = self.replace(host, node, &program).await?.ok_or_else(|| gone(machine))?;
        Ok(Machine { state: MachineState::Running(info), ..machine.clone() })
    }

    async fn limit(&self, machine: &Machine, limits: &Limits) -> Result<Vec<String>, PlatformError> {
        let (server, node) = self.find_reference(&machine.reference)?;
        let host = &server.host;
        let output = self.carry_out(host, &scripts::limit(node, limits), LIMIT).await?;
        match output.status {
            Some(0) => {
                let said = String::from_utf8_lossy(&output.stdout);
                let later = said.lines().filter_map(|line| line.strip_prefix("later "));
                Ok(later.map(|what| format!("{host}: not before the server's next start: {what}")).collect())
            }
            Some(scripts::status::THEIRS) => Err(gone(machine)),
            _ => Err(refused(host, "limiting the server", &output).into()),
        }
    }

    /// By a look of lately: machines that were just made were looked at to make them.
    async fn announced(&self, query: &ClaimQuery) -> Result<BTreeMap<NodeId, HostName>, PlatformError> {
        if self.pool.servers.iter().all(|server| server.announce.is_none()) {
            return Ok(BTreeMap::new());
        }
        let look = self.looks.with_care(Care::Lately, Instant::now()).await;
        let meant = look.claimed().filter(|(_, order, _)| query.matches(&order.claim));
        let named =
            meant.filter_map(|(at, order, _)| Some((order.claim.node, self.pool.servers[at].announce.clone()?)));
        Ok(named.collect())
    }

    /// By a look of lately, too.
    async fn zones(&self, query: &ClaimQuery) -> Result<BTreeMap<NodeId, Option<Zone>>, PlatformError> {
        let look = self.looks.with_care(Care::Lately, Instant::now()).await;
        let meant = look.claimed().filter(|(_, order, _)| query.matches(&order.claim));
        Ok(meant.map(|(at, order, _)| (order.claim.node, self.pool.servers[at].zone.clone())).collect())
    }

    async fn servers(&self, engine: Engine, directories: &[PathBuf]) -> Result<Vec<ServerProgram>, PlatformError> {
        self.programs_there(engine, directories).await
    }

    async fn store(&self, program: &Download, cluster: Option<&ClaimQuery>) -> Result<ServerProgram, PlatformError> {
        self.keep(program, cluster).await
    }

    async fn packages(&self, engine: Engine) -> Result<Vec<Offer>, PlatformError> {
        self.offers(engine).await
    }

    async fn install(&self, package: &Package) -> Result<ServerProgram, PlatformError> {
        self.install_everywhere(package).await
    }
}

fn gone(machine: &Machine) -> PlatformError {
    PlatformError::NotFound { what: format!("node {} on {}", machine.claim.node, machine.reference.0) }
}
