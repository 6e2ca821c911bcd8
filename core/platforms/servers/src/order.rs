//! Which server of a pool an order gets, and what it is called there.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use justmanage_model::node::NodeOrder;
use justmanage_model::pool::{Pool, Server, Zone};
use justmanage_model::{Claim, NodeId};
use justmanage_platforms::{MachineOrder, PlatformError};
use tracing::warn;

use crate::choose::{Place, Refusal, choose};
use crate::facts::Facts;
use crate::look::{Look, Seen};
use crate::programs::Programs;
use crate::trouble::list;

/// Spares belong to no shard; for their zones they are taken for one of their own, which no cluster has.
const SPARES: u16 = u16::MAX;

/// The server for an order, by its position in the pool.
///
/// Orders that are given at the same time name each other, and go by one look: so each is told a server that the others are not.
pub(crate) fn server_for(
    pool: &Pool,
    look: &Look,
    programs: &Programs,
    order: &MachineOrder,
) -> Result<usize, PlatformError> {
    let own = &order.claim;
    let places = places(look, order);
    let mut there: BTreeMap<u16, BTreeSet<Zone>> = BTreeMap::new();
    for (at, claimed, _) in look.claimed().filter(|(_, claimed, _)| claimed.claim.cluster == own.cluster) {
        there.entry(shard(&claimed.claim)).or_default().extend(pool.servers[at].zone.clone());
    }
    let servers: Vec<(Server, Result<Facts, String>)> = pool
        .servers
        .iter()
        .zip(&look.servers)
        .map(|(server, seen)| (server.clone(), facts(server, seen, programs)))
        .collect();
    let wanted: BTreeSet<Place> = places.values().copied().collect();
    let choice = choose(&servers, &order.needs, &wanted, &there).map_err(|refusal| too_few(pool, &refusal))?;
    let at = places.get(&own.node).and_then(|place| choice.servers.get(place)).copied();
    let Some(at) = at else {
        // Two orders for one seat: only one of them was counted.
        let refusal = Refusal { needed: wanted.len() + 1, fit: wanted.len(), others: BTreeMap::new() };
        return Err(too_few(pool, &refusal));
    };
    if let Some(zone) = &pool.servers[at].zone
        && choice.shared.contains(&(shard(own), zone.clone()))
    {
        warn!(node = %own.node, %zone, "two nodes of a shard stand in one zone: too few others have servers that fit");
    }
    Ok(at)
}

/// A place for this order, and for each that is given with it and has no server yet.
fn places(look: &Look, order: &MachineOrder) -> BTreeMap<NodeId, Place> {
    let claimed: BTreeSet<NodeId> = look.claimed().map(|(_, order, _)| order.claim.node).collect();
    let along = order.along.iter().filter(|claim| !claimed.contains(&claim.node));
    let mut places = BTreeMap::new();
    let mut spares = 0;
    for claim in along.chain([&order.claim]) {
        // Every one of the orders has to count the same, whichever of them is its own.
        if places.contains_key(&claim.node) {
            continue;
        }
        let ordinal = claim.seat.map_or(spares, |seat| seat.ordinal);
        spares += u16::from(claim.seat.is_none());
        places.insert(claim.node, Place { shard: shard(claim), ordinal });
    }
    places
}

fn shard(claim: &Claim) -> u16 {
    claim.seat.map_or(SPARES, |seat| seat.shard)
}

/// What a server is made of, if it can have a node of this provider's.
fn facts<E>(server: &Server, seen: &Result<Seen, E>, programs: &Programs) -> Result<Facts, String> {
    let seen = seen.as_ref().map_err(|_| "does not say whose it is".to_owned())?;
    let facts = seen.facts.as_ref().map_err(|why| format!("can have no node: {why}"))?;
    if !programs.run_on(&facts.machine) {
        return Err(format!("has a processor ({}) for which this provider has no agent", facts.machine));
    }
    if address(server, seen).is_none() {
        return Err("does not say its address: write its private_address into the pool".to_owned());
    }
    Ok(facts.clone())
}

/// Under which address a server's node is reached: as the pool says; otherwise the one that we have come in at, which is the server's
/// own, also where the one that we know is translated on the way.
pub(crate) fn address(server: &Server, seen: &Seen) -> Option<IpAddr> {
    let written = server.host.address.parse().ok();
    let own = seen.address.filter(|address| !address.is_loopback());
    server.private_address.or(own).or(written).or(seen.address)
}

/// Where a node is to be from now on, where that is elsewhere: the pool names another address of its server, or its own is none of that any
/// more. A server that does not say which it has keeps its node where it is.
pub(crate) fn moved(server: &Server, order: &NodeOrder, seen: &Seen) -> Option<IpAddr> {
    let is_here = |address: &IpAddr| seen.addresses.contains(address);
    let named = server.private_address.filter(is_here);
    let wanted = match named {
        Some(named) => named,
        None if seen.addresses.is_empty() || is_here(&order.address) => return None,
        None => address(server, seen).filter(is_here)?,
    };
    (wanted != order.address).then_some(wanted)
}

fn too_few(pool: &Pool, refusal: &Refusal) -> PlatformError {
    let Refusal { needed, fit, others } = refusal;
    let why =
        list(others.iter().map(|(at, why)| format!("{} {}", pool.servers[*at].host, why.trim_end_matches('.'))), "; ");
    let counted = format!("{needed} servers are needed, and of {} in the pool {fit} can be taken", pool.servers.len());
    PlatformError::Quota {
        what: if why.is_empty() { counted } else { format!("{counted}: {why}") },
        hint: "Add servers to the pool, or ask for less. One that is locked by an apply that was cut short is free again when that \
               cluster is applied or destroyed."
            .into(),
    }
}

#[cfg(test)]
mod tests;
