//! A small world: machines that exist or not, agents that know nothing, are invited or belong to a group, that converge,
//! hesitate, refuse or keep silent; and the moment at which the one who asks is killed.

mod agents;
mod platform;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use justmanage_core::artefacts::Artefacts;
use justmanage_core::{Manager, OperatorKey};
use justmanage_model::backup::BackupEntry;
use justmanage_model::journal::Entry;
use justmanage_model::node::{AgentInfo, ProcessIdentity};
use justmanage_model::pool::Zone;
use justmanage_model::{
    Bytes, Claim, ClusterId, ClusterName, ClusterSpec, Engine, Epoch, Failure, Generation, NodeId, Phase, Pin, Place,
    Record, SealingKey, ServerState, Timestamp, Version,
};
use justmanage_platforms::{Limits, Machine, MachineRef, MachineState, Offer};
use tokio::sync::Notify;

pub(crate) use agents::running;

/// What an agent does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Behaviour {
    /// It makes everything so, one look after it was asked.
    #[default]
    Converges,
    /// It never gets there.
    Hesitates,
    /// It gets as far as Formed and no further.
    FormsOnly,
    /// It cannot go on by itself.
    Stuck,
    /// It does not know the operator.
    Denies,
    /// It does not answer.
    Silent,
    /// It takes every call and never answers.
    Hangs,
}

/// When the one who asks is killed: at the call with this number, before or after it did what it does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cut {
    pub(crate) at: u32,
    pub(crate) after: bool,
}

#[derive(Debug, Default)]
pub(crate) struct Inside {
    pub(crate) machines: BTreeMap<NodeId, Machine>,
    /// Where machines stand that stand somewhere.
    pub(crate) zones: BTreeMap<NodeId, Zone>,
    /// What the platform keeps besides, and is not as it is to be.
    pub(crate) amiss: Vec<String>,
    /// As long as there is such a thing, no agent can be reached.
    pub(crate) shut: bool,
    /// What each agent was invited to.
    pub(crate) invitations: BTreeMap<NodeId, Record>,
    /// What agents have that know no newer Record than this.
    pub(crate) stale: BTreeMap<NodeId, Record>,
    /// The Record of each group that was founded.
    pub(crate) groups: BTreeMap<ClusterId, Record>,
    /// Over how many shards the slots of each group are spread; the first node of each is its primary.
    pub(crate) spread: BTreeMap<ClusterId, u16>,
    /// What servers use that hold more than a little.
    pub(crate) used: BTreeMap<NodeId, Bytes>,
    /// Servers do not go over to another release.
    pub(crate) servers_stay: bool,
    /// This member is lost when somebody looks who knows of a newer Record than this, and a spare has its place.
    pub(crate) lost_after: Option<(Generation, NodeId)>,
    /// Slots do not get away from where they are.
    pub(crate) slots_stay: bool,
    /// What all agents do.
    pub(crate) behaviour: Behaviour,
    /// What single agents do instead.
    pub(crate) odd: BTreeMap<NodeId, Behaviour>,
    /// The servers of nodes that do not simply run.
    pub(crate) servers: BTreeMap<NodeId, ServerState>,
    /// The next proposals are taken, but the answer is lost.
    pub(crate) lose_answers: u32,
    /// Before the next proposal somebody else makes one.
    pub(crate) somebody_first: u32,
    /// No new machine can be had.
    pub(crate) no_capacity: bool,
    /// Machines whose agents do not start.
    pub(crate) broken: BTreeSet<NodeId>,
    pub(crate) removed: Vec<MachineRef>,
    /// The calls that change something, as they began.
    pub(crate) calls: Vec<&'static str>,
    pub(crate) cut: Option<Cut>,
    /// How many machines were being made at the same time, at most.
    pub(crate) most_at_once: usize,
    at_once: usize,
    /// Somebody else founds the same cluster, with this epoch, when the first invitation comes.
    pub(crate) founded_meanwhile: Option<Epoch>,
    /// What the agents' journals hold.
    pub(crate) journals: BTreeMap<NodeId, Vec<Entry>>,
    /// Which backups agents find, newest first, or why they cannot look; none where nothing is said.
    /// What agents were told of where others are.
    pub(crate) relocated: BTreeMap<NodeId, BTreeMap<NodeId, SocketAddr>>,
    pub(crate) backups: BTreeMap<NodeId, Result<Vec<BackupEntry>, String>>,
    /// What time agents say that it is.
    pub(crate) clocks: BTreeMap<NodeId, Timestamp>,
    /// Somebody else's machine appears when ours have been made.
    pub(crate) rival: Option<Claim>,
    /// The next machines that are removed are made again by somebody else.
    pub(crate) made_again: u32,
    /// The version of the agents that are made from now on; the first one where nothing else is said.
    pub(crate) brings: Option<Version>,
    /// Whose agents cannot be replaced.
    pub(crate) stubborn: BTreeSet<NodeId>,
    /// What the server of each node was limited to, one after the other.
    pub(crate) limits: BTreeMap<NodeId, Vec<Limits>>,
    /// What the machines' distributions have.
    pub(crate) offers: Vec<Offer>,
    /// Whose agents were replaced, in that order.
    pub(crate) upgraded: Vec<NodeId>,
    versions: BTreeMap<NodeId, Version>,
    ports: BTreeMap<NodeId, u16>,
}

