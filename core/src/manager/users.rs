//! Database users: each user resource writes its own entry of the Record and no other.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use justmanage_model::node::AgentInfo;
use justmanage_model::user::Given;
use justmanage_model::{
    AclRules, Failure, PasswordHash, Record, Secret, Seen, ServerState, Timestamp, User, UserName, user,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::converge::Watch;
use super::look::Looked;
use super::update::{Awake, by_use};
use super::{Manager, Observed};
use crate::Locator;
use crate::agents::{ClusterStatus, Note};

pub(super) type Users = BTreeMap<UserName, User>;

/// How long a node that cannot be seen is waited for. Whoever leads anew sees the others within a second; a node that is really
/// gone takes the users from the Record when it comes back, and must not keep anybody from setting a password until then.
const UNSEEN_PATIENCE: Duration = Duration::from_secs(5);

/// What a user is to be.
#[derive(Clone, Debug)]
pub struct UserOrder {
    /// What the user may do.
    pub acl: AclRules,
    /// The password; `None`: the one that there is.
    pub password: Option<PasswordHash>,
    /// How long a password before it stays valid. Zero: not at all, for new logins; sessions stay as they are.
    pub grace: Duration,
    /// What to keep for whoever imports the user.
    pub given: Given,
}

impl UserOrder {
    /// Makes it so. `now`: the latest of all clocks, so that whichever agent ends a password ends it late rather than early.
    fn carry_out(&self, users: &mut Users, name: &UserName, now: Timestamp) -> Result<(), Failure> {
        match (users.get_mut(name), self.password) {
            (Some(user), password) => {
                user.acl = self.acl.clone();
                user.given = self.given;
                // Also for the password that is there: a shorter grace may end those before it sooner.
                if let Some(password) = password.or(user.password()) {
                    user.set_password(password, now, self.grace);
                }
                Ok(())
            }
            (None, Some(password)) => {
                users.insert(name.clone(), User { given: self.given, ..User::new(self.acl.clone(), password) });
                Ok(())
            }
            (None, None) => {
                Err(Failure::new("User not found", format!("The cluster has no user \"{name}\" any more."))
                    .next("Plan again: Terraform will then propose to make it anew. Nothing was changed."))
            }
        }
    }
}

/// What time it is, by our own clock and those of the agents that answer. They may be apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    pub(super) earliest: Timestamp,
    pub(super) latest: Timestamp,
}

impl Clocks {
    fn of(looked: &[Looked]) -> Self {
        let own = Timestamp::now();
        let all = || looked.iter().filter_map(|one| one.reply()?.1.now).chain([own]);
        Self { earliest: all().min().unwrap_or(own), latest: all().max().unwrap_or(own) }
    }
}

impl Manager {
    /// Makes a user as ordered, and waits until the servers know it. What it has become.
    ///
    /// # Errors
    /// The cluster does not exist, is full, or does not get there; the user may be in the Record by then, so calling again is
    /// right: a password that is there already is no new one.
    pub async fn put_user(
        &self,
        locator: &Locator,
        name: &UserName,
        order: &UserOrder,
        cancel: &CancellationToken,
    ) -> Result<User, Failure> {
        let note = Note::new(format!("User {name} was set."));
        let users =
            self.change_users(locator, &note, cancel, |users, now| order.carry_out(users, name, now.latest)).await?;
        users.get(name).cloned().ok_or_else(|| {
            Failure::new("User removed meanwhile", format!("Somebody else has removed the user \"{name}\" meanwhile."))
                .next("Plan again to see what is there.")
        })
    }

    /// Removes a user, and waits until the servers have forgotten it, and with it all sessions of that user. One that is gone
    /// already is a success.
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
        let removed = self.change_users(locator, &note, cancel, |users, _| {
            users.remove(name);
            Ok(())
        });
        removed.await.map(|_| ())
    }

    /// Changes users in the Record, and waits until they are in force. The users as they are then.
    pub(super) async fn change_users(
        &self,
        locator: &Locator,
        note: &Note,
        cancel: &CancellationToken,
        change: impl Fn(&mut Users, Clocks) -> Result<(), Failure>,
    ) -> Result<Users, Failure> {
        let (record, agents) = self.enter_users(locator, note, change).await?;
        let wanted = user::fingerprint(&record.users);
        let mut watch = Watch::new(self, agents, cancel);
        let begun = Instant::now();
        loop {
            let status = watch.next().await?;
            let Some(now) = status.record.as_ref().filter(|now| now.generation >= record.generation) else { continue };
            // Somebody may have set another user since.
            let wanted = if now.users == record.users { wanted.clone() } else { user::fingerprint(&now.users) };
            match in_force(now, &status, &wanted) {
                InForce::Everywhere => return Ok(now.users.clone()),
                InForce::WhereSeen if begun.elapsed() >= UNSEEN_PATIENCE.min(self.patience / 4) => {
                    warn!(id = %locator, "the users are in force on all nodes that can be seen, and not all can");
                    return Ok(now.users.clone());
                }
                InForce::WhereSeen | InForce::NotYet => info!("the users are not in force everywhere yet"),
            }
        }
    }

    /// Changes users in the Record. What has ended by every clock goes with it, so that it is in nobody's way.
    pub(super) async fn enter_users(
        &self,
        locator: &Locator,
        note: &Note,
        change: impl Fn(&mut Users, Clocks) -> Result<(), Failure>,
    ) -> Result<(Record, Vec<AgentInfo>), Failure> {
        let Awake { looked, failed, .. } = self.awake(locator).await?;
        let agents = by_use(&looked);
        if agents.is_empty() {
            let silent = looked.iter().find_map(Looked::failure);
            return Err(failed.into_values().next().or(silent).unwrap_or_else(|| super::update::gone(locator)));
        }
        let clocks = Clocks::of(&looked);
        let enter = |record: &mut Record| {
            record.end_passwords(clocks.earliest);
            change(&mut record.users, clocks)
        };
        Ok((self.try_change(&agents, note, enter).await?, agents))
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
