//! Machines of the cloud, as a platform has them: made with a token of their claim, and seen before anybody is told of them.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use async_trait::async_trait;
use justmanage_model::node::{AgentInfo, ProcessIdentity, ServerProgram};
use justmanage_model::{Claim, ClusterName, Engine, Pin, SealingKey, Version};
use justmanage_platforms::{
    ClaimQuery, Connector, Download, Machine, MachineOrder, MachineRef, MachineState, Platform, PlatformError,
    PlatformKind, Visible,
};

use crate::api::{Api, Instance, Refusal};
use crate::flaws::Flaw;

/// How often whoever made a machine looks whether it is in the list.
const LOOKS: usize = 10;

/// The platform; with a flaw, if it has one.
pub(crate) struct Machines {
    api: Arc<Api>,
    flaw: Option<Flaw>,
    /// The first list that came.
    seen: OnceLock<Vec<Instance>>,
}

impl Machines {
    pub(crate) fn new(api: Arc<Api>, flaw: Option<Flaw>) -> Self {
        Self { api, flaw, seen: OnceLock::new() }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// Makes the instance of a claim, or finds it made.
    async fn create(&self, claim: &Claim) -> Result<u32, PlatformError> {
        if self.has(Flaw::LooksFirst)
            && let Some(there) = self.instances().await?.iter().find(|there| there.claim.as_ref() == Some(claim))
        {
            return Ok(there.number);
        }
        let token = match self.flaw {
            // Whoever comes next draws another one.
            Some(Flaw::MakesAlways | Flaw::LooksFirst) => format!("{} {}", claim.node, self.api.drawn()),
            _ => claim.node.to_string(),
        };
        if self.has(Flaw::TagsLater) {
            let number = self.api.create(&token, None).await.map_err(|why| self.refused(why))?;
            self.api.tag(number, Some(claim.clone())).await.map_err(|why| self.refused(why))?;
            return Ok(number);
        }
        if self.has(Flaw::PaysBefore) && !self.instances().await?.iter().any(|there| there.token == token) {
            self.api.put("a disk");
        }
        match self.api.create(&token, Some(claim.clone())).await {
            Err(Refusal::Broken) if self.has(Flaw::TriesElsewhere) => {
                let again = self.api.create(&format!("{token} again"), Some(claim.clone())).await;
                again.map_err(|why| self.refused(why))
            }
            created => created.map_err(|why| self.refused(why)),
        }
    }

    async fn instances(&self) -> Result<Vec<Instance>, PlatformError> {
        let remembered = self.seen.get().filter(|_| self.has(Flaw::RemembersLooks));
        if let Some(seen) = remembered {
            return Ok(seen.clone());
        }
        match self.api.list().await {
            Err(Refusal::Throttled) if self.has(Flaw::ThrottledIsEmpty) => Ok(Vec::new()),
            Err(Refusal::Broken) if self.has(Flaw::BrokenIsEmpty) => Ok(Vec::new()),
            Err(why) => Err(self.refused(why)),
            Ok(seen) => {
                self.seen.get_or_init(|| seen.clone());
                Ok(seen)
            }
        }
    }

    fn machine(&self, instance: &Instance) -> Option<Machine> {
        let claim = instance.claim.clone()?;
        let runs = instance.runs || self.has(Flaw::SaysThatAllRun);
        let info = Box::new(agent(instance.number, &claim));
        let state = if runs { MachineState::Running(info) } else { MachineState::Stopped };
        Some(Machine { reference: MachineRef(format!("i-{}", instance.number)), claim, state })
    }

    fn refused(&self, why: Refusal) -> PlatformError {
        let hint = "Apply again.".to_owned();
        match why {
            Refusal::Broken => PlatformError::Unreachable { what: "the connection broke".into(), hint },
            Refusal::Throttled if self.has(Flaw::ThrottledIsQuota) => {
                PlatformError::Quota { what: "too many calls".into(), hint }
            }
            Refusal::Throttled => PlatformError::Unreachable { what: "too many calls".into(), hint },
            Refusal::NoCapacity | Refusal::Quota if self.has(Flaw::NoRoomIsFailure) => {
                PlatformError::Failed { what: "nothing to be had".into(), hint }
            }
            Refusal::NoCapacity => PlatformError::Quota { what: "the zone is full".into(), hint },
            Refusal::Quota => PlatformError::Quota { what: "no more instances".into(), hint },
            Refusal::NotFound => PlatformError::NotFound { what: "the instance".into() },
        }
    }

    /// The instance that a reference leads to.
    async fn referenced(&self, MachineRef(text): &MachineRef) -> Result<Option<Instance>, PlatformError> {
        let number = text.strip_prefix("i-").and_then(|number| number.parse::<u32>().ok());
        let number = number.ok_or_else(|| PlatformError::Invalid {
            field: "cloud".into(),
            what: format!("{text} is no instance"),
            hint: "Use the provider of its platform.".into(),
        })?;
        // By its number an instance is seen at once.
        Ok(self.api.instances().into_iter().find(|there| there.number == number))
    }

    async fn delete(&self, number: u32) -> Result<(), PlatformError> {
        if self.has(Flaw::UntagsBefore) {
            let untagged = self.api.tag(number, None).await;
            untagged.map_err(|why| self.refused(why))?;
        }
        match self.api.delete(number).await {
            Err(Refusal::NotFound) if !self.has(Flaw::GoneIsError) => Ok(()),
            deleted => deleted.map_err(|why| self.refused(why)),
        }
    }
}

/// The agent of an instance.
fn agent(number: u32, claim: &Claim) -> AgentInfo {
    let low = number.to_le_bytes()[0];
    AgentInfo {
        claim: claim.clone(),
        pin: Pin::from_digest([low; 32]),
        sealing: SealingKey::new([low; 32]),
        agent: ([10, 0, 0, low], 7379).into(),
        client: ([10, 0, 0, low], 6379).into(),
        bus_port: 16379,
        version: "0.1.0".into(),
        process: ProcessIdentity { pid: 1, start_time: 1, boot_id: "b".into() },
    }
}

#[async_trait]
impl Platform for Machines {
    fn kind(&self, _machines: &[MachineRef]) -> PlatformKind {
        PlatformKind::Local
    }

