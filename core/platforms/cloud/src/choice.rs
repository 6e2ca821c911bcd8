//! Which type of machine in which zone: where to begin, and where to go on if there is no room.
//!
//! A pure function of the claim and of what may be had, not of what is there: whoever comes again begins at the same place, with the same
//! token. So many who ask at the same time, and see nothing of each other, spread their machines all the same.

use justmanage_model::{Bytes, Claim};
use justmanage_platforms::{Needs, PlatformError};

/// Of types that nobody has chosen so many are tried, from the smallest that fits: beyond them a machine costs several times as much as
/// what was asked for, and nobody wants that as a surprise.
const SIZES: usize = 3;

/// A type of machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What the cloud calls it.
    pub name: String,
    /// Its processors.
    pub processors: u32,
    /// Its memory.
    pub memory: Bytes,
    /// What `uname -m` says there: `x86_64`, `aarch64`.
    pub machine: String,
    /// Where it can be had, of the zones that are allowed.
    pub zones: Vec<String>,
}

/// What may be had.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Room {
    /// Types, in the order in which somebody wants them; or, where nobody has chosen, in any order.
    pub offers: Vec<Offer>,
    /// Whether somebody has chosen them.
    pub are_chosen: bool,
    /// Zones that are allowed, in a stable order.
    pub zones: Vec<String>,
}

/// A type of machine in a zone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The type.
    pub offer: Offer,
    /// The zone.
    pub zone: String,
}

/// Where a machine can be, the best first: the zones by turns, so that the nodes of a shard stand in different ones, then the next type.
///
/// # Errors
/// [`PlatformError::Invalid`]: nothing fits.
pub fn choose(
    room: &Room,
    needs: &Needs,
    claim: &Claim,
    runs_on: impl Fn(&str) -> bool,
) -> Result<Vec<Candidate>, PlatformError> {
    let offers = fitting(room, needs, &runs_on);
    let zones = in_turn(&room.zones, claim);
    let there = |offer: &'_ Offer| {
        let zones = zones.iter().filter(|zone| offer.zones.contains(zone));
        zones.map(|zone| Candidate { offer: offer.clone(), zone: (*zone).clone() }).collect::<Vec<_>>()
    };
    let candidates: Vec<Candidate> = offers.into_iter().flat_map(there).collect();
    if candidates.is_empty() {
        return Err(nothing_fits(room, needs, &runs_on));
    }
    Ok(candidates)
}

/// The types that fit, the best first: as somebody has chosen them, or the smallest.
pub fn fitting<'a>(room: &'a Room, needs: &Needs, runs_on: impl Fn(&str) -> bool) -> Vec<&'a Offer> {
    let is_large = |offer: &&Offer| offer.processors >= needs.processors && offer.memory >= needs.memory;
    let mut offers: Vec<&Offer> = room.offers.iter().filter(is_large).filter(|offer| runs_on(&offer.machine)).collect();
    if !room.are_chosen {
        offers.sort_by(|one, other| {
            let size = |offer: &Offer| (offer.memory, offer.processors, offer.name.clone());
            size(one).cmp(&size(other))
        });
        offers.truncate(SIZES);
    }
    offers
}

/// The zones, beginning with the one whose turn it is: that of the node's place in its shard, each shard one further. A spare is of no
/// shard: its turn comes of its id.
fn in_turn<'a>(zones: &'a [String], claim: &Claim) -> Vec<&'a String> {
    let turn = match claim.seat {
        Some(seat) => usize::from(seat.shard) + usize::from(seat.ordinal),
        None => claim.node.to_string().bytes().map(usize::from).sum(),
    };
    let first = turn % zones.len().max(1);
    zones[first..].iter().chain(&zones[..first]).collect()
}

fn nothing_fits(room: &Room, needs: &Needs, runs_on: &impl Fn(&str) -> bool) -> PlatformError {
    let needed = format!("{} processors and {} of memory", needs.processors, needs.memory);
    let names: Vec<&str> = room.offers.iter().map(|offer| offer.name.as_str()).collect();
    let what = if room.offers.is_empty() {
        "no type of machine that is allowed can be had in these zones".to_owned()
    } else if !room.offers.iter().any(|offer| runs_on(&offer.machine)) {
        "this provider has no agent for the processors of the types of machine that are allowed".to_owned()
    } else if room.are_chosen {
        format!("a node needs {needed}, and none of these types has that: {}", names.join(", "))
    } else {
        format!("a node needs {needed}, and no type of machine has that")
    };
    PlatformError::Invalid {
        field: "machine_types".into(),
        what,
        hint: "Allow another type of machine, or other zones, or ask for less memory.".into(),
    }
}

#[cfg(test)]
mod tests;
