//! What time it is for this agent.

use jiff::SignedDuration;
use justmanage_model::Timestamp;

/// Now: by the machine's clock, unless a test says otherwise ([`justmanage_steps::ahead_s`]).
pub fn now() -> Timestamp {
    let now = Timestamp::now();
    now.saturating_add(SignedDuration::from_secs(justmanage_steps::ahead_s())).unwrap_or(now)
}
