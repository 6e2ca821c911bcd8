//! Whether rules let a client find its way in a cluster, and what is added where they cannot.

use super::AclRules;
use crate::{Engine, Release, Version};

/// The commands by one of which clients learn which node serves which slots. Which one, depends on the client.
const TOPOLOGY: [&str; 3] = ["slots", "shards", "nodes"];

/// What a user needs besides its own commands, as rules: to learn the slots, to follow a slot that moves, to read from
/// replicas, and what clients ask when they connect. Every server from Redis 7.0 on knows all of them.
pub const CLIENT_RULES: &str = "+cluster|slots +cluster|shards +cluster|nodes +asking +readonly +ping +command";

/// The same before Redis 7.0, where subcommands have no categories of their own and `+@all -@dangerous` takes all of `cluster`:
/// nobody could give a user the harmless ones and mean it.
const OLD_CLIENT_RULES: &str = "+cluster|slots +cluster|nodes";

impl AclRules {
    /// Whether a user with these rules may ask where the slots are, from Redis 7.0 on and in Valkey. Without it no client that
    /// knows clusters gets any further than connecting.
    #[must_use]
    pub fn finds_cluster(&self) -> bool {
        TOPOLOGY.iter().any(|sub| {
            let mut selectors = self.rules().filter_map(|rule| rule.strip_prefix('(')?.strip_suffix(')'));
            allows(self.rules().filter(|rule| !rule.starts_with('(')), sub)
                || selectors.any(|selector| allows(selector.split(' '), sub))
        })
    }

    /// What is added to the rules on servers of a release, so that clients find their way: rules one by one.
    pub fn added(&self, release: &Release) -> impl Iterator<Item = &'static str> + use<> {
        let old = release.engine == Engine::Redis && release.version < Version::new(7, 0, 0);
        let refused = self.rules().any(|rule| rule == "-cluster");
        OLD_CLIENT_RULES.split(' ').filter(move |_| old && !refused)
    }
}

/// Whether these rules, one after the other, end up allowing `CLUSTER sub`. Its only category is `slow` (`COMMAND INFO` of
/// every release from 7.0 on).
fn allows<'a>(rules: impl Iterator<Item = &'a str>, sub: &str) -> bool {
    rules.fold(false, |allowed, rule| match rule {
        "allcommands" => true,
        "nocommands" => false,
        _ => {
            let about = match rule.get(1..).unwrap_or_default() {
                "@all" | "@slow" | "cluster" => true,
                named => named.strip_prefix("cluster|") == Some(sub),
            };
            match (about, rule.as_bytes().first()) {
                (true, Some(b'+')) => true,
                (true, Some(b'-')) => false,
                _ => allowed,
            }
        }
    })
}
