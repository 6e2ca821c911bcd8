//! Configuration, users and certificates as they are wanted.

use justmanage_model::record::Announced;
use justmanage_model::{NodeStep, Phase, Waiting, user};

use crate::draft::Draft;
use crate::view::{Serving, View};
use crate::{rotate, safety};

/// Whatever works in the running server, on all nodes at once.
pub(crate) fn tune(view: &View<'_>, draft: &mut Draft) {
    if view.is(Phase::Leaving) {
        return;
    }
    live(view, draft);
}

/// What can be mended while the server runs; each step once more costs nothing.
pub(crate) fn live(view: &View<'_>, draft: &mut Draft) {
    let free: Vec<Serving<'_>> = view.serving().filter(|one| draft.is_free(one.node)).collect();
    for one in free {
        let server = one.server;
        let drift = view.drift(one);
        let certificate = rotate::needs_certificate(view.record, server, view.now);
        // Clients are told a name when the server there can prove that it is called so.
        let unproven = certificate && drift.live.contains_key(Announced::NAME_KEY);
        let wanted = [
            (!drift.live.is_empty() && !unproven, NodeStep::ApplyConfig),
            (server.users != user::fingerprint(&view.record.users), NodeStep::ApplyUsers),
            (!rotate::has_passwords(view.record, server), NodeStep::ApplyPasswords),
            // Whom it trusts before what it shows: a new certificate is of an authority that all trust by then.
            (server.tls.is_some() && !rotate::trusts(view.record, server), NodeStep::ApplyAuthorities),
            (certificate, NodeStep::RenewCertificate),
        ];
        wanted.into_iter().filter(|(needed, _)| *needed).for_each(|(_, step)| draft.act(one.node, step));
        if draft.is_free(one.node)
            && let Some(reason) = unknown_key(view, one)
        {
            draft.wait_for(one.node, reason);
        }
    }
}

/// A key that the server does not know: a start with it would fail, so none is begun. Its agent asks for the keys of the Record
/// that it has, so only one that has heard of a new key can say that.
fn unknown_key(view: &View<'_>, one: Serving<'_>) -> Option<Waiting> {
    let unknown = view.drift(one).unknown;
    let first = unknown.first()?;
    if let Some(unheard) = safety::why_not_heard(view, one) {
        return Some(unheard);
    }
    let what = format!("The server of node {} ({}) has no configuration key {first:?}.", one.node, one.server.release);
    Some(view.stuck(view.now, what, format!("Remove config[{first:?}].")))
}
