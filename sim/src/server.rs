//! A node's machine and its server process.

use std::collections::BTreeMap;

use justmanage_model::{Generation, Record, Release, Seat, SlotSet, Timestamp, TlsSeen, user};

use crate::bus::{Bus, Link};
use crate::data::Data;
use crate::field::Field;
use crate::replication::{Fed, ReplicaOf, Stream};
use crate::shape::{CRASHES, UNFIT, node_id};
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
    /// Nothing can be written to its disk.
    pub full: bool,
    /// At which of its addresses the machine is.
    pub home: u8,
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
    /// It ended by its own doing.
    pub own_doing: bool,
    /// It saved its data when it ended.
    pub saved: bool,
    /// When it ends by its own doing, of a release that does so.
    pub crashes_at: Option<Ms>,
    /// At which address of its node it listens.
    pub home: u8,
    /// As a replica: at which address of its primary's node it calls that.
    pub calls: u8,
    /// Slots that somebody has marked as on their way, from here or to here.
    pub marked: SlotSet,
    /// `nodes.conf`, and what goes with it.
    pub bus: Bus,
    /// What runs, or ran last.
    pub release: Release,
    /// What wrote what is on its disk.
    pub written_by: Release,
    /// What it has; while it does not run, what is on its disk.
    pub data: Data,
    /// What a power cut leaves of it.
    pub synced: Data,
    /// These data are what it had last: not an old snapshot that a server which keeps nothing on disk happens to have there.
    pub whole: bool,
    /// What its last snapshot holds, if it has one.
    pub dump: Option<Data>,
    /// What its replicas have been sent: what it had a tick ago.
    pub sent: Data,
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
    /// What else it shows, and whom it trusts.
    pub tls: TlsSeen,
    /// The Record whose passwords it has.
    pub passwords: Option<Generation>,
    /// The authority that its certificate is of.
    pub issuer: String,
    /// The authorities that it trusts.
    pub trusts: String,
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
    /// When it last got slots from another server.
    pub received: Option<Ms>,
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

/// How long certificates are valid.
pub const CERTIFICATE_LIFE: jiff::SignedDuration = jiff::SignedDuration::from_hours(24 * 90);

impl Server {
    /// One that never ran.
    #[must_use]
    pub fn new(bus: Bus, release: Release) -> Self {
        let parts = bus.owners.len();
        Self {
            process: Process::Off,
            hung: false,
            starts: 0,
            ended_at: 0,
            own_doing: false,
            saved: false,
            crashes_at: None,
            home: 0,
            calls: 0,
            marked: SlotSet::empty(),
            bus,
            written_by: release.clone(),
            release,
            data: Data::none(parts),
            synced: Data::none(parts),
            whole: true,
            dump: None,
            sent: Data::none(parts),
            replication: ReplicaOf::new(0),
            replicas: BTreeMap::new(),
            near: 0,
            config: BTreeMap::new(),
            started: None,
            users: String::new(),
            certificate_expires: timestamp(0, 0),
            tls: TlsSeen { from: timestamp(0, 0), issued: None, authorities: String::new() },
            passwords: None,
            issuer: String::new(),
            trusts: String::new(),
            acked_at: None,
            woken_at: None,
            superseded: None,
            outvoted: None,
            deluded: None,
            received: None,
        }
    }

