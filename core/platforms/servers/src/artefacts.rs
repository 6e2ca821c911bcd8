//! Server programs on servers: those that are there, and those that we keep there.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use justmanage_host::KEPT;
use justmanage_model::node::{NodeOrder, ServerProgram};
use justmanage_model::pool::Host;
use justmanage_model::{Artefact, Engine, PackageRevision, Release, Version};
use justmanage_platforms::{ClaimQuery, Download, Package, PlatformError};
use justmanage_ssh::Output;
use tracing::warn;

use crate::ensure::{LIMIT, recent};
use crate::look::{Look, Seen, together};
use crate::platform::Servers;
use crate::programs::sha256;
use crate::scripts::{self, Keep, Kept, status};
use crate::trouble::{self, Kind, Trouble, on_the_way, refused};

/// Longest time to look for programs: each is run once, and read twice.
pub(crate) const LOOK_LIMIT: Duration = Duration::from_secs(60);
/// What one reading of a kept program brings at most (`fetch.sh`).
const BLOCK: usize = 3 << 20;
/// Most of them: 600 MiB. No server is so large.
const BLOCKS: usize = 200;

/// Programs that this process has been given to keep: for servers that are claimed later.
#[derive(Default)]
pub(crate) struct Given {
    by_digest: Mutex<HashMap<String, Arc<[u8]>>>,
    /// Packages that programs come with, by the programs' digests.
    packages: Mutex<HashMap<String, Package>>,
}

impl Given {
    fn keep(&self, program: &Download) {
        let mut given = self.by_digest.lock().unwrap_or_else(PoisonError::into_inner);
        given.entry(program.sha256.clone()).or_insert_with(|| program.content.clone());
    }

    /// Remembers with which package a program comes.
    pub(crate) fn comes_with(&self, sha256: &str, package: &Package) {
        let mut packages = self.packages.lock().unwrap_or_else(PoisonError::into_inner);
        packages.insert(sha256.to_owned(), package.clone());
    }

    /// The package that a program comes with, if it was one of those.
    pub(crate) fn package(&self, sha256: &str) -> Option<Package> {
        self.packages.lock().unwrap_or_else(PoisonError::into_inner).get(sha256).cloned()
    }

    fn get(&self, sha256: &str) -> Option<Arc<[u8]>> {
        self.by_digest.lock().unwrap_or_else(PoisonError::into_inner).get(sha256).cloned()
    }
}

impl Servers {
    /// As [`justmanage_platforms::Platform::servers`]: the programs that all servers have which can have a node, or have one. Which of
    /// them a cluster will get nobody knows yet, and each of its nodes runs the same program at the same place.
    pub(crate) async fn programs_there(
        &self,
        engine: Engine,
        directories: &[PathBuf],
    ) -> Result<Vec<ServerProgram>, PlatformError> {
        let look = self.looks.since(recent()).await;
        let hosts = self.usable(&look)?;
        let lines: Vec<&str> =
            directories.iter().filter_map(|path| path.to_str()).filter(|path| !path.contains('\n')).collect();
        let script = scripts::inspect(engine, &lines.join("\n"));
        let asked = hosts.iter().map(|host| self.shell.carry_out(host, &script, LOOK_LIMIT)).collect();
        let answers = together(&self.pool, asked).await;
        let of = hosts.len();
        let mut there = Vec::new();
        let mut troubles = Vec::new();
        for (host, answer) in hosts.into_iter().zip(answers) {
            match answer {
                Ok(output) if output.succeeded() => there.push((host.to_string(), programs(&output))),
                Ok(output) => troubles.push(refused(host, "looking for server programs", &output)),
                Err(error) => troubles.push(on_the_way(&error)),
            }
        }
        match trouble::all(&troubles, of) {
            Some(error) if there.is_empty() => Err(error),
            _ => Ok(common(there)),
        }
    }

    /// The hosts that can have a node, or have one; at least one of them.
    pub(crate) fn usable(&self, look: &Look) -> Result<Vec<&Host>, PlatformError> {
        let mut hosts: Vec<&Host> = Vec::new();
        for (seen, server) in look.servers.iter().zip(&self.pool.servers) {
            if seen.as_ref().is_ok_and(|seen| seen.order.is_some() || (!server.hidden && seen.is_free())) {
                hosts.push(&server.host);
            }
        }
        match hosts.is_empty() {
            true => Err(look.whole().err().unwrap_or_else(no_server)),
            false => Ok(hosts),
        }
    }

