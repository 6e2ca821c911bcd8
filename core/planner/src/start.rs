//! With which program a server is started, and on which data.

use justmanage_model::record::Operation;
use justmanage_model::{
    Grant, Halt, NodeId, NodeObservation, NodeStep, Program, RecordChange, ServerState, Timestamp, Waiting,
};
use justmanage_releases::hop;

use crate::heal::START_PATIENCE;
use crate::revive::copy_elsewhere;
use crate::view::{Serving, View};
use crate::{back_up, roll};

/// How long after all servers have gone over one that ends by its own doing is put back: as long as an agent takes a server that has just
/// been started for one that may not be fit. Nobody waits for it.
pub const TRIAL: jiff::SignedDuration = jiff::SignedDuration::from_secs(60);

/// What is said of a server that proved not to be fit, until it is put back.
const GOES_ON: &str = " No further node goes over.";

/// The step that starts a node's server; or why it cannot be started yet.
///
/// A program that may not be able to read what the one before it has written never sees that: the node is emptied, and copies
/// everything anew from its primary. So that is done only while another server is seen to be the primary of its shard, with all
/// that there is. But where nobody else has anything, and what the node was started with last does not run there, the other program has to
/// do with what is there: one that cannot read it says so, ends, and leaves it alone.
pub(crate) fn start(view: &View<'_>, node: NodeId, seen: &NodeObservation) -> Result<NodeStep, Waiting> {
    let Some(shard) = view.record.shard_of(node).filter(|_| empties(view, node, seen)) else {
        return Ok(NodeStep::StartServer);
    };
    match primary_elsewhere(view, shard, node, seen).filter(|primary| primary.has_copy()) {
        Some(_) => Ok(NodeStep::StartEmpty),
        None if seen.unfit && is_last_copy(view, node, seen) => Ok(NodeStep::StartServer),
        None => Err(Waiting::NoPrimary { shard }),
    }
}

/// The primary of a shard, if it is another node's server, and not one that this node's server has taken the shard over from: whoever has not
/// been looked at since says that it still has it.
fn primary_elsewhere<'a>(view: &View<'a>, shard: u16, node: NodeId, seen: &NodeObservation) -> Option<Serving<'a>> {
    let had = seen.last.as_ref().filter(|last| last.primary).map(|last| last.config_epoch);
    let later = |primary: &Serving<'_>| had.is_none_or(|had| primary.bus.config_epoch > had);
    view.primary_of(shard).filter(|primary| primary.node != node && later(primary))
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

/// Whether a server that does not run is the only one in its shard that may have anything: it was saved when it was stopped, and the
/// others have died without. Whoever is not seen may have more.
pub(crate) fn is_last_copy(view: &View<'_>, node: NodeId, seen: &NodeObservation) -> bool {
    let ended = matches!(seen.server, ServerState::Stopped | ServerState::Down { .. });
    let Some(shard) = view.record.shard_of(node).filter(|_| ended && seen.last.is_some()) else { return false };
    view.primary_of(shard).is_none() && !copy_elsewhere(view, shard, node)
}

/// Whether a node's server was last started as what servers come from.
pub(crate) fn is_as_it_was(view: &View<'_>, seen: &NodeObservation) -> bool {
    seen.program.as_ref().zip(view.record.previous.as_ref()).is_some_and(|(ran, previous)| ran.is_same(previous))
}

