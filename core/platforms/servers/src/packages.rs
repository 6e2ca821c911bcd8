//! Packages of the servers' own distributions: what there is of them, and how they come onto servers.
//!
//! A package is installed on every server that has a node, held there, and its program is copied to where programs are kept: an upgrade of
//! packages changes neither. A note beside the copy says with which package it came, so that a server which is claimed later, by a
//! process that was told nothing, gets the same with everything that it needs.

use std::path::Path;

use justmanage_host::KEPT;
use justmanage_model::Engine;
use justmanage_model::node::ServerProgram;
use justmanage_platforms::{Offer, Package, PlatformError};
use justmanage_ssh::Output;

use crate::artefacts::{LOOK_LIMIT, no_program, no_server, programs};
use crate::ensure::{LIMIT, recent};
use crate::look::{Look, together};
use crate::platform::Servers;
use crate::scripts::{self, Keep, Kept, status};
use crate::trouble::{self, Kind, Trouble, on_the_way, refused};

impl Servers {
    /// As [`justmanage_platforms::Platform::packages`].
    pub(crate) async fn offers(&self, engine: Engine) -> Result<Vec<Offer>, PlatformError> {
        let look = self.looks.since(recent()).await;
        let hosts = self.usable(&look)?;
        let script = scripts::offers(Package::name_for(engine));
        let asked = hosts.iter().map(|host| self.shell.carry_out(host, &script, LOOK_LIMIT)).collect();
        let answers = together(&self.pool, asked).await;
        let mut troubles = Vec::new();
        let mut offers = Vec::new();
        for (host, answer) in hosts.iter().zip(answers) {
            let packages = match answer {
                Ok(output) if output.succeeded() => Ok(offered(engine, &output)),
                Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
                Err(error) => {
                    troubles.push(on_the_way(&error));
                    Err("it does not answer".to_owned())
                }
            };
            offers.push(Offer { machine: host.to_string(), packages });
        }
        match trouble::all(&troubles, hosts.len()) {
            Some(error) if troubles.len() == hosts.len() => Err(error),
            _ => Ok(offers),
        }
    }

    /// As [`justmanage_platforms::Platform::install`]: on every server that has a node, since nobody says whose cluster it is for. Where none
    /// has one yet, a server that is free says what is in the package.
    pub(crate) async fn install_everywhere(&self, package: &Package) -> Result<ServerProgram, PlatformError> {
        let look = self.looks.since(recent()).await;
        let (on, keep) = self.takers(&look, None)?;
        let keep = if keep { Keep::Program } else { Keep::Nothing };
        let asked = on.iter().map(|at| self.install_on(*at, package, keep, None)).collect();
        let answers = together(&self.pool, asked).await;
        let mut troubles = Vec::new();
        let mut found: Vec<(String, ServerProgram)> = Vec::new();
        for (at, answer) in on.iter().zip(answers) {
            let host = self.pool.servers[*at].host.to_string();
            match answer {
                Ok(output) => match programs(&output).into_iter().next() {
                    Some(there) if there.release.version == package.release.version => found.push((host, there)),
                    Some(other) => troubles.push(another(&host, package, &other)),
                    // Its node was removed meanwhile.
                    None if output.status == Some(status::THEIRS) => {}
                    None => troubles.push(no_program(&host, &package.name)),
                },
                Err(trouble) => troubles.push(trouble),
            }
        }
        troubles.extend(odd_ones(package, &found));
        if let Some(error) = trouble::all(&troubles, on.len()) {
            return Err(error);
        }
        let (_, program) = found.into_iter().next().ok_or_else(no_server)?;
        self.given.comes_with(&program.sha256, package);
        let path = Path::new(KEPT).join(&program.sha256).join(package.release.engine.server_binary());
        Ok(ServerProgram { path, release: package.release.clone(), ..program })
    }

    /// Installs a package on a server, or looks at it there.
    pub(crate) async fn install_on(
        &self,
        at: usize,
        package: &Package,
        keep: Keep,
        sha256: Option<&str>,
    ) -> Result<Output, Trouble> {
        let host = &self.pool.servers[at].host;
        let output = self.shell.carry_out(host, &scripts::install_package(package, keep, sha256), LIMIT).await;
        let output = output.map_err(|error| on_the_way(&error))?;
        match output.status {
            Some(0 | status::THEIRS) => Ok(output),
            _ => {
                let trouble = refused(host, "installing its package", &output);
                let hint = format!(
                    "See that {host} has {} {} in its index (apt-get update) and can reach where it comes from. {}",
                    package.name, package.revision, trouble.hint
                );
                Err(Trouble { hint, ..trouble })
            }
        }
    }

    /// The package that a program came with, as this process or another server of the pool knows; `None`: it came with none.
    pub(crate) async fn package_of(&self, not: usize, look: &Look, kept: Kept<'_>) -> Option<Package> {
        if let Some(package) = self.given.package(kept.sha256) {
            return Some(package);
        }
        let engine = Engine::ALL.into_iter().find(|engine| engine.server_binary() == kept.file_name)?;
        for at in look.claimed().map(|(at, _, _)| at).filter(|at| *at != not) {
            let host = &self.pool.servers[at].host;
            let Ok(output) = self.carry_out(host, &scripts::origin(kept.sha256), LOOK_LIMIT).await else { continue };
            let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
            let Some((name, revision)) = said.split_once(' ') else { continue };
            if let Some(package) = Package::of(engine, revision).filter(|package| package.name == name) {
                return Some(package);
            }
        }
        None
    }
}

fn another(host: &str, package: &Package, there: &ServerProgram) -> Trouble {
    Trouble {
        kind: Kind::Invalid,
        what: format!("{host}: {} {} is {}", package.name, package.revision, there.release),
        hint: "Look at where that server's packages come from.".into(),
    }
}

/// The packages that a script has seen, each once, in its order.
fn offered(engine: Engine, output: &Output) -> Vec<Package> {
    let mut packages: Vec<Package> = Vec::new();
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        let revision = line.strip_prefix("package\t");
        if let Some(package) = revision.and_then(|revision| Package::of(engine, revision))
            && !packages.contains(&package)
        {
            packages.push(package);
        }
    }
    packages
}

/// Servers on which a package is not what it is on the first: another processor, or another distribution that counts alike.
fn odd_ones(package: &Package, found: &[(String, ServerProgram)]) -> Vec<Trouble> {
    let Some((first, program)) = found.first() else { return Vec::new() };
    let others = found.iter().filter(|(_, other)| other.sha256 != program.sha256);
    let odd = others.map(|(host, other)| Trouble {
        kind: Kind::Invalid,
        what: format!(
            "{host}: {} {} has another program than on {first} (SHA-256 {}, not {})",
            package.name, package.revision, other.sha256, program.sha256
        ),
        hint: "All servers of a cluster run the same program: take servers of one processor and one distribution."
            .into(),
    });
    odd.collect()
}
