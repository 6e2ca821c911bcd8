//! The server's users: the ACL file, and the users that the agent, the replicas and the probe log in as.

use std::collections::BTreeMap;

use justmanage_model::user::fingerprint_of;
use justmanage_model::{Engine, Line, PasswordHash, Release, User, UserName, Version};

use crate::probe::{PROBE_RULES, PROBE_USER};

/// The user that a node's agent logs in as. Names that begin so are refused for users.
pub const AGENT_USER: &str = "justmanage-agent";

/// What the agent may do: what its calls need ([`crate::calls`]), and no keys or channels at all.
///
/// Of commands with subcommands each is named. Before Redis 7.0 that is a rule about the first argument, which may be any
/// word; since then a subcommand that the server does not know is refused with the whole file, so only what every server since
/// 7.0 has is in here.
const AGENT_RULES: &str = "resetkeys resetchannels -@all +ping +info +slowlog|len +shutdown +bgsave +client|kill \
    +config|get +config|set +acl|list +acl|setuser +acl|deluser \
    +cluster|info +cluster|nodes +cluster|links +cluster|myid +cluster|addslots +cluster|addslotsrange \
    +cluster|set-config-epoch +cluster|meet +cluster|replicate +cluster|failover +cluster|forget";

/// What it may do besides while slots are weighed: count keys, and ask what one takes, for which it must be allowed every key.
const AGENT_WEIGHING: &str = " ~* +memory|usage +cluster|countkeysinslot +cluster|getkeysinslot";

/// And while slots are moved: give keys to another server (`MIGRATE`); still neither read nor write one.
const AGENT_MOVING: &str = " +command|info +migrate +cluster|setslot";

/// The user that a replica logs in to its primary as (`masteruser`), and a server to another one that it gives keys to.
pub const REPLICATION_USER: &str = "justmanage-replication";

/// What a replica needs of its primary, and no more: who has this password can copy all data, but neither write nor look
/// ([replication and ACL](https://valkey.io/topics/acl/#acl-rules-for-sentinel-and-replicas)).
const REPLICATION_RULES: &str = "resetkeys resetchannels -@all +ping +psync +replconf";

/// What it may do besides while slots are moved: put keys in.
const REPLICATION_MOVING: &str = " ~* +select +restore-asking";

/// How far our own users reach at a server.
///
/// Not further than what goes on there needs. The agent's user may set users at any time, so a narrow reach only keeps its own
/// mistakes small. The replication user's matters: every node of the cluster has its password in a file, and while slots move
/// whoever reads one of these could write to the servers that take part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// No keys at all.
    #[default]
    Usual,
    /// The agent may look what slots weigh.
    Weighing,
    /// Slots move from it, or to it: agents and servers may do what that needs.
    Moving,
}

/// What the agent may do with a server of this release.
pub(crate) fn agent_rules(release: &Release, reach: Reach) -> String {
    let more = match (reach, moves_slots_whole(release)) {
        (Reach::Usual, _) => return AGENT_RULES.to_owned(),
        (Reach::Weighing, _) => return format!("{AGENT_RULES}{AGENT_WEIGHING}"),
        (Reach::Moving, Some(Engine::Valkey)) => {
            " +cluster|migrateslots +cluster|getslotmigrations +cluster|cancelslotmigrations"
        }
        (Reach::Moving, Some(Engine::Redis)) => " +cluster|migration",
        (Reach::Moving, None) => "",
    };
    format!("{AGENT_RULES}{AGENT_WEIGHING}{AGENT_MOVING}{more}")
}

/// What the replication user may do with a server of this release.
pub(crate) fn replication_rules(release: &Release, reach: Reach) -> String {
    let more = match (reach == Reach::Moving, moves_slots_whole(release)) {
        (false, _) => return REPLICATION_RULES.to_owned(),
        // What arrives are commands that make the keys anew, and those of clients meanwhile: any that writes, but those that
        // empty a database. (Redis has a secret of its own for that.)
        (true, Some(Engine::Valkey)) => " +cluster|syncslots +@write -flushall -flushdb -swapdb -migrate",
        (true, Some(Engine::Redis) | None) => "",
    };
    format!("{REPLICATION_RULES}{REPLICATION_MOVING}{more}")
}