    /// Where a program is to be put: on the servers with a node of this cluster, or of any where none is named; where there are none yet,
    /// on one that is free, to look at only.
    pub(crate) fn takers(
        &self,
        look: &Look,
        cluster: Option<&ClaimQuery>,
    ) -> Result<(Vec<usize>, bool), PlatformError> {
        let is_meant = |order: &NodeOrder| cluster.is_none_or(|cluster| cluster.matches(&order.claim));
        let on: Vec<usize> = look.claimed().filter(|(_, order, _)| is_meant(order)).map(|(at, _, _)| at).collect();
        if !on.is_empty() {
            return Ok((on, true));
        }
        // Whether it runs at all, a server that is nobody's can say as well.
        let mut servers = look.servers.iter().zip(&self.pool.servers);
        let free = servers.position(|(seen, server)| !server.hidden && seen.as_ref().is_ok_and(Seen::is_free));
        Ok((vec![free.ok_or_else(|| look.whole().err().unwrap_or_else(no_server))?], false))
    }

    /// As [`justmanage_platforms::Platform::store`]. For servers that get a node later, this process remembers it
    /// ([`Servers::deliver`]).
    pub(crate) async fn keep(
        &self,
        program: &Download,
        cluster: Option<&ClaimQuery>,
    ) -> Result<ServerProgram, PlatformError> {
        self.given.keep(program);
        let look = self.looks.since(recent()).await;
        let (on, keep) = self.takers(&look, cluster)?;
        let kept = Kept { file_name: &program.file_name, sha256: &program.sha256 };
        let asked = on.iter().map(|at| self.put(*at, kept, keep, &program.content)).collect();
        let answers = together(&self.pool, asked).await;
        let mut troubles = Vec::new();
        let mut found = None;
        for (at, answer) in on.iter().zip(answers) {
            match answer {
                Ok(output) => match programs(&output).into_iter().next() {
                    Some(there) => found = Some(there),
                    // Its node was removed meanwhile.
                    None if output.status == Some(status::THEIRS) => {}
                    None => troubles.push(no_program(&self.pool.servers[*at].host.to_string(), &program.file_name)),
                },
                Err(trouble) => troubles.push(trouble),
            }
        }
        if let Some(error) = trouble::all(&troubles, on.len()) {
            return Err(error);
        }
        let found = found.ok_or_else(no_server)?;
        Ok(ServerProgram { path: Path::new(KEPT).join(&program.sha256).join(&program.file_name), ..found })
    }

    /// Puts a program where this platform keeps them on the server of a node, if it is one of those. `false`: the server has no node.
    pub(crate) async fn deliver(&self, at: usize, look: &Look, program: &Artefact) -> Result<bool, PlatformError> {
        let Some(kept) = kept(program) else { return Ok(true) };
        let mut output = self.store_on(at, kept, true, None).await?;
        if output.status == Some(status::NEEDED)
            && let Some(package) = self.package_of(at, look, kept).await
        {
            // With what its program needs: the program alone would not run.
            output = match self.install_on(at, &package, Keep::Program, Some(kept.sha256)).await {
                Ok(output) => output,
                Err(trouble) => self.borrow_program(at, look, kept, &package).await.ok_or(trouble)?,
            };
        } else if output.status == Some(status::NEEDED) {
            let content = match self.given.get(kept.sha256) {
                Some(content) => content,
                None => self.fetch(at, look, kept).await?,
            };
            output = self.store_on(at, kept, true, Some(&content)).await?;
        }
        Ok(output.succeeded())
    }

    /// An index mostly has no revision of a package but the newest. What the program needs comes with that one then, and the program itself
    /// from another server. `None`: it does not run so, or cannot be had.
    async fn borrow_program(&self, at: usize, look: &Look, kept: Kept<'_>, package: &Package) -> Option<Output> {
        let content = self.fetch(at, look, kept).await.ok()?;
        self.install_on(at, package, Keep::Libraries, None).await.ok()?;
        let output = self.store_on(at, kept, true, Some(&content)).await.ok()?;
        (!programs(&output).is_empty()).then_some(output)
    }

    /// Puts a program on a server, unless it is there.
    async fn put(&self, at: usize, kept: Kept<'_>, keep: bool, content: &[u8]) -> Result<Output, Trouble> {
        let lean = self.store_on(at, kept, keep, None).await?;
        match lean.status {
            Some(status::NEEDED) => self.store_on(at, kept, keep, Some(content)).await,
            _ => Ok(lean),
        }
    }

    /// Has a server keep a program, or look at it: it has it then, is another node's, or, where no content came along, needs that.
    async fn store_on(&self, at: usize, kept: Kept<'_>, keep: bool, content: Option<&[u8]>) -> Result<Output, Trouble> {
        let host = &self.pool.servers[at].host;
        let output = self.shell.carry_out(host, &scripts::store(kept, keep, content), LIMIT).await;
        let output = output.map_err(|error| on_the_way(&error))?;
        match output.status {
            Some(0 | status::THEIRS) => Ok(output),
            Some(status::NEEDED) if content.is_none() => Ok(output),
            _ => Err(refused(host, "storing the server program", &output)),
        }
    }

