//! The agents of the world.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use justmanage_core::agents::{AgentError, Agents, ClusterStatus, NodeReply, Note, Proposal};
use justmanage_model::backup::{BackupEntry, BackupId};
use justmanage_model::journal::Entry;
use justmanage_model::node::AgentInfo;
use justmanage_model::{
    BusId, BusView, Bytes, Epoch, NodeId, NodeObservation, Observation, Phase, Record, Role, Seen, ServerObservation,
    ServerState, SlotSet, Timestamp, Waiting, user,
};

use super::{Behaviour, Inside, World};

fn node_observation(server: ServerState, agent_version: String) -> NodeObservation {
    NodeObservation {
        agent_version,
        settled: None,
        server,
        last: None,
        promoted: None,
        asked: None,
        handover: None,
        severed: None,
        at: None,
        program: None,
        unfit: false,
        trouble: None,
        limits: Vec::new(),
        probe: None,
        moving: None,
        weights: None,
        backup: None,
        offer: None,
        fetched: None,
        ahead_s: 0,
    }
}

/// A server as the Record wants it.
pub(crate) fn running(record: &Record) -> ServerState {
    ServerState::Running(Box::new(ServerObservation {
        release: record.release.clone(),
        started: None,
        pid: 2,
        loading: false,
        bus: None,
        persistent: true,
        offset: 0,
        config: BTreeMap::new(),
        users: user::fingerprint(&record.users),
        used_memory: Bytes::mib(2),
        field_ttls: None,
        passwords: None,
        certificate_expires: Timestamp::MAX,
        tls: None,
    }))
}

fn bus(slots: SlotSet) -> BusView {
    BusView {
        id: BusId::new([1; 20]),
        ok: true,
        epoch: 1,
        config_epoch: 1,
        astray: SlotSet::empty(),
        slots,
        role: Role::Primary { replicas: Vec::new() },
        peers: Vec::new(),
        view: "0".repeat(16),
    }
}

fn stuck() -> Waiting {
    let since = Timestamp::UNIX_EPOCH;
    Waiting::Stuck { what: "its data are gone.".into(), since, hint: "Restore them.".into() }
}

impl Inside {
    /// A server as the Record wants it, and what it owns.
    fn server(&self, group: &Record, node: NodeId) -> ServerState {
        if let Some(odd) = self.servers.get(&node) {
            return odd.clone();
        }
        if !group.members.contains_key(&node) {
            return ServerState::Stopped;
        }
        let mut state = running(group);
        if let (ServerState::Running(server), Some(member)) = (&mut state, group.members.get(&node)) {
            let spread = self.spread.get(&group.cluster).copied().unwrap_or_default();
            let owns = member.seat.ordinal == 0 && member.seat.shard < spread;
            let slots = if owns { SlotSet::share(member.seat.shard, spread) } else { SlotSet::empty() };
            server.bus = Some(bus(slots));
            server.used_memory = self.used.get(&node).copied().unwrap_or(server.used_memory);
        }
        state
    }

    /// What an agent answers to a look at the cluster.
    fn cluster(&self, node: NodeId) -> ClusterStatus {
        let Some(group) = self.group_of(node) else {
            let record = self.invitations.get(&node).cloned();
            return ClusterStatus {
                record,
                observation: Observation::default(),
                converged: false,
                waiting: Vec::new(),
                leader: None,
                last_operation: None,
            };
        };
        let leader = self.leader(group);
        let alive = self.alive(group);
        let seen = |member: &NodeId| match alive.contains(member) && (leader.is_some() || *member == node) {
            true => Seen::Known(node_observation(self.server(group, *member), self.version_of(*member))),
            false => Seen::Unknown { since: Timestamp::UNIX_EPOCH, why: "connection refused".into() },
        };
        let nodes: BTreeMap<_, _> = group.agents().map(|(node, _)| (node, seen(&node))).collect();
        let behaviour = self.behaviour_of(node);
        let unseen = nodes.iter().filter(|(_, seen)| seen.known().is_none()).map(|(node, _)| Waiting::NodeUnknown {
            node: *node,
            since: Timestamp::UNIX_EPOCH,
            why: "connection refused".into(),
        });
        let mut waiting: Vec<Waiting> = unseen.collect();
        if (group.reshaping.is_some() || group.previous.is_some()) && behaviour == Behaviour::Converges {
            waiting.extend(self.on_its_way(group));
        }
        let done = group.phase == Phase::Formed && leader.is_some() && behaviour == Behaviour::Converges;
        match behaviour {
            _ if done => {}
            Behaviour::Stuck => waiting.push(stuck()),
            _ => waiting.push(Waiting::ClusterNotOk { node }),
        }
        let converged = done && waiting.is_empty();
        ClusterStatus {
            record: Some(group.clone()),
            observation: Observation { nodes },
            converged,
            waiting,
            leader,
            last_operation: None,
        }
    }
}

