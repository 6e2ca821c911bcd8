//! A granted restart, or a way back, seen to its end.

use justmanage_model::record::Operation;
use justmanage_model::{Grant, NodeId, NodeObservation, NodeStep, RecordChange, ServerState, Waiting};

use crate::draft::Draft;
use crate::heal::START_PATIENCE;
use crate::view::{Serving, View};
use crate::{safety, start};

/// Nothing remembers how far it came. A server that still runs as it did before is to be stopped; one that is stopped, to be
/// started; one that runs as it is wanted, with all its links, is done. A node that is not known keeps its grant: it may be the
/// one that is down.
pub(crate) fn settle(view: &View<'_>, draft: &mut Draft, grant: &Grant) {
    let mut open = false;
    for node in &grant.nodes {
        match next(view, *node, grant.operation) {
            Next::Step(step) => draft.act(*node, step),
            Next::Change(change) => {
                draft.wait_for(*node, Waiting::PuttingBack { node: *node });
                draft.change(change);
            }
            Next::Wait(reason) => draft.wait_for(*node, reason),
            Next::Hear(reason) => draft.wait(reason),
            Next::Heal => {}
            Next::Done => continue,
        }
        open = true;
    }
    if !open {
        draft.change(RecordChange::ClearGrant);
    }
}

enum Next {
    Step(NodeStep),
    Change(RecordChange),
    Wait(Waiting),
    /// What its agent makes of the newest Record is not known yet.
    Hear(Waiting),
    /// The server died or hangs: healing needs no grant, and this one stays until it is done.
    Heal,
    Done,
}

fn next(view: &View<'_>, node: NodeId, operation: Operation) -> Next {
    // A node that is no member any more took its grant with it.
    if !view.record.members.contains_key(&node) {
        return Next::Done;
    }
    if let Some(unseen) = view.why_unseen(node) {
        return Next::Wait(unseen);
    }
    let Some(seen) = view.observation.known(node) else { return Next::Heal };
    if operation == Operation::Restart
        && let Some(change) = start::put_back(view, node, seen)
    {
        return Next::Change(change);
    }
    let server = match &seen.server {
        ServerState::Running(server) => server,
        // A program that hangs does not hinder the one that it is to make room for.
        ServerState::Starting { since } | ServerState::Hung { since }
            if operation == Operation::PutBack && view.age(*since) >= START_PATIENCE =>
        {
            return Next::Step(NodeStep::StopServer);
        }
        ServerState::Stopped | ServerState::Down { .. } => return ended(view, node, seen, operation),
        ServerState::Starting { .. } | ServerState::Hung { .. } => return Next::Heal,
    };
    let Some(one) = view.serving_at(node) else { return Next::Heal };
    if !as_wanted(view, one, operation) {
        let tried = operation == Operation::Restart && server.started == Some(view.record.generation);
        return match tried {
            true => Next::Wait(in_vain(view, one)),
            // It was elected since it was given leave as a replica: it hands over first.
            // What it was to go over to has shown elsewhere that it is no good.
            false if taken_back(view, operation) && view.is_behind(one) => {
                safety::why_not_heard(view, one).map_or(Next::Done, Next::Hear)
            }
            // It came back a moment ago and has not heard yet that it is a primary no more. Its own agent would stop it when it has.
            false
                if one.owns() && view.primary_of(one.member.seat.shard).is_some_and(|primary| primary.node != node) =>
            {
                Next::Wait(Waiting::ViewsDiffer)
            }
            false if one.owns() && view.has_others(one.member.seat.shard) => {
                safety::why_not_heard(view, one).map_or(Next::Done, Next::Hear)
            }
            false => Next::Step(NodeStep::StopServer),
        };
    }
    // Only with its links and its data may the next one go: the server comes back a second before they do.
    match safety::why_not_linked(view, one).or_else(|| safety::why_not_in_sync(one)) {
        Some(reason) => Next::Wait(reason),
        // With a newer Record than it spoke of (another key that needs a restart), its agent may be stopping the server by this
        // very grant, and the grant must not end under its hands.
        None => safety::why_not_heard(view, one).map_or(Next::Done, Next::Hear),
    }
}

/// Whether the leave to go over is taken back: another server that has gone over proved not to be fit.
fn taken_back(view: &View<'_>, operation: Operation) -> bool {
    operation == Operation::Restart && view.record.halt.is_some() && view.record.previous.is_some()
}

/// Its server does not run: one that was stopped is started, and what has died is healing's.
fn ended(view: &View<'_>, node: NodeId, seen: &NodeObservation, operation: Operation) -> Next {
    let keeps = || operation == Operation::Restart && start::is_as_it_was(view, seen);
    if let Some(halt) = view.record.halt.as_ref().filter(|_| taken_back(view, operation))
        && start::is_as_it_was(view, seen)
    {
        return Next::Change(RecordChange::PutBack(node, halt.clone()));
    }
    match (start::start(view, node, seen), seen.server == ServerState::Stopped) {
        // It cannot be emptied, and its data are the best there are: the leave is given back, and it is started as it was.
        (Err(_), _) if keeps() && start::is_last_copy(view, node, seen) => Next::Done,
        (Ok(step), true) => Next::Step(step),
        (Err(reason), true) => Next::Wait(reason),
        (_, false) => Next::Heal,
    }
}

/// Whether a server runs as it is to run when this is over.
pub(crate) fn as_wanted(view: &View<'_>, one: Serving<'_>, operation: Operation) -> bool {
    match operation {
        Operation::PutBack => view.is_put_back(one),
        Operation::Restart | Operation::Handover | Operation::Reshard => !view.needs_restart(one),
    }
}

/// The server was started from this very Record, and is still not as it is wanted: another restart would end the same way.
fn in_vain(view: &View<'_>, one: Serving<'_>) -> Waiting {
    if view.is_behind(one) {
        let (wanted, path) = (&view.record.release, view.record.artefact.server().display());
        let what = format!(
            "The server of node {} was started as {wanted}, and says that it is {}: {path} is another program.",
            one.node, one.server.release
        );
        return view.stuck(view.now, what, "Put the right program there, or apply the version that runs.");
    }
    let keys: Vec<String> = view.drift(one).restart.into_iter().map(|key| format!("config[{key:?}]")).collect();
    let what = format!("The server of node {} was restarted and did not take {}.", one.node, keys.join(", "));
    view.stuck(view.now, what, "Give another value, or remove the key.")
}
