//! The attributes of `justmanage_server_pool`.

use std::collections::BTreeMap;

use tfkit::{Attr, Model};

/// Servers of your own, and how one gets onto them by SSH. Any number of clusters take it by its `definition`, so a change shows
/// in the same plan at each of them. It holds no secrets: whose keys log in says `ssh` of the provider.
///
/// It is a value: it exists in Terraform's state alone, and nobody calls a server to make it. What a server is made of
/// (processors, memory, disk) is read from the server, not written here: the data source `justmanage_servers` shows it.
#[derive(Clone, Debug, Model)]
pub(crate) struct ServerPool {
    /// Names it for Terraform, for life.
    #[tf(computed, keep)]
    pub(super) id: Attr<String>,
    /// The servers, at most 500. Where several fit equally well, a cluster takes those that stand first. To take one out of use, hide it
    /// (`hidden`).
    #[tf(required)]
    pub(super) servers: Vec<PoolServer>,
    /// Who logs in to servers that say nothing else, `root` by default: somebody who is root, or may use `sudo` without a password.
    #[tf(optional)]
    pub(super) user: Option<String>,
    /// Where sshd listens on servers that say nothing else, 22 by default.
    #[tf(optional)]
    pub(super) port: Option<i64>,
    /// Hosts through which servers are reached, by names of your own.
    #[tf(optional)]
    pub(super) jump_hosts: Option<BTreeMap<String, JumpHost>>,
    /// All of that in one line: what `servers.pool` of a cluster takes, and the data source `justmanage_servers`.
    #[tf(computed)]
    pub(super) definition: Attr<String>,
}

/// A server.
#[derive(Clone, Debug, Model)]
pub(crate) struct PoolServer {
    /// Name or address by which the machine that runs Terraform, or the jump host, reaches it by SSH.
    #[tf(required)]
    pub(super) address: String,
    /// Where its sshd listens.
    #[tf(optional)]
    pub(super) port: Option<i64>,
    /// Who logs in.
    #[tf(optional)]
    pub(super) user: Option<String>,
    /// The keys that it may show, and no others: fingerprints as `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints them on the
    /// host (`SHA256:...`), or public keys (`ssh-ed25519 AAAA...`). Without any it must stand in a `known_hosts` file of the machine
    /// that runs Terraform; nothing is ever learnt silently.
    #[tf(optional)]
    pub(super) host_keys: Option<Vec<String>>,
    /// The address by which the nodes of a cluster and its clients reach it, where that is another one than `address`.
    #[tf(optional)]
    pub(super) private_address: Option<String>,
    /// The name that clients are told instead of that address, and that the certificate of the node there has: for clients to whom the
    /// addresses lead nowhere, from outside of NAT, say. It has to lead them to the server, at port 6379. For every server or for none;
    /// a change is made while the cluster runs.
    #[tf(optional)]
    pub(super) announce: Option<String>,
    /// Where it stands: a room, a rack, a zone of a cloud. The nodes of a shard go to different zones, where there are enough.
    #[tf(optional)]
    pub(super) zone: Option<String>,
    /// By what clusters choose, such as `{ disk = "nvme" }`.
    #[tf(optional)]
    pub(super) labels: Option<BTreeMap<String, String>>,
    /// The host through which it is reached: the name of one of `jump_hosts`.
    #[tf(optional)]
    pub(super) jump: Option<String>,
    /// Whether no cluster may take it from now on. What is there stays.
    #[tf(optional)]
    pub(super) hidden: Option<bool>,
}

/// A host through which others are reached.
#[derive(Clone, Debug, Model)]
pub(crate) struct JumpHost {
    /// Its name or address.
    #[tf(required)]
    pub(super) address: String,
    /// Where its sshd listens, 22 by default.
    #[tf(optional)]
    pub(super) port: Option<i64>,
    /// Who logs in, `root` by default.
    #[tf(optional)]
    pub(super) user: Option<String>,
    /// The keys that it may show, as those of servers.
    #[tf(optional)]
    pub(super) host_keys: Option<Vec<String>>,
    /// The host through which it is reached itself: the name of another one of `jump_hosts`.
    #[tf(optional)]
    pub(super) jump: Option<String>,
}
