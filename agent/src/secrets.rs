//! The password with which the agent logs in to its own server.

use std::io;

use justmanage_model::{PasswordHash, Secret};
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};

use crate::directory::Directory;

/// The agent's password, in the node's secrets.
const AGENT_PASSWORD: &str = "agent.password";

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
    let mut bytes = [0; 32];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("no random numbers"))?;
    let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    directory.write_bytes(&path, password.as_bytes())?;
    Ok(Secret::new(password))
}

/// What the server keeps of a password (`#<SHA-256>` in its rules).
pub fn hash(password: &Secret<String>) -> PasswordHash {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest::digest(&digest::SHA256, password.expose().as_bytes()).as_ref());
    PasswordHash::from_digest(bytes)
}
