//! A cloud in memory.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;
use justmanage_cloud_played::{Machines, Shelves, agent_of, order_in};
use justmanage_model::node::{AgentInfo, NodeOrder};
use justmanage_model::{Bytes, ClusterName};
use justmanage_platform_cloud::{Api, ApiError, Firewall, Instance, Launch, Offer, Room, Stage, Tags};
use justmanage_platform_contract::{Fault, Wrong};
use justmanage_platforms::{MachineRef, PlatformKind};
use tokio::task::yield_now;

/// Looks that a machine takes from one stage to the next.
const STEPS: usize = 2;
/// Zones.
pub(crate) const ZONES: [&str; 3] = ["a", "b", "c"];

/// An instance, with what only the cloud knows.
#[derive(Clone, Debug)]
pub(crate) struct Real {
    pub(crate) shown: Instance,
    pub(crate) script: String,
    pub(crate) zone: String,
    pub(crate) kind: String,
    pub(crate) firewall: String,
    pub(crate) boots: u64,
    /// Looks until the next stage.
    steps: usize,
    /// In so many looks it is missing.
    late: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Inside {
    pub(crate) instances: Vec<Real>,
    /// With the looks in which each is missing.
    pub(crate) firewalls: Vec<(Firewall, usize)>,
    /// Zones without room.
    pub(crate) full: Vec<&'static str>,
    /// Machines whose agents never come up.
    pub(crate) is_mute: bool,
    /// What machines have on their consoles.
    pub(crate) console: Option<String>,
    /// Machines end as soon as they were made.
    pub(crate) ends: bool,
    /// Tokens that were used with other parameters are refused.
    pub(crate) is_strict: bool,
    /// The calls that were made.
    pub(crate) calls: Vec<&'static str>,
    made: u16,
    wrong: Option<Wrong>,
}

/// The cloud.
#[derive(Debug, Default)]
pub(crate) struct Memory(Mutex<Inside>, pub(crate) Shelves);

impl Memory {
    pub(crate) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().expect("nobody panics inside")
    }

    pub(crate) fn inject(&self, fault: Fault, number: usize) {
        self.inside().wrong = Some(Wrong::new(fault, number));
    }

    pub(crate) fn heal(&self) -> usize {
        let mut inside = self.inside();
        inside.instances.iter_mut().for_each(|instance| instance.late = 0);
        inside.firewalls.iter_mut().for_each(|(_, late)| *late = 0);
        inside.wrong.take().map_or(0, |wrong| wrong.struck)
    }

    /// Somebody else's instance, with these tags of ours.
    pub(crate) fn put(&self, script: &str, tags: Tags) -> String {
        let mut inside = self.inside();
        let made = inside.add("theirs", tags, script);
        made.shown.stage = Stage::Running;
        made.late = 0;
        made.shown.id.clone()
    }

    pub(crate) fn stop(&self, id: &str) {
        self.inside().of(id).expect("an instance").shown.stage = Stage::Stopped;
    }

    /// A call: on its way there, carried out, on its way back.
    async fn call<T>(
        &self,
        name: &'static str,
        act: impl FnOnce(&mut Inside) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        yield_now().await;
        let (answer, is_lost) = {
            let mut inside = self.inside();
            inside.calls.push(name);
            match inside.meets() {
                Some(Fault::Throttled) => (Err(ApiError::Throttled { after: None }), false),
                Some(Fault::Killed) => (Err(ApiError::Lost("the connection is gone".into())), false),
                Some(Fault::AnswerLost) => (act(&mut inside), true),
                _ => (act(&mut inside), false),
            }
        };
        yield_now().await;
        if is_lost { Err(ApiError::Lost("the connection broke".into())) } else { answer }
    }
}

impl Inside {
    pub(crate) fn of(&mut self, id: &str) -> Result<&mut Real, ApiError> {
        let found = self.instances.iter_mut().find(|instance| instance.shown.id == id);
        found.ok_or_else(|| ApiError::NotFound(format!("{id} does not exist")))
    }

    fn late(&self) -> usize {
        self.wrong.filter(|wrong| wrong.fault == Fault::NotVisible).map_or(0, |wrong| wrong.number)
    }