impl Inside {
    /// What a cluster that changes its shape or its release waits for.
    fn on_its_way(&self, group: &Record) -> Option<Waiting> {
        let (vacant, want) = (u32::try_from(group.vacant().count()).expect("few"), group.shape().nodes());
        let nodes: Vec<NodeId> = group.surplus().collect();
        match () {
            () if vacant > 0 => Some(Waiting::MembersMissing { have: want - vacant, want }),
            () if group.previous.is_some() => {
                let node = *group.members.keys().next().expect("a member");
                Some(Waiting::ReplicaNotInSync { node, syncing: true })
            }
            () if self.spread.get(&group.cluster) != Some(&group.spec.shards) => {
                Some(Waiting::MovingSlots { from: 0, to: 1, left: 100 })
            }
            () if !nodes.is_empty() => Some(Waiting::MembersSurplus { nodes }),
            () => None,
        }
    }
}

impl World {
    /// Whether an agent can be asked at all.
    async fn reach(&self, agent: &AgentInfo) -> Result<NodeId, AgentError> {
        let node = agent.claim.node;
        let behaviour = {
            let inside = self.inside();
            let running =
                inside.machines.get(&node).is_some_and(|m| m.state != justmanage_platforms::MachineState::Stopped);
            let is_shut = inside.shut && !inside.amiss.is_empty();
            if running && !is_shut { inside.behaviour_of(node) } else { Behaviour::Silent }
        };
        match behaviour {
            Behaviour::Denies => Err(AgentError::Denied),
            Behaviour::Silent => Err(AgentError::Unreachable("connection refused".into())),
            Behaviour::Hangs => std::future::pending().await,
            _ => Ok(node),
        }
    }
}

#[async_trait]
impl Agents for World {
    async fn status(&self, agent: &AgentInfo) -> Result<NodeReply, AgentError> {
        let node = self.reach(agent).await?;
        let inside = self.inside();
        let group = inside.group_of(node).map(|group| inside.stale.get(&node).unwrap_or(group));
        Ok(NodeReply {
            record: group.or_else(|| inside.invitations.get(&node)).cloned(),
            node: node_observation(
                group.map_or(ServerState::Stopped, |group| inside.server(group, node)),
                inside.version_of(node),
            ),
            founded: group.is_some(),
            now: inside.clocks.get(&node).copied(),
        })
    }

    async fn observe(
        &self,
        agent: &AgentInfo,
        seen: Option<&ClusterStatus>,
        within: Duration,
    ) -> Result<ClusterStatus, AgentError> {
        let node = self.reach(agent).await?;
        let status = {
            let mut inside = self.inside();
            inside.work(node);
            let now = inside.group_of(node).map(|group| group.generation);
            if let Some((_, lost)) = inside.lost_after.take_if(|(after, _)| now > Some(*after)) {
                inside.replace(lost);
            }
            inside.cluster(node)
        };
        if seen == Some(&status) {
            tokio::time::sleep(within).await;
        }
        Ok(status)
    }

