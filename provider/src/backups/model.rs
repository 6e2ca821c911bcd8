//! The attributes of the data source `justmanage_backups`.

use tfkit::{Attr, Model};

/// The backups of a cluster, newest first: those that are where its policy has them go, the one that is being made, and the last that was
/// tried if it came to nothing.
///
/// An agent of the cluster is asked, the one that leads if it answers, and it looks at the destination of `backup_policy` as its node sees
/// it: a directory that the nodes do not share is another one for each. Backups at a destination that the policy named before are not
/// found. A cluster without a policy has an empty list; where the destination cannot be read, that is an error and never an empty list.
/// What it shows changes by itself, so what is made of it in a configuration changes, too.
#[derive(Clone, Debug, Model)]
pub(crate) struct BackupsData {
    /// `id` of the cluster.
    #[tf(required)]
    pub(super) cluster_id: String,
    /// Only backups with this status: `available`, `running`, `failed`, `unfinished` or `unreadable`. Without it, all.
    #[tf(optional, validate = super::status, says = "`available`, `running`, `failed`, `unfinished` or `unreadable`")]
    pub(super) status: Option<String>,
    /// At most so many, the newest; from 1 to 10000. Those that `status` leaves out do not count.
    #[tf(default = 1000, validate = super::limit, says = "a number from 1 to 10000")]
    pub(super) limit: u32,
    /// The backups, newest first.
    #[tf(computed)]
    pub(super) backups: Attr<Vec<BackupData>>,
}

/// A backup. What is known of its data (`ended_at` to `restorable_releases`) is null unless it is `available`.
#[derive(Clone, Debug, Model)]
pub(crate) struct BackupData {
    /// Its name, such as `20261129T033000Z-57`: when it was begun, in UTC, and by which generation of what the agents agree on.
    #[tf(computed)]
    pub(super) id: Attr<String>,
    /// Why it was made, in a word: `scheduled`, `on-demand` (`backup_now`) or `before-upgrade` (before any change of the release). Null
    /// of one that is `unfinished` or `unreadable`.
    #[tf(computed, rename = "type")]
    pub(super) kind: Attr<String>,
    /// The same with its particulars, as `last_backup` of the cluster has it, such as `asked for by backup_now = "friday"`.
    #[tf(computed)]
    pub(super) occasion: Attr<String>,
    /// `available`: it is whole. `running`: it is being made. `failed`: it was the last that was tried, and came to nothing (`reason`).
    /// `unfinished`: parts of it are there and nobody makes it any more; the agents remove it when it is older than a day and another
    /// one is made. `unreadable`: what is said of it there is damaged, or of a format that only newer agents know (`reason`); no agent
    /// removes it.
    #[tf(computed)]
    pub(super) status: Attr<String>,
    /// When it was begun, in UTC. Of one that is available: when the first server had fixed what is in it.
    #[tf(computed)]
    pub(super) started_at: Attr<String>,
    /// When the last of it was at its destination, in UTC; of one that has failed, when it was given up.
    #[tf(computed)]
    pub(super) ended_at: Attr<String>,
    /// How many keys are in it; null also where a part that was not verified does not say it.
    #[tf(computed)]
    pub(super) keys: Attr<u64>,
    /// Size of its data as servers save and load them (RDB files), in bytes, before they are compressed.
    #[tf(computed)]
    pub(super) database_bytes: Attr<u64>,
    /// What its data take at the destination, in bytes.
    #[tf(computed)]
    pub(super) stored_bytes: Attr<u64>,
    /// Whether each of its parts was loaded into a server that served nobody, and its keys were counted.
    #[tf(computed)]
    pub(super) verified: Attr<bool>,
    /// What ran when it was made, such as `redis 8.0.6`; several, if nodes differed.
    #[tf(computed)]
    pub(super) releases: Attr<Vec<String>>,
    /// Lines of releases that can be relied on to load it, such as `redis 8.0`, as far as this provider knows: what ran when it was made,
    /// and newer ones of which it was measured, with their servers, that they start on such files whatever is in them. Each is meant
    /// with its newest known patch. Others may load it, too: an older line, or one that nobody measured, is never among them.
    #[tf(computed)]
    pub(super) restorable_releases: Attr<Vec<String>>,
    /// How many shards the cluster had: so many parts it has.
    #[tf(computed)]
    pub(super) shards: Attr<u16>,
    /// How far apart the moments are of which its parts are, in milliseconds. Each part is of one moment.
    #[tf(computed)]
    pub(super) skew_ms: Attr<u64>,
    /// Why it has failed or cannot be read, in a sentence; null otherwise.
    #[tf(computed)]
    pub(super) reason: Attr<String>,
}
