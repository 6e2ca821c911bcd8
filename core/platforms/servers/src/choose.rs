//! Which servers a cluster gets.
//!
//! The nodes of one shard are spread over as many zones as there are, over all shards together: who takes the nearest for one shard
//! may leave another with two nodes in one zone where nobody had to be. Within a zone the smallest that fits goes first, so that a
//! larger one is there for whoever needs it.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_model::Bytes;
use justmanage_model::pool::{Server, Zone};
use justmanage_platforms::Needs;

use crate::facts::{Facts, State};

mod spread;
#[cfg(test)]
mod tests;

/// A place that needs a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Whose node it is.
    pub shard: u16,
    /// Which of that shard's nodes.
    pub ordinal: u16,
}

/// Who goes where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The server of each place, by its position in the pool.
    pub servers: BTreeMap<Place, usize>,
    /// Shards that have two nodes in one zone, because there are too few zones with servers that fit.
    pub shared: BTreeSet<(u16, Zone)>,
}

/// There are not enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// How many are needed.
    pub needed: usize,
    /// How many fit.
    pub fit: usize,
    /// Of every other one of the pool why not, by its position.
    pub others: BTreeMap<usize, String>,
}

/// Chooses a server of the pool for each place.
///
/// `there` are the zones that a shard has nodes in already.
///
/// # Errors
/// Fewer fit than are needed.
pub fn choose(
    pool: &[(Server, Result<Facts, String>)],
    needs: &Needs,
    places: &BTreeSet<Place>,
    there: &BTreeMap<u16, BTreeSet<Zone>>,
) -> Result<Choice, Refusal> {
    let mut fit = Vec::new();
    let mut others = BTreeMap::new();
    for (position, (server, facts)) in pool.iter().enumerate() {
        match why_not(server, facts.as_ref(), needs) {
            None => fit.push(position),
            Some(why) => drop(others.insert(position, why)),
        }
    }
    if fit.len() < places.len() {
        return Err(Refusal { needed: places.len(), fit: fit.len(), others });
    }
    let size = |position: &usize| match &pool[*position].1 {
        Ok(facts) => (facts.memory, facts.processors, facts.disk, *position),
        Err(_) => (Bytes::new(u64::MAX), u32::MAX, Bytes::new(u64::MAX), *position),
    };
    fit.sort_by_key(size);
    // Who says nothing of a zone stands alone, as far as anybody knows.
    let zone = |position: usize| pool[position].0.zone.clone().ok_or(position);
    let mut free: BTreeMap<Result<Zone, usize>, Vec<usize>> = BTreeMap::new();
    // Of zones with as much room, those go first that have the smallest.
    let mut zones: Vec<Result<Zone, usize>> = Vec::new();
    for position in &fit {
        if !zones.contains(&zone(*position)) {
            zones.push(zone(*position));
        }
    }
    for position in fit.into_iter().rev() {
        free.entry(zone(position)).or_default().push(position);
    }
    let mut by_shard: BTreeMap<u16, Vec<Place>> = BTreeMap::new();
    for place in places {
        by_shard.entry(place.shard).or_default().push(*place);
    }
    let has = |shard: u16, at: usize| match &zones[at] {
        Ok(zone) => there.get(&shard).is_some_and(|there| there.contains(zone)),
        Err(_) => false,
    };
    let shards: Vec<spread::Shard> = by_shard
        .iter()
        .map(|(shard, places)| spread::Shard {
            nodes: places.len(),
            has: (0..zones.len()).filter(|at| has(*shard, *at)).collect(),
        })
        .collect();
    let room: Vec<usize> = zones.iter().map(|zone| free[zone].len()).collect();
    let spread = spread::spread(&shards, &room);

    let mut choice = Choice { servers: BTreeMap::new(), shared: BTreeSet::new() };
    for ((shard, places), zones_of) in by_shard.into_iter().zip(spread) {
        let mut seen: BTreeSet<Zone> = there.get(&shard).cloned().unwrap_or_default();
        for (place, at) in places.into_iter().zip(zones_of) {
            if let Ok(zone) = &zones[at]
                && !seen.insert(zone.clone())
            {
                choice.shared.insert((shard, zone.clone()));
            }
            let server = free.get_mut(&zones[at]).and_then(Vec::pop);
            choice.servers.extend(server.map(|server| (place, server)));
        }
    }
    Ok(choice)
}

/// How many shards would have two nodes in one zone if all of these servers fitted and were free: none could do better.
pub fn sharing<'a>(servers: impl IntoIterator<Item = &'a Server>, shards: u16, nodes_per_shard: u16) -> usize {
    let (mut room, mut alone) = (BTreeMap::<&Zone, usize>::new(), 0);
    for server in servers {
        match &server.zone {
            Some(zone) => *room.entry(zone).or_default() += 1,
            None => alone += 1,
        }
    }
    let room: Vec<usize> = room.into_values().chain(std::iter::repeat_n(1, alone)).collect();
    let nodes = usize::from(nodes_per_shard);
    let shards: Vec<_> = (0..shards).map(|_| spread::Shard { nodes, has: BTreeSet::new() }).collect();
    let shares = |zones: &Vec<usize>| zones.iter().collect::<BTreeSet<_>>().len() < zones.len();
    spread::spread(&shards, &room).iter().filter(|zones| shares(zones)).count()
}

/// Why a server is not for this cluster, in a sentence's second half.
fn why_not(server: &Server, facts: Result<&Facts, &String>, needs: &Needs) -> Option<String> {
    if server.hidden {
        return Some("is hidden in the pool".to_owned());
    }
    let lacks = needs.labels.iter().find(|(label, value)| server.labels.get(*label) != Some(*value));
    if let Some((label, value)) = lacks {
        return Some(match server.labels.get(label) {
            Some(other) => format!("has {label}={other}, and {value} is asked for"),
            None => format!("has no label {label}={value}"),
        });
    }
    let facts = match facts {
        Ok(facts) => facts,
        Err(why) => return Some(why.clone()),
    };
    match &facts.state {
        State::Free => {}
        locked @ State::Locked(_) => {
            return Some(format!("is locked for {}, by an apply that runs or was cut short", locked.cluster()));
        }
        used @ State::Used(_) => return Some(format!("has a node of {}", used.cluster())),
        State::Hidden => return Some("is hidden (/etc/justmanage/hidden)".to_owned()),
    }
    let few = |what: &str, has: String, wanted: String| Some(format!("has {has} {what}, and {wanted} are asked for"));
    if facts.processors < needs.processors {
        return few("processors", facts.processors.to_string(), needs.processors.to_string());
    }
    if facts.memory < needs.memory {
        return few("of memory", facts.memory.to_string(), needs.memory.to_string());
    }
    if facts.disk_free < needs.disk {
        return few("of free disk", facts.disk_free.to_string(), needs.disk.to_string());
    }
    None
}