    fn add(&mut self, token: &str, tags: Tags, script: &str) -> &mut Real {
        self.made += 1;
        let late = self.late();
        let shown = Instance {
            id: format!("i-{:05}", self.made),
            tags,
            token: Some(token.to_owned()),
            stage: Stage::Starting,
            address: Some(IpAddr::V4(Ipv4Addr::from(0x0a00_0000 + u32::from(self.made)))),
            why: None,
        };
        let (script, firewall) = (script.to_owned(), String::new());
        let (zone, kind) = (String::new(), String::new());
        self.instances.push(Real { shown, script, zone, kind, firewall, boots: 1, steps: STEPS, late });
        self.instances.last_mut().expect("what was added")
    }

    /// Time passes with each look.
    fn pass(&mut self) {
        let ends = self.ends;
        for instance in &mut self.instances {
            if instance.steps > 0 {
                instance.steps -= 1;
            } else {
                instance.shown.stage = match instance.shown.stage {
                    Stage::Starting if ends => Stage::Gone,
                    Stage::Starting => Stage::Running,
                    Stage::Ending => Stage::Gone,
                    other => other,
                };
            }
        }
    }

    fn struck(&mut self, times: usize) {
        if let Some(wrong) = &mut self.wrong {
            wrong.struck += times;
        }
    }

    /// What goes wrong with the call that comes now.
    fn meets(&mut self) -> Option<Fault> {
        self.wrong.as_mut()?.meets()
    }

    fn is(&self, fault: Fault) -> bool {
        self.wrong.is_some_and(|wrong| wrong.fault == fault)
    }
}

fn name_of(tags: &Tags) -> Option<ClusterName> {
    Some(tags.claim()?.name)
}

#[async_trait]
impl Api for Memory {
    fn kind(&self) -> PlatformKind {
        PlatformKind::Local
    }

    fn is_instance(&self, reference: &MachineRef) -> bool {
        reference.0.starts_with("i-")
    }

    fn is_firewall(&self, reference: &MachineRef) -> bool {
        reference.0.starts_with("fw-")
    }

    async fn instances(&self) -> Result<Vec<Instance>, ApiError> {
        self.call("instances", |inside| {
            inside.pass();
            let mut missing = 0;
            for instance in inside.instances.iter_mut().filter(|instance| instance.late > 0) {
                instance.late -= 1;
                missing += 1;
            }
            inside.struck(missing);
            let seen =
                inside.instances.iter().filter(|instance| instance.late == 0 && instance.shown.tags.claim().is_some());
            Ok(seen.map(|instance| instance.shown.clone()).collect())
        })
        .await
    }

    async fn instance(&self, id: &str) -> Result<Option<Instance>, ApiError> {
        self.call("instance", |inside| {
            Ok(inside.of(id).ok().filter(|there| there.late == 0).map(|there| there.shown.clone()))
        })
        .await
    }

    async fn room(&self) -> Result<Room, ApiError> {
        self.call("room", |_| {
            let offers = [("small", 2), ("large", 16)].map(|(name, gib)| Offer {
                name: name.into(),
                processors: 2,
                memory: Bytes::mib(gib * 1024),
                machine: "x86_64".into(),
                zones: ZONES.map(str::to_owned).to_vec(),
            });
            Ok(Room { offers: offers.into(), are_chosen: false, zones: ZONES.map(str::to_owned).to_vec() })
        })
        .await
    }

    async fn launch(&self, launch: &Launch) -> Result<Instance, ApiError> {
        self.call("launch", |inside| {
            let token = launch.token.to_string();
            let is_strict = inside.is_strict;
            if let Some(there) = inside.instances.iter().find(|there| there.shown.token.as_ref() == Some(&token)) {
                if is_strict && there.script != launch.first_boot {
                    return Err(ApiError::Mismatch("the token was used with other parameters".into()));
                }
                // What it was at first is what is repeated, whatever became of it.
                return Ok(Instance { stage: Stage::Starting, ..there.shown.clone() });
            }
            if !inside.firewalls.iter().any(|(firewall, _)| firewall.id == launch.firewall) {
                return Err(ApiError::NotFound(format!("{} does not exist", launch.firewall)));
            }
            if inside.is(Fault::Quota) {
                return Err(ApiError::Quota("no more instances".into()));
            }
            if inside.is(Fault::NoCapacity) || inside.full.contains(&launch.candidate.zone.as_str()) {
                return Err(ApiError::NoCapacity("the zone is full".into()));
            }
            let made = inside.add(&token, launch.tags.clone(), &launch.first_boot);
            made.zone = launch.candidate.zone.clone();
            made.kind = launch.candidate.offer.name.clone();
            made.firewall = launch.firewall.clone();
            Ok(made.shown.clone())
        })
        .await
    }

