//! What the user asks for.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    BackupPolicy, Bytes, Engine, Failure, FieldPath, Interval, MaintenanceWindow, Pin, ReleaseTarget, Version,
};

mod apply;
mod cpus;
mod policies;
mod process_limit;
mod resources;
mod rotate;

pub use apply::Apply;
pub use cpus::MilliCpus;
pub use policies::pinned;
pub use process_limit::{PROCESS_FIXED, process_limit};
pub use resources::{BANDWIDTH_MIN, IOPS_MIN, Io, Resources, WEIGHT_MAX, WEIGHT_USUAL};
pub use rotate::{AUTHORITY_GRACE, AUTHORITY_GRACE_MAX, Rotate, WORD_MAX};

/// A cluster as its user wants it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterSpec {
    /// Redis or Valkey.
    pub engine: Engine,
    /// A line ("7.0": its newest patch that can be had) or an exact version ("7.0.15").
    pub version: ReleaseTarget,
    /// Number of shards, each with one primary.
    pub shards: u16,
    /// Replicas of each primary.
    pub replicas_per_shard: u16,
    /// Nodes that wait for a place, besides those that have one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub spares: u16,
    /// How long a node is to be lost until a spare takes its place; [`SPARE_AFTER`] if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spare_after: Option<Interval>,
    /// `maxmemory` of each node.
    pub memory: Bytes,
    /// While servers go over to another release, each shard has one replica more, which is made before and removed after.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub surge: bool,
    /// Configuration keys and values as the engine spells them.
    pub config: BTreeMap<String, String>,
    /// Where: exactly one.
    pub place: Place,
    /// What happens when the process of a primary dies.
    #[serde(default)]
    pub on_crash: OnCrash,
    /// What each server may use of its machine, and has for itself there.
    #[serde(default, skip_serializing_if = "Resources::is_nothing")]
    pub resources: Resources,
    /// Public keys of those who may read metrics, and nothing else.
    #[serde(default)]
    pub metrics_readers: BTreeSet<Pin>,
    /// Public keys of operators besides whoever applies ([`crate::Record::set_operators`]).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub operator_keys: BTreeSet<Pin>,
    /// When it may be disturbed, and which upgrades it takes by itself; kept as its definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_window: Option<MaintenanceWindow>,
    /// When changes are made that need servers to be restarted.
    #[serde(default, skip_serializing_if = "Apply::is_immediately")]
    pub apply: Apply,
    /// The version that an upgrade may be taken to where each needs somebody's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_version: Option<Version>,
    /// When it is backed up, where to, and what is kept; kept as its definition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_policy: Option<BackupPolicy>,
    /// A word of the user: another one than before has the cluster backed up once, at once, as [`Self::backup_policy`] says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backup_now: Option<String>,
    /// What is to be replaced by something new.
    #[serde(default, skip_serializing_if = "Rotate::is_nothing")]
    pub rotate: Rotate,
    /// Switches for tests alone; each weakens something.
    #[serde(default, skip_serializing_if = "Testing::is_off")]
    pub testing: Testing,
}

/// What happens when the process of a primary dies and the machine lives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnCrash {
    /// Its best replica takes over within a fraction of a second. What the replica had not received yet is lost: the
    /// replication lag, usually less than a millisecond of writes.
    #[default]
    Failover,
    /// It is started again where it is, and reads its data: the shard takes no writes meanwhile. What had not been synced to
    /// disk yet is lost: with `appendfsync everysec` nothing at the death of a process alone.
    Restart,
}

/// Switches for tests. None of them is for a cluster that anybody needs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testing {
    /// Speak without TLS, and run server programs that were built without it.
    #[serde(default)]
    pub plaintext: bool,
    /// Run releases before Redis 7.0.
    #[serde(default)]
    pub old_releases: bool,
}

impl Testing {
    /// Whether no switch is on.
    #[must_use]
    pub const fn is_off(&self) -> bool {
        !self.plaintext && !self.old_releases
    }
}

