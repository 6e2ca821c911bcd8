//! The attributes of `justmanage_redis_cluster`.

use std::collections::{BTreeMap, BTreeSet};

use tfkit::{Attr, Model, Number, Timeouts};

use super::backup::LastBackup;
use super::report::LastOperation;

/// A Redis or Valkey cluster that runs itself. Its agents start it, keep it running and make every change that this
/// configuration asks for; Terraform only says what is wanted.
///
/// Clients connect over TLS, trust `ca_certificate`, and log in as a `justmanage_redis_user`; there is no default user.
///
/// `terraform query` (Terraform 1.14 and newer) finds the clusters of this machine by `list "justmanage_redis_cluster"`, and writes
/// their configuration.
#[derive(Clone, Debug, Model, PartialEq)]
pub(crate) struct Cluster {
    /// Where the cluster is found: platform, name and an id of its own, such as `local/cache/jmc0123456789abcdef`. Stable for life.
    #[tf(computed, keep)]
    pub(crate) id: Attr<String>,
    /// Name of the cluster, unique on its platform. It cannot be changed.
    #[tf(required, validate = super::spec::name, says = "1 to 40 lowercase letters, digits and hyphens")]
    pub(crate) name: String,
    /// `redis` or `valkey`. It can be changed where the servers' releases allow it, as the version can.
    #[tf(required, validate = super::spec::engine, says = "`redis` or `valkey`")]
    pub(crate) engine: String,
    /// A line such as `7.0`, which means its newest patch that can be had, or an exact version such as `7.0.15`.
    /// A line never shows a difference when a newer patch runs. Another version than the one that runs has the servers go over to it,
    /// one at a time and without losing a write, up or down, where there is a way; the plan says how, or refuses with the reason.
    #[tf(required, validate = super::spec::version, says = "a line such as `7.0` or a version such as `7.0.15`")]
    pub(crate) version: String,
    /// Number of shards, 1 to 100. Each has one primary and holds its part of the keys. With another number, nodes are added or
    /// removed and slots move with their keys, while all of them are served and no write is lost; the plan says how many move, and
    /// refuses fewer shards where the data would not fit.
    #[tf(default = 1)]
    pub(crate) shards: i64,
    /// Replicas of each primary, 0 to 5. Without any, the death of a machine takes its part of the keys with it. It can be changed
    /// at any time: a new replica copies its shard, and a primary that is to be removed hands over first.
    #[tf(default = 0)]
    pub(crate) replicas_per_shard: i64,
    /// Whether each shard gets a temporary replica for the time of a version change: made before the first node is restarted, and removed
    /// when all have gone over. So no shard is ever left with one copy less than it has at rest, and without replicas each primary
    /// hands over instead of being away. The plan says how many nodes that takes. Rolling restarts for `config` go without. By default
    /// there is none.
    #[tf(optional)]
    pub(crate) surge: Option<bool>,
    /// Machines that wait for a place, with an agent and without a server; none without it. When a node is lost and another one serves its
    /// shard, the agents give its place to a spare by themselves, with Terraform switched off; the next plan shows it, and an
    /// apply removes the lost machine and makes another spare. Without spares, replacing a machine needs an apply. It can be changed at any
    /// time. `endpoints` does not list them.
    #[tf(optional)]
    pub(crate) spares: Option<i64>,
    /// How long a node is to be lost until a spare takes its place, such as `5m` (the default), `90s` or `1h`; at least `10s`, at most `7d`.
    #[tf(optional, validate = super::spec::spare_after, says = "a span of time such as `5m`, from `10s` to `7d`")]
    pub(crate) spare_after: Option<String>,
    /// Memory for data on each node (`maxmemory`), such as `256MiB` or `4GiB`. The process needs more than that for its
    /// buffers and while it saves. It is changed live; less than the fullest node uses is refused, unless `maxmemory-policy` lets
    /// servers remove any key (`allkeys-...`).
    #[tf(required, validate = super::spec::memory, says = "a size such as `256MiB`")]
    pub(crate) memory: String,
    /// Configuration of the servers by the names that Redis and Valkey give it, such as `maxmemory-policy`. Values are
    /// strings as in the servers' configuration files. Some names belong to Just Manage and are refused with the reason.
    #[tf(optional)]
    pub(crate) config: Option<BTreeMap<String, String>>,
    /// What happens when the process of a primary dies and its machine lives. `failover`: its best replica takes over within a
    /// fraction of a second, and what that had not received yet is lost, usually less than a millisecond of writes. `restart`: it
    /// is started again where it is and reads its data, and the shard takes no writes meanwhile. Where there is no replica it is
    /// started again in any case.
    #[tf(default = "failover", validate = super::spec::on_crash, says = "`failover` or `restart`")]
    pub(crate) on_crash: String,
    /// What each server may use of the machine that it is on, and has for itself there: what others on the machine cannot take from it, as
    /// far as the platform can keep them from it. The data source `justmanage_redis_cluster` says of each node what is in force
    /// (`limits`). It is changed live.
    #[tf(optional)]
    pub(crate) resources: Option<Resources>,
    /// Public keys of those who may read the metrics of the agents, and nothing else: `sha256:` and the SHA-256 of the public key
    /// in DER, as `openssl pkey -pubin -outform der | sha256sum` prints it.
    #[tf(optional)]
    pub(crate) metrics_readers: Option<BTreeSet<String>>,
    /// Public keys of operators besides the one of whoever applies (`operator_key` of the provider), spelt as in `metrics_readers`: each of
    /// them may do everything. The key in use always stays one. A change of this list takes all others away; as long as it stays as it is,
    /// nobody loses access. To replace a key, list the new one, apply, use the new one in the provider, and remove it from the list.
    #[tf(optional)]
    pub(crate) operator_keys: Option<BTreeSet<String>>,
    /// When the cluster may be disturbed, and which upgrades it takes by itself: the `definition` of a
    /// `justmanage_maintenance_window`, or such a text written out (`Sun 02:00-03:00 Asia/Kolkata`). The
    /// agents act on it, with Terraform switched off.
    #[tf(optional, validate = super::spec::maintenance_window, says = "a definition of a maintenance window")]
    pub(crate) maintenance_window: Option<String>,
    /// When changes are made that need servers to be restarted, one by one, such as another `version`: `immediately`, when they are
    /// applied, unless something else is said; or `in_window`, when `maintenance_window` is open. Then an apply ends at once, `pending` says what waits until when, the next
    /// plan shows no difference, and the agents do it in time. Changes that disturb no server are made at once in any case; so are moves of
    /// data, which disturb no client.
    #[tf(optional, validate = super::spec::apply, says = "`immediately` or `in_window`")]
    pub(crate) apply: Option<String>,
    /// The version that the cluster may go over to by itself, where its maintenance window says `approve = "manual"`: `pending` shows which
    /// one waits for that word. It is gone over to at once, or, with `apply = "in_window"`, when the window is open.
    #[tf(optional, validate = super::spec::approved_version, says = "an exact version such as `8.0.6`")]
    pub(crate) approved_version: Option<String>,
    /// When the cluster is backed up, where to, and what is kept: the `definition` of a `justmanage_backup_policy`, or such a text
    /// written out. The agents make the backups, with Terraform switched off; unless the policy says otherwise also before the servers go over to
    /// another release, which is not begun without. In this release the destination has to be a directory (`file://`); of other
    /// destinations, and of encryption, the plan says that no backup is made.
    #[tf(optional, validate = super::spec::backup_policy, says = "a definition of a backup policy")]
    pub(crate) backup_policy: Option<String>,
    /// A word by which a backup is asked for: another word than before has one made at once, as `backup_policy` says, and the apply ends when
    /// it is there; which word it is says nothing, so a date is a good one.
    #[tf(optional, validate = super::rotate::word, says = "1 to 64 printable characters")]
    pub(crate) backup_now: Option<String>,
    /// What is to be replaced by something new, under connections that live on. Each word stands for one thing, and another word than
    /// before has that replaced once; which word it is says nothing, so a date is a good one. Without a word nothing is asked for. The
    /// guide on rotation says what happens, and in which order.
    #[tf(optional)]
    pub(crate) rotate: Option<Rotate>,
    /// Refuses to destroy the cluster once it has served, so that no destroy takes the data along by mistake. Set it to `false` and
    /// apply, then destroy. It never hinders replacing a cluster that was not made to the end.
    #[tf(default = true)]
    pub(crate) deletion_protection: bool,
    /// How long Terraform waits for an operation; by default an hour for a create, four for an update (a rolling restart takes its
    /// time for each node) and half an hour for a delete. An operation that makes no progress for a minute is given up before that.
    /// What the agents have begun they see through by themselves.
    #[tf(optional)]
    pub(crate) timeouts: Option<Timeouts>,
    /// The platform: processes of the machine that Terraform runs on. Write `local = {}`. Exactly one platform is named.
    #[tf(optional)]
    pub(crate) local: Option<Local>,
    /// The platform: servers of your own, by SSH, one for each node and each spare. Exactly one platform is named, and a cluster never
    /// moves to another.
    #[tf(optional)]
    pub(crate) servers: Option<Servers>,
    /// The platform: instances of AWS EC2, one for each node and each spare, made and removed with them. Exactly one platform is named,
    /// and a cluster never moves to another.
    #[tf(optional)]
    pub(crate) aws: Option<Aws>,
    /// Where clients reach the servers, as `address:port`, over TLS; in the order of shards and the nodes in them. A client may
    /// begin with any of them. A failover does not change it: which of them are primaries is to be seen in the data source
    /// `justmanage_redis_cluster`.
    #[tf(computed, keep)]
    pub(crate) endpoints: Attr<Vec<String>>,
    /// Certificate (PEM) of the cluster's own authority: what clients trust. While one authority follows another, the certificates of
    /// both, the new one last.
    #[tf(computed, keep)]
    pub(crate) ca_certificate: Attr<String>,
    /// The lowest version that the servers run now.
    #[tf(computed)]
    pub(crate) version_actual: Attr<String>,
    /// The lowest version of the cluster's agents. An apply by a newer provider replaces them one at a time; the servers run on.
    #[tf(computed, keep)]
    pub(crate) agent_version: Attr<String>,
    /// Whether everything is as this configuration wants it. If not, the next plan shows an update that sees it through. What the
    /// agents do by themselves (a failover, starting a server again) does not make it `false`.
    #[tf(computed)]
    pub(crate) converged: Attr<bool>,
    /// Why it is not converged, in sentences; empty when it is.
    #[tf(computed)]
    pub(crate) waiting_on: Attr<Vec<String>>,
    /// Changes that wait for their time, in sentences. They are never a difference in a plan.
    #[tf(computed)]
    pub(crate) pending: Attr<Vec<String>>,
    /// What the last change did to servers that run, or what the planned one does: a sentence for each part of it, such as
    /// `memory 64MiB -> 96MiB: live`, `shards 3 -> 4: data move (4096 slots)` or `config io-threads: rolling restart of 6 nodes, 3 handovers`. By the configuration and the state alone (`version 7.2 -> 7.2.4: live` where servers run 7.2.4); what
    /// only the servers can tell is in the plan's warnings.
    #[tf(computed, keep)]
    pub(crate) impact: Attr<Vec<String>>,
    /// What it costs in a month, in US dollars: its instances and their disks, by the price list (`price_list` of the provider), on demand and
    /// without taxes, discounts and traffic. An estimate. Null where the list has no price for it, and where nobody sends a bill.
    #[tf(computed, keep)]
    pub(crate) monthly_cost_estimate: Attr<Number>,
    /// Known holes of what runs now, by their CVE ids, with the release that closes each. Of packages whose holes are not known,
    /// nothing is said.
    #[tf(computed)]
    pub(crate) known_vulnerabilities: Attr<Vec<String>>,
    /// What the last operation that disturbed nodes came to, such as a rolling restart: whether a write was lost, for how long writes
    /// stopped, how long each step took. Null as long as there was none.
    #[tf(computed)]
    pub(crate) last_operation: Attr<LastOperation>,
    /// The newest backup that is whole. Null as long as there is none.
    #[tf(computed)]
    pub(crate) last_backup: Attr<LastBackup>,
    /// Why the newest try to make a backup came to nothing, in a sentence; null if it did not.
    #[tf(computed)]
    pub(crate) backup_failure: Attr<String>,
}