    async fn start(&self, id: &str) -> Result<(), ApiError> {
        self.call("start", |inside| {
            let instance = inside.of(id)?;
            if instance.shown.stage == Stage::Stopped {
                (instance.shown.stage, instance.steps) = (Stage::Starting, STEPS);
                instance.boots += 1;
            }
            Ok(())
        })
        .await
    }

    async fn terminate(&self, id: &str) -> Result<(), ApiError> {
        self.call("terminate", |inside| {
            let instance = inside.of(id)?;
            if !matches!(instance.shown.stage, Stage::Ending | Stage::Gone) {
                (instance.shown.stage, instance.steps) = (Stage::Ending, STEPS);
            }
            Ok(())
        })
        .await
    }

    async fn tag(&self, id: &str, tags: &Tags) -> Result<(), ApiError> {
        self.call("tag", |inside| inside.of(id).map(|instance| instance.shown.tags.extend(tags))).await
    }

    async fn console(&self, _id: &str) -> Result<Option<String>, ApiError> {
        self.call("console", |inside| Ok(inside.console.clone())).await
    }

    async fn firewalls(&self) -> Result<Vec<Firewall>, ApiError> {
        self.call("firewalls", |inside| {
            let mut missing = 0;
            for (_, late) in inside.firewalls.iter_mut().filter(|(_, late)| *late > 0) {
                *late -= 1;
                missing += 1;
            }
            inside.struck(missing);
            Ok(inside.firewalls.iter().filter(|(_, late)| *late == 0).map(|(firewall, _)| firewall.clone()).collect())
        })
        .await
    }

    async fn make_firewall(&self, tags: &Tags) -> Result<String, ApiError> {
        self.call("make_firewall", |inside| {
            if inside.firewalls.iter().any(|(there, _)| name_of(&there.tags) == name_of(tags)) {
                return Err(ApiError::Taken("there is a firewall of this name".into()));
            }
            inside.made += 1;
            let id = format!("fw-{:05}", inside.made);
            let late = inside.late();
            inside.firewalls.push((Firewall { id: id.clone(), tags: tags.clone(), is_right: false }, late));
            Ok(id)
        })
        .await
    }

    async fn open(&self, firewall: &Firewall) -> Result<(), ApiError> {
        self.call("open", |inside| {
            let there = inside.firewalls.iter_mut().find(|(there, _)| there.id == firewall.id);
            there.ok_or_else(|| ApiError::NotFound(firewall.id.clone())).map(|(there, _)| there.is_right = true)
        })
        .await
    }

    async fn drop_firewall(&self, id: &str) -> Result<(), ApiError> {
        self.call("drop_firewall", |inside| {
            let uses = |instance: &Real| instance.firewall == id && instance.shown.stage != Stage::Gone;
            if inside.instances.iter().any(uses) {
                return Err(ApiError::InUse("it has machines".into()));
            }
            if !inside.firewalls.iter().any(|(there, _)| there.id == id) {
                return Err(ApiError::NotFound(id.to_owned()));
            }
            inside.firewalls.retain(|(there, _)| there.id != id);
            Ok(())
        })
        .await
    }
}

#[async_trait]
impl Machines for Memory {
    async fn agent_at(&self, address: SocketAddr) -> Option<(NodeOrder, AgentInfo)> {
        yield_now().await;
        let inside = self.inside();
        let runs = |there: &&Real| there.shown.stage == Stage::Running && there.shown.address == Some(address.ip());
        let there = inside.instances.iter().filter(|_| !inside.is_mute).find(runs)?;
        Some((order_in(&there.script), agent_of(&there.script, &there.shown.id, address.ip(), there.boots)))
    }

    fn shelves(&self) -> Option<&Shelves> {
        Some(&self.1)
    }
}
