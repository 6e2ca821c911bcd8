//! Server programs: the one that a version means is found on the machine, or fetched and verified.

mod fetch;

use std::path::PathBuf;

use justmanage_model::node::ServerProgram;
use justmanage_model::{Artefact, ClusterSpec, Engine, Failure, FieldPath, Release, ReleaseTarget, Version};
use justmanage_platforms::{ClaimQuery, Offer, Package, Platform};
use ring::digest;
use tracing::{debug, info};

use crate::manager::from_platform;

/// One entry of the provider's `artifacts`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A directory of the machine with server programs in it, in its `bin`, or the same one level down.
    Directory(PathBuf),
    /// The package of the machines' own distribution: of one engine, or of either.
    Distribution {
        /// Of which.
        engine: Option<Engine>,
    },
    /// An archive (`.tar.gz`) or a bare program to fetch.
    Url {
        /// `https://`, `http://` or `file://`.
        url: String,
        /// SHA-256 of what is fetched, 64 hexadecimal digits.
        sha256: String,
        /// What is in it.
        engine: Engine,
        /// What is in it.
        version: Version,
    },
}

/// Where server programs come from: the user's sources in their order, then the search path.
#[derive(Clone, Debug, Default)]
pub struct Artefacts {
    sources: Vec<Source>,
}

/// The program that a version means here and now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// The machine has it.
    Present(ServerProgram),
    /// Machines have to install it, and all of them can.
    Install(Package),
    /// It has to be fetched; nothing was fetched yet.
    Fetch {
        /// From where.
        url: String,
        /// SHA-256 of what is there.
        sha256: String,
        /// What it holds.
        version: Version,
    },
}

impl Choice {
    fn version(&self) -> Version {
        match self {
            Self::Present(program) => program.release.version,
            Self::Install(package) => package.release.version,
            Self::Fetch { version, .. } => *version,
        }
    }
}

impl Artefacts {
    /// Programs from these sources, and from the search path.
    pub fn new(sources: Vec<Source>) -> Self {
        Self { sources }
    }

    /// Which program a version means: the newest patch that can be had. Nothing is fetched, so a plan can ask.
    ///
    /// # Errors
    /// A failure about `version` that says what was found instead, and how to get what is asked for.
    pub async fn choose(&self, platform: &dyn Platform, spec: &ClusterSpec) -> Result<Choice, Failure> {
        let (engine, target) = (spec.engine, spec.version);
        let found = platform.servers(engine, &self.directories()).await.map_err(|error| from_platform(&error))?;
        let mut best: Option<Choice> = None;
        let fetchable = self.sources.iter().filter_map(|source| match source {
            Source::Url { url, sha256, engine: of, version } if *of == engine => {
                Some(Choice::Fetch { url: url.clone(), sha256: sha256.clone(), version: *version })
            }
            _ => None,
        });
        let asks_distribution =
            |source: &Source| matches!(source, Source::Distribution { engine: of } if of.is_none_or(|of| of == engine));
        let offers = match self.sources.iter().any(asks_distribution) {
            true => platform.packages(engine).await.map_err(|error| from_platform(&error))?,
            false => Vec::new(),
        };
        let packages = everywhere(&offers).into_iter().map(Choice::Install);
        // Of equal versions the first one wins. A package that is asked for comes before the same that is there: it is held, and what
        // runs is a copy that no upgrade changes. Then what is there, in the user's order.
        let usable = |program: &&ServerProgram| program.tls || spec.testing.plaintext;
        let present = found.iter().filter(usable).cloned().map(Choice::Present);
        for choice in packages.chain(present).chain(fetchable) {
            if target.admits(choice.version()) && best.as_ref().is_none_or(|b| b.version() < choice.version()) {
                best = Some(choice);
            }
        }
        debug!(%engine, %target, found = found.len(), "looked for server programs");
        best.ok_or_else(|| nothing_found(engine, target, &found, &offers))
    }

