//! With which program a server is started, and on which data.

use justmanage_model::record::Operation;
use justmanage_model::{
    Grant, Halt, NodeId, NodeObservation, NodeStep, Program, RecordChange, ServerState, Timestamp, Waiting,
};
use justmanage_releases::hop;

use crate::heal::START_PATIENCE;
use crate::view::View;

/// The step that starts a node's server; or why it cannot be started yet.
///
/// A program that may not be able to read what the one before it has written never sees that: the node is emptied, and copies
/// everything anew from its primary. So that is done only while another server is seen to be the primary of its shard, with all
/// that there is.
pub(crate) fn start(view: &View<'_>, node: NodeId, seen: &NodeObservation) -> Result<NodeStep, Waiting> {
    let Some(shard) = view.record.shard_of(node).filter(|_| empties(view, node, seen)) else {
        return Ok(NodeStep::StartServer);
    };
    match view.primary_of(shard).filter(|primary| primary.node != node && primary.has_copy()) {
        Some(_) => Ok(NodeStep::StartEmpty),
        None => Err(Waiting::NoPrimary { shard }),
    }
}

/// Whether what is on the node's disk is not for the program that it is started with. Where nobody else has the data, it is never
/// so: then the program has to do with what is there.
fn empties(view: &View<'_>, node: NodeId, seen: &NodeObservation) -> bool {
    let (record, Some(shard)) = (view.record, view.record.shard_of(node)) else { return false };
    // An agent that does not say what its server ran is older than any going over, or there never was a server.
    let before = record.previous.as_ref().filter(|_| seen.last.is_some());
    let Some(ran) = seen.program.as_ref().or(before) else { return false };
    let to = record.program_for(node, seen.program.as_ref());
    let fits = || hop(&ran.release, &to.release).is_ok_and(|hop| !hop.empties);
    view.has_others(shard) && !ran.is_same(&to) && !fits()
}

/// The change that puts a node back to the release that it comes from, if the new one proved not to be fit there: its server could
/// not be started, ended by its own doing within a minute, has not answered for one, or does not come into sync.
///
/// A primary first loses its place as any dead one does.
pub(crate) fn put_back(view: &View<'_>, node: NodeId, seen: &NodeObservation) -> Option<RecordChange> {
    let record = view.record;
    let previous = record.previous.as_ref()?;
    let tried = gone_over(view, seen)?;
    let ours = |grant: &Grant| grant.nodes.contains(&node) && grant.operation != Operation::PutBack;
    let granted = record.grant.as_ref().is_none_or(ours);
    let shard = record.shard_of(node).filter(|_| granted)?;
    let elsewhere = view.primary_of(shard).is_some_and(|primary| primary.node != node);
    if view.has_others(shard) && !elsewhere {
        return None;
    }
    let (since, why) = unfit(view, node, seen)?;
    let what = format!(
        "{} is not fit: on node {node} {why} The node was put back to {}; no further node goes over.",
        tried.release, previous.release
    );
    Some(RecordChange::PutBack(node, Halt { what, since }))
}

/// The change that ends going over when a server that has gone over proves not to be fit while another node has the grant: that one's step
/// goes on, and when it is over, [`put_back`] comes to its turn.
pub(crate) fn halt(view: &View<'_>, node: NodeId, seen: &NodeObservation) -> Option<RecordChange> {
    let tried = gone_over(view, seen).filter(|_| view.record.halt.is_none() && view.record.grant.is_some())?;
    let (since, why) = unfit(view, node, seen)?;
    let what = format!("{} is not fit: on node {node} {why} No further node goes over.", tried.release);
    Some(RecordChange::HaltAfter(Halt { what, since }))
}

/// The program that servers go over to, where this one has run it last.
fn gone_over<'a>(view: &View<'a>, seen: &'a NodeObservation) -> Option<&'a Program> {
    let previous = view.record.previous.as_ref()?;
    seen.program.as_ref().filter(|tried| tried.is_same(&view.record.program()) && !tried.is_same(previous))
}

/// Since when, and why: a sentence.
fn unfit(view: &View<'_>, node: NodeId, seen: &NodeObservation) -> Option<(Timestamp, String)> {
    match &seen.server {
        ServerState::Down { since, why, .. } if seen.unfit => Some((*since, format!("{}.", why.trim_end_matches('.')))),
        ServerState::Starting { since } | ServerState::Hung { since } if view.age(*since) >= START_PATIENCE => {
            Some((view.now, "its server does not answer.".to_owned()))
        }
        ServerState::Running(_) if seen.unfit => {
            Some((view.now, "its server ended by its own doing within a minute of its start.".to_owned()))
        }
        ServerState::Running(_) => {
            let cut_off = view.serving_at(node).and_then(|one| one.cut_off_since())?;
            (view.age(cut_off) >= START_PATIENCE)
                .then(|| (view.now, "its server does not receive its primary's data.".to_owned()))
        }
        _ => None,
    }
}
