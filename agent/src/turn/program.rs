//! Which program the server is, was, and is to be.

use std::collections::BTreeMap;

use justmanage_engine::{OwnUsers, Reach};
use justmanage_model::{NodeId, Program, Record, Release};
use justmanage_releases::{KeyCheck, check_config_key};
use tracing::warn;

use super::act::StepError;
use super::{Started, Turn};
use crate::content::sha256;
use crate::secrets;

impl Turn {
    /// The program that the server was started with last.
    pub(super) fn ran(&self) -> Option<Program> {
        self.started().and_then(|started| started.program)
    }

    /// The program that the server may be started with.
    pub(super) fn program(&self, record: &Record) -> Program {
        record.program_for(self.tools.info.claim.node, self.ran().as_ref())
    }

    /// What runs, and what its files are written for.
    pub(super) fn running(&self, record: &Record) -> Release {
        self.ran().map_or_else(|| record.release.clone(), |program| program.release)
    }

    /// Writes down what the server was started with, if an older agent did not: it is one of the two that the Record knows.
    pub(super) fn learn_program(&self, record: &Record, started: Option<Started>, runs: &Release) {
        let Some(started) = started.filter(|started| started.program.is_none()) else { return };
        let known = [Some(record.program()), record.previous.clone()].into_iter().flatten();
        let Some(program) = known.into_iter().find(|program| program.release.agrees_with(runs)) else { return };
        let directory = &self.tools.directory;
        if let Err(error) = directory.write(&directory.started(), &Started { program: Some(program), ..started }) {
            warn!(error = error.to_string(), "what the server was started with cannot be written");
        }
    }

    /// The configuration as a release understands it. One that others go over from, or to, may lack keys that the cluster is to
    /// have, and does not start with what it does not know.
    pub(super) fn config_for(&self, record: &Record, release: &Release) -> BTreeMap<String, String> {
        let mut config = record.wanted_config(self.tools.info.claim.node);
        if *release != record.release {
            let lacks = |key: &str| {
                let check = check_config_key(release.engine, release.version.line(), key);
                matches!(check, KeyCheck::OtherLine(_) | KeyCheck::Unknown { certain: true, .. })
            };
            config.retain(|key, _| !lacks(key));
        }
        config
    }

    /// Whether a program that the server has not run yet is what it is to be. Asked before the one that runs is stopped.
    pub(super) async fn check_program(&self, record: &Record) -> Result<(), StepError> {
        let program = self.program(record);
        if self.ran().is_none_or(|ran| ran.is_same(&program)) {
            return Ok(());
        }
        let path = program.artefact.server();
        let found = sha256(path).await.map_err(|error| StepError::Program(path.to_owned(), error.to_string()))?;
        match found == program.artefact.sha256() {
            true => Ok(()),
            false => Err(StepError::Program(path.to_owned(), format!("its SHA-256 is {found}"))),
        }
    }

    /// Writes the file of users for a release, and returns the hashes of our own passwords.
    pub(super) fn write_users(&self, record: &Record, release: &Release) -> Result<OwnUsers, StepError> {
        let cluster = self.tools.secrets.of(record)?;
        let own = OwnUsers {
            agent: secrets::hash(self.tools.access.password()),
            replication: secrets::hash(&cluster.replication_password),
            probe: secrets::hash(&cluster.probe_password()),
            reach: reach(record, self.tools.info.claim.node),
            beside: cluster.beside(),
        };
        let text = justmanage_engine::acl::render(&record.users, release, &own);
        let directory = &self.tools.directory;
        directory.write_bytes(&directory.users(), text.as_bytes())?;
        Ok(own)
    }
}

/// How far our own users reach at a node's server: slots are weighed before a grant says which of them move, and while the cluster
/// has the shape that is asked for nobody does either.
pub(super) fn reach(record: &Record, node: NodeId) -> Reach {
    match record.reshaping {
        _ if record.reshard_of(node).is_some() => Reach::Moving,
        Some(_) => Reach::Weighing,
        None => Reach::Usual,
    }
}