/// The world; clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    inside: Arc<Mutex<Inside>>,
    /// The one who asks has been killed.
    killed: Arc<Notify>,
}

impl World {
    pub(crate) fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().expect("no test panics inside")
    }

    /// The only Record there is.
    pub(crate) fn record(&self) -> Record {
        let inside = self.inside();
        assert_eq!(inside.groups.len(), 1, "one group");
        inside.groups.values().next().expect("a group").clone()
    }

    /// The nodes of the only group, in the order of their seats.
    pub(crate) fn nodes(&self) -> Vec<NodeId> {
        let record = self.record();
        let mut nodes: Vec<_> = record.members.iter().map(|(node, member)| (member.seat, *node)).collect();
        nodes.sort_unstable();
        nodes.into_iter().map(|(_, node)| node).collect()
    }

    pub(crate) fn stop_agents(&self) {
        for machine in self.inside().machines.values_mut() {
            machine.state = MachineState::Stopped;
        }
    }

    /// Takes a machine away, with everything on it.
    pub(crate) fn lose(&self, node: NodeId) {
        let mut inside = self.inside();
        inside.machines.remove(&node).expect("a machine");
        inside.invitations.remove(&node);
    }

    /// The first of the nodes get other addresses, and their agents listen there: which.
    pub(crate) fn move_away(&self, count: usize) -> Vec<SocketAddr> {
        let nodes = self.nodes();
        let mut inside = self.inside();
        let moved = nodes.into_iter().take(count).map(|node| {
            let Some(MachineState::Running(info)) = inside.machines.get_mut(&node).map(|machine| &mut machine.state)
            else {
                panic!("{node} does not run")
            };
            for at in [&mut info.agent, &mut info.client] {
                at.set_ip([127, 0, 0, 2].into());
            }
            info.agent
        });
        moved.collect()
    }

    /// A manager with a key of its own in `home`.
    pub(crate) fn manager(&self, home: &tempfile::TempDir) -> Manager {
        let operator = Arc::new(OperatorKey::at(home.path().join("operator.key")));
        Manager::new(Arc::new(self.clone()), Arc::new(self.clone()), Artefacts::default(), operator)
            .with_patience(Duration::from_millis(200))
    }

    /// Runs what somebody asks for until they are killed at the cut; `None`: they were.
    pub(crate) async fn cut_short<T>(&self, cut: Cut, work: impl Future<Output = T>) -> Option<T> {
        {
            let mut inside = self.inside();
            inside.calls.clear();
            inside.cut = Some(cut);
        }
        let ended = tokio::select! {
            ended = work => Some(ended),
            () = self.killed.notified() => None,
        };
        self.inside().cut = None;
        ended
    }

    /// A call that changes something: it does, unless the one who asks is killed before.
    pub(crate) async fn act<T>(&self, call: &'static str, act: impl FnOnce(&mut Inside) -> T) -> T {
        let (done, killed) = {
            let mut inside = self.inside();
            let number = u32::try_from(inside.calls.len()).expect("few calls");
            inside.calls.push(call);
            match inside.cut.filter(|cut| number >= cut.at) {
                Some(cut) if number > cut.at || !cut.after => (None, true),
                Some(_) => (Some(act(&mut inside)), true),
                None => (Some(act(&mut inside)), false),
            }
        };
        if killed {
            self.killed.notify_one();
            std::future::pending::<()>().await;
        }
        done.expect("whoever lives has acted")
    }
}

impl Inside {
    pub(crate) fn behaviour_of(&self, node: NodeId) -> Behaviour {
        self.odd.get(&node).copied().unwrap_or(self.behaviour)
    }

    /// Whether a node belongs to a group that was founded.
    pub(crate) fn group_of(&self, node: NodeId) -> Option<&Record> {
        let invitation = self.invitations.get(&node)?;
        self.groups.get(&invitation.cluster).filter(|group| group.epoch == invitation.epoch)
    }

    /// The members of a group whose agents run and speak.
    fn alive(&self, group: &Record) -> Vec<NodeId> {
        let runs = |node: &NodeId| {
            let running = self.machines.get(node).is_some_and(|machine| machine.state != MachineState::Stopped);
            running && !matches!(self.behaviour_of(*node), Behaviour::Silent | Behaviour::Hangs)
        };
        let invited = |node: &NodeId| self.invitations.get(node).is_some_and(|record| record.epoch == group.epoch);
        group.agents().map(|(node, _)| node).filter(|node| runs(node) && invited(node)).collect()
    }

