//! Database users: each user resource writes its own entry of the Record and no other.

use justmanage_model::{Failure, PasswordHash, Secret, User, UserName};
use tokio_util::sync::CancellationToken;

use super::{Manager, Observed};
use crate::Locator;

impl Manager {
    /// Makes a user as given, and waits until the servers know it.
    ///
    /// # Errors
    /// The cluster does not exist or does not get there; the user may be in the Record by then, so calling again is right.
    pub async fn put_user(
        &self,
        locator: &Locator,
        name: &UserName,
        user: &User,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        self.change_users(locator, cancel, |users| {
            users.insert(name.clone(), user.clone());
        })
        .await
    }

    /// Removes a user, and waits until the servers have forgotten it. One that is gone already is a success.
    ///
    /// # Errors
    /// The cluster does not get there. A cluster that does not exist has no users: a success.
    pub async fn remove_user(
        &self,
        locator: &Locator,
        name: &UserName,
        cancel: &CancellationToken,
    ) -> Result<(), Failure> {
        if matches!(self.observe(locator).await?, Observed::Gone) {
            return Ok(());
        }
        self.change_users(locator, cancel, |users| {
            users.remove(name);
        })
        .await
    }

    async fn change_users(
        &self,
        locator: &Locator,
        cancel: &CancellationToken,
        change: impl Fn(&mut std::collections::BTreeMap<UserName, User>),
    ) -> Result<(), Failure> {
        let agents = self.awake(locator).await?;
        let first = agents.first().ok_or_else(|| super::update::gone(locator))?;
        let record = self.change(first, |record| change(&mut record.users)).await?;
        self.converge(locator, record.generation, &agents, cancel).await?;
        Ok(())
    }
}

/// What the servers keep of a password: its SHA-256 (Redis, ACL SETUSER: `#<hash>`).
pub fn hash_password(password: &Secret<String>) -> PasswordHash {
    let digest = ring::digest::digest(&ring::digest::SHA256, password.expose().as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    PasswordHash::from_digest(bytes)
}