/// The change that puts a node back to the release that it comes from, if the new one proved not to be fit there: its server could
/// not be started, ended by its own doing within a minute, has not answered for one, or does not come into sync.
///
/// A primary first loses its place as any dead one does. Who was stopped to try it, and has all that is left of its shard, has that from
/// before, and nobody to wait for.
pub(crate) fn put_back(view: &View<'_>, node: NodeId, seen: &NodeObservation) -> Option<RecordChange> {
    let record = view.record;
    let previous = record.came_from()?;
    let tried = gone_over(view, seen)?;
    let ours = |grant: &Grant| grant.nodes.contains(&node) && grant.operation != Operation::PutBack;
    let granted = record.grant.as_ref().is_none_or(ours);
    let shard = record.shard_of(node).filter(|_| granted)?;
    let elsewhere = primary_elsewhere(view, shard, node, seen).is_some();
    let on_trial = record.previous.is_none();
    // Where all have gone over, its files are the new release's by now.
    let alone = || !on_trial && !view.has_others(shard) || record.grant.is_some() && is_last_copy(view, node, seen);
    if !elsewhere && !alone() || elsewhere && cannot_copy(view, shard, previous) {
        return None;
    }
    let (since, why) = unfit(view, node, seen)?;
    let others = match on_trial {
        true => "the others stay, each unless it ends so, too.",
        false => "no further node goes over.",
    };
    let begins = format!("{} is not fit: on node {node} ", tried.release);
    let ends = format!(" The node was put back to {}; {others}", previous.release);
    // What it was may be said already, and better than it can be now that the server was started again.
    let said = record.halt.as_ref().and_then(|halt| Some((halt.since, halt.what.strip_prefix(&begins)?)));
    let said = said.and_then(|(since, rest)| Some((since, rest.strip_suffix(GOES_ON)?.to_owned())));
    let (since, why) = said.unwrap_or((since, why));
    Some(RecordChange::PutBack(node, Halt { what: format!("{begins}{why}{ends}"), since }))
}

/// Whether a server of the release before could not copy from its primary, which has gone over.
fn cannot_copy(view: &View<'_>, shard: u16, previous: &Program) -> bool {
    let Some(primary) = view.primary_of(shard).filter(|one| !one.server.release.agrees_with(&previous.release)) else {
        return false;
    };
    let loses = primary.server.field_ttls.is_some_and(|keys| keys > 0);
    hop(&primary.server.release, &previous.release).map_or(true, |hop| hop.refuses_field_ttls && loses)
}

/// The change that ends going over when a server that has gone over proves not to be fit while another node has the grant: that one's step
/// goes on, or is taken back where it has not begun ([`crate::restart`]), and when it is over, [`put_back`] comes to its turn. So it is
/// where the node cannot go back: then it goes on as it is.
pub(crate) fn halt(view: &View<'_>, node: NodeId, seen: &NodeObservation) -> Option<RecordChange> {
    let previous = view.record.came_from()?;
    let shard = view.record.shard_of(node)?;
    let stays = cannot_copy(view, shard, previous);
    let due = view.record.halt.is_none() && (view.record.grant.is_some() || stays);
    let tried = gone_over(view, seen).filter(|_| due)?;
    let (since, why) = unfit(view, node, seen)?;
    let mut what = format!("{} is not fit: on node {node} {why}{GOES_ON}", tried.release);
    if stays {
        what.push_str(&format!(" It stays as it is: {} cannot copy from its primary.", previous.release));
    }
    Some(RecordChange::HaltAfter(Halt { what, since }))
}

/// The leave to go over, for a server that is not fit as it was, and has all that is left of its shard: whoever turned back did so because
/// of that, perhaps. It does not run, so that disturbs nobody.
pub(crate) fn go_over(view: &View<'_>, node: NodeId, seen: &NodeObservation) -> Option<RecordChange> {
    // One that a full disk has ended shows the same, and what was to be backed up before is not yet.
    let rests = back_up::why_not_disturb(view).is_none();
    let free = view.record.grant.is_none() && view.record.halt.is_none() && rests;
    let unfit = seen.unfit && is_as_it_was(view, seen);
    (free && unfit && is_last_copy(view, node, seen)).then(|| roll::given(view, Operation::Restart, node))
}

/// The program that servers go over to, where this one has run it last.
fn gone_over<'a>(view: &View<'a>, seen: &'a NodeObservation) -> Option<&'a Program> {
    let previous = view.record.came_from()?;
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
