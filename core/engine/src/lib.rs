//! Redis and Valkey as a node runs them: their files, their programs, and calls to a running server.
//!
//! The one invariant: **nothing that a user wrote becomes more than one value.** Configuration and ACL files are written from
//! typed values with every argument quoted, and calls are sent as counted strings; no text is ever pasted into another.
//!
//! | module | what it does |
//! |---|---|
//! | [`config`] | the server's configuration file |
//! | [`acl`] | the server's users: the ACL file, and the users that the agent, the replicas and the probe log in as |
//! | [`binary`] | what a server program is: engine, version, whether it speaks TLS |
//! | [`certificate`] | what is read of a server's certificate |
//! | [`connection`] | one connection to a server, over TLS, and calls with time limits |
//! | [`calls`] | the calls that the agent makes, typed; [`calls::cluster`]: those that make a cluster |
//! | [`probe`] | the probe's user and its calls |
//! | [`observe`](mod@observe) | what a running server says of itself |
//! | [`info`] | the texts of `INFO` and `CLUSTER INFO` |
//! | [`bus`] | the cluster as one server sees it: `CLUSTER NODES` and `CLUSTER LINKS` |
//! | [`migrate`] | slots that move from one primary to another while clients read and write |
//! | [`snapshot`] | all data of a server as one stream |
//! | [`mend_bus_file`] | the file in which a server keeps that |
//!
//! The protocol is RESP2, one call after the other, or many in one writing where slots move: the agent asks a few questions a
//! second, so RESP3 and cluster redirection would be weight without use. (The crate `redis` would bring 40 more crates into the agent.)

pub mod acl;
pub mod binary;
pub mod bus;
mod bus_file;
pub mod calls;
pub mod certificate;
pub mod config;
pub mod connection;
pub mod info;
pub mod migrate;
pub mod observe;
pub mod probe;
mod resp;
pub mod snapshot;

pub use acl::{AppliedUsers, OwnUsers, Reach};
pub use binary::{InspectError, ServerBinary, inspect};
pub use bus_file::{BUS_FILE, mend_bus_file};
pub use certificate::Certificate;
pub use config::{NodeConfig, NodeFiles, RenderError};
pub use connection::{CallError, Connection, Login, Trust};
pub use observe::observe;
pub use probe::{Emptying, ProbeAnswer};
pub use snapshot::{Snapshot, SnapshotError};
