//! The server's users: the ACL file, and the user that the agent logs in as.

use std::collections::BTreeMap;

use justmanage_model::user::fingerprint_of;
use justmanage_model::{PasswordHash, User, UserName};

/// The user that a node's agent logs in as. Names that begin so are refused for users.
pub const AGENT_USER: &str = "justmanage-agent";

/// What the agent may do: what its calls need ([`crate::calls`]), and no keys or channels at all.
pub const AGENT_RULES: &str = "resetkeys resetchannels -@all +ping +info +shutdown +bgsave \
    +config|get +config|set +acl|list +acl|setuser +acl|deluser \
    +cluster|info +cluster|nodes +cluster|links +cluster|myid +cluster|addslotsrange";

/// The whole text of the ACL file.
///
/// Every user starts from nothing (`reset`), so the file says all that holds. The user `default`, which everybody is who does
/// not log in, is off and may do nothing.
#[must_use]
pub fn render(users: &BTreeMap<UserName, User>, agent: &PasswordHash) -> String {
    let mut text = String::from("user default reset off\n");
    text.push_str(&format!("user {AGENT_USER} reset on #{agent} {AGENT_RULES}\n"));
    for (name, user) in users {
        text.push_str(&format!("user {name} {}\n", set_user(user).join(" ")));
    }
    text
}

/// The arguments of `ACL SETUSER` behind the name; applied as one, so that nobody is locked out in between.
pub(crate) fn set_user(user: &User) -> Vec<String> {
    let mut arguments = vec!["reset".to_owned(), "on".to_owned()];
    arguments.extend(user.passwords.iter().map(|hash| format!("#{hash}")));
    arguments.extend(user.acl.rules().map(str::to_owned));
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
    use super::*;

    #[test]
    fn the_file_says_all_that_holds() {
        let user = User {
            acl: "~orders:* &events +@read  -keys (%R~shared:* +get)".parse().unwrap(),
            passwords: vec![PasswordHash::from_digest([1; 32]), PasswordHash::from_digest([2; 32])],
        };
        let users = BTreeMap::from([("orders".parse().unwrap(), user)]);
        let text = render(&users, &PasswordHash::from_digest([9; 32]));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[0], "user default reset off");
        assert!(lines[1].starts_with(&format!("user justmanage-agent reset on #{} resetkeys ", "09".repeat(32))));
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        assert_eq!(
            lines[2],
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
