//! Passwords and keys: the agent's own, and those of the cluster, which come sealed in the Record.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use justmanage_identity::seal::{self, SealError, SealingPair};
use justmanage_model::{Generation, NodeId, PasswordHash, Record, SealingKey, Secret, Vault};
use ring::rand::{SecureRandom, SystemRandom};
use ring::{digest, hmac};
use serde::{Deserialize, Serialize};

use crate::directory::Directory;

/// The agent's password for its own server, in the node's secrets.
const AGENT_PASSWORD: &str = "agent.password";
/// The key with which the agent opens what is sealed for it.
const SEALING_KEY: &str = "sealing.key";

/// The secrets of the cluster.
#[derive(Clone, Debug)]
pub struct ClusterSecrets {
    /// What certificates are issued with.
    pub authority: AuthorityKey,
    /// What they will be issued with, from an authority that is announced.
    pub next_authority: Option<AuthorityKey>,
    /// With which replicas log in to their primary.
    pub replication_password: Secret<String>,
    /// With which they are let in besides, while one follows another.
    pub other_password: Option<Secret<String>>,
}

/// What an authority issues certificates with.
#[derive(Clone, Debug)]
pub struct AuthorityKey {
    /// The generation in its name ([`crate::authority::found`]); the first one of a cluster has none.
    pub named: Option<Generation>,
    /// Its private key, PEM.
    pub key: Secret<String>,
}

/// What the probe's password is derived for. Another text, another password.
const PROBE: &[u8] = b"justmanage probe 1";

impl ClusterSecrets {
    /// With which the probe logs in to every server of the cluster: derived, so that no vault has to hold another secret.
    pub fn probe_password(&self) -> Secret<String> {
        probe_password(&self.replication_password)
    }

    /// Hashes of what replicas and the probe are let in with besides.
    pub fn beside(&self) -> Option<(PasswordHash, PasswordHash)> {
        self.other_password.as_ref().map(|other| (hash(other), hash(&probe_password(other))))
    }
}

fn probe_password(replication: &Secret<String>) -> Secret<String> {
    let key = hmac::Key::new(hmac::HMAC_SHA256, replication.expose().as_bytes());
    Secret::new(hmac::sign(&key, PROBE).as_ref().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// As it is sealed.
#[derive(Deserialize, Serialize)]
struct Content {
    authority_key: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    authority_named: Option<Generation>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_authority_key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    next_authority_named: Option<Generation>,
    replication_password: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    other_password: Option<String>,
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
        let next_authority = content
            .next_authority_key
            .map(|key| AuthorityKey { named: content.next_authority_named, key: Secret::new(key) });
        let secrets = ClusterSecrets {
            authority: AuthorityKey { named: content.authority_named, key: Secret::new(content.authority_key) },
            next_authority,
            replication_password: Secret::new(content.replication_password),
            other_password: content.other_password.map(Secret::new),
        };
        *opened = Some((vault.clone(), secrets.clone()));
        Ok(secrets)
    }

    /// Seals new secrets for all members and spares.
    ///
    /// # Errors
    /// A member's sealing key is not valid, or no randomness.
    pub fn seal(&self, record: &Record, secrets: &ClusterSecrets) -> Result<Vault, SealError> {
        let ClusterSecrets { authority, next_authority, .. } = secrets;
        let content = Content {
            authority_key: authority.key.expose().clone(),
            authority_named: authority.named,
            next_authority_key: next_authority.as_ref().map(|next| next.key.expose().clone()),
            next_authority_named: next_authority.as_ref().and_then(|next| next.named),
            replication_password: secrets.replication_password.expose().clone(),
            other_password: secrets.other_password.as_ref().map(|other| other.expose().clone()),
        };
        let text = serde_json::to_vec(&content).map_err(|_| SealError::Refused("they cannot be written"))?;
        seal::seal(&Secret::new(text), agents(record), &context(record))
    }

    /// The same secrets, sealed for those that came later, too.
    ///
    /// # Errors
    /// This agent cannot open them itself, or a member's sealing key is not valid.
    pub fn reseal(&self, record: &Record) -> Result<Vault, SealError> {
        let vault = record.vault.as_ref().ok_or(SealError::NotFor(self.node))?;
        let missing = agents(record).filter(|(node, _)| !vault.keys.contains_key(node));
        let mut sealed = seal::reseal(vault, self.node, &self.pair, &context(record), missing)?;
        sealed.keys.retain(|node, _| record.belongs(*node));
        Ok(sealed)
    }
}

/// Spares, too: one of them may lead.
fn agents(record: &Record) -> impl Iterator<Item = (NodeId, SealingKey)> {
    record.agents().map(|(node, agent)| (node, agent.sealing))
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