/// Processes of the machine that Terraform runs on.
#[derive(Clone, Debug, Model, PartialEq)]
pub(crate) struct Local {}

/// Servers of the user's own.
#[derive(Clone, Debug, Model, PartialEq)]
pub(crate) struct Servers {
    /// Which there are: the `definition` of a `justmanage_server_pool`, or such a text written out (`10.0.0.11 user admin zone a; ...`).
    #[tf(required, validate = super::servers::pool, says = "a definition of a server pool")]
    pub(crate) pool: String,
    /// How many processors a server has to have at least.
    #[tf(optional)]
    pub(crate) processors: Option<i64>,
    /// How much memory a server has to have at least, such as `8GiB`; more than `memory` of the cluster.
    #[tf(optional, validate = super::servers::size, says = "a size such as `8GiB`")]
    pub(crate) memory: Option<String>,
    /// How much room has to be free on a server's disk at least, such as `100GiB`.
    #[tf(optional, validate = super::servers::size, says = "a size such as `100GiB`")]
    pub(crate) disk: Option<String>,
    /// Labels that a server has to bear, such as `{ disk = "nvme" }`.
    #[tf(optional)]
    pub(crate) labels: Option<BTreeMap<String, String>>,
}

/// Instances of AWS EC2. What is changed here holds for nodes that are made from then on; who gets in, for all of them at once.
#[derive(Clone, Debug, Model, PartialEq)]
pub(crate) struct Aws {
    /// The region, such as `eu-central-1`. It cannot be changed.
    #[tf(required, validate = super::aws::region, says = "a region such as `eu-central-1`")]
    pub(crate) region: String,
    /// Ids of subnets of one VPC, one for each zone that nodes may be in: the nodes of a shard stand in different ones as far as they reach.
    /// Without it, those of the default VPC. They need a way to what machines fetch (`agents` of the provider), and the computer that
    /// applies a way into them.
    #[tf(optional)]
    pub(crate) subnets: Option<BTreeSet<String>>,
    /// Types of instances that nodes may have, such as `["r7g.large", "r6g.large"]`: the first that fits, and where there is no room the
    /// next. Without it, the smallest that fits of the families `m6g`, `m6i`, `m7g`, `m7i`, `r6g`, `r6i`, `r7g` and `r7i`, as far as
    /// there is an agent for their processors. A node needs the memory of its process (`resources`) and 512 MiB.
    #[tf(optional)]
    pub(crate) instance_types: Option<Vec<String>>,
    /// What instances boot: `debian` (Debian 12, the default) or `ubuntu` (Ubuntu 24.04), the newest image of theirs at the time.
    #[tf(optional, validate = super::aws::image, says = "`debian` or `ubuntu`")]
    pub(crate) image: Option<String>,
    /// Images of your own instead, by processor: `{ x86_64 = "ami-...", aarch64 = "ami-..." }`. They need systemd, cloud-init, curl (or
    /// wget) and e2fsprogs.
    #[tf(optional)]
    pub(crate) images: Option<BTreeMap<String, String>>,
    /// The disk for data (gp3, encrypted, apart from the system's), such as `20GiB`, in whole GiB. Without it, 10 GiB or four times
    /// `memory`, whichever is more: append-only file, its rewriting and a snapshot side by side.
    #[tf(optional, validate = super::aws::disk, says = "a size in whole GiB such as `20GiB`")]
    pub(crate) disk: Option<String>,
    /// The KMS key that data disks are encrypted with: id, alias or ARN. Without it, the account's own for EBS.
    #[tf(optional)]
    pub(crate) kms_key: Option<String>,
    /// Name of the instance profile that instances have: what they may do at AWS. By itself a node needs none.
    #[tf(optional)]
    pub(crate) instance_profile: Option<String>,
    /// Networks from which clients get in, such as `["10.0.0.0/8"]`. Nodes have private addresses alone.
    #[tf(optional)]
    pub(crate) allowed_cidrs: Option<BTreeSet<String>>,
    /// Security groups whose members get in as clients.
    #[tf(optional)]
    pub(crate) allowed_security_groups: Option<BTreeSet<String>>,
    /// Networks from which operators reach the agents (port 7379): the computer that applies has to be in one of them.
    #[tf(required)]
    pub(crate) operator_cidrs: BTreeSet<String>,
    /// Tags for everything that is made, such as whom it is billed to.
    #[tf(optional)]
    pub(crate) tags: Option<BTreeMap<String, String>>,
}