    async fn invite(&self, agent: &AgentInfo, record: &Record) -> Result<Proposal, AgentError> {
        let node = self.reach(agent).await?;
        let member = record.members.get(&node).map(|member| (member.pin, member.client));
        let named = member.unwrap_or_else(|| (record.spares[&node].pin, record.spares[&node].client));
        assert_eq!(named, (agent.pin, agent.client), "the invitation is about this node");
        Ok(self
            .act("invite", |inside| {
                if let Some(epoch) = inside.founded_meanwhile.take() {
                    let theirs = Record { epoch, ..record.clone() };
                    inside.invitations.extend(theirs.members.keys().map(|member| (*member, theirs.clone())));
                    inside.groups.insert(theirs.cluster, theirs);
                }
                match inside.group_of(node) {
                    Some(group) => Proposal::Conflict(Some(group.clone())),
                    None => {
                        inside.invitations.insert(node, record.clone());
                        Proposal::Applied(record.clone())
                    }
                }
            })
            .await)
    }

    async fn found(&self, agent: &AgentInfo, epoch: Epoch) -> Result<Proposal, AgentError> {
        let node = self.reach(agent).await?;
        self.act("found", |inside| {
            if let Some(group) = inside.group_of(node) {
                return Ok(Proposal::Applied(group.clone()));
            }
            let invitation = inside.invitations.get(&node).cloned();
            let record = invitation.ok_or_else(|| AgentError::Refused("not invited".into()))?;
            if record.epoch != epoch {
                return Err(AgentError::Refused("another epoch".into()));
            }
            let alike = |other: &NodeId| inside.invitations.get(other).is_some_and(|theirs| theirs.epoch == epoch);
            if !record.members.keys().all(alike) {
                return Err(AgentError::NotNow("a voter does not answer".into()));
            }
            inside.groups.insert(record.cluster, record.clone());
            Ok(Proposal::Applied(record))
        })
        .await
    }

    async fn propose(
        &self,
        agent: &AgentInfo,
        before: &Record,
        after: &Record,
        note: &Note,
    ) -> Result<Proposal, AgentError> {
        let node = self.reach(agent).await?;
        assert!(!note.note.is_empty(), "every change says why");
        self.act("propose", |inside| {
            let there = inside.group_of(node).ok_or_else(|| AgentError::Refused("no group".into()))?.clone();
            if inside.leader(&there).is_none() {
                return Err(AgentError::NotNow("no majority".into()));
            }
            if inside.somebody_first > 0 {
                inside.somebody_first -= 1;
                let other = Record { generation: there.generation.next(), ..there };
                inside.groups.insert(other.cluster, other.clone());
                return Ok(Proposal::Conflict(Some(other)));
            }
            if there.generation != before.generation {
                return Ok(Proposal::Conflict(Some(there)));
            }
            there.check_next(after).map_err(|fault| AgentError::Refused(fault.to_string()))?;
            inside.groups.insert(after.cluster, after.clone());
            if inside.lose_answers > 0 {
                inside.lose_answers -= 1;
                return Err(AgentError::NoAnswer("the connection broke".into()));
            }
            Ok(Proposal::Applied(after.clone()))
        })
        .await
    }

    async fn relocate(&self, agent: &AgentInfo, places: &BTreeMap<NodeId, SocketAddr>) -> Result<(), AgentError> {
        let node = self.reach(agent).await?;
        self.inside().relocated.entry(node).or_default().extend(places);
        Ok(())
    }

    async fn journal(&self, agent: &AgentInfo, after: u64) -> Result<Vec<Entry>, AgentError> {
        const PAGE: usize = 2;
        let node = self.reach(agent).await?;
        let entries = self.inside().journals.get(&node).cloned().unwrap_or_default();
        Ok(entries.into_iter().filter(|entry| entry.number > after).take(PAGE).collect())
    }

    async fn backups(&self, agent: &AgentInfo, before: Option<&BackupId>) -> Result<Vec<BackupEntry>, AgentError> {
        const PAGE: usize = 2;
        let node = self.reach(agent).await?;
        let inside = self.inside();
        match inside.backups.get(&node).cloned().unwrap_or_else(|| Ok(Vec::new())) {
            Ok(entries) => {
                let meant = entries.into_iter().filter(|entry| before.is_none_or(|before| entry.id < *before));
                Ok(meant.take(PAGE).collect())
            }
            Err(why) => Err(AgentError::Refused(why)),
        }
    }
}
