//! Database users: each user resource writes its own entry of the Record and no other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use justmanage_model::{Failure, PasswordHash, Record, Secret, Seen, ServerState, User, UserName, user};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::converge::Watch;
use super::update::{Awake, by_use};
use super::{Manager, Observed};
use crate::Locator;
use crate::agents::{ClusterStatus, Note};

/// How long a node that cannot be seen is waited for. Whoever leads anew sees the others within a second; a node that is really
/// gone takes the users from the Record when it comes back, and must not keep anybody from setting a password until then.
const UNSEEN_PATIENCE: Duration = Duration::from_secs(5);

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
        let note = Note::new(format!("User {name} was set."));
        self.change_users(locator, &note, cancel, |users| {
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
        let note = Note::new(format!("User {name} was removed."));
        self.change_users(locator, &note, cancel, |users| {
            users.remove(name);
        })
        .await
    }

    async fn change_users(
        &self,
        locator: &Locator,
        note: &Note,
        cancel: &CancellationToken,
        change: impl Fn(&mut BTreeMap<UserName, User>),
    ) -> Result<(), Failure> {
        let Awake { looked, failed, .. } = self.awake(locator).await?;
        let agents = by_use(&looked);
        if agents.is_empty() {
            let silent = looked.iter().find_map(super::look::Looked::failure);
            return Err(failed.or(silent).unwrap_or_else(|| super::update::gone(locator)));
        }
        let record = self.change(&agents, note, |record| change(&mut record.users)).await?;
        let wanted = user::fingerprint(&record.users);
        let mut watch = Watch::new(self, agents, cancel);
        let begun = Instant::now();
        loop {
            let status = watch.next().await?;
            let Some(now) = status.record.as_ref().filter(|now| now.generation >= record.generation) else { continue };
            // Somebody may have set another user since.
            let wanted = if now.users == record.users { wanted.clone() } else { user::fingerprint(&now.users) };
            match in_force(now, &status, &wanted) {
                InForce::Everywhere => return Ok(()),
                InForce::WhereSeen if begun.elapsed() >= UNSEEN_PATIENCE.min(self.patience / 4) => {
                    warn!(id = %locator, "the users are in force on all nodes that can be seen, and not all can");
                    return Ok(());
                }
                InForce::WhereSeen | InForce::NotYet => info!("the users are not in force everywhere yet"),
            }
        }
    }
}

/// Where the users are as they are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InForce {
    /// On every server that runs, and every member was seen.
    Everywhere,
    /// On every server that was seen; a member was not.
    WhereSeen,
    /// Not on one that runs.
    NotYet,
}

/// A server that does not run takes its users from the Record when it starts.
fn in_force(record: &Record, status: &ClusterStatus, wanted: &str) -> InForce {
    let mut all = InForce::Everywhere;
    for node in record.members.keys() {
        match status.observation.nodes.get(node) {
            Some(Seen::Known(seen)) => {
                if matches!(&seen.server, ServerState::Running(server) if server.users != wanted) {
                    return InForce::NotYet;
                }
            }
            Some(Seen::Unknown { .. }) | None => all = InForce::WhereSeen,
        }
    }
    all
}

/// What the servers keep of a password: its SHA-256 (Redis, ACL SETUSER: `#<hash>`).
pub fn hash_password(password: &Secret<String>) -> PasswordHash {
    let digest = ring::digest::digest(&ring::digest::SHA256, password.expose().as_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest.as_ref());
    PasswordHash::from_digest(bytes)
}
