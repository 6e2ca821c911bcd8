//! Where members are: whoever has moved is entered with the addresses that its own agent names, and is called there.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_model::{NodeAddresses, NodeId, NodeStep, Phase, RecordChange, Role};

use crate::draft::Draft;
use crate::view::{Serving, View};

/// How long a replica may call its primary where that was, although it knows better. Most are told by the server itself within
/// a moment, and those that are not would call there for ever; three times the time in which a server looks at its links.
pub const CALLED_IN_VAIN: jiff::SignedDuration = jiff::SignedDuration::from_secs(3);

/// Enters all that have moved, with one change. It comes before everything else that needs a change: whoever is asked for
/// anything has to be found first. It hinders no node, since each agent's own steps need nobody's address.
pub(crate) fn locate(view: &View<'_>, draft: &mut Draft) {
    if view.is(Phase::Leaving) {
        return;
    }
    let moved = moved(view);
    if !moved.is_empty() {
        draft.change(RecordChange::Moved(moved));
    }
    for one in view.serving().filter(|one| calls_in_vain(view, *one)) {
        // Started again, it calls whom it knows. No grant is needed: it serves nothing that it could lose meanwhile.
        draft.act(one.node, NodeStep::StopServer);
    }
}

/// Whether a replica calls its primary at an address where that is no more.
///
/// A server that hears of another's new address by way of a third corrects what it knows of the cluster, and goes on calling
/// its primary at the old address for ever. `CLUSTER REPLICATE` does nothing, since it is that one's replica already (both
/// measured on Redis 7.0.15).
fn calls_in_vain(view: &View<'_>, one: Serving<'_>) -> bool {
    let Role::Replica { of, link } = &one.bus.role else { return false };
    let primary = view.member_of(*of).and_then(|node| view.record.members.get(&node));
    let known = one.bus.peer(*of).filter(|peer| !peer.handshake && peer.linked_to).and_then(|peer| peer.at);
    let (Some(called), Some(known), Some(primary)) = (link.at, known, primary) else { return false };
    let long = link.down_since.is_some_and(|since| view.age(since) >= CALLED_IN_VAIN);
    let contested = view.record.takeovers.contains_key(&one.member.seat.shard);
    !link.up && long && !contested && known == primary.client && called != known
}

/// Members that are elsewhere than the Record says, and whose new place no other member has by the Record's word. Of two of
/// which one has the other's old address, the other has to be seen at its new one first: until then nobody knows whether it
/// still is where it was, and no two members can have one address.
fn moved(view: &View<'_>) -> BTreeMap<NodeId, NodeAddresses> {
    let members = view.record.members.iter().map(|(node, member)| (*node, member.addresses()));
    let spares = view.record.spares.iter().map(|(node, spare)| (*node, spare.addresses()));
    let places: BTreeMap<NodeId, NodeAddresses> = members.chain(spares).collect();
    let mut taken = BTreeSet::new();
    let elsewhere = places.iter().filter_map(|(node, was)| {
        let at = view.observation.known(*node)?.at?;
        (at != *was).then_some((*node, at))
    });
    let mut moved: BTreeMap<NodeId, NodeAddresses> =
        elsewhere.filter(|(_, at)| taken.insert(at.agent) && taken.insert(at.client)).collect();
    loop {
        let stays = places.iter().filter(|(node, _)| !moved.contains_key(node)).map(|(_, at)| at);
        let held: BTreeSet<_> = stays.flat_map(|at| [at.agent, at.client]).collect();
        let before = moved.len();
        moved.retain(|_, at| !held.contains(&at.agent) && !held.contains(&at.client));
        if moved.len() == before {
            return moved;
        }
    }
}

#[cfg(test)]
mod tests;
