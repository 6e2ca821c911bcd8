//! Where nodes stand, as far as the platform has zones: agents that choose a node for a shard know nothing of machines.

use std::collections::{BTreeMap, BTreeSet};

use super::Record;
use crate::NodeId;
use crate::pool::Zone;

impl Record {
    /// Notes where nodes stand, of members and spares alike: `None` is one whose machine is in no zone. Of nodes that nothing is said about
    /// what was known stays.
    pub fn stand(&mut self, zones: &BTreeMap<NodeId, Option<Zone>>) {
        for (node, zone) in zones {
            match zone {
                Some(zone) => drop(self.zones.insert(*node, zone.clone())),
                None => drop(self.zones.remove(node)),
            }
        }
        let mut known = std::mem::take(&mut self.zones);
        known.retain(|node, _| self.belongs(*node));
        self.zones = known;
    }

    /// The zones in which a shard has members, without one of them.
    #[must_use]
    pub fn zones_beside(&self, shard: u16, without: NodeId) -> BTreeSet<&Zone> {
        let others = self.members.iter().filter(|(node, member)| member.seat.shard == shard && **node != without);
        others.filter_map(|(node, _)| self.zones.get(node)).collect()
    }
}
