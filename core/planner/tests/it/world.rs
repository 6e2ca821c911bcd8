//! A simulated cluster of one node: what the planner is shown, and hands that carry out its steps as an agent does.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use justmanage_model::{
    Artefact, Bytes, ClusterId, ClusterSpec, Engine, Epoch, Generation, Grant, Member, NodeId, NodeObservation,
    NodeStep, Observation, Phase, Pin, Place, Plan, Record, RecordChange, Release, Seat, Seen, ServerObservation,
    ServerState, SlotSet, Step, Timestamp, Version, user,
};
use justmanage_planner::plan;

/// Keys that the simulated server fixes at its start.
const FIXED: [&str; 2] = ["io-threads", "databases"];

/// One node and its Record.
#[derive(Clone, Debug)]
pub(crate) struct World {
    pub(crate) now: Timestamp,
    pub(crate) record: Record,
    /// Nobody can see the node.
    pub(crate) unseen: bool,
    pub(crate) process: Process,
    /// What the running server has, or would have.
    pub(crate) server: Server,
    /// What the server's files said at its last start, and by which generation.
    pub(crate) started: Option<Generation>,
    pub(crate) file: BTreeMap<String, String>,
    /// The next starts fail.
    pub(crate) broken: bool,
    pub(crate) failures: u32,
    /// How many times the server was stopped by a step.
    pub(crate) stops: u32,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Process {
    Stopped,
    Starting(Timestamp),
    Loading,
    Running,
    Down { since: Timestamp, retry_at: Timestamp },
    Hung(Timestamp),
}

#[derive(Clone, Debug)]
pub(crate) struct Server {
    /// On disk: survives the process.
    pub(crate) slots: SlotSet,
    pub(crate) config: BTreeMap<String, String>,
    pub(crate) users: String,
    pub(crate) certificate_expires: Timestamp,
    /// `cluster_state:ok` comes two seconds after the server has its slots.
    pub(crate) ok_at: Timestamp,
    pub(crate) release: Release,
}

pub(crate) fn node() -> NodeId {
    NodeId::from_entropy([7; 10])
}

fn start_of_time() -> Timestamp {
    "2026-11-21T00:00:00Z".parse().unwrap()
}

impl World {
    /// A cluster whose machine is there, and nothing else.
    pub(crate) fn new() -> Self {
        let now = start_of_time();
        let release = Release::new(Engine::Redis, Version::new(7, 0, 15));
        let server = Server {
            slots: SlotSet::empty(),
            config: BTreeMap::new(),
            users: String::new(),
            certificate_expires: now,
            ok_at: now,
            release: release.clone(),
        };
        Self {
            now,
            record: record(release),
            unseen: false,
            process: Process::Stopped,
            server,
            started: None,
            file: BTreeMap::new(),
            broken: false,
            failures: 0,
            stops: 0,
        }
    }

    /// The same, formed and converged.
    pub(crate) fn formed() -> Self {
        let mut world = Self::new();
        world.converge(50).expect("a new cluster converges");
        world
    }

    pub(crate) fn plan(&self) -> Plan {
        plan(&self.record, &self.observation(), self.now)
    }

    pub(crate) fn observation(&self) -> Observation {
        let seen = if self.unseen {
            Seen::Unknown { since: self.now, why: "no answer".to_owned() }
        } else {
            Seen::Known(NodeObservation {
                agent_version: "0.1.0".to_owned(),
                settled: None,
                server: self.server_state(),
            })
        };
        Observation { nodes: BTreeMap::from([(node(), seen)]) }
    }

    fn server_state(&self) -> ServerState {
        match self.process {
            Process::Stopped => ServerState::Stopped,
            Process::Starting(since) => ServerState::Starting { since },
            Process::Hung(since) => ServerState::Hung { since },
            Process::Down { since, retry_at } => {
                ServerState::Down { since, failures: self.failures, retry_at, why: "it was killed".to_owned() }
            }
            Process::Loading | Process::Running => ServerState::Running(Box::new(self.server_observation())),
        }
    }

    fn server_observation(&self) -> ServerObservation {
        let loading = self.process == Process::Loading;
        let asked: BTreeSet<&String> = self.record.spec.config.keys().chain(self.file.keys()).collect();
        let in_force = |key: &String| match self.server.config.get(key) {
            Some(value) => value.clone(),
            None => "the server's default".to_owned(),
        };
        let maxmemory = self.server.config.get("maxmemory").cloned().unwrap_or_default();
        let mut config: BTreeMap<_, _> = asked.into_iter().map(|key| (key.clone(), in_force(key))).collect();
        config.insert("maxmemory".to_owned(), maxmemory);
        ServerObservation {
            release: self.server.release.clone(),
            started: self.started,
            pid: 42,
            bus_id: if loading { String::new() } else { "0".repeat(40) },
            loading,
            cluster_ok: !loading && self.server.slots == SlotSet::all() && self.server.ok_at <= self.now,
            cluster_epoch: 0,
            slots: if loading { SlotSet::empty() } else { self.server.slots.clone() },
            config,
            users: self.server.users.clone(),
            used_memory: Bytes::mib(2),
            certificate_expires: self.server.certificate_expires,
        }
    }

