//! The attributes of the data source `justmanage_redis_cluster`.

use tfkit::{Attr, Model};

use crate::cluster::Local;

/// A cluster as it is at this moment, node by node: who is whose primary, how far replicas are behind, what the agents wait for.
///
/// It is looked up by its `id`, or by its `name` and platform. What it shows changes by itself (a failover, memory in use), so what
/// is made of it in a configuration changes, too; addresses for clients are better taken from the resource.
#[derive(Clone, Debug, Model)]
pub(crate) struct ClusterData {
    /// The cluster's id. Either this or `name` is given.
    #[tf(optional, computed)]
    pub(super) id: Attr<String>,
    /// The cluster's name, together with a platform block. Either this or `id` is given.
    #[tf(optional, computed)]
    pub(super) name: Attr<String>,
    /// The platform: processes of the machine that Terraform runs on. Write `local = {}`.
    #[tf(optional)]
    pub(super) local: Option<Local>,
    /// How many of the last things that happened are to be shown in `journal`; none without it.
    #[tf(optional)]
    pub(super) journal_entries: Option<u16>,
    /// `redis` or `valkey`.
    #[tf(computed)]
    pub(super) engine: Attr<String>,
    /// The version that is asked for: a line or an exact version.
    #[tf(computed)]
    pub(super) version: Attr<String>,
    /// The lowest version that the servers run now.
    #[tf(computed)]
    pub(super) version_actual: Attr<String>,
    /// Number of shards.
    #[tf(computed)]
    pub(super) shards: Attr<u16>,
    /// Replicas of each primary.
    #[tf(computed)]
    pub(super) replicas_per_shard: Attr<u16>,
    /// How many spares are asked for; those that there are stand at the end of `nodes`.
    #[tf(computed)]
    pub(super) spares: Attr<u16>,
    /// How far the cluster is: `forming`, `formed` or `leaving`.
    #[tf(computed)]
    pub(super) phase: Attr<String>,
    /// Rises by one with every change of what the cluster's agents agree on.
    #[tf(computed)]
    pub(super) generation: Attr<u64>,
    /// Id of the node whose agent leads the others; null when nobody does.
    #[tf(computed)]
    pub(super) leader: Attr<String>,
    /// Where clients reach the servers, in the order of shards and the nodes in them.
    #[tf(computed)]
    pub(super) endpoints: Attr<Vec<String>>,
    /// Certificate (PEM) of the cluster's own authority.
    #[tf(computed)]
    pub(super) ca_certificate: Attr<String>,
    /// Whether everything is as it is wanted at this moment, also what the agents see to by themselves.
    #[tf(computed)]
    pub(super) converged: Attr<bool>,
    /// Why it is not converged, in sentences.
    #[tf(computed)]
    pub(super) waiting_on: Attr<Vec<String>>,
    /// Changes that wait for their window, in sentences.
    #[tf(computed)]
    pub(super) pending: Attr<Vec<String>>,
    /// Known holes of what runs now, with the release that closes each.
    #[tf(computed)]
    pub(super) known_vulnerabilities: Attr<Vec<String>>,
    /// When the cluster may be disturbed and which upgrades it takes by itself, as it keeps it.
    #[tf(computed)]
    pub(super) maintenance_window: Attr<String>,
    /// When the cluster is backed up, where to, and what is kept, as it keeps it.
    #[tf(computed)]
    pub(super) backup_policy: Attr<String>,
    /// The hash slots of each shard, in the order of the shards, such as `0-5460`; empty where its primary is not seen.
    #[tf(computed)]
    pub(super) slots: Attr<Vec<String>>,
    /// The nodes, in the order of shards and the nodes in them, and then the spares.
    #[tf(computed)]
    pub(super) nodes: Attr<Vec<Node>>,
    /// The last things that happened, oldest first; as many as `journal_entries` asks for.
    #[tf(computed)]
    pub(super) journal: Attr<Vec<JournalEntry>>,
}

/// One node.
#[derive(Clone, Debug, Model)]
pub(crate) struct Node {
    /// Its id.
    #[tf(computed)]
    pub(super) id: Attr<String>,
    /// Its shard, from 0; a spare has none.
    #[tf(computed)]
    pub(super) shard: Attr<u16>,
    /// Its number in the shard, from 0. Not a role: roles change. A spare has none.
    #[tf(computed)]
    pub(super) ordinal: Attr<u16>,
    /// `primary`, `replica` or `spare`; null when nobody could see.
    #[tf(computed)]
    pub(super) role: Attr<String>,
    /// Of a replica: the id of the node that it copies.
    #[tf(computed)]
    pub(super) replica_of: Attr<String>,
    /// Where clients reach it; of a spare, where they would.
    #[tf(computed)]
    pub(super) endpoint: Attr<String>,
    /// How it is: `running`; `starting`, `copying` (its first copy), `joining`, `unlinked` (from its primary), `stopped`, `down`,
    /// `hung`; `standing-by` (a spare); `agent-stopped`, `missing` (its machine is gone); `unknown` when nobody could see.
    #[tf(computed)]
    pub(super) state: Attr<String>,
    /// What runs.
    #[tf(computed)]
    pub(super) version: Attr<String>,
    /// Of a replica: how many bytes of what its primary wrote it had not acknowledged yet.
    #[tf(computed)]
    pub(super) replication_lag_bytes: Attr<u64>,
    /// Memory that the server uses for data and buffers, in bytes.
    #[tf(computed)]
    pub(super) memory_used_bytes: Attr<u64>,
    /// What is in force of the server's memory, processors and disk (`resources`), or why nothing is: a sentence each.
    #[tf(computed)]
    pub(super) limits: Attr<Vec<String>>,
}

/// One thing that happened.
#[derive(Clone, Debug, Model)]
pub(crate) struct JournalEntry {
    /// When, in UTC, by the clock of the node.
    #[tf(computed)]
    pub(super) at: Attr<String>,
    /// Id of the node at which it happened.
    #[tf(computed)]
    pub(super) node: Attr<String>,
    /// Who did it: `operator sha256:...`, `agent jmn...`, or `server` (its own mechanisms, or nobody).
    #[tf(computed)]
    pub(super) who: Attr<String>,
    /// What happened.
    #[tf(computed)]
    pub(super) what: Attr<String>,
    /// Why, in a sentence; empty where the event says it all.
    #[tf(computed)]
    pub(super) why: Attr<String>,
    /// What came of it: `done`, or why it failed.
    #[tf(computed)]
    pub(super) outcome: Attr<String>,
    /// Whether somebody asked for it; otherwise it befell the cluster.
    #[tf(computed)]
    pub(super) planned: Attr<bool>,
}