    async fn find(&self, query: &ClaimQuery) -> Result<Vec<Machine>, PlatformError> {
        let found = self.instances().await?;
        let matches = |machine: &Machine| match self.flaw {
            Some(Flaw::FindsByNameAlone) => machine.claim.name == query.name,
            _ => query.matches(&machine.claim),
        };
        let mut machines: Vec<Machine> = found.iter().filter_map(|there| self.machine(there)).filter(matches).collect();
        if self.has(Flaw::FindsOneCluster) && query.cluster.is_none() {
            let first = machines.first().map(|machine| machine.claim.cluster);
            machines.retain(|machine| Some(machine.claim.cluster) == first);
        }
        Ok(machines)
    }

    async fn find_seen(&self, query: &ClaimQuery) -> Result<Visible, PlatformError> {
        let silent =
            if self.has(Flaw::SomebodyIsSilent) { vec!["zone b does not answer".to_owned()] } else { Vec::new() };
        Ok(Visible { machines: self.find(query).await?, silent, ..Visible::default() })
    }

    async fn clusters(&self) -> Result<BTreeSet<ClusterName>, PlatformError> {
        let seen = self.instances().await?;
        let names = seen.into_iter().filter_map(|there| Some(there.claim?.name));
        Ok(names.filter(|_| !self.has(Flaw::NamesNobody)).collect())
    }

    async fn ensure(&self, order: &MachineOrder) -> Result<Machine, PlatformError> {
        let number = self.create(&order.claim).await?;
        if !self.has(Flaw::LeavesStopped) {
            self.api.start(number).await.map_err(|why| self.refused(why))?;
        }
        if self.has(Flaw::SweepsOthers) {
            for foreign in self.instances().await?.iter().filter(|there| there.claim.is_none()) {
                self.api.delete(foreign.number).await.map_err(|why| self.refused(why))?;
            }
        }
        for _ in 0..LOOKS {
            let seen = self.instances().await?.into_iter().find(|there| there.number == number);
            let seen = match seen {
                None if self.has(Flaw::DoesNotWait) || self.has(Flaw::RemovesWhatItSees) => {
                    self.api.instances().into_iter().find(|there| there.number == number)
                }
                seen => seen,
            };
            if let Some(machine) = seen.and_then(|there| self.machine(&there)) {
                return Ok(machine);
            }
        }
        let hint = "Apply again in a minute.".to_owned();
        Err(PlatformError::Unreachable { what: "the new instance is in no list yet".into(), hint })
    }

    async fn remove(&self, machine: &MachineRef) -> Result<(), PlatformError> {
        let there = match self.flaw {
            // Only what is in a list.
            Some(Flaw::RemovesWhatItSees) => {
                let seen = self.instances().await?;
                seen.into_iter().find(|there| MachineRef(format!("i-{}", there.number)) == *machine)
            }
            _ => self.referenced(machine).await?,
        };
        match there {
            Some(there) if there.claim.is_none() && !self.has(Flaw::RemovesAnything) => Ok(()),
            Some(there) => self.delete(there.number).await,
            None if self.has(Flaw::GoneIsError) => Err(self.refused(Refusal::NotFound)),
            None => Ok(()),
        }
    }

    async fn reach(&self, machine: &Machine) -> Result<Connector, PlatformError> {
        match &machine.state {
            MachineState::Running(info) => {
                let mut info = (**info).clone();
                if self.has(Flaw::ReachesTheFirst) {
                    info.pin = Pin::from_digest([1; 32]);
                }
                Ok(Connector::direct(info))
            }
            MachineState::Stopped => Err(PlatformError::Unreachable {
                what: format!("the agent of {} does not run", machine.claim.node),
                hint: "An apply starts it again.".into(),
            }),
        }
    }

    async fn agent_version(&self) -> Result<Version, PlatformError> {
        Ok(Version::new(0, 1, 0))
    }

    async fn upgrade(&self, machine: &Machine) -> Result<Machine, PlatformError> {
        Ok(machine.clone())
    }

    async fn servers(&self, _engine: Engine, _directories: &[PathBuf]) -> Result<Vec<ServerProgram>, PlatformError> {
        Ok(Vec::new())
    }

    async fn store(&self, _program: &Download, _cluster: Option<&ClaimQuery>) -> Result<ServerProgram, PlatformError> {
        Err(PlatformError::Denied { what: "nothing is stored here".into(), hint: String::new() })
    }
}
