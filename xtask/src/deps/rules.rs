//! The rules of the house, as tables, and the function that finds what breaks them.

use super::graph::{Graph, Kind};

/// Names the steps at which a debug build can be killed.
const STEPS: &str = "justmanage-steps";

/// A crate of ours, what it may import of ours, and what its tests may import besides.
struct Room {
    krate: &'static str,
    may_import: &'static [&'static str],
    tests_may: &'static [&'static str],
}

const fn room(krate: &'static str, may_import: &'static [&'static str]) -> Room {
    Room { krate, may_import, tests_may: &[SIM] }
}

/// A platform, whose tests try it by the contract.
const fn platform(krate: &'static str, may_import: &'static [&'static str]) -> Room {
    Room { krate, may_import, tests_may: &[CONTRACT] }
}

/// The simulated world: drives the real planner in tests, and is part of no product.
const SIM: &str = "justmanage-sim";

/// Agents that are played behind the real API: part of no product either.
const SIMULATED: &str = "justmanage-simulated";

/// What every platform has to keep, as tests that each of them runs: part of no product.
const CONTRACT: &str = "justmanage-platform-contract";

/// An operator, agents and a clock that are played, for tests of clouds: part of no product.
const PLAYED_CLOUD: &str = "justmanage-cloud-played";

/// HTTP by hand, for clouds that are played: part of no product.
const PLAYED_HTTP: &str = "justmanage-played-http";

/// DigitalOcean for tests: part of no product.
const DIGITALOCEAN_FAKE: &str = "justmanage-digitalocean-fake";

/// EC2 for tests: part of no product.
const EC2_PROXY: &str = "justmanage-ec2-proxy";

/// "May import, everything else never" of ARCHITECTURE, crate by crate. A crate that is not listed is an error.
const HOUSE: &[Room] = &[
    room("justmanage-model", &[]),
    room("justmanage-prices", &["justmanage-model"]),
    room("justmanage-releases", &["justmanage-model"]),
    room("justmanage-planner", &["justmanage-model", "justmanage-releases"]),
    room("justmanage-engine", &["justmanage-model", "justmanage-releases"]),
    room("justmanage-platforms", &["justmanage-model"]),
    // docs/decisions/0027-contract.md: of the platforms it knows nothing; each of them brings its own place to be tried at.
    room(CONTRACT, &["justmanage-model", "justmanage-platforms"]),
    // docs/decisions/0018-steps-and-upgrades.md: whoever can be killed half-way names its steps; nothing of it is in a release.
    room(STEPS, &[]),
    platform("justmanage-platform-local", &["justmanage-model", "justmanage-platforms", STEPS]),
    // docs/decisions/0026-servers.md: a way onto a machine, and an agent that lives there as a service, for every platform with machines;
    // hosts by SSH know nothing of nodes.
    room("justmanage-ssh", &["justmanage-model"]),
    // docs/decisions/0033-clouds.md: what a node is on a machine of its own, whoever puts it there.
    room("justmanage-host", &[]),
    platform(
        "justmanage-platform-servers",
        &["justmanage-host", "justmanage-model", "justmanage-platforms", "justmanage-ssh"],
    ),
    // docs/decisions/0033-clouds.md: one platform for all clouds, and an adapter for each.
    Room {
        krate: "justmanage-platform-cloud",
        may_import: &["justmanage-host", "justmanage-model", "justmanage-platforms"],
        tests_may: &[CONTRACT, PLAYED_CLOUD],
    },
    Room {
        krate: "justmanage-platform-aws",
        may_import: &["justmanage-model", "justmanage-platform-cloud", "justmanage-platforms"],
        tests_may: &[CONTRACT, EC2_PROXY, PLAYED_CLOUD],
    },
    room(PLAYED_CLOUD, &["justmanage-model", "justmanage-platform-cloud", "justmanage-platforms"]),
    room(PLAYED_HTTP, &[]),
    room(EC2_PROXY, &[PLAYED_HTTP]),
    // docs/decisions/0039-digitalocean.md
    Room {
        krate: "justmanage-platform-digitalocean",
        may_import: &["justmanage-model", "justmanage-platform-cloud", "justmanage-platforms"],
        tests_may: &[CONTRACT, DIGITALOCEAN_FAKE, PLAYED_CLOUD],
    },
    room(DIGITALOCEAN_FAKE, &[PLAYED_HTTP]),
    // docs/decisions/0003-identity-crate.md: both ends of the agent's API need the same keys and pins.
    room("justmanage-identity", &["justmanage-model", STEPS]),
    room("justmanage-agent-proto", &[]),
    // docs/decisions/0008-replicated-record.md: a part of the agent that is tested on its own.
    room("justmanage-record", &["justmanage-agent-proto", "justmanage-identity", "justmanage-model", STEPS]),
    // docs/decisions/0031-backup-store.md: all IO of a backup, and no decision about when; a part of the agent that is tested on its own.
    room("justmanage-backup", &["justmanage-engine", "justmanage-model"]),
    room(
        "justmanage-core",
        &[
            "justmanage-agent-proto",
            "justmanage-identity",
            "justmanage-model",
            "justmanage-planner",
            "justmanage-platform-aws",
            "justmanage-platform-cloud",
            "justmanage-platform-local",
            "justmanage-platform-servers",
            "justmanage-platforms",
            "justmanage-releases",
            "justmanage-ssh",
            STEPS,
        ],
    ),
    room(
        "justmanage-agent",
        &[
            "justmanage-agent-proto",
            "justmanage-backup",
            "justmanage-engine",
            "justmanage-identity",
            "justmanage-model",
            "justmanage-planner",
            "justmanage-record",
            "justmanage-releases",
            STEPS,
        ],
    ),
    // Agents that are played, for tests and measurements of those who talk to agents.
    Room {
        krate: SIMULATED,
        may_import: &["justmanage-agent-proto", "justmanage-identity", "justmanage-model"],
        tests_may: &[CONTRACT, "justmanage-platform-local", "justmanage-platforms"],
    },
    room("justmanage-example-library", &["justmanage-core", "justmanage-model"]),
    room("tfkit-proto", &[]),
    room("tfkit-derive", &[]),
    room("tfkit", &["tfkit-proto", "tfkit-derive"]),
    Room {
        krate: "terraform-provider-justmanage",
        may_import: &[
            "tfkit",
            "justmanage-core",
            "justmanage-model",
            "justmanage-prices",
            "justmanage-releases",
            STEPS,
        ],
        tests_may: &[SIMULATED],
    },
    room(SIM, &["justmanage-model", "justmanage-planner"]),
    room("xtask", &[]),
    // Tests of the whole look from outside; to attack an agent's door they need its API and keys. A cloud on virtual machines is tried as the
    // core has it, too, before anybody configures one.
    Room {
        krate: "acceptance-tests",
        may_import: &["justmanage-agent-proto", EC2_PROXY, "justmanage-identity", "justmanage-model", PLAYED_HTTP],
        tests_may: &[
            SIM,
            "justmanage-core",
            "justmanage-platform-aws",
            "justmanage-platform-cloud",
            "justmanage-platforms",
        ],
    },
];

/// Crates that decide and never do: no IO, no clock, no chance.
const PURE: &[&str] = &["justmanage-model", "justmanage-planner", "justmanage-prices", "justmanage-releases"];

/// Where the pure crates are, for what only clippy can see.
pub(super) const PURE_FOLDERS: &[(&str, &str)] = &[
    ("justmanage-model", "core/model"),
    ("justmanage-planner", "core/planner"),
    ("justmanage-prices", "core/prices"),
    ("justmanage-releases", "core/releases"),
];

/// The clocks that a pure crate's `clippy.toml` forbids. `now` is an argument there.
pub(super) const CLOCKS: &[&str] =
    &["jiff::Timestamp::now", "jiff::Zoned::now", "std::time::Instant::now", "std::time::SystemTime::now"];

/// What the pure crates never link: runtimes, RPC, clocks, chance, the network.
const NOT_PURE: &[&str] = &[
    "async-std",
    "chrono",
    "fastrand",
    "getrandom",
    "hyper",
    "mio",
    "rand",
    "rand_core",
    "redis",
    "reqwest",
    "ring",
    "rustix",
    "rustls",
    "smol",
    "socket2",
    "time",
    "tokio",
    "tonic",
    "tracing-subscriber",
    "ureq",
    "uuid",
];

/// Names, or beginnings of names, of cloud SDKs: the agent has no platform credentials, so it has no use for one.
const CLOUD: &[&str] =
    &["aws-", "azure", "google-cloud", "gcp", "digitalocean", "kube", "k8s-openapi", "nomad", "hcloud"];

/// A second crypto library, or one that would drag it in (docs/decisions/0002-one-crypto-provider.md).
const SECOND_CRYPTO: &[&str] =
    &["aws-lc-rs", "aws-lc-sys", "boring", "boring-sys", "native-tls", "openssl", "openssl-sys"];

/// What of the house `graph` breaks, one sentence each, in a stable order.
pub(super) fn violations(graph: &Graph) -> Vec<String> {
    let mut found = imports(graph);
    for krate in PURE {
        found.extend(linked(graph, krate, "decides without IO, clock or chance", |name| NOT_PURE.contains(&name)));
    }
    found.extend(linked(graph, "justmanage-agent", "has no platform credentials", |name| {
        CLOUD.iter().any(|cloud| name.starts_with(cloud)) || name.starts_with("tfkit")
    }));
    for krate in ["tfkit", "tfkit-derive", "tfkit-proto"] {
        found.extend(linked(graph, krate, "is publishable without anything of ours", |name| {
            name.starts_with("justmanage") || name == "terraform-provider-justmanage"
        }));
    }
    for name in graph.names().filter(|name| SECOND_CRYPTO.contains(name)) {
        found.push(format!("{name}: there is one crypto provider, ring"));
    }
    for once in ["ring", "rustls"] {
        let count = graph.names().filter(|name| *name == once).count();
        if count > 1 {
            found.push(format!("{once}: {count} versions; a type of one is not a type of the other"));
        }
    }
    found
}

/// Imports between our own crates.
fn imports(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (name, declared) in graph.own() {
        let Some(room) = HOUSE.iter().find(|room| room.krate == name) else {
            found.push(format!("{name}: not in the house; list it in xtask/src/deps/rules.rs with what it may import"));
            continue;
        };
        for (other, kind) in declared.iter().filter(|(other, _)| graph.is_own(other)) {
            let listed = room.may_import.contains(&other.as_str());
            let in_tests = *kind == Kind::Dev && room.tests_may.contains(&other.as_str());
            if !listed && !in_tests && other != name {
                found.push(format!("{name} must not import {other} ({kind:?} dependency)"));
            }
        }
    }
    found
}

fn linked(graph: &Graph, krate: &str, because: &str, forbidden: impl Fn(&str) -> bool) -> Vec<String> {
    let all = graph.linked_into(krate).into_iter().filter(|(name, _)| forbidden(name));
    all.map(|(name, chain)| format!("{krate} must not link {name}, because it {because}: {chain}")).collect()
}
