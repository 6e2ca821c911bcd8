//! What kind of cluster is simulated, and its first Record.

use std::collections::BTreeSet;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use justmanage_model::{
    Artefact, Bytes, ClusterId, ClusterSpec, Engine, Epoch, Interval, Member, NodeAddresses, NodeId, OnCrash, Pin,
    Place, Program, Record, Release, ReleaseTarget, SealingKey, Seat, Spare, Testing, Version,
};

use crate::chance::Chance;

/// What kind of cluster it is.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Shards.
    pub shards: u16,
    /// Replicas of each.
    pub replicas: u16,
    /// Nodes that wait for a place.
    pub spares: u16,
    /// What runs.
    pub release: Release,
    /// Whether data are kept on disk.
    pub persistent: bool,
    /// What happens when a primary's process dies.
    pub on_crash: OnCrash,
    /// How many bytes of the replication stream a write is.
    pub write_bytes: u64,
}

impl Shape {
    /// So many shards with so many replicas, with everything else as it is by default.
    #[must_use]
    pub fn of(shards: u16, replicas: u16) -> Self {
        Self {
            shards,
            replicas,
            spares: 0,
            release: Release::new(Engine::Redis, Version::new(7, 0, 15)),
            persistent: true,
            on_crash: OnCrash::Failover,
            write_bytes: 1024,
        }
    }

    /// One by chance.
    pub fn any(chance: &mut Chance) -> Self {
        let shards = chance.pick(&[1, 1, 1, 2, 2, 3, 3, 3, 4, 5]);
        let most = if shards > 3 { 1 } else { 3 };
        let release = chance.pick(&[
            (Engine::Redis, Version::new(7, 0, 15)),
            (Engine::Redis, Version::new(8, 2, 3)),
            (Engine::Valkey, Version::new(8, 0, 1)),
            (Engine::Valkey, Version::new(8, 1, 8)),
        ]);
        let mut shape = Self {
            shards,
            replicas: u16::try_from(chance.between(0, most).max(u64::from(chance.per_mille(800)))).unwrap_or(1),
            release: Release::new(release.0, release.1),
            persistent: chance.per_mille(600),
            on_crash: if chance.per_mille(650) { OnCrash::Failover } else { OnCrash::Restart },
            write_bytes: chance.pick(&[100, 10_000, 200_000]),
            spares: 0,
        };
        // Of what was drawn already: seeds that were kept go on telling what they told.
        shape.spares = u16::from(shape.write_bytes == 10_000);
        shape
    }

    /// How many nodes.
    #[must_use]
    pub fn nodes(&self) -> usize {
        usize::from(self.shards) * (1 + usize::from(self.replicas))
    }

    /// The place of the node with this number; behind the last one come the spares.
    #[must_use]
    pub fn seat(&self, number: usize) -> Seat {
        if number >= self.nodes() {
            return NO_SEAT;
        }
        let number = u16::try_from(number).unwrap_or_default();
        Seat { shard: number % self.shards, ordinal: number / self.shards }
    }

    /// What the user asks for.
    #[must_use]
    pub fn spec(&self) -> ClusterSpec {
        let persistence = [("appendonly", if self.persistent { "yes" } else { "no" })];
        ClusterSpec {
            engine: self.release.engine,
            version: ReleaseTarget::Exactly(self.release.version),
            shards: self.shards,
            replicas_per_shard: self.replicas,
            memory: Bytes::mib(64),
            surge: false,
            config: persistence.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
            place: Place::Local,
            on_crash: self.on_crash,
            resources: Default::default(),
            metrics_readers: BTreeSet::new(),
            operator_keys: Default::default(),
            maintenance_window: None,
            apply: Default::default(),
            approved_version: None,
            // Of what was drawn already, as the spares.
            backup_policy: (self.write_bytes == 100).then(|| BACKUPS.parse().expect("a policy")),
            backup_now: None,
            rotate: Default::default(),
            spares: self.spares,
            spare_after: (self.spares > 0).then_some(SPARE_AFTER),
            testing: Testing::default(),
        }
    }

    /// The Record of a cluster whose machines are there, and nothing else.
    #[must_use]
    pub fn record(&self) -> Record {
        Record {
            spares: (self.nodes()..self.nodes() + usize::from(self.spares))
                .map(|node| (node_id(node), spare(node)))
                .collect(),
            operators: BTreeSet::from([Pin::from_digest([2; 32])]),
            members: (0..self.nodes()).map(|node| (node_id(node), member(node, self.seat(node)))).collect(),
            ..Record::first(
                Epoch::from_entropy([3; 8]),
                ClusterId::from_entropy([5; 10]),
                "orders".parse().expect("a name"),
                self.spec(),
                program(&self.release),
            )
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shards, replicas, spares, release, on_crash, write_bytes, .. } = self;
        let disk = if self.persistent { "append-only file" } else { "nothing on disk" };
        write!(
            f,
            "{shards} x (1 + {replicas}), {spares} spares, {release}, {disk}, {on_crash:?} on crash, {write_bytes} bytes a write"
        )
    }
}

/// How long a node is to be lost here until a spare takes its place.
pub const SPARE_AFTER: Interval = Interval::seconds(15);

/// When clusters are backed up that are.
const BACKUPS: &str = "every 15m; destination file:///backups; retention last 3";

/// Where spares are: in no shard.
pub const NO_SEAT: Seat = Seat { shard: u16::MAX, ordinal: 0 };

/// The patch of any line that does not run.
pub const UNFIT: u16 = 999;

/// The patch of any line that runs, and ends by its own doing once at each node, within its first minute there.
pub const CRASHES: u16 = 998;

/// The program of a release.
#[must_use]
pub fn program(release: &Release) -> Program {
    let Version { major, minor, patch } = release.version;
    let digest = format!("{:016x}{major:016x}{minor:016x}{patch:016x}", release.engine as u8);
    let artefact = Artefact::new(format!("/opt/{}-{}", release.engine, release.version), digest);
    Program { release: release.clone(), artefact: artefact.expect("an artefact") }
}

/// The id of the node with this number.
#[must_use]
pub fn node_id(number: usize) -> NodeId {
    let mut bytes = [0; 10];
    bytes[2..].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    NodeId::from_entropy(bytes)
}

/// Where a node's server serves clients, at this one of the addresses that the node has one after the other.
#[must_use]
pub fn client_at(number: usize, home: u8) -> SocketAddr {
    let [high, low] = u16::try_from(number).unwrap_or_default().to_be_bytes();
    ([10, home, high, low], 6379).into()
}

/// The whereabouts of a node at this one of its addresses.
#[must_use]
pub fn addresses(number: usize, home: u8) -> NodeAddresses {
    let client = client_at(number, home);
    NodeAddresses { agent: (client.ip(), 7000).into(), client, bus_port: 16379 }
}

/// Which of a node's addresses this is.
#[must_use]
pub fn home_of(client: SocketAddr) -> u8 {
    match client.ip() {
        IpAddr::V4(ip) => ip.octets()[1],
        IpAddr::V6(_) => 0,
    }
}

/// A node as the Record names it.
#[must_use]
pub fn member(number: usize, seat: Seat) -> Member {
    spare(number).seated(seat)
}

/// A node as the Record names it that has no place.
#[must_use]
pub fn spare(number: usize) -> Spare {
    let mut digest = [0; 32];
    digest[..8].copy_from_slice(&(number as u64 + 1).to_be_bytes());
    let NodeAddresses { agent, client, bus_port } = addresses(number, 0);
    Spare { pin: Pin::from_digest(digest), sealing: SealingKey::new(digest), agent, client, bus_port }
}
