//! Temporary users: made for somebody who needs to get in for a while, and gone by themselves.

use std::fmt::Write as _;
use std::time::Duration;

use justmanage_model::{AclRules, Failure, Secret, Timestamp, User, UserName};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::Manager;
use super::machines::entropy;
use super::users::hash_password;
use crate::Locator;
use crate::agents::Note;

/// A temporary user.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The name to log in with.
    pub user: UserName,
    /// The password. Nobody else knows it: the cluster keeps its hash.
    pub password: Secret<String>,
    /// When the agents remove the user unless it is [prolonged](Manager::renew_credentials), by the latest of their clocks.
    pub until: Timestamp,
}

impl Manager {
    /// Makes a temporary user with these rules, whom the agents remove after `ttl`, also when whoever made it is gone; and waits
    /// until the servers know it.
    ///
    /// # Errors
    /// The cluster does not exist, is full, or does not get there. What may be in the Record by then is taken out again, as far as
    /// that can be done; it ends by itself in any case.
    pub async fn open_credentials(
        &self,
        locator: &Locator,
        acl: &AclRules,
        ttl: Duration,
        cancel: &CancellationToken,
    ) -> Result<Credentials, Failure> {
        let user = UserName::temporary(drawn()?);
        let password = password()?;
        let hash = hash_password(&password);
        let note = Note::new(format!("Temporary user {user} was made."));
        let made = self.change_users(locator, &note, cancel, |users, now| {
            // Also when the change is tried again: the user that it made then is the same.
            users.insert(user.clone(), User::temporary(acl.clone(), hash, now.latest, ttl));
            Ok(())
        });
        let users = match made.await {
            Ok(users) => users,
            Err(failure) => {
                if let Err(error) = self.take_out(locator, &user).await {
                    debug!(%user, %error, "could not take the temporary user out; it ends by itself");
                }
                return Err(failure);
            }
        };
        let until = users.get(&user).and_then(User::last_end).ok_or_else(|| ended(&user))?;
        Ok(Credentials { user, password, until })
    }

    /// Lets a temporary user last until `ttl` from now, if that is later than before. When that is, now.
    ///
    /// # Errors
    /// The user is gone already, or the cluster cannot be changed.
    pub async fn renew_credentials(
        &self,
        locator: &Locator,
        user: &UserName,
        ttl: Duration,
    ) -> Result<Timestamp, Failure> {
        let note = Note::new(format!("Temporary user {user} was prolonged."));
        // The servers know nothing of ends: there is nothing to wait for.
        let (record, _) = self
            .enter_users(locator, &note, |users, now| {
                let found = users.get_mut(user).filter(|_| user.is_temporary()).ok_or_else(|| ended(user))?;
                found.prolong(now.latest, ttl);
                Ok(())
            })
            .await?;
        record.users.get(user).and_then(User::last_end).ok_or_else(|| ended(user))
    }

    /// Removes a temporary user with all of its sessions. One that is gone already is a success, and so is a cluster that is.
    ///
    /// # Errors
    /// It is no temporary user, or the cluster does not get there; the user then ends by itself.
    pub async fn close_credentials(&self, locator: &Locator, user: &UserName) -> Result<(), Failure> {
        if !user.is_temporary() {
            return Err(Failure::new("Not a temporary user", format!("The user \"{user}\" is not temporary."))
                .next("Nothing was changed."));
        }
        // Whoever is asked to stop still has this to do, and it takes no longer than the agents need.
        self.remove_user(locator, user, &CancellationToken::new()).await
    }

    /// Takes a user out of the Record, and waits for nothing.
    async fn take_out(&self, locator: &Locator, user: &UserName) -> Result<(), Failure> {
        let note = Note::new(format!("Temporary user {user} was not needed."));
        let out = self.enter_users(locator, &note, |users, _| {
            users.remove(user);
            Ok(())
        });
        out.await.map(|_| ())
    }
}

fn ended(user: &UserName) -> Failure {
    Failure::new("Temporary user gone", format!("The time of the user \"{user}\" is over, or somebody removed it."))
        .next("Apply again: a new one is made.")
}

/// 256 random bits in letters that no URL, shell or configuration file takes for anything else.
fn password() -> Result<Secret<String>, Failure> {
    let bytes: [u8; 32] = drawn()?;
    Ok(Secret::new(bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })))
}

fn drawn<const N: usize>() -> Result<[u8; N], Failure> {
    entropy().map_err(|failure| failure.next("Nothing was changed."))
}