    /// A second passes: a starting server goes on.
    pub(crate) fn pass(&mut self, duration: SignedDuration) {
        self.now += duration;
        self.process = match self.process.clone() {
            Process::Starting(_) if self.broken => {
                self.failures += 1;
                let pause = SignedDuration::from_secs(1 << self.failures.min(6));
                Process::Down { since: self.now, retry_at: self.now + pause }
            }
            Process::Starting(_) => Process::Loading,
            Process::Loading => {
                self.server.ok_at = self.now + SignedDuration::from_secs(2);
                self.failures = 0;
                Process::Running
            }
            other => other,
        };
    }

    /// Carries out a plan, and checks that it was allowed to.
    pub(crate) fn carry_out(&mut self, steps: &[Step]) {
        for step in steps {
            match step {
                Step::Node(on, step) => {
                    assert_eq!(*on, node(), "only members are acted on");
                    assert!(!self.unseen, "a node that is not seen is not acted on");
                    self.act(step);
                }
                Step::Record(change) => self.change(change),
            }
        }
    }

    fn act(&mut self, step: &NodeStep) {
        match step {
            NodeStep::StartServer => self.start(),
            NodeStep::StopServer => {
                let granted = self.record.grant.as_ref().is_some_and(|grant| grant.nodes.contains(&node()));
                assert!(granted || self.record.phase == Phase::Leaving, "nobody is disturbed without a grant");
                if self.process != Process::Stopped {
                    self.stops += 1;
                }
                self.process = Process::Stopped;
            }
            NodeStep::AssignSlots(slots) => {
                assert_eq!(self.record.phase, Phase::Forming, "only a forming cluster gets slots");
                if self.process == Process::Running {
                    self.server.slots = self.server.slots.union(slots);
                }
            }
            NodeStep::ApplyConfig => self.apply_config(),
            NodeStep::ApplyUsers => {
                if self.process == Process::Running {
                    self.server.users = user::fingerprint(&self.record.users);
                }
            }
            NodeStep::RenewCertificate => {
                self.server.certificate_expires = self.now + SignedDuration::from_hours(24 * 90);
            }
        }
    }

    /// As an agent does: a process that runs already is left alone.
    fn start(&mut self) {
        if !matches!(self.process, Process::Stopped | Process::Down { .. }) {
            return;
        }
        assert!(self.record.ca_certificate.is_some(), "a server needs a certificate");
        self.file = self.record.spec.config.clone();
        self.server.config = self.file.clone();
        self.server.config.insert("maxmemory".to_owned(), self.record.spec.memory.get().to_string());
        // The agent has not asked yet what the server makes of the rules.
        self.server.users = "other".to_owned();
        self.server.certificate_expires = self.now + SignedDuration::from_hours(24 * 90);
        self.started = Some(self.record.generation);
        self.process = Process::Starting(self.now);
    }

    fn apply_config(&mut self) {
        if self.process != Process::Running {
            return;
        }
        let memory = ("maxmemory".to_owned(), self.record.spec.memory.get().to_string());
        let wanted = self.record.spec.config.clone().into_iter().chain([memory]);
        for (key, value) in wanted.filter(|(key, _)| !FIXED.contains(&key.as_str())) {
            self.server.config.insert(key, value);
        }
    }

    fn change(&mut self, change: &RecordChange) {
        let mut next = self.record.clone();
        match change {
            RecordChange::FoundAuthority => next.ca_certificate = Some("a certificate".to_owned()),
            RecordChange::Formed => next.phase = Phase::Formed,
            RecordChange::Give(grant) => {
                assert_eq!(next.grant, None, "there is room for one grant");
                next.grant = Some(Grant { ..grant.clone() });
            }
            RecordChange::ClearGrant => next.grant = None,
        }
        self.propose(next);
    }

    /// The next Record, by whoever: checked as the store checks it.
    pub(crate) fn propose(&mut self, mut next: Record) {
        next.generation = self.record.generation.next();
        self.record.check_next(&next).unwrap_or_else(|fault| panic!("the record is refused: {fault}"));
        self.record = next;
    }

    /// Plans and acts until there is nothing left to do, at most so many times.
    pub(crate) fn converge(&mut self, turns: u32) -> Result<u32, Plan> {
        for turn in 0..turns {
            match self.plan() {
                Plan::Converged => return Ok(turn),
                Plan::Act(steps) => self.carry_out(&steps),
                Plan::Wait(_) => self.pass(SignedDuration::from_secs(1)),
            }
        }
        Err(self.plan())
    }
}

fn record(release: Release) -> Record {
    let at = |port: u16| ([127, 0, 0, 1], port).into();
    let member = Member {
        seat: Seat { shard: 0, ordinal: 0 },
        pin: Pin::from_digest([1; 32]),
        agent: at(20000),
        client: at(21000),
        bus_port: 31000,
    };
    Record {
        layout: justmanage_model::record::LAYOUT,
        epoch: Epoch::from_entropy([3; 8]),
        generation: Generation::FIRST,
        cluster: ClusterId::from_entropy([5; 10]),
        name: "orders".parse().unwrap(),
        phase: Phase::Forming,
        unclaimed: true,
        spec: ClusterSpec {
            engine: Engine::Redis,
            version: "7.0".parse().unwrap(),
            shards: 1,
            replicas_per_shard: 0,
            memory: Bytes::mib(64),
            config: BTreeMap::new(),
            place: Place::Local,
        },
        release,
        artefact: Artefact::new("/usr/bin/redis-server", "0".repeat(64)).unwrap(),
        operators: BTreeSet::from([Pin::from_digest([2; 32])]),
        members: BTreeMap::from([(node(), member)]),
        users: BTreeMap::new(),
        ca_certificate: None,
        grant: None,
    }
}
