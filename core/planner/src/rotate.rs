//! Certificates, their authority and the replication password: when they are replaced, and in which order.

use justmanage_model::{PasswordChange, Phase, Record, RecordChange, ServerObservation, Succession, Timestamp};

use crate::draft::Draft;
use crate::view::{Serving, View};

/// How much of a certificate's life is over when it is renewed, in fifths. At three fifths there is time left before two
/// thirds, whatever life it is issued for: of 90 days six, in which an agent that is away comes back.
const RENEWED_AT: i32 = 3;
/// Of an agent that is too old to say from when on its certificate is valid: renewed when less than this is left.
const RENEW_BEFORE: jiff::SignedDuration = jiff::SignedDuration::from_hours(30 * 24);

/// When a certificate that is valid from the one moment until the other is renewed.
#[must_use]
pub fn renewed_at(from: Timestamp, until: Timestamp) -> Timestamp {
    let age = until.duration_since(from) / 5 * RENEWED_AT;
    from.saturating_add(age).unwrap_or(until)
}

/// What is to be replaced, begun and brought to its end: it waits for nobody that is well,
/// and hinders nobody. The servers' own steps are in [`crate::tune`].
///
/// An authority that was announced issues nothing before all members trust it, and the old one is trusted until all members show
/// a certificate of the new one. A member that is down or out of sight keeps both from going on, and costs nothing else: both
/// are trusted meanwhile. With the replication password it is the same: all accept the new one before anybody uses it, and the old one
/// is accepted until nobody does.
pub(crate) fn rotate(view: &View<'_>, draft: &mut Draft) {
    if !view.is(Phase::Formed) {
        return;
    }
    let record = view.record;
    if let Some(change) = begun(view) {
        return draft.change(change);
    }
    match record.rotation.succession {
        Some(Succession::Announced { .. }) => {
            let over = record.authority_announced_until().is_some_and(|until| until <= view.now);
            if over && everybody(view, |one| trusts(record, one.server)) {
                draft.change(RecordChange::SucceedAuthority);
            }
        }
        Some(Succession::Issuing) => {
            let renewed = |one: &Serving<'_>| trusts(record, one.server) && !is_outdated(record, one.server);
            if everybody(view, renewed) {
                draft.change(RecordChange::DropAuthority);
            }
        }
        None => {}
    }
    let change = match record.rotation.password_change {
        Some(PasswordChange::Accepting) => RecordChange::UsePassword,
        Some(PasswordChange::Using) => RecordChange::DropPassword,
        None => return,
    };
    if everybody(view, |one| has_passwords(record, one.server)) {
        draft.change(change);
    }
}

/// What somebody asks for and has not begun yet, or has come to age. One after the other: whatever else is under way ends first.
fn begun(view: &View<'_>) -> Option<RecordChange> {
    let Record { rotation, spec: justmanage_model::ClusterSpec { rotate, .. }, .. } = view.record;
    let asked = |word: &Option<String>, done: &Option<String>| word.is_some() && word != done;
    if asked(&rotate.certificates, &rotation.certificates) {
        return Some(RecordChange::RenewCertificates);
    }
    if asked(&rotate.replication_password, &rotation.replication_password) && rotation.password_change.is_none() {
        return Some(RecordChange::AcceptPassword);
    }
    let authority = asked(&rotate.authority, &rotation.authority);
    let due = rotation.authority_due.is_some_and(|due| due <= view.now);
    let begins = match rotation.succession {
        None => authority || due,
        // That one has begun by itself: it is the one.
        Some(Succession::Announced { asked: false, .. }) => authority,
        Some(Succession::Announced { asked: true, .. } | Succession::Issuing) => false,
    };
    begins.then_some(RecordChange::AnnounceAuthority(view.now))
}

/// Whether it holds of every member, each of which is seen.
fn everybody(view: &View<'_>, holds: impl Fn(&Serving<'_>) -> bool) -> bool {
    view.record.members.keys().all(|node| view.serving_at(*node).is_some_and(|one| holds(&one)))
}

/// Whether a server trusts the authorities of the Record. Without TLS there is nobody to trust.
pub(crate) fn trusts(record: &Record, server: &ServerObservation) -> bool {
    record.spec.testing.plaintext || server.tls.as_ref().is_some_and(|tls| tls.authorities == record.authorities_file())
}

/// Whether a server uses and accepts the replication passwords of the Record.
pub(crate) fn has_passwords(record: &Record, server: &ServerObservation) -> bool {
    record.rotation.passwords_since.is_none_or(|since| server.passwords >= Some(since))
}

/// Whether a server's certificate was issued by a Record of before the one by which all are to be replaced.
fn is_outdated(record: &Record, server: &ServerObservation) -> bool {
    let issued = server.tls.as_ref().and_then(|tls| tls.issued);
    !record.spec.testing.plaintext && record.rotation.certificates_since.is_some_and(|since| issued < Some(since))
}

/// Whether a server needs a new certificate.
pub(crate) fn needs_certificate(record: &Record, server: &ServerObservation, now: Timestamp) -> bool {
    let until = server.certificate_expires;
    let at = match &server.tls {
        Some(tls) => renewed_at(tls.from, until),
        None => until.saturating_sub(RENEW_BEFORE).unwrap_or(until),
    };
    now >= at || is_outdated(record, server)
}