/// Where a cluster's machines come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// Processes of the machine that Terraform runs on.
    Local,
    /// Servers of the user's own, over SSH. Which ones is no part of it: a pool grows and shrinks, and the cluster stays what it is.
    Servers,
    /// Instances of AWS EC2, made for the cluster. In which subnets is no part of it: nodes may come to be in others.
    Aws {
        /// The region.
        region: String,
    },
}

impl Place {
    /// The attribute that says it.
    #[must_use]
    pub const fn attribute(&self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Servers => "servers",
            Self::Aws { .. } => "aws",
        }
    }
}

/// Least `memory` of a node. An empty server with TLS, append-only file and a 1 MiB replication backlog uses 1.5 to 2.5 MiB
/// before the first key; below 16 MiB that and one client's output buffer are more than a tenth of what was asked for, and
/// the server refuses writes that its user's arithmetic allowed.
pub const MEMORY_MIN: Bytes = Bytes::mib(16);
/// Most `memory` of a node: 16 TiB, above any machine that can be had, below where sums of nodes could overflow.
pub const MEMORY_MAX: Bytes = Bytes::mib(16 << 20);
/// Most shards: with one node each, [`NODES_MAX`].
pub const SHARDS_MAX: u16 = 100;
/// Most replicas of a primary; each is fed by the primary itself, and more than five cost it more than they give.
pub const REPLICAS_MAX: u16 = 5;
/// Most nodes of a cluster: what one Record has room for (ARCHITECTURE, decision 15).
pub const NODES_MAX: u32 = 100;
/// How long a node is to be lost until a spare takes its place, if nothing is said: a machine that is restarted is back within that,
/// and what a shard risks with a copy less is small in so short a time.
pub const SPARE_AFTER: Interval = Interval::seconds(300);
/// Least that it can be: twice what the servers take to call one of them failed.
pub const SPARE_AFTER_MIN: Interval = Interval::seconds(10);
/// Most that it can be. Who wants to wait longer wants to decide, and needs no spare.
pub const SPARE_AFTER_MAX: Interval = Interval::seconds(7 * 86_400);
/// Most further operators: each takes 80 of the Record's bytes, and every one of them may do everything.
pub const OPERATOR_KEYS_MAX: usize = 32;
/// Longest value of a configuration key, in bytes. The longest real ones (`client-output-buffer-limit`) have about 100.
pub const CONFIG_VALUE_MAX: usize = 1024;

impl ClusterSpec {
    /// A cluster on the machine itself of which nothing but the necessary is said: no configuration of its own, no limit but
    /// the one that follows from its memory, a failover when a primary's process dies.
    #[must_use]
    pub const fn new(
        engine: Engine,
        version: ReleaseTarget,
        shards: u16,
        replicas_per_shard: u16,
        memory: Bytes,
    ) -> Self {
        Self {
            engine,
            version,
            shards,
            replicas_per_shard,
            spares: 0,
            spare_after: None,
            memory,
            surge: false,
            config: BTreeMap::new(),
            place: Place::Local,
            on_crash: OnCrash::Failover,
            resources: Resources::NOTHING,
            metrics_readers: BTreeSet::new(),
            operator_keys: BTreeSet::new(),
            maintenance_window: None,
            apply: Apply::Immediately,
            approved_version: None,
            backup_policy: None,
            backup_now: None,
            rotate: Rotate::NOTHING,
            testing: Testing { plaintext: false, old_releases: false },
        }
    }

    /// Most memory of the process of each server.
    #[must_use]
    pub fn memory_limit(&self) -> Bytes {
        self.resources.memory_limit(self.memory)
    }

