//! What the plan says beyond what the framework plans: unfinished work shows, what cannot be done is refused now, and what the
//! user should know before they say yes.

mod agents;
mod holes;
mod idle;
mod impact;
mod release;
mod shape;
mod spares;
mod warnings;

use justmanage_core::ClusterView;
use justmanage_core::manager::{Observed, Usage, refuse_change, refuse_fit};
use justmanage_model::{ClusterName, ClusterSpec, Failure, FieldPath, Shape, Testing, Version};
use tfkit::model::View;
use tfkit::{Attr, Diagnostic, Diagnostics, Model, PlanChange};

use super::{Cluster, Context, aws, backup, cost, platform, private, servers, spec};
use crate::diagnostics;

pub(super) async fn modify(cx: &Context, change: &mut PlanChange<Cluster>) -> Result<(), Diagnostics> {
    // Whatever is not known yet: nobody is to believe that backups are made.
    report(cx, idle::window(&change.planned.maintenance_window));
    report(cx, backup::not_made(&change.planned.backup_policy));
    let Some(planned) = known(&change.planned) else { return Ok(()) };
    let testing = match cx.provider_config_unknown() {
        true => Testing::default(),
        false => cx.client()?.testing,
    };
    let (name, to) = spec::wanted(&planned, testing)?;
    match &change.prior {
        Some(prior) if !changes_cost(change, &planned) => {
            change.planned.monthly_cost_estimate = prior.monthly_cost_estimate.clone();
        }
        _ if cx.provider_config_unknown() => {}
        _ => {
            let client = cx.client()?;
            change.planned.monthly_cost_estimate = cost::monthly(&client.prices, &client.machines, &planned, &to);
        }
    }
    let Some(prior) = &change.prior else {
        change.planned.impact = Attr::Known(Vec::new());
        return create(cx, &planned, &to).await;
    };
    let Some(prior) = known(prior) else { return Ok(()) };
    let (prior_name, from) = spec::wanted(&prior, testing)?;
    let running = private::release(cx);
    refuse((&prior_name, &from), (&name, &to))?;
    let reshapes = Shape::of(&from) != Shape::of(&to);
    // What is there now is only asked for where it matters.
    let narrows = to.memory < from.memory || to.memory_limit() < from.memory_limit();
    let seen = if reshapes || narrows { seen(cx, &prior).await } else { None };
    let usage = seen.as_ref().map(Usage::of);
    if let Some(failure) = usage.as_ref().and_then(|usage| refuse_fit(&from, &to, usage)) {
        return Err(diagnostics::error(&failure).into());
    }
    let over = release::change(cx, (&prior, &planned), running.as_ref(), (&from, &to)).await?;
    show_unfinished(change);
    let renamed = servers::renamed(&prior, &planned);
    let lets_in = aws::lets_in_others(&prior, &planned);
    report(cx, aws::for_new_nodes(&prior, &planned));
    if from == to && !renamed && !lets_in {
        keep_what_is_seen(change);
        if change.planned.impact.is_unknown() {
            change.planned.impact = Attr::Known(Vec::new());
        }
    } else {
        let names = renamed.then(|| "announced names of servers: live".to_owned());
        let doors = lets_in.then(|| "who gets in (aws): live".to_owned());
        let said = impact::impact(&from, &to, runs(&prior)).into_iter().chain(names).chain(doors).map(Attr::Known);
        change.planned.impact = Attr::Known(said.collect());
    }
    if from.rotate.authority != to.rotate.authority || from.rotate.authority_grace != to.rotate.authority_grace {
        change.planned.ca_certificate = Attr::unknown();
    }
    let missing = private::missing(cx);
    if !missing.is_empty() {
        cx.report(warnings::replaced(&missing, &to));
    }
    report(cx, spares::used(private::spares_missing(cx), private::retired(cx), &to));
    if spares::idle(&from).is_none() {
        report(cx, spares::idle(&to));
    }
    // Nodes come, or go, or a new machine has another address. (As long as agents move slots, nobody has to do anything.)
    let works = from != to || change.prior.as_ref().is_some_and(|prior| prior.converged.known() == Some(&false));
    let leaves = servers::takes_some_away(&prior, &planned);
    if reshapes || leaves || renamed || !missing.is_empty() || works && private::reshaping(cx) {
        change.planned.endpoints = Attr::unknown();
    }
    agents::show_upgrade(cx, change).await?;
    match (&over, &running) {
        (Some(over), Some(running)) => report(cx, [release::warning(running, over, &to)]),
        _ => report(cx, warnings::restarts(&from, &to)),
    }
    report(cx, warnings::new_shape(&from, &to));
    if reshapes {
        report(cx, servers::shared_zones(&planned, &to));
        report(cx, shape::warnings(&from, &to, seen.as_ref()));
    }
    if to.memory < from.memory {
        report(cx, warnings::less_memory(&from, &to, usage.as_ref()));
    }
    match over {
        Some(over) => report(cx, holes::of_new(&to, &over)),
        None => report(cx, running.and_then(|running| holes::of_running(&to, &running))),
    }
    Ok(())
}