/// Whether servers of this release know commands that move slots as a whole, and of which kind.
fn moves_slots_whole(release: &Release) -> Option<Engine> {
    let since = match release.engine {
        Engine::Valkey => Line::new(9, 0),
        Engine::Redis => Line::new(8, 4),
    };
    (release.version.line() >= since).then_some(release.engine)
}

/// Our own users: the hashes of their passwords, and how much they may do.
#[derive(Clone, Copy, Debug)]
pub struct OwnUsers {
    /// Of [`AGENT_USER`].
    pub agent: PasswordHash,
    /// Of [`REPLICATION_USER`].
    pub replication: PasswordHash,
    /// Of [`PROBE_USER`].
    pub probe: PasswordHash,
    /// How much they may do.
    pub reach: Reach,
    /// What [`REPLICATION_USER`] and [`PROBE_USER`] are let in with besides, while one password follows another.
    pub beside: Option<(PasswordHash, PasswordHash)>,
}

impl OwnUsers {
    /// What [`REPLICATION_USER`] is let in with.
    pub(crate) fn replication_passwords(&self) -> Vec<PasswordHash> {
        [self.replication].into_iter().chain(self.beside.map(|beside| beside.0)).collect()
    }

    /// What [`PROBE_USER`] is let in with.
    pub(crate) fn probe_passwords(&self) -> Vec<PasswordHash> {
        [self.probe].into_iter().chain(self.beside.map(|beside| beside.1)).collect()
    }
}

/// The whole text of the ACL file for a server of this release.
///
/// Every user starts from nothing (`reset`), so the file says all that holds. The user `default`, which everybody is who does
/// not log in, is off and may do nothing.
#[must_use]
pub fn render(users: &BTreeMap<UserName, User>, release: &Release, own: &OwnUsers) -> String {
    let mut text = format!(
        "user default {}
",
        default_rules(release, own.reach).join(" ")
    );
    for (name, passwords, rules) in [
        (AGENT_USER, vec![own.agent], agent_rules(release, own.reach)),
        (REPLICATION_USER, own.replication_passwords(), replication_rules(release, own.reach)),
        (PROBE_USER, own.probe_passwords(), PROBE_RULES.to_owned()),
    ] {
        text.push_str(&format!(
            "user {name} {}
",
            set_own_user(&passwords, &rules).join(" ")
        ));
    }
    for (name, user) in users {
        text.push_str(&format!("user {name} {}\n", set_user(user, release).join(" ")));
    }
    text
}

/// The user `default`, which everybody is who does not log in, is off.
///
/// In Valkey 9.0.0 a server that gives slots away takes the other one's word for how far it is in this user's name, and needs it
/// to be allowed ([issue](https://github.com/valkey-io/valkey/issues/2783)); nobody can log in as a user that is off.
pub(crate) fn default_rules(release: &Release, reach: Reach) -> Vec<String> {
    let mut rules = vec!["reset".to_owned(), "off".to_owned()];
    if reach == Reach::Moving && release.engine == Engine::Valkey && release.version == Version::new(9, 0, 0) {
        rules.push("+cluster|syncslots".to_owned());
    }
    rules
}

/// Whether a user of a server is our own, and not the Record's.
pub(crate) fn is_own(name: &str) -> bool {
    ["default", AGENT_USER, REPLICATION_USER, PROBE_USER].contains(&name)
}

/// The same as [`set_user`] for a user of our own.
pub(crate) fn set_own_user(passwords: &[PasswordHash], rules: &str) -> Vec<String> {
    let mut arguments = vec!["reset".to_owned(), "on".to_owned()];
    arguments.extend(passwords.iter().map(|password| format!("#{password}")));
    arguments.extend(rules.split(' ').map(str::to_owned));
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
    /// How far our own users reached by it.
    reach: Reach,
}

