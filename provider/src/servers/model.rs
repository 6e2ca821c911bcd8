//! The attributes of the data source `justmanage_servers`.

use std::collections::BTreeMap;

use tfkit::{Attr, Model};

/// The servers of a pool as they are at this moment: what each is made of, and which of them a cluster can have.
///
/// Every server is asked over SSH (`ssh` of the provider), all at once, by one script that changes nothing on it. One that cannot be
/// asked is no error: it is shown as such, with the reason, and null for what is not known of it. What it shows changes by itself, so what
/// is made of it in a configuration changes, too.
#[derive(Clone, Debug, Model)]
pub(crate) struct ServersData {
    /// The servers: the `definition` of a `justmanage_server_pool`, or such a text written out (`10.0.0.11 user admin zone a; ...`).
    #[tf(required, validate = super::pool, says = "a definition of a server pool")]
    pub(super) pool: String,
    /// The servers, in the order of the pool.
    #[tf(computed)]
    pub(super) servers: Attr<Vec<ServerData>>,
}

/// A server of the pool.
#[derive(Clone, Debug, Model)]
pub(crate) struct ServerData {
    /// Its name or address, as the pool has it.
    #[tf(computed)]
    pub(super) address: Attr<String>,
    /// Where it stands, as the pool says; null if it does not.
    #[tf(computed)]
    pub(super) zone: Attr<String>,
    /// By what clusters choose, as the pool says.
    #[tf(computed)]
    pub(super) labels: Attr<BTreeMap<String, String>>,
    /// `free`: a cluster can have it. `locked`: an apply has claimed it, and is not done or was cut short. `used`: it has a node of a
    /// cluster. `hidden`: nobody is to take it; the pool says so, or `/etc/justmanage/hidden` on the server. `unfit`: it lacks something
    /// that a node needs. `unreachable`: it could not be asked.
    #[tf(computed)]
    pub(super) state: Attr<String>,
    /// Name of the cluster whose it is, if it is `used` or `locked`; null otherwise.
    #[tf(computed)]
    pub(super) cluster: Attr<String>,
    /// Number of processors.
    #[tf(computed)]
    pub(super) processors: Attr<u32>,
    /// Memory of the machine, in bytes; of a container, what its group may have.
    #[tf(computed)]
    pub(super) memory: Attr<u64>,
    /// Size of the disk that nodes live on, in bytes.
    #[tf(computed)]
    pub(super) disk: Attr<u64>,
    /// How much of that is free, in bytes.
    #[tf(computed)]
    pub(super) disk_free: Attr<u64>,
    /// The operating system, such as `debian 12`.
    #[tf(computed)]
    pub(super) system: Attr<String>,
    /// Why it cannot be used, a sentence for each thing that is missing; empty where nothing is.
    #[tf(computed)]
    pub(super) missing: Attr<Vec<String>>,
}
