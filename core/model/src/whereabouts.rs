//! Where nodes are, and by which names they find each other when their addresses may change.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::failure::Invalid;
use crate::text::serde_as_text;
use crate::{Member, NodeId, Record, Seat, Spare, host_name};

/// Where a node can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAddresses {
    /// Where its agent listens.
    pub agent: SocketAddr,
    /// Where clients reach its server.
    pub client: SocketAddr,
    /// The cluster bus port at the same address as `client`.
    pub bus_port: u16,
}

impl Member {
    /// Where the Record says that it is.
    #[must_use]
    pub const fn addresses(&self) -> NodeAddresses {
        NodeAddresses { agent: self.agent, client: self.client, bus_port: self.bus_port }
    }

    /// From now on it is there.
    pub const fn move_to(&mut self, at: NodeAddresses) {
        (self.agent, self.client, self.bus_port) = (at.agent, at.client, at.bus_port);
    }
}

impl Spare {
    /// Where the Record says that it is.
    #[must_use]
    pub const fn addresses(&self) -> NodeAddresses {
        NodeAddresses { agent: self.agent, client: self.client, bus_port: self.bus_port }
    }

    /// From now on it is there.
    pub const fn move_to(&mut self, at: NodeAddresses) {
        (self.agent, self.client, self.bus_port) = (at.agent, at.client, at.bus_port);
    }
}

impl Record {
    /// Where the Record says that a member or a spare is.
    #[must_use]
    pub fn addresses(&self, node: NodeId) -> Option<NodeAddresses> {
        let member = self.members.get(&node).map(Member::addresses);
        member.or_else(|| self.spares.get(&node).map(Spare::addresses))
    }

    /// From now on these are there; who is neither a member nor a spare stays out.
    pub fn move_to(&mut self, places: &BTreeMap<NodeId, NodeAddresses>) {
        for (node, at) in places {
            if let Some(member) = self.members.get_mut(node) {
                member.move_to(*at);
            } else if let Some(spare) = self.spares.get_mut(node) {
                spare.move_to(*at);
            }
        }
    }
}

/// Host names of a cluster's members: one name with places to fill in, such as `cache-{shard}-{ordinal}.cache.internal`.
///
/// A name only says where to look for a member. Who answers there still has to prove that member's key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerNames(String);

impl PeerNames {
    /// The host name of a node; none of one without a place, where names are made of places.
    #[must_use]
    pub fn of(&self, node: NodeId, seat: Option<Seat>) -> Option<String> {
        let name = self.0.replace("{node}", &node.to_string());
        match seat {
            Some(Seat { shard, ordinal }) => {
                Some(name.replace("{shard}", &shard.to_string()).replace("{ordinal}", &ordinal.to_string()))
            }
            None => (!name.contains('{')).then_some(name),
        }
    }

    /// What stands against it, if anything does.
    fn fault(&self) -> Option<String> {
        let text = &self.0;
        let has = |place: &str| text.contains(place);
        if !(has("{node}") || has("{shard}") && has("{ordinal}")) {
            return Some(format!("{text:?} gives several members the same name."));
        }
        // Shard 1 with ordinal 11 would be shard 11 with ordinal 1.
        if !has("{node}") && (has("{shard}{ordinal}") || has("{ordinal}{shard}")) {
            return Some(format!("{text:?} does not keep shard and ordinal apart."));
        }
        // The longest that it ever becomes.
        let most = Seat { shard: u16::MAX, ordinal: u16::MAX };
        let longest = self.of(NodeId::from_entropy([0xff; 10]), Some(most)).unwrap_or_default();
        host_name::fault(&longest).map(|fault| format!("{text:?} gives names like {longest:?}, which {fault}."))
    }
}

impl fmt::Display for PeerNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for PeerNames {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let names = Self(text.to_owned());
        match names.fault() {
            None => Ok(names),
            Some(detail) => Err(Invalid::new(
                "Names of nodes not valid",
                detail,
                "Write a host name with {node}, or with {shard} and {ordinal}, in it, such as \
                 \"cache-{shard}-{ordinal}.cache.internal\".",
            )),
        }
    }
}

serde_as_text!(PeerNames);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_has_the_name_of_its_seat_or_of_its_node() {
        let (node, seat) = (NodeId::from_entropy([7; 10]), Seat { shard: 2, ordinal: 1 });
        let names: PeerNames = "cache-{shard}-{ordinal}.cache.internal".parse().unwrap();
        assert_eq!(names.of(node, Some(seat)).as_deref(), Some("cache-2-1.cache.internal"));
        assert_eq!(names.of(node, None), None, "a spare has no place to be named by");
        let names: PeerNames = "{node}.internal".parse().unwrap();
        assert_eq!(names.of(node, Some(seat)), Some(format!("{node}.internal")));
        assert_eq!(names.of(node, None), Some(format!("{node}.internal")));
    }

    #[test]
    fn names_that_are_none_or_of_several_are_refused() {
        let wrong = [
            "",
            "cache.internal",
            "cache-{shard}.internal",
            "cache-{shard}{ordinal}.internal",
            "cache-{shard}-{ordinal}-{zone}.internal",
            "{shard}-{ordinal}-.internal",
            "cache {shard} {ordinal}",
            "cache_{shard}_{ordinal}",
            "10.0.{shard}.{ordinal}",
            "{node}..internal",
        ];
        for text in wrong {
            assert!(text.parse::<PeerNames>().is_err(), "{text:?}");
        }
        let long = format!("{{node}}.{}", "a.".repeat(120));
        assert!(format!("{long}b{}", "c".repeat(9)).parse::<PeerNames>().is_err());
        assert!(format!("{{node}}{}", "a".repeat(63)).parse::<PeerNames>().is_err());
    }

    #[test]
    fn damaged_names_in_a_file_are_an_error() {
        let names: PeerNames = serde_json::from_str(r#""{node}.internal""#).unwrap();
        assert_eq!(serde_json::to_string(&names).unwrap(), r#""{node}.internal""#);
        assert!(serde_json::from_str::<PeerNames>(r#""internal""#).is_err());
    }
}
