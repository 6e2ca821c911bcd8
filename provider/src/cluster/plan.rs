//! What the plan says beyond what the framework plans: unfinished work shows, what cannot be done is refused now, and what the
//! user should know before they say yes.

mod agents;
mod holes;
mod idle;
mod warnings;

use justmanage_core::artefacts::Choice;
use justmanage_core::manager::{Observed, refuse_change};
use justmanage_model::{Bytes, ClusterName, ClusterSpec, Failure, FieldPath, Release, Testing};
use tfkit::model::View;
use tfkit::{Attr, Diagnostic, Diagnostics, Model, PlanChange};

use super::{Cluster, Context, private, spec};
use crate::diagnostics;

pub(super) async fn modify(cx: &Context, change: &mut PlanChange<Cluster>) -> Result<(), Diagnostics> {
    // Whatever is not known yet: nobody is to believe that backups are made.
    report(cx, idle::policies(&change.planned.maintenance_window, &change.planned.backup_policy));
    let Some(planned) = known(&change.planned) else { return Ok(()) };
    let testing = match cx.provider_config_unknown() {
        true => Testing::default(),
        false => cx.client()?.testing,
    };
    let (name, to) = spec::wanted(&planned, testing)?;
    let Some(prior) = &change.prior else { return create(cx, &to).await };
    let Some(prior) = known(prior) else { return Ok(()) };
    let (prior_name, from) = spec::wanted(&prior, testing)?;
    let running = private::release(cx);
    refuse((&prior_name, &from), (&name, &to), running.as_ref())?;
    show_unfinished(change);
    if from == to {
        keep_what_is_seen(change);
    }
    let missing = private::missing(cx);
    if !missing.is_empty() {
        cx.report(warnings::replaced(&missing, &to));
        // A new machine may have another address.
        change.planned.endpoints = Attr::unknown();
    }
    agents::show_upgrade(cx, change).await?;
    report(cx, warnings::restarts(&from, &to));
    if to.memory < from.memory {
        report(cx, warnings::less_memory(&from, &to, used(cx, &prior).await));
    }
    report(cx, running.and_then(|running| holes::of_running(&to, &running)));
    Ok(())
}

/// Memory of the node that uses most of it, if it can be asked now.
async fn used(cx: &Context, prior: &Cluster) -> Option<Bytes> {
    if cx.provider_config_unknown() {
        return None;
    }
    match cx.client().ok()?.manager.observe(&prior.locator().ok()?).await {
        Ok(Observed::Here(view)) => view.nodes.iter().filter_map(|node| node.memory).max(),
        _ => None,
    }
}

fn report(cx: &Context, warnings: impl IntoIterator<Item = Diagnostic>) {
    warnings.into_iter().for_each(|warning| cx.report(warning));
}

/// A cluster that is to be made: can it be had, and does the user know what it can stand?
async fn create(cx: &Context, spec: &ClusterSpec) -> Result<(), Diagnostics> {
    report(cx, warnings::shape(spec));
    if cx.provider_config_unknown() {
        return Ok(());
    }
    let manager = &cx.client()?.manager;
    if spec::is_old(spec.engine, spec.version) && !spec.testing.old_releases {
        let offered = justmanage_releases::check_target(spec.engine, spec.version);
        return Err(offered.map_or_else(Diagnostics::new, |failure| diagnostics::error(&failure).into()));
    }
    let choice = manager.artefacts().choose(manager.platform(), spec).await;
    let release = match choice.map_err(|failure| diagnostics::error(&failure))? {
        Choice::Present(program) => program.release,
        Choice::Fetch { version, .. } => Release::new(spec.engine, version),
    };
    report(cx, holes::of_new(spec, &release));
    Ok(())
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
        change.planned.pending = Attr::unknown();
        change.planned.known_vulnerabilities = Attr::unknown();
        // What was never seen will be; what was seen stays.
        if !prior.endpoints.is_known() {
            change.planned.endpoints = Attr::unknown();
        }
        if !prior.ca_certificate.is_known() {
            change.planned.ca_certificate = Attr::unknown();
        }
    }
}

/// A change that is Terraform's alone (protection against being destroyed) changes nothing of the cluster: nothing of it becomes
/// unknown, and nobody has to answer for it to be made.
fn keep_what_is_seen(change: &mut PlanChange<Cluster>) {
    let Some(prior) = &change.prior else { return };
    if prior.converged.known() == Some(&false) {
        return;
    }
    change.planned.version_actual = prior.version_actual.clone();
    change.planned.converged = prior.converged.clone();
    change.planned.waiting_on = prior.waiting_on.clone();
    change.planned.pending = prior.pending.clone();
    change.planned.known_vulnerabilities = prior.known_vulnerabilities.clone();
}

/// Changes that cannot be made are refused before anything is.
fn refuse(
    (prior_name, from): (&ClusterName, &ClusterSpec),
    (name, to): (&ClusterName, &ClusterSpec),
    running: Option<&Release>,
) -> Result<(), Diagnostics> {
    if prior_name != name {
        let failure = Failure::at(
            FieldPath::of("name"),
            "Change not possible in place",
            format!("A cluster cannot be renamed, and \"{prior_name}\" holds data, so it is not replaced either."),
        )
        .hint(format!(
            "Put the name back. To make another cluster, add a second resource; to give this one up, remove it or run \
             terraform destroy, then apply under the name \"{name}\"."
        ));
        return Err(diagnostics::error(&failure).into());
    }
    match refuse_change(from, to, running) {
        Some(failure) => Err(diagnostics::error(&failure).into()),
        None => Ok(()),
    }
}

/// The model, if everything that the user decides is known.
fn known(view: &View<Cluster>) -> Option<Cluster> {
    Cluster::from_view(view).ok()
}
