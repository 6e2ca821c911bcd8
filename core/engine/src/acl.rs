//! The server's users: the ACL file, and the users that the agent and the replicas log in as.

use std::collections::BTreeMap;

use justmanage_model::user::fingerprint_of;
use justmanage_model::{PasswordHash, Release, User, UserName};

/// The user that a node's agent logs in as. Names that begin so are refused for users.
pub const AGENT_USER: &str = "justmanage-agent";

/// What the agent may do: what its calls need ([`crate::calls`]), and no keys or channels at all.
///
/// Of commands with subcommands each is named. Before Redis 7.0 that is a rule about the first argument, which may be any
/// word; since then a subcommand that the server does not know is refused with the whole file, so only what every server since
/// 7.0 has is in here.
pub const AGENT_RULES: &str = "resetkeys resetchannels -@all +ping +info +slowlog|len +shutdown +bgsave +client|kill \
    +config|get +config|set +acl|list +acl|setuser +acl|deluser \
    +cluster|info +cluster|nodes +cluster|links +cluster|myid +cluster|addslots +cluster|addslotsrange \
    +cluster|set-config-epoch +cluster|meet +cluster|replicate +cluster|failover +cluster|forget";

/// The user that a replica logs in to its primary as (`masteruser`).
pub const REPLICATION_USER: &str = "justmanage-replication";

/// What a replica needs of its primary, and no more: who has this password can copy all data, but neither write nor look
/// ([replication and ACL](https://valkey.io/topics/acl/#acl-rules-for-sentinel-and-replicas)).
pub const REPLICATION_RULES: &str = "resetkeys resetchannels -@all +ping +psync +replconf";

/// The whole text of the ACL file for a server of this release. `agent` and `replication` are the hashes of the passwords of our own two users.
///
/// Every user starts from nothing (`reset`), so the file says all that holds. The user `default`, which everybody is who does
/// not log in, is off and may do nothing.
#[must_use]
pub fn render(
    users: &BTreeMap<UserName, User>,
    release: &Release,
    agent: &PasswordHash,
    replication: &PasswordHash,
) -> String {
    let mut text = String::from("user default reset off\n");
    text.push_str(&format!("user {AGENT_USER} reset on #{agent} {AGENT_RULES}\n"));
    text.push_str(&format!("user {REPLICATION_USER} reset on #{replication} {REPLICATION_RULES}\n"));
    for (name, user) in users {
        text.push_str(&format!("user {name} {}\n", set_user(user, release).join(" ")));
    }
    text
}

/// Whether a user of a server is our own, and not the Record's.
pub(crate) fn is_own(name: &str) -> bool {
    ["default", AGENT_USER, REPLICATION_USER].contains(&name)
}

/// The same as [`set_user`] for the replication user.
pub(crate) fn set_replication_user(password: &PasswordHash) -> Vec<String> {
    let mut arguments = vec!["reset".to_owned(), "on".to_owned(), format!("#{password}")];
    arguments.extend(REPLICATION_RULES.split(' ').map(str::to_owned));
    arguments
}

/// The arguments of `ACL SETUSER` behind the name; applied as one, so that nobody is locked out in between.
pub(crate) fn set_user(user: &User, release: &Release) -> Vec<String> {
    let mut arguments = vec!["reset".to_owned(), "on".to_owned()];
    arguments.extend(user.passwords.iter().map(|password| format!("#{}", password.hash)));
    arguments.extend(user.acl.rules().map(str::to_owned));
    arguments.extend(user.acl.added(release).map(str::to_owned));
    arguments
}

/// What a server said of its users just after they were applied.
///
/// The server rewrites rules in its own words, which differ between versions; so whether users have drifted is found by
/// comparing its words now with its words then. Nobody remembers them longer than the agent's process lives: after a start,
/// users are applied once more, which changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppliedUsers {
    /// The fingerprint of what was applied ([`justmanage_model::user::fingerprint`]).
    pub(crate) wanted: String,
    /// The fingerprint of the server's words for it.
    pub(crate) said: String,
}

impl AppliedUsers {
    pub(crate) fn new(wanted: String, listing: &[String]) -> Self {
        Self { wanted, said: said(listing) }
    }
}

/// The fingerprint of the users in force: that of the Record if they are as they were applied, and another otherwise.
pub(crate) fn in_force(listing: &[String], applied: Option<&AppliedUsers>) -> String {
    let said = said(listing);
    match applied {
        Some(applied) if applied.said == said => applied.wanted.clone(),
        _ => format!("other-{said}"),
    }
}

fn said(listing: &[String]) -> String {
    let mut lines: Vec<&str> = listing.iter().map(String::as_str).collect();
    lines.sort_unstable();
    fingerprint_of(&lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use justmanage_model::{Engine, Version};

    use super::*;

    #[test]
    fn the_file_says_all_that_holds() {
        let user = User {
            acl: "~orders:* &events +@read  -keys (%R~shared:* +get)".parse().unwrap(),
            passwords: vec![PasswordHash::from_digest([1; 32]).into(), PasswordHash::from_digest([2; 32]).into()],
            given: Default::default(),
        };
        let users = BTreeMap::from([("orders".parse().unwrap(), user)]);
        let (agent, replication) = (PasswordHash::from_digest([9; 32]), PasswordHash::from_digest([8; 32]));
        let text = |release: &Release| render(&users, release, &agent, &replication);
        let old = text(&Release::new(Engine::Redis, Version::new(6, 2, 14)));
        assert!(old.ends_with(" (%R~shared:* +get) +cluster|slots +cluster|nodes\n"), "{old}");
        let text = text(&Release::new(Engine::Redis, Version::new(7, 0, 15)));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], "user default reset off");
        assert!(lines[1].starts_with(&format!("user justmanage-agent reset on #{} resetkeys ", "09".repeat(32))));
        assert!(lines[2].starts_with(&format!("user justmanage-replication reset on #{} resetkeys ", "08".repeat(32))));
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        assert_eq!(
            lines[3],
            format!("user orders reset on #{one} #{two} ~orders:* &events +@read -keys (%R~shared:* +get)")
        );
    }

    #[test]
    fn drift_is_any_change_of_the_servers_words() {
        let listing = vec!["user a on".to_owned(), "user b off".to_owned()];
        let applied = AppliedUsers::new("wanted".to_owned(), &listing);
        let turned: Vec<String> = listing.iter().rev().cloned().collect();
        assert_eq!(in_force(&turned, Some(&applied)), "wanted", "the order is not a change");
        assert_ne!(in_force(&listing[..1], Some(&applied)), "wanted");
        assert_ne!(in_force(&listing, None), "wanted", "unknown is not the same");
    }
}
