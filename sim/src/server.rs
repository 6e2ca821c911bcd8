//! A node's machine and its server process.

use std::collections::BTreeMap;

use justmanage_model::{Generation, Record, Release, Seat, Timestamp, user};

use crate::bus::{Bus, Link};
use crate::field::Field;
use crate::history::Position;
use crate::replication::{Fed, ReplicaOf, Stream};
use crate::shape::node_id;
use crate::{Ms, timestamp};

/// Keys that a server fixes at its start.
pub const FIXED: [&str; 2] = ["io-threads", "databases"];

/// A machine and what runs there.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its place in the cluster.
    pub seat: Seat,
    /// The machine runs.
    pub on: bool,
    /// It will never run again.
    pub gone: bool,
    /// How far its clock is ahead, in milliseconds.
    pub ahead: i64,
    /// Its server does not start.
    pub broken: bool,
    /// Its replica receives in jerks.
    pub slow: bool,
    /// Its server.
    pub server: Server,
}

/// A server: its process, what it has in memory, and its data directory.
#[derive(Clone, Debug)]
pub struct Server {
    /// The process.
    pub process: Process,
    /// It is stopped (`SIGSTOP`).
    pub hung: bool,
    /// How many times it was started.
    pub starts: u32,
    /// When it last ended.
    pub ended_at: Ms,
    /// `nodes.conf`, and what goes with it.
    pub bus: Bus,
    /// What runs, or would.
    pub release: Release,
    /// What it has; while it does not run, what is on its disk.
    pub data: Position,
    /// What a power cut leaves of it.
    pub synced: Position,
    /// These data are what it had last: not an old snapshot that a server which keeps nothing on disk happens to have there.
    pub whole: bool,
    /// What its last snapshot holds, if it has one.
    pub dump: Option<Position>,
    /// What its replicas have been sent: what it had a tick ago.
    pub sent: Position,
    /// Its end of the link to its primary.
    pub replication: ReplicaOf,
    /// Who hangs on it.
    pub replicas: BTreeMap<usize, Fed>,
    /// How many of them count for `min-replicas-to-write`.
    pub near: u64,
    /// Configuration in force.
    pub config: BTreeMap<String, String>,
    /// Keys that its file set at its start, and by which generation.
    pub started: Option<(Generation, Vec<String>)>,
    /// Fingerprint of its users.
    pub users: String,
    /// Until when its certificate is valid.
    pub certificate_expires: Timestamp,
    /// When it last acknowledged a write.
    pub acked_at: Option<Ms>,
    /// When it last went on after it had been frozen.
    pub woken_at: Option<Ms>,
    /// Another server of its shard has taken over by our hand since it last heard.
    pub superseded: Option<Ms>,
    /// The others have elected somebody else, and it has not heard of it, since then.
    pub outvoted: Option<Ms>,
    /// It believes by stale votes that it is a primary, since then.
    pub deluded: Option<Ms>,
}

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// There is none.
    Off,
    /// It does not answer until then.
    Starting(Ms),
    /// It reads its data until then.
    Loading(Ms),
    /// It was told to end, and saves until then.
    Ending(Ms),
    /// It works.
    Up,
}

impl Server {
    /// One that never ran.
    #[must_use]
    pub fn new(bus: Bus, release: Release) -> Self {
        Self {
            process: Process::Off,
            hung: false,
            starts: 0,
            ended_at: 0,
            bus,
            release,
            data: Position::EMPTY,
            synced: Position::EMPTY,
            whole: true,
            dump: None,
            sent: Position::EMPTY,
            replication: ReplicaOf::new(0),
            replicas: BTreeMap::new(),
            near: 0,
            config: BTreeMap::new(),
            started: None,
            users: String::new(),
            certificate_expires: timestamp(0, 0),
            acked_at: None,
            woken_at: None,
            superseded: None,
            outvoted: None,
            deluded: None,
        }
    }

    /// A number among its configuration.
    #[must_use]
    pub fn setting(&self, key: &str) -> u64 {
        self.config.get(key).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// What else follows from its configuration.
    pub(crate) fn heed(&mut self) {
        self.bus.patience = self.setting("cluster-node-timeout").max(1000);
    }

    /// Its data are kept on disk.
    #[must_use]
    pub fn persistent(&self) -> bool {
        self.config.get("appendonly").is_some_and(|value| value == "yes")
    }
}

impl Field {
    /// Starts a server as a Record wants it; one that runs is left alone.
    pub(crate) fn start(&mut self, node: usize, record: &Record) {
        let now = self.now;
        if self.nodes[node].server.process != Process::Off {
            return;
        }
        let until = now + self.chance.between(100, 300);
        let place = &mut self.nodes[node];
        let clock = timestamp(now, place.ahead);
        let server = &mut place.server;
        let mut config = record.wanted_config(node_id(node));
        config.insert("maxmemory".to_owned(), record.spec.memory.get().to_string());
        server.config = config;
        server.heed();
        server.started = Some((record.generation, record.spec.config.keys().cloned().collect()));
        server.users = user::fingerprint(&record.users);
        server.certificate_expires = clock + jiff::SignedDuration::from_hours(24 * 90);
        server.starts += 1;
        server.process = Process::Starting(until);
        self.note(|| format!("node {node} starts its server"));
    }

