//! Questions of safety. Each answers with the reason against it; none is needed for the answer "it is safe".

use justmanage_model::{Member, NodeId, Role, Waiting};

use crate::view::{Serving, View};

/// Why a node's server may not be restarted now, if it may not.
///
/// Not while anything speaks against disturbing anybody, and not while a grant is out. The data of a node without replicas is safe
/// over a restart, because a planned stop saves it; it does not serve meanwhile, and whoever changed a key that needs a restart
/// was told so by the plan.
pub(crate) fn why_not_restart(view: &View<'_>, node: NodeId) -> Option<Waiting> {
    if let Some(reason) = why_not_disturb(view) {
        return Some(reason);
    }
    let grant = view.record.grant.as_ref()?;
    let what = format!("Node {node} needs a restart, and the grant of generation {} is still out.", grant.given);
    Some(view.stuck(view.now, what, "It ends when the nodes that it names are as they are wanted, or are removed."))
}

/// Why nobody may be disturbed now, if nobody may: a node cannot be seen (it may be down already), or the cluster is not at rest.
pub(crate) fn why_not_disturb(view: &View<'_>) -> Option<Waiting> {
    if let Some(unseen) = view.unseen().into_iter().next() {
        return Some(unseen);
    }
    if let Some(reason) = unrest(view).into_iter().next() {
        return Some(reason);
    }
    // What somebody saw before the last disturbance says nothing of how it is after that: their link to a server that was
    // restarted may have been open then, and be closed now. The end of its grant is heard of by everybody.
    view.serving().find_map(|one| why_not_heard(view, one))
}

/// Everything that is not at rest among the servers that are seen: the state, the links, the copies, the agreement. None if
/// whatever one does to one node finds the others whole.
pub(crate) fn unrest(view: &View<'_>) -> Vec<Waiting> {
    unrest_beside(view, None)
}

/// The same, whatever there is between the others and one that is lost.
pub(crate) fn unrest_beside(view: &View<'_>, lost: Option<NodeId>) -> Vec<Waiting> {
    let mut reasons: Vec<Waiting> =
        view.serving().filter(|one| !one.bus.ok).map(|one| Waiting::ClusterNotOk { node: one.node }).collect();
    // Each server's own direction: together both.
    reasons.extend(view.serving().filter_map(|one| why_not_linked_beside(view, one, lost)));
    reasons.extend(view.serving().filter_map(why_not_in_sync));
    let mut views = view.serving().map(|one| &one.bus.view);
    let first = views.next();
    if views.any(|view| Some(view) != first) {
        reasons.push(Waiting::ViewsDiffer);
    }
    reasons
}

/// Why a server is not linked both ways with every member, if it is not. Each direction is a connection of its own, and each
/// server knows its own best: what the others say of it counts as far as they are seen.
///
/// A server that came back a moment ago shows the right roles, which it had on disk, before its links are open again; a
/// handover at that moment finds no voters.
pub(crate) fn why_not_linked(view: &View<'_>, one: Serving<'_>) -> Option<Waiting> {
    why_not_linked_beside(view, one, None)
}

fn why_not_linked_beside(view: &View<'_>, one: Serving<'_>, lost: Option<NodeId>) -> Option<Waiting> {
    let counts = |other: NodeId| other != one.node && Some(other) != lost;
    let others = view.record.members.iter().filter(|(other, _)| counts(**other));
    others.into_iter().find_map(|(other, member)| {
        let back = || view.serving_at(*other).and_then(|other| why_no_link(view, other, one.node, one.member));
        why_no_link(view, one, *other, member).or_else(back)
    })
}

fn why_no_link(view: &View<'_>, one: Serving<'_>, other: NodeId, member: &Member) -> Option<Waiting> {
    match view.peer_of(one, other, member) {
        // Of one that is down, more is said elsewhere.
        Some(peer) if !peer.handshake && peer.linked_to && (peer.linked_from || view.serving_at(other).is_none()) => {
            None
        }
        // By this way a vote would come back; and who would send it may not have seen yet that it is closed.
        Some(peer) if !peer.handshake && peer.linked_to => Some(Waiting::LinkMissing { from: other, to: one.node }),
        Some(peer) if !peer.handshake => Some(Waiting::LinkMissing { from: one.node, to: other }),
        _ => Some(Waiting::NotIntroduced { node: one.node, to: other }),
    }
}

/// Its agent has not said yet that it has nothing to do by the Record as it is now: what it said is of an older one.
pub(crate) fn why_not_heard(view: &View<'_>, one: Serving<'_>) -> Option<Waiting> {
    let generation = view.record.generation;
    let heard = one.seen.settled.is_some_and(|settled| settled >= generation);
    let why = format!("Its agent has not said yet what it makes of generation {generation}.");
    (!heard).then_some(Waiting::NodeUnknown { node: one.node, since: view.now, why })
}

/// Why a replica does not have its primary's data, if it does not.
pub(crate) fn why_not_in_sync(one: Serving<'_>) -> Option<Waiting> {
    match &one.bus.role {
        Role::Replica { link, .. } if !link.up => {
            Some(Waiting::ReplicaNotInSync { node: one.node, syncing: link.syncing })
        }
        Role::Replica { .. } | Role::Primary { .. } => None,
    }
}
