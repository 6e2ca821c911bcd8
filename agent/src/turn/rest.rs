//! How long to rest when there is nothing to do: until something that nobody announces may have changed.

use std::time::Duration;

use justmanage_model::{Phase, Record, ServerState, Timestamp, Waiting};

/// How often a node that is as it is wanted is looked at. A server's death, a change of the Record and an operator's call
/// are noticed at once; this finds what nobody announces, such as a server that hangs or a link that broke.
pub(super) const CALM: Duration = Duration::from_secs(2);
/// How often while somebody has a grant.
const GRANTED: Duration = Duration::from_millis(100);
/// How often a node that waits for something is looked at.
const WAITING: Duration = Duration::from_millis(500);
/// How often while nodes get to know each other or one takes over: each step takes some milliseconds, and somebody waits.
const BRISK: Duration = Duration::from_millis(20);
/// How often a server that is starting is looked at: it answers after some 30 ms, and somebody waits for it.
const STARTING: Duration = Duration::from_millis(10);

/// How long to rest. An agent that does not lead knows nothing of the others, and does not wait for them.
pub(super) fn after(
    record: &Record,
    server: &ServerState,
    waiting: &[Waiting],
    now: Timestamp,
    leads: bool,
) -> Duration {
    if matches!(server, ServerState::Starting { .. }) {
        return STARTING;
    }
    if record.phase == Phase::Forming {
        return BRISK;
    }
    let counts = |reason: &&Waiting| leads || !matches!(reason, Waiting::NodeUnknown { .. });
    // What one node does under a grant shows at others, too, and whoever leads waits until they have seen it.
    let calm = if record.grant.is_some() { GRANTED } else { CALM };
    waiting.iter().filter(counts).map(|reason| patience(reason, now)).min().unwrap_or(calm).min(calm)
}

fn patience(reason: &Waiting, now: Timestamp) -> Duration {
    match reason {
        Waiting::RestartBackoff { retry_at, .. } => {
            Duration::try_from(retry_at.duration_since(now)).unwrap_or_default().clamp(STARTING, WAITING)
        }
        Waiting::TakingOver { .. }
        | Waiting::HandingOver { .. }
        | Waiting::PuttingBack { .. }
        | Waiting::HeldBack { .. }
        | Waiting::Joining { .. }
        | Waiting::NotIntroduced { .. } => BRISK,
        Waiting::LinkMissing { .. } | Waiting::ReplicaNotInSync { .. } | Waiting::ViewsDiffer => WAITING / 5,
        // A person has to come; what they do is announced.
        // The window is looked at as often as everything else.
        Waiting::Pending { .. } => CALM,
        Waiting::Stuck { .. } | Waiting::MembersMissing { .. } | Waiting::MembersSurplus { .. } => CALM,
        _ => WAITING,
    }
}