/// Whether the configuration asks for other machines, or for more or fewer of them. (A newer price list alone changes nothing of a cluster.)
fn changes_cost(change: &PlanChange<Cluster>, planned: &Cluster) -> bool {
    let Some(prior) = change.prior.as_ref().and_then(known) else { return false };
    let of = |cluster: &Cluster| {
        let Cluster { shards, replicas_per_shard, spares, memory, resources, aws, .. } = cluster.clone();
        (shards, replicas_per_shard, spares, memory, resources, aws)
    };
    of(&prior) != of(planned)
}

/// The version that all servers run, by the state. As long as they are on their way from one to another, `version_actual` is only the
/// lowest of them.
fn runs(prior: &Cluster) -> Option<Version> {
    let settled = prior.converged.known() == Some(&true);
    prior.version_actual.known().filter(|_| settled)?.parse().ok()
}

/// The cluster as it is, if it can be asked now.
async fn seen(cx: &Context, prior: &Cluster) -> Option<ClusterView> {
    if cx.provider_config_unknown() {
        return None;
    }
    let manager = platform::manager(cx.client().ok()?, prior, None).ok()?;
    match manager.observe(&prior.locator().ok()?).await {
        Ok(Observed::Here(view)) => Some(*view),
        _ => None,
    }
}

fn report(cx: &Context, warnings: impl IntoIterator<Item = Diagnostic>) {
    warnings.into_iter().for_each(|warning| cx.report(warning));
}

/// A cluster that is to be made: can it be had, and does the user know what it can stand?
async fn create(cx: &Context, planned: &Cluster, spec: &ClusterSpec) -> Result<(), Diagnostics> {
    report(cx, warnings::shape(spec));
    report(cx, servers::shared_zones(planned, spec));
    report(cx, spares::idle(spec));
    if cx.provider_config_unknown() {
        return Ok(());
    }
    let release = release::chosen(cx, planned, spec).await?;
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
        change.planned.last_operation = Attr::unknown();
        change.planned.last_backup = Attr::unknown();
        change.planned.backup_failure = Attr::unknown();
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
    change.planned.last_operation = prior.last_operation.clone();
    change.planned.last_backup = prior.last_backup.clone();
    change.planned.backup_failure = prior.backup_failure.clone();
}

/// Changes that cannot be made are refused before anything is.
fn refuse(
    (prior_name, from): (&ClusterName, &ClusterSpec),
    (name, to): (&ClusterName, &ClusterSpec),
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
    match refuse_change(from, to) {
        Some(failure) => Err(diagnostics::error(&failure).into()),
        None => Ok(()),
    }
}

/// The model, if everything that the user decides is known.
fn known(view: &View<Cluster>) -> Option<Cluster> {
    Cluster::from_view(view).ok()
}