/// What each server may use of its machine, and has for itself there.
#[derive(Clone, Debug, Default, Model, PartialEq)]
pub(crate) struct Resources {
    /// Processors: most of their time that each server may use, such as `2`, `0.5` or `500m` (thousandths). Up to that it goes before others on
    /// the machine. Without it there is no limit, and nothing is kept for it.
    #[tf(optional, validate = super::resources::cpu, says = "a number of processors such as `1.5` or `1500m`")]
    pub(crate) cpu: Option<String>,
    /// Most memory of the process of each server, such as `4GiB`. Without it that is what `memory` of data can need: twice that, and a quarter of
    /// it, but at least 64 MiB, and 128 MiB; less than that is refused. Others on the machine cannot take from it what the data take.
    #[tf(optional, validate = super::resources::size, says = "a size such as `4GiB`")]
    pub(crate) memory: Option<String>,
    /// The disk that the data are on: what each server may read and write of it, and its part of it where others want it too.
    #[tf(optional)]
    pub(crate) io: Option<Io>,
}

/// What each server may read and write of the disk that its data are on.
#[derive(Clone, Debug, Default, Model, PartialEq)]
pub(crate) struct Io {
    /// Most bytes that are read in a second, such as `200MiB`; at least `1MiB`.
    #[tf(optional, validate = super::resources::size, says = "a size such as `200MiB`")]
    pub(crate) read_bandwidth: Option<String>,
    /// Most bytes that are written in a second, such as `100MiB`; at least `1MiB`.
    #[tf(optional, validate = super::resources::size, says = "a size such as `100MiB`")]
    pub(crate) write_bandwidth: Option<String>,
    /// Most reads in a second; at least 10.
    #[tf(optional)]
    pub(crate) read_iops: Option<i64>,
    /// Most writes in a second; at least 10.
    #[tf(optional)]
    pub(crate) write_iops: Option<i64>,
    /// Its part of the disk where others want it too, 1 to 10000; everybody has 100 who is given none. It needs a scheduler of the disk that
    /// knows weights, such as `bfq`.
    #[tf(optional)]
    pub(crate) weight: Option<i64>,
}

