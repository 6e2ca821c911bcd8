//! Making a cluster out of members.

use justmanage_model::{NodeStep, Phase, RecordChange, ServerState, SlotSet, Step, Waiting};

use crate::view::{View, by};
use crate::{Verdict, tune};

/// Authority, servers, slots, settings, and then the word that the cluster serves.
///
/// Everything before that word may be done again from the beginning: a Forming cluster holds no data.
pub(crate) fn form(view: &View<'_>) -> Verdict {
    if !view.is(Phase::Forming) {
        return Verdict::Pass;
    }
    if view.record.ca_certificate.is_none() {
        return act(RecordChange::FoundAuthority);
    }
    let stopped = view.known().filter(|(_, seen)| seen.server == ServerState::Stopped);
    let starts: Vec<Step> = stopped.map(|(node, _)| by(node, NodeStep::StartServer)).collect();
    if !starts.is_empty() {
        return Verdict::Act(starts);
    }
    let unseen = view.unseen();
    if !unseen.is_empty() {
        return Verdict::Wait(unseen);
    }
    let (have, want) = (u32::try_from(view.record.members.len()).unwrap_or(u32::MAX), view.record.spec.nodes());
    if have < want {
        return Verdict::Wait(vec![Waiting::MembersMissing { have, want }]);
    }
    slots(view)
}

fn slots(view: &View<'_>) -> Verdict {
    let missing = SlotSet::all().difference(&view.served());
    // The guard let only clusters of one shard pass: its one node takes all.
    if let Some((node, _)) = view.serving().next().filter(|_| !missing.is_empty()) {
        return Verdict::Act(vec![by(node, NodeStep::AssignSlots(missing))]);
    }
    let not_ok: Vec<Waiting> =
        view.serving().filter(|(_, s)| !s.cluster_ok).map(|(node, _)| Waiting::ClusterNotOk { node }).collect();
    if !not_ok.is_empty() {
        return Verdict::Wait(not_ok);
    }
    // Users and settings first: who is told that the cluster serves wants to log in.
    match tune::tune(view) {
        Verdict::Pass => act(RecordChange::Formed),
        first => first,
    }
}

fn act(change: RecordChange) -> Verdict {
    Verdict::Act(vec![Step::Record(change)])
}