    /// The program itself, ready to run on the platform's machines: on those of a cluster, if there is one, and on those to come.
    ///
    /// # Errors
    /// As [`Artefacts::choose`]; and failures about `artifacts` when fetching or verifying fails.
    pub async fn obtain(
        &self,
        platform: &dyn Platform,
        spec: &ClusterSpec,
        cluster: Option<&ClaimQuery>,
    ) -> Result<(Release, Artefact), Failure> {
        let program = match self.choose(platform, spec).await? {
            Choice::Present(program) => program,
            Choice::Install(package) => {
                info!(package = package.name, revision = %package.revision, "installing the servers' package");
                let program = platform.install(&package).await.map_err(|error| from_platform(&error))?;
                if !program.tls && !spec.testing.plaintext {
                    let detail = format!("{} {} was built without TLS.", package.name, package.revision);
                    let about = FieldPath::of("version");
                    return Err(Failure::at(about, "Server program without TLS", detail));
                }
                program
            }
            Choice::Fetch { url, sha256, version } => {
                info!(%url, "fetching the server program");
                let download = fetch::program(Release::new(spec.engine, version), &url, &sha256).await?;
                let program = platform.store(&download, cluster).await.map_err(|error| from_platform(&error))?;
                check(&program, spec, version, &url)?;
                program
            }
        };
        let artefact =
            Artefact::new(program.path, program.sha256).map_err(|error| error.at(FieldPath::of("version")))?;
        Ok((program.release, artefact))
    }

    fn directories(&self) -> Vec<PathBuf> {
        self.sources
            .iter()
            .filter_map(|source| match source {
                Source::Directory(path) => Some(path.clone()),
                Source::Url { .. } | Source::Distribution { .. } => None,
            })
            .collect()
    }
}

/// Whether what was fetched is what its entry says.
fn check(program: &ServerProgram, spec: &ClusterSpec, version: Version, url: &str) -> Result<(), Failure> {
    let (release, engine) = (&program.release, spec.engine);
    let problem = if release.engine != engine || release.version != version {
        format!("it holds {release}, not {engine} {version}")
    } else if !program.tls && !spec.testing.plaintext {
        "the program in it was built without TLS".to_owned()
    } else {
        return Ok(());
    };
    Err(Failure::at(FieldPath::root(), "Artifact is not what it is said to be", format!("{url}: {problem}."))
        .hint("Correct `engine`, `version` or `url` of this entry of `artifacts` in the provider block."))
}

/// SHA-256 of a content: 64 hexadecimal digits.
#[must_use]
pub fn sha256_of(content: &[u8]) -> String {
    digest::digest(&digest::SHA256, content).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Packages that all machines can have, in the order of the first: all servers of a cluster run the same.
fn everywhere(offers: &[Offer]) -> Vec<Package> {
    let of = |offer: &Offer| offer.packages.clone().unwrap_or_default();
    let Some(first) = offers.first() else { return Vec::new() };
    of(first).into_iter().filter(|package| offers.iter().all(|offer| of(offer).contains(package))).collect()
}

/// What each machine's distribution has, a sentence each.
fn told(engine: Engine, offers: &[Offer]) -> String {
    let name = Package::name_for(engine);
    let each = offers.iter().map(|Offer { machine, packages }| match packages {
        Err(why) => format!("{machine}: {}.", why.trim_end_matches('.')),
        Ok(packages) if packages.is_empty() => format!("{machine}: its package index has no {name}."),
        Ok(packages) => {
            let revisions: Vec<&str> = packages.iter().map(|package| package.revision.as_str()).collect();
            format!("{machine}: its package index has {name} {}.", revisions.join(", "))
        }
    });
    each.collect::<Vec<_>>().join("\n")
}

fn nothing_found(engine: Engine, target: ReleaseTarget, found: &[ServerProgram], offers: &[Offer]) -> Failure {
    if !offers.is_empty() {
        let detail = format!(
            "No {engine}-server of version {target} is there that all servers have, and no package of their distributions:\n{}",
            told(engine, offers)
        );
        let hint = "Run apt-get update where an index is old, take servers of one distribution into the pool, ask for a version that \
                    all of them have, or add an archive to `artifacts` of the provider block.";
        return Failure::at(FieldPath::of("version"), "Server program not found", detail).hint(hint);
    }
    let program = format!("{engine}-server");
    let others: Vec<String> = found
        .iter()
        .map(|p| {
            let tls = if p.tls { "" } else { ", built without TLS" };
            format!("{} ({}{tls})", p.release, p.path.display())
        })
        .collect();
    let found = if others.is_empty() {
        format!("No {program} was found on the search path or in the provider's `artifacts`.")
    } else {
        format!("Found on this machine: {}.", others.join("; "))
    };
    Failure::at(
        FieldPath::of("version"),
        "Server program not found",
        format!("No {program} of version {target} with TLS can be had. {found}"),
    )
    .hint(format!(
        "Install it (Debian and Ubuntu: apt-get install {engine}-server, and stop the service that comes with it), or tell \
         the provider where it is: artifacts = [{{ directory = \"/opt/{engine}\" }}] or artifacts = [{{ url = \"https://...\", \
         sha256 = \"...\", engine = \"{engine}\", version = \"x.y.z\" }}]. Servers of your own (`servers`) can install their \
         distribution's package: artifacts = [{{ distribution = true }}]."
    ))
}
