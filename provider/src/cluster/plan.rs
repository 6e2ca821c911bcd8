//! What the plan says beyond what the framework plans: unfinished work shows, and what cannot be done is refused now.

use justmanage_core::manager::refuse_change;
use justmanage_model::{Failure, FieldPath};
use tfkit::model::View;
use tfkit::{Attr, Diagnostics, PlanChange};

use super::{Cluster, Context, spec};
use crate::diagnostics;

pub(super) async fn modify(cx: &Context, change: &mut PlanChange<Cluster>) -> Result<(), Diagnostics> {
    let Some(planned) = known(&change.planned) else { return Ok(()) };
    match change.prior.as_ref().and_then(known) {
        None => available(cx, &planned).await,
        Some(prior) => {
            refuse(&prior, &planned)?;
            show_unfinished(change);
            Ok(())
        }
    }
}

/// A cluster whose prior state is not converged shows an update that sees it through; and an update promises to converge,
/// so that one that does not is an error and not a silent half.
fn show_unfinished(change: &mut PlanChange<Cluster>) {
    let Some(prior) = &change.prior else { return };
    let unfinished = prior.converged.known() == Some(&false);
    if unfinished || change.planned.converged.is_unknown() {
        change.planned.converged = Attr::Known(true);
        change.planned.waiting_on = Attr::Known(Vec::new());
    }
    if unfinished {
        change.planned.version_actual = Attr::unknown();
        // What was never seen will be; what was seen stays.
        if !prior.endpoints.is_known() {
            change.planned.endpoints = Attr::unknown();
        }
        if !prior.ca_certificate.is_known() {
            change.planned.ca_certificate = Attr::unknown();
        }
    }
}

/// Whether the version that is asked for can be had at all.
async fn available(cx: &Context, planned: &Cluster) -> Result<(), Diagnostics> {
    if cx.provider_config_unknown() {
        return Ok(());
    }
    let (_, spec) = spec::wanted(planned)?;
    let manager = &cx.client()?.manager;
    let choice = manager.artefacts().choose(manager.platform(), spec.engine, spec.version).await;
    choice.map(|_| ()).map_err(|failure| diagnostics::error(&failure).into())
}

/// Changes that cannot be made are refused before anything is.
fn refuse(prior: &Cluster, planned: &Cluster) -> Result<(), Diagnostics> {
    if prior.name != planned.name {
        let failure = Failure::at(
            FieldPath::of("name"),
            "Change not possible in place",
            format!("A cluster cannot be renamed, and \"{}\" holds data, so it is not replaced either.", prior.name),
        )
        .hint(format!(
            "Put the name back. To make another cluster, add a second resource; to give this one up, remove it or run \
             terraform destroy, then apply under the name \"{}\".",
            planned.name
        ));
        return Err(diagnostics::error(&failure).into());
    }
    let (_, from) = spec::wanted(prior)?;
    let (_, to) = spec::wanted(planned)?;
    match refuse_change(&from, &to) {
        Some(failure) => Err(diagnostics::error(&failure).into()),
        None => Ok(()),
    }
}

/// The model, if everything that the user decides is known.
fn known(view: &View<Cluster>) -> Option<Cluster> {
    use tfkit::{Model, Path};
    <Cluster as Model>::decode(&view.encode(), &Path::root()).ok()
}
