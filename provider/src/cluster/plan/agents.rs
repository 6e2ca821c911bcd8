//! Agents that are older or newer than those of this provider.

use justmanage_model::Version;
use tfkit::{Attr, Diagnostic, Diagnostics, PlanChange};

use super::super::{Cluster, Context, private};
use crate::diagnostics;

/// Shows that an apply replaces agents which are older than this provider's. Newer ones stay, with a warning.
pub(super) async fn show_upgrade(cx: &Context, change: &mut PlanChange<Cluster>) -> Result<(), Diagnostics> {
    let Some(prior) = &change.prior else { return Ok(()) };
    if cx.provider_config_unknown() {
        return Ok(());
    }
    // Where nobody could say yet, what an update finds shows in the next plan.
    let Some(runs) = prior.agent_version.known().and_then(|text| text.parse::<Version>().ok()) else { return Ok(()) };
    let own = cx.client()?.managers.local().agent_version().await.map_err(|failure| diagnostics::error(&failure))?;
    let unfinished = prior.converged.known() == Some(&false) || !private::missing(cx).is_empty();
    change.planned.agent_version = match runs.cmp(&own) {
        std::cmp::Ordering::Less => Attr::Known(own.to_string()),
        std::cmp::Ordering::Equal => prior.agent_version.clone(),
        std::cmp::Ordering::Greater => {
            cx.report(newer(runs, own));
            // A node that is made anew has an agent of ours.
            if unfinished { Attr::unknown() } else { prior.agent_version.clone() }
        }
    };
    Ok(())
}

fn newer(runs: Version, own: Version) -> Diagnostic {
    Diagnostic::warning(
        "Agents are newer than this provider",
        format!(
            "The cluster's agents are of version {runs}, this provider brings {own}. Agents are never replaced by older ones, so \
             they stay as they are; what this provider does not know of yet, it cannot show or set.\n\nUse the provider of \
             version {runs} or a newer one."
        ),
    )
}