    /// A part is cut in two.
    pub(crate) fn cut(&mut self, part: usize) {
        let owner = self.bus.owners[part];
        self.bus.owners.push(owner);
        for data in [&mut self.data, &mut self.synced, &mut self.sent].into_iter().chain(&mut self.dump) {
            data.cut(part);
        }
        self.replicas.values_mut().for_each(|fed| fed.acked.1.cut(part));
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

    /// Shows a new certificate, of the authority that they come from now.
    pub(crate) fn certify(&mut self, record: &Record, now: Timestamp) {
        self.tls.from = now;
        self.tls.issued = Some(record.generation);
        self.certificate_expires = now + CERTIFICATE_LIFE;
        self.issuer = record.issuing_authority().unwrap_or_default().to_owned();
    }

    /// Trusts the authorities of a Record.
    pub(crate) fn trust(&mut self, record: &Record) {
        self.tls.authorities = record.authorities_file();
        self.trusts = record.ca_certificate.clone().unwrap_or_default();
    }

    /// What ran last does not run.
    #[must_use]
    pub const fn unfit(&self) -> bool {
        self.release.version.patch == UNFIT
    }

    /// Its data are kept on disk.
    #[must_use]
    pub fn persistent(&self) -> bool {
        self.config.get("appendonly").is_some_and(|value| value == "yes")
    }
}

impl Field {
    /// Starts a server as a Record wants it; one that runs is left alone.
    pub(crate) fn start(&mut self, node: usize, record: &Record, release: &Release) {
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
        // Its agent tells it once more.
        server.passwords = None;
        server.trust(record);
        server.certify(record, clock);
        server.starts += 1;
        let anew = server.release != *release;
        server.release.clone_from(release);
        server.process = Process::Starting(until);
        (server.own_doing, server.saved) = (false, false);
        server.home = place.home;
        // It begins with what it has written down of its primary.
        let bus = &server.bus;
        let known = bus.replica_of.and_then(|primary| bus.peers.get(&primary));
        server.calls = known.map_or(server.calls, |peer| peer.home);
        if release.version.patch == CRASHES && anew {
            let crashes_at = now + self.chance.between(500, 55_000);
            self.nodes[node].server.crashes_at = Some(crashes_at);
        }
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
                if place.broken || place.server.unfit() {
                    place.server.own_doing = place.server.unfit();
                    return self.end(node, "does not start");
                }
                place.server.process = Process::Loading(now + self.chance.between(100, 1500));
            }
            Process::Loading(until) if now >= until => self.up(node),
            Process::Up if place.server.crashes_at.is_some_and(|at| now >= at) => {
                place.server.own_doing = true;
                self.crashes += 1;
                self.end(node, "crashes");
            }
            Process::Ending(until) if now >= until => {
                let server = &mut place.server;
                server.synced.clone_from(&server.data);
                server.dump = Some(server.data.clone());
                server.process = Process::Off;
                server.saved = true;
                server.crashes_at = None;
                server.ended_at = now;
                server.hang_up(now);
                self.note(|| format!("node {node}'s server has saved and ended"));
            }
            _ => {}
        }
    }

    /// What was written by a newer release, or by another engine, is not read.
    fn reads(&mut self, node: usize) {
        let server = &self.nodes[node].server;
        let (from, to) = (server.written_by.clone(), server.release.clone());
        // What is all that is left of a shard is tried with whatever program there is: one that cannot read it leaves it alone, and the
        // patches of a line read each other's.
        let shard = self.nodes[node].seat.shard;
        let has = |place: &Node| place.seat.shard == shard && place.server.whole && !place.server.data.is_empty();
        let elsewhere = self.nodes.iter().enumerate().any(|(other, place)| other != node && has(place));
        let last = !elsewhere && from.engine == to.engine && from.version.line() == to.version.line();
        if !last && !server.data.is_empty() && (from.engine != to.engine || from.version > to.version) {
            self.violation(format!("node {node} starts {to} on what {from} has written"));
        }
        self.nodes[node].server.written_by = to;
    }

    /// All that a server that does not run has on its disk is removed, but who it is.
    pub(crate) fn empty(&mut self, node: usize) {
        let none = Data::none(self.parts.len());
        let server = &mut self.nodes[node].server;
        let before = std::mem::replace(&mut server.data, none.clone());
        server.synced = none;
        server.dump = None;
        server.whole = false;
        self.note(|| format!("node {node} is emptied"));
        self.destroyed(node, &before);
    }

    fn up(&mut self, node: usize) {
        self.reads(node);
        let now = self.now;
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
            let forked = self.histories.fork(&self.nodes[node].server.data);
            let server = &mut self.nodes[node].server;
            server.data = forked.clone();
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

    /// A server has saved its data, and nobody has seen it: what a server that keeps nothing on disk otherwise has there is as good as
    /// not there, since another that has less may take its place.
    pub(crate) fn saved_unseen(&mut self, node: usize) {
        let data = self.nodes[node].server.data.clone();
        let copies = self.nodes.iter().enumerate().filter(|(other, place)| *other != node && place.server.whole);
        let copies: Vec<Data> = copies.map(|(_, place)| place.server.data.clone()).collect();
        self.histories.destroyed(&data, &copies);
        self.nodes[node].server.whole = false;
    }

    /// Ends a server that listens where its node was, so that it is started where that is now: it saves its data, if it can.
    pub(crate) fn bring_home(&mut self, node: usize) {
        self.nodes[node].server.hung = false;
        match self.nodes[node].full {
            true => self.end(node, "cannot save its data, and is killed"),
            false => self.stop(node),
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
        let data = self.nodes[node].server.data.clone();
        for other in self.nodes[node].server.replicas.keys().copied().collect::<Vec<_>>() {
            let up = self.nodes[other].server.replication.state == Stream::Up(node);
            let reached = self.at_home(node) && self.network.both(node, other) && self.listens(other);
            if up && !self.nodes[other].slow && !self.nodes[other].full && reached {
                self.nodes[other].server.data.clone_from(&data);
                self.nodes[other].server.replication.level_at = self.now;
            }
        }
        self.nodes[node].server.replicas.clear();
    }

    /// The process ends without saving.
    pub fn end(&mut self, node: usize, why: &str) {
        let (now, parts) = (self.now, self.parts.len());
        let server = &mut self.nodes[node].server;
        if server.process == Process::Off {
            return;
        }
        let before = server.data.clone();
        // An append-only file is with the kernel before a client is answered.
        let running = matches!(server.process, Process::Up | Process::Ending(_));
        if running && !server.persistent() {
            server.data = server.dump.clone().unwrap_or_else(|| Data::none(parts));
            server.whole = false;
        } else if running {
            // A power cut half a minute later finds it on the disk; one before that is not played.
            server.synced.clone_from(&server.data);
        }
        server.process = Process::Off;
        server.hung = false;
        server.ended_at = now;
        server.crashes_at = None;
        server.hang_up(now);
        self.note(|| format!("node {node}'s server {why}"));
        self.destroyed(node, &before);
    }

    /// The machine ends as by a power cut.
    pub fn power_cut(&mut self, node: usize) {
        let server = &self.nodes[node].server;
        let before = server.data.clone();
        let (running, synced) = (matches!(server.process, Process::Up | Process::Ending(_)), server.synced.clone());
        self.end(node, "loses its power");
        let place = &mut self.nodes[node];
        place.on = false;
        if running && place.server.persistent() {
            place.server.data = synced.clone();
            place.server.synced = synced;
            place.server.whole = true;
            // One that was frozen has not synced since.
            let (now, bound) = (self.now, 2000);
            let from = self.nodes[node].server.acked_at.map_or(now, |acked| acked.min(now)).saturating_sub(bound);
            self.excuse(node, from, now, "a power cut, and a file that is synced every second");
        }
        self.destroyed(node, &before);
    }

    /// Everything at a node is lost for good.
    pub fn lose(&mut self, node: usize) {
        let before = self.nodes[node].server.data.clone();
        self.power_cut(node);
        let (shard, owned) = (self.nodes[node].seat.shard, self.nodes[node].server.bus.owns());
        // Whoever it had taken over from is the best that is left.
        for other in self.nodes.iter_mut().filter(|other| owned && other.seat.shard == shard) {
            other.server.superseded = None;
        }
        let parts = self.parts.len();
        let place = &mut self.nodes[node];
        place.gone = true;
        place.server.data = Data::none(parts);
        place.server.dump = None;
        place.server.whole = false;
        self.note(|| format!("node {node} is lost for good"));
        self.destroyed(node, &before);
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
