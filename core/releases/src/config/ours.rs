//! Configuration keys that are not the user's to set, and why.

/// Keys that belong to something that the user sets elsewhere, or that must be so for the cluster to be safe.
/// The first that fits counts; a name that ends with `*` fits every key that begins so.
const OURS: &[(&str, &str)] = &[
    ("maxmemory", "It follows from memory; set that."),
    ("port", "Clients are served over TLS only, at the address in the cluster's endpoints."),
    ("tls-*", "TLS is always on, with the cluster's own certificate authority."),
    ("bind", "The server listens on the address that the cluster announces."),
    ("bind-source-addr", "The server speaks from the address that the cluster announces."),
    ("unixsocket*", "Clients are served over TLS only."),
    ("protected-mode", "Every user has to log in, so there is nothing left for it to protect."),
    ("rdma-*", "Clients are served over TLS only."),
    ("requirepass", "Users log in by name; passwords belong to users."),
    ("masterauth", "Replicas log in with a password that the cluster keeps by itself."),
    ("masteruser", "Replicas log in as a user that the cluster keeps by itself."),
    ("primaryauth", "Replicas log in with a password that the cluster keeps by itself."),
    ("primaryuser", "Replicas log in as a user that the cluster keeps by itself."),
    ("user", "Users are made by their own resource."),
    ("aclfile", "Users are made by their own resource."),
    ("acl-pubsub-default", "Rules of users start from nothing; give them channels with \"&pattern\"."),
    ("replicaof", "Which node is a replica of which follows from the cluster's shape."),
    ("slaveof", "Which node is a replica of which follows from the cluster's shape."),
    ("replica-announce-*", "The cluster announces the addresses of its nodes by itself."),
    ("slave-announce-*", "The cluster announces the addresses of its nodes by itself."),
    ("replica-announced", "Which replicas are announced follows from the cluster's shape."),
    ("replica-priority", "Which replica takes over is decided by how far each has come."),
    ("slave-priority", "Which replica takes over is decided by how far each has come."),
    ("replica-read-only", "A write to a replica is lost at its next synchronisation."),
    ("slave-read-only", "A write to a replica is lost at its next synchronisation."),
    ("dir", "The node's agent keeps the server's data in its own directory."),
    ("dbfilename", "The node's agent has to find the file again."),
    ("appendfilename", "The node's agent has to find the file again."),
    ("appenddirname", "The node's agent has to find the directory again."),
    ("daemonize", "The node's agent supervises the server's process."),
    ("supervised", "The node's agent supervises the server's process."),
    ("pidfile", "The node's agent supervises the server's process."),
    ("shutdown-on-sig*", "The node's agent stops the server, and always so that its data is saved."),
    ("logfile", "The node's agent keeps the server's log."),
    ("syslog-*", "The node's agent keeps the server's log."),
    ("rename-command", "Who may run a command is said by the rules of users; renamed commands break the agent."),
    ("include", "The whole configuration is here; another file could say the opposite."),
    ("loadmodule", "Modules run inside of the server with all its rights; none is supported."),
    ("enable-debug-command", "DEBUG can crash the server."),
    ("enable-module-command", "MODULE LOAD runs any code inside of the server."),
    ("enable-protected-configs", "It lets any administrator write files anywhere."),
];

/// Keys of the cluster that are the user's choice: they change what clients see, not how the nodes hold together.
const CLUSTER_KEYS_OF_USERS: &[&str] = &[
    "cluster-allow-pubsubshard-when-down",
    "cluster-allow-reads-when-down",
    "cluster-compatibility-sample-ratio",
    "cluster-databases",
    "cluster-link-sendbuf-limit",
    "cluster-require-full-coverage",
    "cluster-slot-stats-enabled",
];

/// Why a key is not the user's to set, if it is not.
pub(super) fn why_ours(key: &str) -> Option<&'static str> {
    if key.starts_with("cluster-") && !CLUSTER_KEYS_OF_USERS.contains(&key) {
        return Some("How the nodes of a cluster find each other and fail over is kept by Just Manage.");
    }
    let fits = |name: &str| name.strip_suffix('*').map_or(name == key, |prefix| key.starts_with(prefix));
    OURS.iter().find(|(name, _)| fits(name)).map(|(_, why)| *why)
}

#[cfg(test)]
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    OURS.iter().map(|(name, _)| *name).chain(CLUSTER_KEYS_OF_USERS.iter().copied())
}
