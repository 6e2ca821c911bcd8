//! Passwords and keys: the agent's own, and those of the cluster, which come sealed in the Record.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use justmanage_identity::seal::{self, SealError, SealingPair};
use justmanage_model::{NodeId, PasswordHash, Record, SealingKey, Secret, Vault};
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use serde::{Deserialize, Serialize};

use crate::directory::Directory;

/// The agent's password for its own server, in the node's secrets.
const AGENT_PASSWORD: &str = "agent.password";
/// The key with which the agent opens what is sealed for it.
const SEALING_KEY: &str = "sealing.key";

/// The secrets of the cluster.
#[derive(Clone, Debug)]
pub struct ClusterSecrets {
    /// Private key of the cluster's authority, PEM.
    pub authority_key: Secret<String>,
    /// With which replicas log in to their primary.
    pub replication_password: Secret<String>,
}

/// As it is sealed.
#[derive(Deserialize, Serialize)]
struct Content {
    authority_key: String,
    replication_password: String,
}

/// What this agent can open. Clones share what was opened last.
#[derive(Clone)]
pub struct Secrets {
    node: NodeId,
    pair: Arc<SealingPair>,
    opened: Arc<Mutex<Option<(Vault, ClusterSecrets)>>>,
}

impl Secrets {
    /// The secrets of the node in a directory; its sealing key is made at the first call.
    ///
    /// # Errors
    /// The disk, or no randomness.
    pub fn open(directory: &Directory, node: NodeId) -> io::Result<Self> {
        directory.make(&directory.secrets())?;
        let path = directory.secrets().join(SEALING_KEY);
        let pair = if path.exists() { SealingPair::load(&path) } else { SealingPair::create(&path) };
        let pair = Arc::new(pair.map_err(io::Error::other)?);
        Ok(Self { node, pair, opened: Arc::default() })
    }

    /// The public half of the sealing key.
    pub fn public(&self) -> SealingKey {
        self.pair.public()
    }

    /// The cluster's secrets, as the Record holds them.
    ///
    /// # Errors
    /// [`SealError::NotFor`] until a member has sealed them for this one.
    pub fn of(&self, record: &Record) -> Result<ClusterSecrets, SealError> {
        let vault = record.vault.as_ref().ok_or(SealError::NotFor(self.node))?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, secrets)) = opened.as_ref().filter(|(of, _)| of == vault) {
            return Ok(secrets.clone());
        }
        let text = seal::open(vault, self.node, &self.pair, &context(record))?;
        let content: Content =
            serde_json::from_slice(text.expose()).map_err(|_| SealError::Refused("they are of another release"))?;
        let secrets = ClusterSecrets {
            authority_key: Secret::new(content.authority_key),
            replication_password: Secret::new(content.replication_password),
        };
        *opened = Some((vault.clone(), secrets.clone()));
        Ok(secrets)
    }

    /// Seals new secrets for all members.
    ///
    /// # Errors
    /// A member's sealing key is not valid, or no randomness.
    pub fn seal(&self, record: &Record, secrets: &ClusterSecrets) -> Result<Vault, SealError> {
        let content = Content {
            authority_key: secrets.authority_key.expose().clone(),
            replication_password: secrets.replication_password.expose().clone(),
        };
        let text = serde_json::to_vec(&content).map_err(|_| SealError::Refused("they cannot be written"))?;
        seal::seal(&Secret::new(text), members(record), &context(record))
    }

    /// The same secrets, sealed for members that came later, too.
    ///
    /// # Errors
    /// This agent cannot open them itself, or a member's sealing key is not valid.
    pub fn reseal(&self, record: &Record) -> Result<Vault, SealError> {
        let vault = record.vault.as_ref().ok_or(SealError::NotFor(self.node))?;
        let missing = members(record).filter(|(node, _)| !vault.keys.contains_key(node));
        let mut sealed = seal::reseal(vault, self.node, &self.pair, &context(record), missing)?;
        sealed.keys.retain(|node, _| record.members.contains_key(node));
        Ok(sealed)
    }
}

fn members(record: &Record) -> impl Iterator<Item = (NodeId, SealingKey)> {
    record.members.iter().map(|(node, member)| (*node, member.sealing))
}

fn context(record: &Record) -> Vec<u8> {
    seal::context(record.cluster, record.epoch)
}

/// The agent's password for its server; made at the first call, 256 bits from the operating system.
///
/// # Errors
/// The disk, or no randomness.
pub fn agent_password(directory: &Directory) -> io::Result<Secret<String>> {
    directory.make(&directory.secrets())?;
    let path = directory.secrets().join(AGENT_PASSWORD);
    match std::fs::read_to_string(&path) {
        Ok(password) if !password.is_empty() => return Ok(Secret::new(password)),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let password = new_password()?;
    directory.write_bytes(&path, password.expose().as_bytes())?;
    Ok(password)
}

/// A new password: 256 bits from the operating system, in hexadecimal.
///
/// # Errors
/// No randomness.
pub fn new_password() -> io::Result<Secret<String>> {
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(Secret::new(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
}

/// What the server keeps of a password (`#<SHA-256>` in its rules).
pub fn hash(password: &Secret<String>) -> PasswordHash {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, password.expose().as_bytes()).as_ref());
    PasswordHash::from_digest(bytes)
}
