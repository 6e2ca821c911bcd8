//! What played machines keep, and what was done to them through their agents.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use justmanage_model::Version;
use justmanage_model::node::ServerProgram;
use justmanage_platform_cloud::{Inventory, KEPT};
use justmanage_platforms::{Download, Limits, PlatformError};

/// The machines of a place, by where their agents listen.
#[derive(Debug, Default)]
pub struct Shelves(Mutex<BTreeMap<SocketAddr, Shelf>>);

/// What one machine has.
#[derive(Debug, Default)]
pub struct Shelf {
    programs: Vec<(ServerProgram, Arc<[u8]>)>,
    /// What was placed in the place of its agent, by SHA-256.
    pub builds: Vec<(String, Version)>,
    /// What its server was limited to, the latest last.
    pub limits: Vec<Limits>,
    /// As which release programs run here, if not as the one that they are said to be.
    pub runs_as: Option<Version>,
    /// How often whoever comes with a program is told to come later.
    pub busy: u32,
    /// How many programs were sent here.
    pub sent: usize,
}

impl Shelves {
    /// That of one machine.
    ///
    /// # Panics
    /// Somebody panicked with it.
    pub fn of<T>(&self, agent: SocketAddr, look: impl FnOnce(&mut Shelf) -> T) -> T {
        look(self.lock().entry(agent).or_default())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<SocketAddr, Shelf>> {
        self.0.lock().expect("nobody panics with a shelf")
    }
}

impl Shelf {
    pub(crate) fn inventory(&self) -> Inventory {
        let kept = self.programs.iter().map(|(program, _)| program.clone()).collect();
        Inventory { kept, machine: "x86_64".to_owned() }
    }

    pub(crate) fn keep(&mut self, program: &Download) -> Result<ServerProgram, PlatformError> {
        if let Some((there, _)) = self.programs.iter().find(|(there, _)| there.sha256 == program.sha256) {
            return Ok(there.clone());
        }
        if self.busy > 0 {
            self.busy -= 1;
            let (what, hint) = ("another program is on its way".to_owned(), "Apply again.".to_owned());
            return Err(PlatformError::Conflict { what, hint });
        }
        let mut release = program.release.clone();
        release.version = self.runs_as.unwrap_or(release.version);
        let path = Path::new(KEPT).join(&program.sha256).join(&program.file_name);
        let there = ServerProgram { path, release, tls: true, sha256: program.sha256.clone() };
        self.programs.push((there.clone(), program.content.clone()));
        self.sent += 1;
        Ok(there)
    }

    pub(crate) fn read(&self, program: &ServerProgram) -> Option<Download> {
        let (there, content) = self.programs.iter().find(|(there, _)| there.sha256 == program.sha256)?;
        let file_name = there.path.file_name()?.to_str()?.to_owned();
        Some(Download {
            file_name,
            sha256: there.sha256.clone(),
            release: there.release.clone(),
            content: content.clone(),
        })
    }
}
