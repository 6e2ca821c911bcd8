//! The platform's trait, over a cloud.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use justmanage_model::node::{AgentInfo, ServerProgram};
use justmanage_model::{Bytes, Claim, ClusterName, Engine, Version};
use justmanage_platforms::{
    ClaimQuery, Connector, Download, Limits, Machine, MachineOrder, MachineRef, MachineState, Platform, PlatformError,
    PlatformKind, Visible,
};
use tokio::sync::OnceCell;

use crate::api::{Api, ApiError, Instance, Stage};
use crate::boot::Fetch;
use crate::choice::Room;
use crate::clock::Clock;
use crate::look::{Look, Looks};
use crate::operator::Operator;
use crate::patience::Patience;
use crate::programs::Given;
use crate::remembered;
use crate::trouble::while_doing;

/// Where every agent of a cloud's machine listens: nothing else runs there that could have taken the usual port.
pub const AGENT_PORT: u16 = 7379;

/// Shortest and longest pause between two looks at something that takes its time.
const POLL: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(5));

/// What machines of a cloud are made with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The agent.
    pub agent: AgentPrograms,
    /// Server programs that machines have, or fetch.
    pub programs: Vec<CloudProgram>,
    /// The disk for data, at least; what a node needs may be more.
    pub disk: Bytes,
    /// By the way to here a machine finds its own address ([`crate::boot::ANYWHERE`]).
    pub toward: IpAddr,
}

/// The agent that new machines fetch.
#[derive(Clone, Debug)]
pub struct AgentPrograms {
    /// Its version.
    pub version: Version,
    /// For each processor, by what `uname -m` calls it: SHA-256, and where it can be had.
    pub programs: Vec<(String, String, Vec<String>)>,
}

/// A server program of machines of a cloud.
#[derive(Clone, Debug)]
pub struct CloudProgram {
    /// What it is, and where on the machine.
    pub program: ServerProgram,
    /// Where it can be had; nowhere: it is in the image.
    pub urls: Vec<String>,
}

/// Nodes on machines of a cloud.
pub struct Cloud {
    pub(crate) api: Arc<dyn Api>,
    pub(crate) operator: Arc<dyn Operator>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) settings: Settings,
    pub(crate) patience: Patience,
    pub(crate) given: Given,
    looks: Looks,
    room: OnceCell<Room>,
}

impl Cloud {
    /// A cloud, with the operator who enrols agents there.
    #[must_use]
    pub fn new(api: Arc<dyn Api>, operator: Arc<dyn Operator>, clock: Arc<dyn Clock>, settings: Settings) -> Self {
        let patience = Patience::new(clock.clone());
        let looks = Looks::new(api.clone(), patience.clone());
        let (given, room) = (Given::default(), OnceCell::new());
        Self { api, operator, clock, settings, patience, given, looks, room }
    }

    /// All that is ours there, as it is now.
    pub(crate) async fn look(&self) -> Result<Arc<Look>, PlatformError> {
        self.looks.fresh().await.map_err(|error| while_doing("looking for machines", error))
    }

    /// What may be had there. It is asked for once: it changes with the settings, and with the years.
    pub(crate) async fn room(&self) -> Result<&Room, PlatformError> {
        let ask = || self.patience.call("room", || self.api.room());
        let room = self.room.get_or_try_init(ask).await;
        room.map_err(|error| while_doing("asking which types of machine there are", error))
    }

    /// The agent of an instance, if it runs and an operator whom we trust has said who it is. Whose address has changed since is not known.
    pub(crate) fn agent_of(&self, instance: &Instance) -> Option<AgentInfo> {
        let runs = instance.stage == Stage::Running;
        let agent = remembered::read(&*self.operator, &instance.id, &instance.tags).filter(|_| runs)?;
        (instance.address == Some(agent.agent.ip())).then_some(agent)
    }

    pub(crate) fn machine(&self, instance: &Instance, claim: Claim) -> Machine {
        let state =
            self.agent_of(instance).map_or(MachineState::Stopped, |agent| MachineState::Running(Box::new(agent)));
        Machine { reference: MachineRef(instance.id.clone()), claim, state }
    }

    /// All machines that a look has seen. A firewall without any stands for the machine that it was made for: it has to be seen to be
    /// removed, and locks its name.
    fn machines<'a>(&'a self, look: &'a Look) -> impl Iterator<Item = Machine> + 'a {
        let there = look.there().map(|(instance, claim)| self.machine(instance, claim));
        let lonely = look.lonely().map(|(firewall, claim)| Machine {
            reference: MachineRef(firewall.id.clone()),
            claim,
            state: MachineState::Stopped,
        });
        there.chain(lonely)
    }

    /// Waits between two looks; the more of them there were, the longer.
    pub(crate) async fn wait(&self, looks: u32) {
        let (shortest, longest) = POLL;
        self.clock.sleep((shortest * (1 + looks / 5)).min(longest)).await;
    }
}

#[async_trait]
impl Platform for Cloud {
    fn kind(&self, _machines: &[MachineRef]) -> PlatformKind {
        self.api.kind()
    }

    async fn find(&self, query: &ClaimQuery) -> Result<Vec<Machine>, PlatformError> {
        Ok(self.find_seen(query).await?.machines)
    }

