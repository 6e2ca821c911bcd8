//! The attributes of `justmanage_redis_cluster`.

use std::collections::BTreeMap;

use tfkit::{Attr, Model};

/// A Redis or Valkey cluster that runs itself. Its agents start it, keep it running and make every change that this
/// configuration asks for; Terraform only says what is wanted.
///
/// Clients connect over TLS, trust `ca_certificate`, and log in as a `justmanage_redis_user`; there is no default user.
#[derive(Clone, Debug, Model)]
pub(crate) struct Cluster {
    /// Where the cluster is found: platform, name and an id of its own, such as `local/cache/jmc0123456789abcdef`. Stable for life.
    #[tf(computed, keep)]
    pub(crate) id: Attr<String>,
    /// Name of the cluster, unique on its platform. It cannot be changed.
    #[tf(required, validate = super::spec::name, says = "1 to 40 lowercase letters, digits and hyphens")]
    pub(crate) name: String,
    /// `redis` or `valkey`.
    #[tf(required, validate = super::spec::engine, says = "`redis` or `valkey`")]
    pub(crate) engine: String,
    /// A line such as `7.0`, which means its newest patch that can be had, or an exact version such as `7.0.15`.
    /// A line never shows a difference when a newer patch runs.
    #[tf(required, validate = super::spec::version, says = "a line such as `7.0` or a version such as `7.0.15`")]
    pub(crate) version: String,
    /// Number of shards. Each has one primary and holds its part of the keys. This release makes one.
    #[tf(default = 1)]
    pub(crate) shards: i64,
    /// Replicas of each primary. This release makes none.
    #[tf(default = 0)]
    pub(crate) replicas_per_shard: i64,
    /// Memory for data on each node (`maxmemory`), such as `256MiB` or `4GiB`. The process needs more than that for its
    /// buffers and while it saves.
    #[tf(required, validate = super::spec::memory, says = "a size such as `256MiB`")]
    pub(crate) memory: String,
    /// Configuration of the servers by the names that Redis and Valkey give it, such as `maxmemory-policy`. Values are
    /// strings as in the servers' configuration files. Some names belong to Just Manage and are refused with the reason.
    #[tf(optional)]
    pub(crate) config: Option<BTreeMap<String, String>>,
    /// The platform: processes of the machine that Terraform runs on. Write `local = {}`. Exactly one platform is named.
    #[tf(optional)]
    pub(crate) local: Option<Local>,
    /// Where clients reach the servers, as `address:port`, over TLS.
    #[tf(computed, keep)]
    pub(crate) endpoints: Attr<Vec<String>>,
    /// Certificate (PEM) of the cluster's own authority: what clients trust.
    #[tf(computed, keep)]
    pub(crate) ca_certificate: Attr<String>,
    /// The version that the servers run now.
    #[tf(computed)]
    pub(crate) version_actual: Attr<String>,
    /// Whether everything is as this configuration wants it. If not, the next plan shows an update that sees it through.
    #[tf(computed)]
    pub(crate) converged: Attr<bool>,
    /// Why it is not converged, in sentences; empty when it is.
    #[tf(computed)]
    pub(crate) waiting_on: Attr<Vec<String>>,
}

/// Processes of the machine that Terraform runs on.
#[derive(Clone, Debug, Model)]
pub(crate) struct Local {}
