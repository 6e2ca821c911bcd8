//! Configuration, users and certificates as they are wanted.

use std::collections::BTreeSet;

use justmanage_model::record::Operation;
use justmanage_model::{Grant, NodeId, NodeStep, Phase, RecordChange, ServerObservation, Step, Waiting, user};

use crate::view::{View, by};
use crate::{Verdict, safety};

/// A server's certificate is renewed when less than this is left of it: long enough for a person to come to it by hand, should
/// renewing fail for weeks. Certificates are to be issued for at least three times as long.
pub const RENEW_BEFORE: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// First whatever works in the running server, on all nodes; then, one node at a time and by a grant, what needs a restart.
pub(crate) fn tune(view: &View<'_>) -> Verdict {
    if view.is(Phase::Leaving) {
        return Verdict::Pass;
    }
    let unknown: Vec<Waiting> = view.serving().filter_map(|(node, server)| unknown_keys(view, node, server)).collect();
    let steps: Vec<Step> = view.serving().flat_map(|(node, server)| live(view, node, server)).collect();
    match Verdict::of(steps, unknown) {
        Verdict::Pass => restart(view),
        other => other,
    }
}

/// What can be mended while the server runs; each step once more costs nothing.
fn live(view: &View<'_>, node: NodeId, server: &ServerObservation) -> Vec<Step> {
    let wanted = [
        (!view.drift(server).live.is_empty(), NodeStep::ApplyConfig),
        (server.users != user::fingerprint(&view.record.users), NodeStep::ApplyUsers),
        (server.certificate_expires.duration_since(view.now) < RENEW_BEFORE, NodeStep::RenewCertificate),
    ];
    wanted.into_iter().filter(|(needed, _)| *needed).map(|(_, step)| by(node, step)).collect()
}

/// A key that the server does not know: a start with it would fail, so none is begun.
fn unknown_keys(view: &View<'_>, node: NodeId, server: &ServerObservation) -> Option<Waiting> {
    let unknown = view.drift(server).unknown;
    let first = unknown.first()?;
    let what = format!("The server of node {node} ({}) has no configuration key {first:?}.", server.release);
    Some(view.stuck(view.now, what, format!("Remove config[{first:?}].")))
}

fn restart(view: &View<'_>) -> Verdict {
    let Some((node, _)) = view.serving().find(|(_, server)| !view.drift(server).restart.is_empty()) else {
        return Verdict::Pass;
    };
    if let Some(reason) = safety::why_not_restart(view, node) {
        return Verdict::Wait(vec![reason]);
    }
    let given = view.record.generation.next();
    let grant = Grant { operation: Operation::Restart, nodes: BTreeSet::from([node]), given };
    Verdict::Act(vec![Step::Record(RecordChange::Give(grant))])
}
