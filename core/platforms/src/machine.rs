//! What platforms are asked for and what they answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use justmanage_model::node::AgentInfo;
use justmanage_model::pool::{Label, LabelValue};
use justmanage_model::{
    Artefact, Bytes, Claim, ClusterId, ClusterName, Engine, PackageRevision, Pin, Release, Version,
};

use crate::Way;

/// Which machines are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimQuery {
    /// The cluster's name, unique within a place.
    pub name: ClusterName,
    /// Only machines of this cluster; without it, of every cluster that ever bore the name here.
    pub cluster: Option<ClusterId>,
}

impl ClaimQuery {
    /// Whether a claim is meant.
    pub fn matches(&self, claim: &Claim) -> bool {
        claim.name == self.name && self.cluster.as_ref().is_none_or(|cluster| *cluster == claim.cluster)
    }
}

/// What a machine is born with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineOrder {
    /// Who owns it, and which place in the cluster it takes.
    pub claim: Claim,
    /// The operators that its agent obeys until a Record names others.
    pub operators: BTreeSet<Pin>,
    /// What it has to have, for platforms that choose among machines which are there.
    pub needs: Needs,
    /// The claims of all machines that are asked for at the same time, with this one's among them or without: which server one of them
    /// gets decides what is left for the others.
    pub along: Vec<Claim>,
    /// The server program that it is to run. One that the platform has stored ([`crate::Platform::store`]) is put on this machine too.
    pub program: Option<Artefact>,
}

impl MachineOrder {
    /// A machine that is asked for alone and may be anything; or one that is there already.
    #[must_use]
    pub fn new(claim: Claim, operators: BTreeSet<Pin>) -> Self {
        Self { claim, operators, needs: Needs::default(), along: Vec::new(), program: None }
    }
}

/// What a machine has to have.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Processors, at least.
    pub processors: u32,
    /// Memory, at least.
    pub memory: Bytes,
    /// Free room on the disk, at least.
    pub disk: Bytes,
    /// Labels that it bears.
    pub labels: BTreeMap<Label, LabelValue>,
}

/// A machine's address on its platform: an instance id, a host name, a directory. Only its platform reads it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MachineRef(pub String);

/// What is there of machines that are meant, as far as it can be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visible {
    /// Those that were seen.
    pub machines: Vec<Machine>,
    /// Where others may be: what does not answer, a sentence each. Nothing: there are no others.
    pub silent: Vec<String>,
    /// What else the platform keeps for them, and is not as it is to be, a sentence each: [`crate::Platform::mend`] mends it.
    pub amiss: Vec<String>,
}

/// A machine that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// Its address on the platform.
    pub reference: MachineRef,
    /// Who owns it.
    pub claim: Claim,
    /// Whether its agent runs.
    pub state: MachineState,
}

/// Whether a machine's agent runs, as far as the platform can tell with authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MachineState {
    /// The agent runs; what it says of itself.
    Running(Box<AgentInfo>),
    /// The agent does not run: the machine was restarted, or the agent was killed. [`crate::Platform::ensure`] starts it.
    Stopped,
}

/// How to dial an agent.
#[derive(Clone, Debug)]
pub struct Connector {
    /// What the agent says of itself; its key in `pin` is what the connection must prove.
    pub agent: AgentInfo,
    /// Connections are made so, since the agent's own address leads nowhere from here; `None`: it is dialled at its address.
    pub way: Option<Way>,
}

impl Connector {
    /// At its own address.
    #[must_use]
    pub fn direct(agent: AgentInfo) -> Self {
        Self { agent, way: None }
    }
}

/// A package of a machine's own distribution that brings a server program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// What the distribution calls it.
    pub name: String,
    /// The version of the package, as the distribution writes it.
    pub revision: PackageRevision,
    /// What is in it.
    pub release: Release,
}

impl Package {
    /// The package of an engine with this revision; `None` if that is no release of the engine, but a candidate for one.
    ///
    /// Debian and Ubuntu have the server's program in the package of tools, and in the one that is called like the server a service that
    /// is started as soon as it is installed.
    #[must_use]
    pub fn of(engine: Engine, revision: &str) -> Option<Self> {
        let upstream = revision.split_once(':').map_or(revision, |(_, rest)| rest);
        let end = upstream.find(|next: char| !next.is_ascii_digit() && next != '.').unwrap_or(upstream.len());
        let (version, rest) = upstream.split_at(end);
        let version: Version = version.parse().ok()?;
        let revision: PackageRevision = revision.parse().ok()?;
        let release = Release { package: Some(revision.clone()), ..Release::new(engine, version) };
        (!rest.starts_with('~')).then(|| Self { name: Self::name_for(engine).to_owned(), revision, release })
    }

    /// What the package of an engine is called.
    #[must_use]
    pub const fn name_for(engine: Engine) -> &'static str {
        match engine {
            Engine::Redis => "redis-tools",
            Engine::Valkey => "valkey-tools",
        }
    }
}

/// What a machine's own distribution has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// Which machine.
    pub machine: String,
    /// The packages, the newest first; or why none are known.
    pub packages: Result<Vec<Package>, String>,
}

/// A server program that was fetched and whose digest was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Download {
    /// `redis-server` or `valkey-server`.
    pub file_name: String,
    /// SHA-256 of `content`, 64 hexadecimal digits.
    pub sha256: String,
    /// What it is, as whoever names it says. A platform whose machines are not there yet has to believe that until they are.
    pub release: Release,
    /// The program.
    pub content: Arc<[u8]>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_are_releases_by_their_revisions() {
        for (engine, revision, release) in [
            (Engine::Redis, "5:7.0.15-1~deb12u7", Some("redis 7.0.15 (5:7.0.15-1~deb12u7)")),
            (Engine::Valkey, "8.1.1+dfsg1-3+deb13u3", Some("valkey 8.1.1 (8.1.1+dfsg1-3+deb13u3)")),
            (Engine::Redis, "5:7.0.15-1ubuntu0.24.04.2", Some("redis 7.0.15 (5:7.0.15-1ubuntu0.24.04.2)")),
            (Engine::Redis, "5:8.0.0~rc1-1", None),
            (Engine::Redis, "5:8.0~rc1-1", None),
            (Engine::Redis, "odd", None),
            (Engine::Redis, "", None),
        ] {
            let package = Package::of(engine, revision);
            assert_eq!(package.map(|package| package.release.to_string()).as_deref(), release, "{revision}");
        }
    }
}