    /// A process goes on with what it is at.
    pub(crate) fn process(&mut self, node: usize) {
        let now = self.now;
        let place = &mut self.nodes[node];
        if !place.on || place.server.hung {
            return;
        }
        match place.server.process {
            Process::Starting(until) if now >= until => {
                if place.broken {
                    return self.end(node, "does not start");
                }
                place.server.process = Process::Loading(now + self.chance.between(100, 1500));
            }
            Process::Loading(until) if now >= until => self.up(node),
            Process::Ending(until) if now >= until => {
                let server = &mut place.server;
                server.synced = server.data;
                server.dump = Some(server.data);
                server.process = Process::Off;
                server.ended_at = now;
                server.hang_up(now);
                self.note(|| format!("node {node}'s server has saved and ended"));
            }
            _ => {}
        }
    }

    fn up(&mut self, node: usize) {
        let now = self.now;
        let shard = usize::from(self.nodes[node].seat.shard);
        self.nodes[node].server.process = Process::Up;
        self.nodes[node].server.bus.up_at = now;
        // The links are open again within a second; the roles are on disk, and there at once.
        for peer in self.nodes[node].server.bus.peers.values_mut() {
            peer.link = Link::Down(now + self.chance.below(1000));
        }
        let before = &self.nodes[node].server.replication;
        let (level_at, fed_at) = (before.level_at, before.fed_at);
        self.nodes[node].server.replication = ReplicaOf { resumable: false, level_at, fed_at, ..ReplicaOf::new(now) };
        if self.nodes[node].server.bus.is_primary() {
            let data = self.nodes[node].server.data;
            let forked = self.histories[shard].fork(data);
            let server = &mut self.nodes[node].server;
            server.data = forked;
            server.sent = forked;
            if server.bus.owns() {
                self.returned(node);
            }
        }
        self.note(|| format!("node {node}'s server is up"));
    }

    /// A frozen server goes on.
    pub fn wake(&mut self, node: usize) {
        let now = self.now;
        let server = &mut self.nodes[node].server;
        if std::mem::take(&mut server.hung) {
            server.woken_at = Some(now);
            if server.superseded.is_some() {
                self.excuse(node, now, now + crate::promises::WAKING, "it was frozen, and has not looked around yet");
            }
        }
    }

    /// Asks a server to save its data and end.
    pub fn stop(&mut self, node: usize) {
        let until = self.now + self.chance.between(100, 1500);
        match self.nodes[node].server.process {
            Process::Up => {
                self.nodes[node].server.process = Process::Ending(until);
                self.flush(node);
            }
            Process::Starting(_) | Process::Loading(_) => self.end(node, "was told to end"),
            Process::Ending(_) | Process::Off => {}
        }
    }

    /// What was written last gets to the replicas before a server ends (`shutdown-timeout`); clients are let go.
    fn flush(&mut self, node: usize) {
        let data = self.nodes[node].server.data;
        for other in self.nodes[node].server.replicas.keys().copied().collect::<Vec<_>>() {
            let up = self.nodes[other].server.replication.state == Stream::Up(node);
            if up && !self.nodes[other].slow && self.network.both(node, other) && self.listens(other) {
                self.nodes[other].server.data = data;
                self.nodes[other].server.replication.level_at = self.now;
            }
        }
        self.nodes[node].server.replicas.clear();
    }

    /// The process ends without saving.
    pub fn end(&mut self, node: usize, why: &str) {
        let now = self.now;
        let server = &mut self.nodes[node].server;
        if server.process == Process::Off {
            return;
        }
        let before = server.data;
        // An append-only file is with the kernel before a client is answered.
        let running = matches!(server.process, Process::Up | Process::Ending(_));
        if running && !server.persistent() {
            server.data = server.dump.unwrap_or(Position::EMPTY);
            server.whole = false;
        } else if running {
            // A power cut half a minute later finds it on the disk; one before that is not played.
            server.synced = server.data;
        }
        server.process = Process::Off;
        server.hung = false;
        server.ended_at = now;
        server.hang_up(now);
        self.note(|| format!("node {node}'s server {why}"));
        self.destroyed(node, before);
    }

    /// The machine ends as by a power cut.
    pub fn power_cut(&mut self, node: usize) {
        let before = self.nodes[node].server.data;
        let server = &self.nodes[node].server;
        let (running, synced) = (matches!(server.process, Process::Up | Process::Ending(_)), server.synced);
        self.end(node, "loses its power");
        let place = &mut self.nodes[node];
        place.on = false;
        if running && place.server.persistent() {
            place.server.data = synced;
            place.server.synced = synced;
            place.server.whole = true;
            // One that was frozen has not synced since.
            let (now, bound) = (self.now, 2000);
            let from = self.nodes[node].server.acked_at.map_or(now, |acked| acked.min(now)).saturating_sub(bound);
            self.excuse(node, from, now, "a power cut, and a file that is synced every second");
        }
        self.destroyed(node, before);
    }

    /// Everything at a node is lost for good.
    pub fn lose(&mut self, node: usize) {
        let before = self.nodes[node].server.data;
        self.power_cut(node);
        let (shard, owned) = (self.nodes[node].seat.shard, self.nodes[node].server.bus.owns());
        // Whoever it had taken over from is the best that is left.
        for other in self.nodes.iter_mut().filter(|other| owned && other.seat.shard == shard) {
            other.server.superseded = None;
        }
        let place = &mut self.nodes[node];
        place.gone = true;
        place.server.data = Position::EMPTY;
        place.server.dump = None;
        place.server.whole = false;
        self.note(|| format!("node {node} is lost for good"));
        self.destroyed(node, before);
    }
}

impl Server {
    fn hang_up(&mut self, now: Ms) {
        self.bus.end(now);
        self.replicas.clear();
        self.near = 0;
        self.hung = false;
    }
}