/// What is to be replaced by something new.
#[derive(Clone, Debug, Default, Model, PartialEq)]
pub(crate) struct Rotate {
    /// The certificates of all servers, by new ones of the same authority. The agents also renew them by themselves, before two
    /// thirds of their 90 days are over.
    #[tf(optional, validate = super::rotate::word, says = "1 to 64 printable characters")]
    pub(crate) certificates: Option<String>,
    /// The certificate authority: `ca_certificate` has the old and the new certificate from the apply on, and clients are to trust both;
    /// after `authority_grace` the servers show certificates of the new one, and then the old one is trusted no more. The agents
    /// see it through with Terraform switched off. They also do it by themselves after two thirds of its ten years, with a year of
    /// grace.
    #[tf(optional, validate = super::rotate::word, says = "1 to 64 printable characters")]
    pub(crate) authority: Option<String>,
    /// The password by which replicas log in to their primaries, which nobody but the agents knows: all servers accept a new one, then
    /// use it, then the old one is accepted no more. No link is cut.
    #[tf(optional, validate = super::rotate::word, says = "1 to 64 printable characters")]
    pub(crate) replication_password: Option<String>,
    /// How long clients have to learn to trust a new authority, such as `24h` (the default), `90m` or `7d`; at most `90d`. With `0s`
    /// a client that knows only the old one cannot connect anew from then on. It may be changed meanwhile.
    #[tf(optional, validate = super::rotate::grace, says = "a span of time such as `24h`, at most `90d`")]
    pub(crate) authority_grace: Option<String>,
}
