//! How the nodes of shards are spread over zones: as few as can be share one with another node of their shard.
//!
//! It is a matching: each shard wants so many different zones, each zone has so much room. One node after the other gets a zone that
//! its shard is not in; where those are full, others are moved away if they find another (augmenting paths). Who finds none then
//! shares one, where there is most room.

use std::collections::BTreeSet;

/// A shard.
pub(super) struct Shard {
    /// How many nodes of it need a zone.
    pub(super) nodes: usize,
    /// Zones that it has nodes in already.
    pub(super) has: BTreeSet<usize>,
}

/// The zones of each shard's nodes. There has to be room for all.
pub(super) fn spread(shards: &[Shard], room: &[usize]) -> Vec<Vec<usize>> {
    let mut spread = Spread { shards, room: room.to_vec(), given: vec![BTreeSet::new(); shards.len()] };
    let most = shards.iter().map(|shard| shard.nodes).max().unwrap_or(0);
    // Everybody's first before anybody's second: who is left over is somebody's last.
    for round in 0..most {
        for (shard, _) in shards.iter().enumerate().filter(|(_, shard)| round < shard.nodes) {
            spread.give(shard, &mut BTreeSet::new());
        }
    }
    let mut zones: Vec<Vec<usize>> = spread.given.iter().map(|zones| zones.iter().copied().collect()).collect();
    for (shard, zones) in zones.iter_mut().enumerate() {
        while zones.len() < shards[shard].nodes {
            let Some(roomy) =
                (0..room.len()).filter(|zone| spread.room[*zone] > 0).max_by_key(|zone| spread.room[*zone])
            else {
                return Vec::new();
            };
            spread.room[roomy] -= 1;
            zones.push(roomy);
        }
    }
    zones
}

struct Spread<'a> {
    shards: &'a [Shard],
    /// What is left of each zone.
    room: Vec<usize>,
    /// Which zones each shard has been given.
    given: Vec<BTreeSet<usize>>,
}

impl Spread<'_> {
    /// Another zone for a shard, if there is one, not by way of those that were tried.
    fn give(&mut self, shard: usize, tried: &mut BTreeSet<usize>) -> bool {
        let mut zones: Vec<usize> = (0..self.room.len()).collect();
        zones.sort_by_key(|zone| std::cmp::Reverse(self.room[*zone]));
        for zone in zones {
            let new = !self.shards[shard].has.contains(&zone) && !self.given[shard].contains(&zone);
            if !new || !tried.insert(zone) {
                continue;
            }
            if self.room[zone] > 0 || self.make_room(zone, tried) {
                self.room[zone] -= 1;
                self.given[shard].insert(zone);
                return true;
            }
        }
        false
    }

    /// Has another shard leave a full zone for one that it is not in.
    fn make_room(&mut self, zone: usize, tried: &mut BTreeSet<usize>) -> bool {
        for other in 0..self.given.len() {
            if self.given[other].contains(&zone) && self.give(other, tried) {
                self.given[other].remove(&zone);
                self.room[zone] += 1;
                return true;
            }
        }
        false
    }
}