    /// How many nodes with a place it asks for.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        u32::from(self.shards) * (1 + u32::from(self.replicas_per_shard))
    }

    /// How many machines it asks for.
    #[must_use]
    pub fn machines(&self) -> u32 {
        self.nodes() + u32::from(self.spares)
    }

    /// How long a node is to be lost until a spare takes its place.
    #[must_use]
    pub fn spare_patience(&self) -> Interval {
        self.spare_after.unwrap_or(SPARE_AFTER)
    }

    /// Every fault of its shape; none if it is valid.
    ///
    /// Whether the engine has such a line and such configuration keys is for `justmanage-releases` to say.
    #[must_use]
    pub fn validate(&self) -> Vec<Failure> {
        let mut faults = Vec::new();
        if self.memory < MEMORY_MIN || self.memory > MEMORY_MAX {
            let detail = format!("{} of memory was asked for.", self.memory);
            let hint = format!("Ask for {MEMORY_MIN} to {MEMORY_MAX}.");
            faults.push(Failure::at(FieldPath::of("memory"), "Amount of memory out of range", detail).hint(hint));
        }
        if self.shards == 0 || self.shards > SHARDS_MAX {
            let detail = format!("{} shards were asked for.", self.shards);
            let hint = format!("Ask for 1 to {SHARDS_MAX}.");
            faults.push(Failure::at(FieldPath::of("shards"), "Number of shards out of range", detail).hint(hint));
        }
        if self.replicas_per_shard > REPLICAS_MAX {
            let detail = format!("{} replicas per shard were asked for.", self.replicas_per_shard);
            let hint = format!("Ask for 0 to {REPLICAS_MAX}.");
            let about = FieldPath::of("replicas_per_shard");
            faults.push(Failure::at(about, "Number of replicas out of range", detail).hint(hint));
        }
        if faults.is_empty() && self.nodes() > NODES_MAX {
            let detail = format!(
                "{} shards with 1 primary and {} replicas each are {} nodes.",
                self.shards,
                self.replicas_per_shard,
                self.nodes()
            );
            let hint = format!("A cluster has at most {NODES_MAX} nodes.");
            faults.push(Failure::at(FieldPath::of("shards"), "Too many nodes", detail).hint(hint));
        }
        if faults.is_empty() && self.machines() > NODES_MAX {
            let detail = format!("{} nodes and {} spares are {} machines.", self.nodes(), self.spares, self.machines());
            let hint = format!("A cluster has at most {NODES_MAX} of them.");
            faults.push(Failure::at(FieldPath::of("spares"), "Too many nodes", detail).hint(hint));
        }
        if self.spare_patience() < SPARE_AFTER_MIN || self.spare_patience() > SPARE_AFTER_MAX {
            let detail = format!(
                "{} is shorter than {SPARE_AFTER_MIN}, or longer than {SPARE_AFTER_MAX}.",
                self.spare_patience()
            );
            let hint = "A node that is only restarted is back within a minute or two, and is not lost.";
            let about = FieldPath::of("spare_after");
            faults.push(Failure::at(about, "Span of time out of range", detail).hint(hint));
        }
        faults.extend(self.resources.faults(self.memory));
        faults.extend(self.config.iter().filter_map(|(key, value)| config_fault(key, value)));
        if self.operator_keys.len() > OPERATOR_KEYS_MAX {
            let detail = format!("{} keys are listed.", self.operator_keys.len());
            let hint = format!("At most {OPERATOR_KEYS_MAX} are possible.");
            faults.push(Failure::at(FieldPath::of("operator_keys"), "Too many operators", detail).hint(hint));
        }
        faults.extend(self.policy_faults());
        faults.extend(self.rotate.faults());
        faults
    }
}

const fn is_zero(number: &u16) -> bool {
    *number == 0
}

/// The shape of one line of configuration: nothing that could end the line and begin another.
fn config_fault(key: &str, value: &str) -> Option<Failure> {
    let at = || FieldPath::of("config").key(key);
    let key_ok = key.starts_with(|c: char| c.is_ascii_lowercase())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b));
    if !key_ok {
        let detail = format!("{key:?} is not the name of a configuration key.");
        let hint = "Keys are lowercase letters, digits and hyphens, such as \"maxmemory-policy\".";
        return Some(Failure::at(at(), "Configuration key not valid", detail).hint(hint));
    }
    if let Some(odd) = value.chars().find(|c| c.is_control()) {
        let detail = format!("The value of {key:?} contains {}.", crate::text::show(odd));
        return Some(Failure::at(at(), "Configuration value not valid", detail).hint("Write it on one line."));
    }
    (value.len() > CONFIG_VALUE_MAX).then(|| {
        let detail = format!("The value of {key:?} has {} bytes.", value.len());
        let hint = format!("At most {CONFIG_VALUE_MAX} bytes are possible.");
        Failure::at(at(), "Configuration value too long", detail).hint(hint)
    })
}
