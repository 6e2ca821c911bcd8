//! Where members are: whoever has moved is entered with the addresses that its own agent names.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_model::{NodeAddresses, NodeId, Phase, RecordChange};

use crate::draft::Draft;
use crate::view::View;

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
}

/// Members that are elsewhere than the Record says, and whose new place no other member has by the Record's word. Of two of
/// which one has the other's old address, the other has to be seen at its new one first: until then nobody knows whether it
/// still is where it was, and no two members can have one address.
fn moved(view: &View<'_>) -> BTreeMap<NodeId, NodeAddresses> {
    let members = &view.record.members;
    let mut taken = BTreeSet::new();
    let elsewhere = view.known().filter_map(|(node, seen)| Some((node, seen.at?)));
    let elsewhere = elsewhere.filter(|(node, at)| members.get(node).is_some_and(|member| member.addresses() != *at));
    let mut moved: BTreeMap<NodeId, NodeAddresses> =
        elsewhere.filter(|(_, at)| taken.insert(at.agent) && taken.insert(at.client)).collect();
    loop {
        let stays = members.iter().filter(|(node, _)| !moved.contains_key(node)).map(|(_, member)| member);
        let held: BTreeSet<_> = stays.flat_map(|member| [member.agent, member.client]).collect();
        let before = moved.len();
        moved.retain(|_, at| !held.contains(&at.agent) && !held.contains(&at.client));
        if moved.len() == before {
            return moved;
        }
    }
}

#[cfg(test)]
mod tests;