    /// Brings a program from another server that has it.
    async fn fetch(&self, not: usize, look: &Look, kept: Kept<'_>) -> Result<Arc<[u8]>, PlatformError> {
        let others: Vec<usize> = look.claimed().map(|(at, _, _)| at).filter(|at| *at != not).collect();
        for at in others {
            if let Some(content) = self.fetch_from(at, kept).await {
                return Ok(content.into());
            }
        }
        Err(PlatformError::Failed {
            what: format!("no server of the pool has {} any more, whose SHA-256 is {}", kept.file_name, kept.sha256),
            hint: "The cluster runs it, and its nodes are not in the pool, or lost. Put the file below \
                   /var/lib/justmanage/artifacts on one of them, in a directory that is called by its SHA-256."
                .into(),
        })
    }

    async fn fetch_from(&self, at: usize, kept: Kept<'_>) -> Option<Vec<u8>> {
        let host = &self.pool.servers[at].host;
        let mut content = Vec::new();
        for block in 0..BLOCKS {
            let output = self.carry_out(host, &scripts::fetch(kept, block), LOOK_LIMIT).await.ok()?;
            content.extend_from_slice(&output.stdout);
            if !output.succeeded() || output.stdout.len() < BLOCK {
                break;
            }
        }
        (sha256(&content) == kept.sha256).then_some(content)
    }
}

/// Which program a cluster's is, if it is one of those that we keep.
fn kept(program: &Artefact) -> Option<Kept<'_>> {
    let inside = program.server().strip_prefix(KEPT).ok()?.to_str()?;
    let (directory, file_name) = inside.split_once('/')?;
    (directory == program.sha256() && !file_name.contains('/')).then_some(Kept { file_name, sha256: program.sha256() })
}

/// The programs that a script has seen, each once.
pub(crate) fn programs(output: &Output) -> Vec<ServerProgram> {
    let mut found: Vec<ServerProgram> = Vec::new();
    for program in String::from_utf8_lossy(&output.stdout).lines().filter_map(program) {
        if !found.contains(&program) {
            found.push(program);
        }
    }
    found
}

/// A line of `look.sh`.
fn program(line: &str) -> Option<ServerProgram> {
    let mut words = line.split('\t');
    if words.next()? != "program" {
        return None;
    }
    let (path, sha256, tls, package, said) =
        (words.next()?, words.next()?, words.next()?, words.next()?, words.next()?);
    let (engine, version) = version(said)?;
    let package = package.parse::<PackageRevision>().ok().filter(|package| package.is_of(version));
    let release = Release { engine, version, package };
    Some(ServerProgram { path: path.into(), release, tls: tls == "yes", sha256: sha256.to_owned() })
}

/// `Redis server v=7.0.15 sha=...` or `Valkey server v=8.0.1 sha=...`.
fn version(said: &str) -> Option<(Engine, Version)> {
    let mut words = said.split_whitespace();
    let engine = match (words.next()?, words.next()?) {
        ("Redis", "server") => Engine::Redis,
        ("Valkey", "server") => Engine::Valkey,
        _ => return None,
    };
    Some((engine, words.next()?.strip_prefix("v=")?.parse().ok()?))
}

/// The programs that all have, in the order of the first. Of the others it is said where they are missing: whoever looks for one in
/// vain would otherwise not know why.
fn common(there: Vec<(String, Vec<ServerProgram>)>) -> Vec<ServerProgram> {
    let Some((_, first)) = there.first() else { return Vec::new() };
    let everywhere = |program: &&ServerProgram| there.iter().all(|(_, others)| others.contains(program));
    let common: Vec<ServerProgram> = first.iter().filter(everywhere).cloned().collect();
    for (host, programs) in &there {
        for program in programs.iter().filter(|program| !common.contains(program)) {
            let lacking = there.iter().filter(|(_, others)| !others.contains(program)).map(|(host, _)| host.clone());
            let lacking: Vec<String> = lacking.collect();
            let path = program.path.display();
            warn!(
                server = host.as_str(),
                %path,
                release = %program.release,
                lacking = trouble::list(lacking.into_iter(), ", "),
                "a server program is not considered, since not all servers have it, or not the same"
            );
        }
    }
    common
}

pub(crate) fn no_server() -> PlatformError {
    PlatformError::Quota {
        what: "no server of the pool can have a node".into(),
        hint: "Plan again with other servers in the pool.".into(),
    }
}

pub(crate) fn no_program(host: &str, file_name: &str) -> Trouble {
    Trouble {
        kind: Kind::Invalid,
        what: format!("{host}: {file_name} is no server program that runs there"),
        hint: "Check that it was built for that server's processor and libraries: run it there with --version.".into(),
    }
}

#[cfg(test)]
mod tests;