    async fn find_seen(&self, query: &ClaimQuery) -> Result<Visible, PlatformError> {
        let look = self.look().await?;
        let machines = self.machines(&look).filter(|machine| query.matches(&machine.claim)).collect();
        let amiss = look.amiss(query).map(|firewall| {
            format!(
                "The firewall {} lets in others than it is to, or not all of them; an apply makes it right.",
                firewall.id
            )
        });
        Ok(Visible { machines, amiss: amiss.collect(), ..Visible::default() })
    }

    async fn mend(&self, query: &ClaimQuery) -> Result<(), PlatformError> {
        let look = self.look().await?;
        for (instance, _) in look.there().filter(|(_, claim)| query.matches(claim)) {
            if let Some(agent) = remembered::read(&*self.operator, &instance.id, &instance.tags)
                && !remembered::lasts(&*self.operator, &instance.id, &instance.tags)
            {
                self.remember(&instance.id, &agent).await?;
            }
        }
        for firewall in look.amiss(query) {
            match self.patience.call(&firewall.id, || self.api.open(firewall)).await {
                // Its cluster was removed meanwhile.
                Ok(()) | Err(ApiError::NotFound(_)) => {}
                Err(error) => return Err(while_doing("making the cluster's firewall right", error)),
            }
        }
        Ok(())
    }

    async fn clusters(&self) -> Result<BTreeSet<ClusterName>, PlatformError> {
        let look = self.look().await?;
        Ok(self.machines(&look).map(|machine| machine.claim.name).collect())
    }

    async fn ensure(&self, order: &MachineOrder) -> Result<Machine, PlatformError> {
        self.make(order).await
    }

    async fn remove(&self, machine: &MachineRef) -> Result<(), PlatformError> {
        self.take_away(machine).await
    }

    async fn reach(&self, machine: &Machine) -> Result<Connector, PlatformError> {
        running(machine).cloned().map(Connector::direct)
    }

    async fn agent_version(&self) -> Result<Version, PlatformError> {
        match self.settings.agent.programs.is_empty() {
            false => Ok(self.settings.agent.version),
            true => Err(PlatformError::Invalid {
                field: "agents".into(),
                what: "nobody has said where machines can fetch their agent".into(),
                hint: "Give its address and its SHA-256, for each processor that machines may have.".into(),
            }),
        }
    }

    async fn upgrade(&self, machine: &Machine) -> Result<Machine, PlatformError> {
        let (own, agent) = (self.agent_version().await?, running(machine)?);
        if agent.version.parse::<Version>().is_ok_and(|there| there >= own) {
            return Ok(machine.clone());
        }
        let there = self.operator.programs(agent).await?;
        let build = self.settings.agent_for(&there.machine).ok_or_else(|| no_agent_for(&there.machine))?;
        let version = self.operator.replace(agent, &build, own).await?;
        let agent = AgentInfo { version: version.to_string(), ..agent.clone() };
        self.remember(&machine.reference.0, &agent).await?;
        Ok(Machine { state: MachineState::Running(Box::new(agent)), ..machine.clone() })
    }

    async fn limit(&self, machine: &Machine, limits: &Limits) -> Result<Vec<String>, PlatformError> {
        self.operator.limit(running(machine)?, limits).await
    }

    async fn servers(&self, engine: Engine, _directories: &[PathBuf]) -> Result<Vec<ServerProgram>, PlatformError> {
        let programs = self.settings.programs.iter().map(|there| there.program.clone());
        Ok(programs.filter(|program| program.release.engine == engine).collect())
    }

    async fn store(&self, program: &Download, cluster: Option<&ClaimQuery>) -> Result<ServerProgram, PlatformError> {
        self.keep(program, cluster).await
    }
}

/// The agent of a machine, which has to run.
fn running(machine: &Machine) -> Result<&AgentInfo, PlatformError> {
    match &machine.state {
        MachineState::Running(agent) => Ok(agent),
        MachineState::Stopped => Err(PlatformError::Unreachable {
            what: format!("the agent of {} does not run, or nobody has enrolled it yet", machine.claim.node),
            hint: "An apply starts and enrols it.".into(),
        }),
    }
}

/// New machines of a kind for which there is no agent, or old ones that would have another.
pub(crate) fn no_agent_for(machine: &str) -> PlatformError {
    PlatformError::Invalid {
        field: "agents".into(),
        what: format!("there is no agent for the processor {machine}"),
        hint: "Say where machines fetch it, with its SHA-256.".into(),
    }
}

impl Settings {
    /// The agent for a processor, as a machine fetches it.
    pub(crate) fn agent_for(&self, machine: &str) -> Option<Fetch> {
        let (_, sha256, urls) = self.agent.programs.iter().find(|(of, _, _)| of == machine)?;
        // As every platform calls it: one name for each build.
        let path = format!("/var/lib/justmanage/bin/justmanage-agent-{}", sha256.get(..16)?);
        Some(Fetch { path, sha256: sha256.clone(), urls: urls.clone() })
    }

    /// The server program of an order, if machines fetch it.
    pub(crate) fn fetched(&self, order: &MachineOrder) -> Option<Fetch> {
        let wanted = order.program.as_ref()?;
        let is_wanted = |there: &&CloudProgram| {
            there.program.path == wanted.server() && there.program.sha256 == wanted.sha256() && !there.urls.is_empty()
        };
        let CloudProgram { program, urls } = self.programs.iter().find(is_wanted)?;
        Some(Fetch { path: program.path.to_str()?.to_owned(), sha256: program.sha256.clone(), urls: urls.clone() })
    }
}