    /// Who leads a group; nobody without a majority.
    pub(crate) fn leader(&self, group: &Record) -> Option<NodeId> {
        let alive = self.alive(group);
        (alive.len() * 2 > group.agents().count()).then(|| alive[0])
    }

    /// The version of the agents that come with the build that asks.
    pub(crate) fn own_version(&self) -> Version {
        self.brings.unwrap_or(Version::new(0, 1, 0))
    }

    /// The version of a node's agent.
    pub(crate) fn version_of(&self, node: NodeId) -> String {
        self.versions.get(&node).copied().unwrap_or(Version::new(0, 1, 0)).to_string()
    }

    /// From now on a node's agent has this version.
    pub(crate) fn has_version(&mut self, node: NodeId, version: Version) {
        self.versions.insert(node, version);
        if let Some(MachineState::Running(info)) = self.machines.get_mut(&node).map(|machine| &mut machine.state) {
            info.version = version.to_string();
        }
    }

    /// What an agent says of itself.
    pub(crate) fn info(&mut self, claim: &Claim) -> AgentInfo {
        let next = u16::try_from(self.ports.len()).expect("few nodes");
        let port = *self.ports.entry(claim.node).or_insert(next);
        let [low, high] = port.to_le_bytes();
        AgentInfo {
            claim: claim.clone(),
            pin: Pin::from_digest([9, low, high].repeat(11)[..32].try_into().expect("32 bytes")),
            sealing: SealingKey::new([low; 32]),
            agent: ([127, 0, 0, 1], 19000 + port).into(),
            client: ([127, 0, 0, 1], 21000 + port).into(),
            bus_port: 31000 + port,
            version: self.version_of(claim.node),
            process: ProcessIdentity { pid: 1, start_time: 1, boot_id: "boot".into() },
        }
    }

    /// As the agents do it: a node is lost, and a spare takes its place. Its machine is still there, and its agent does not run.
    pub(crate) fn replace(&mut self, lost: NodeId) {
        let record = self.groups.values_mut().next().expect("a group");
        let by = *record.spares.keys().next().expect("a spare");
        record.replace(lost, by);
        record.generation = record.generation.next();
        self.machines.get_mut(&lost).expect("a machine").state = MachineState::Stopped;
        self.broken.insert(lost);
    }

    /// Agents at work: as time passes, a group gets somewhere.
    pub(crate) fn work(&mut self, node: NodeId) {
        let behaviour = self.behaviour_of(node);
        let Some(group) = self.group_of(node).cloned() else { return };
        if !matches!(behaviour, Behaviour::Converges | Behaviour::FormsOnly) || self.leader(&group).is_none() {
            return;
        }
        let Some(group) = self.groups.get_mut(&group.cluster) else { return };
        group.phase = Phase::Formed;
        group.ca_certificate = Some("certificate".into());
        let spread = self.spread.entry(group.cluster).or_insert(group.spec.shards);
        if group.previous.is_some() && group.vacant().next().is_none() && !self.servers_stay {
            group.forget_previous(justmanage_model::Timestamp::now());
            group.generation = group.generation.next();
        }
        if group.reshaping.is_none() || group.previous.is_some() || group.vacant().next().is_some() {
            return;
        }
        if *spread != group.spec.shards && self.slots_stay {
            return;
        }
        *spread = group.spec.shards;
        if group.surplus().next().is_none() {
            group.end_reshaping();
            group.generation = group.generation.next();
        }
    }
}

pub(crate) fn name() -> ClusterName {
    "cache".parse().expect("name")
}

/// One node.
pub(crate) fn spec() -> ClusterSpec {
    shape(1, 0)
}

/// A cluster of this shape.
pub(crate) fn shape(shards: u16, replicas_per_shard: u16) -> ClusterSpec {
    ClusterSpec {
        engine: Engine::Redis,
        version: "7.0".parse().expect("version"),
        shards,
        replicas_per_shard,
        memory: "64MiB".parse().expect("memory"),
        surge: false,
        config: BTreeMap::new(),
        place: Place::Local,
        on_crash: justmanage_model::OnCrash::default(),
        resources: Default::default(),
        metrics_readers: BTreeSet::new(),
        operator_keys: Default::default(),
        maintenance_window: None,
        apply: Default::default(),
        approved_version: None,
        backup_policy: None,
        backup_now: None,
        rotate: Default::default(),
        spares: 0,
        spare_after: None,
        testing: justmanage_model::Testing::default(),
    }
}

/// The summary of a failure, for short assertions.
pub(crate) fn summary(failure: &Failure) -> &str {
    &failure.summary
}