impl AppliedUsers {
    pub(crate) fn new(wanted: String, listing: &[String], reach: Reach) -> Self {
        Self { wanted, said: said(listing), reach }
    }

    /// How far our own users reach since.
    #[must_use]
    pub const fn reach(&self) -> Reach {
        self.reach
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
            passwords: vec![PasswordHash::from_digest([1; 32]).into(), PasswordHash::from_digest([2; 32]).into()],
            given: Default::default(),
        };
        let users = BTreeMap::from([("orders".parse().unwrap(), user)]);
        let [agent, replication, probe] = [9, 8, 7].map(|byte| PasswordHash::from_digest([byte; 32]));
        let own = OwnUsers { agent, replication, probe, reach: Reach::Usual, beside: None };
        let text = |release: &Release| render(&users, release, &own);
        let old = text(&Release::new(Engine::Redis, Version::new(6, 2, 14)));
        assert!(old.ends_with(" (%R~shared:* +get) +cluster|slots +cluster|nodes\n"), "{old}");
        let text = text(&Release::new(Engine::Redis, Version::new(7, 0, 15)));
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[0], "user default reset off");
        assert!(lines[1].starts_with(&format!("user justmanage-agent reset on #{} resetkeys ", "09".repeat(32))));
        assert!(lines[2].starts_with(&format!("user justmanage-replication reset on #{} resetkeys ", "08".repeat(32))));
        assert!(lines[3].starts_with(&format!("user justmanage-probe reset on #{} resetkeys ", "07".repeat(32))));
        let (one, two) = ("01".repeat(32), "02".repeat(32));
        assert_eq!(
            lines[4],
            format!("user orders reset on #{one} #{two} ~orders:* &events +@read -keys (%R~shared:* +get)")
        );
    }

    #[test]
    fn commands_are_allowed_only_to_servers_that_know_them() {
        for (engine, version, agent, replication) in [
            (Engine::Redis, Version::new(7, 0, 15), "+cluster|setslot", "+restore-asking"),
            (Engine::Redis, Version::new(8, 6, 3), "+cluster|setslot +cluster|migration", "+restore-asking"),
            (Engine::Valkey, Version::new(8, 1, 1), "+cluster|setslot", "+restore-asking"),
            (
                Engine::Valkey,
                Version::new(9, 1, 2),
                "+cluster|cancelslotmigrations",
                "+cluster|syncslots +@write -flushall -flushdb -swapdb -migrate",
            ),
        ] {
            let release = Release::new(engine, version);
            let (ours, theirs) = (agent_rules(&release, Reach::Moving), replication_rules(&release, Reach::Moving));
            assert!(ours.ends_with(agent), "{release}: {ours}");
            assert!(theirs.ends_with(replication), "{release}: {theirs}");
            let (ours, theirs) = (agent_rules(&release, Reach::Usual), replication_rules(&release, Reach::Usual));
            assert!(!ours.contains('~') && !theirs.contains('~'), "otherwise they see no key: {ours}, {theirs}");
            assert_eq!(replication_rules(&release, Reach::Weighing), theirs, "nobody writes while slots are weighed");
            assert!(!agent_rules(&release, Reach::Weighing).contains("+migrate"));
        }
    }

    #[test]
    fn drift_is_any_change_of_the_servers_words() {
        let listing = vec!["user a on".to_owned(), "user b off".to_owned()];
        let applied = AppliedUsers::new("wanted".to_owned(), &listing, Reach::Usual);
        let turned: Vec<String> = listing.iter().rev().cloned().collect();
        assert_eq!(in_force(&turned, Some(&applied)), "wanted", "the order is not a change");
        assert_ne!(in_force(&listing[..1], Some(&applied)), "wanted");
        assert_ne!(in_force(&listing, None), "wanted", "unknown is not the same");
    }
}
