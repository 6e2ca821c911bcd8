//! `justmanage_redis_cluster`: the resource's verbs.

mod aws;
mod backup;
mod cost;
mod identity;
pub(crate) mod list;
mod model;
mod plan;
mod platform;
mod private;
mod report;
mod resources;
mod rotate;
mod servers;
mod spec;
mod state;

use std::time::Duration;

use justmanage_core::manager::Observed;
use justmanage_core::{Locator, Unfinished};
use justmanage_model::Failure;
use justmanage_steps::step;
use tfkit::model::View;
use tfkit::timeouts::Limits;
use tfkit::{
    Cx, Diagnostic, Diagnostics, Failed, Model, Path, Plan, PlanChange, Resource, Severity, Value, async_trait,
};

use crate::diagnostics;
use crate::settings::Client;
pub(crate) use model::{Aws, Cluster, Local};
pub(crate) use servers::size;

/// The resource type.
pub(crate) struct Clusters;

type Context = Cx<Client, Cluster>;

#[async_trait]
impl Resource for Clusters {
    type Model = Cluster;
    type Client = Client;
    const TYPE: &'static str = "redis_cluster";
    const VERSION: i64 = 1;
    const TIMEOUTS: Option<Limits> = Some(Limits {
        create: Duration::from_secs(60 * 60),
        // It asks for seconds, and then says what it could not see.
        read: Duration::from_secs(5 * 60),
        // A hundred nodes, one after the other, that read some gigabytes each.
        update: Duration::from_secs(4 * 60 * 60),
        delete: Duration::from_secs(30 * 60),
    });

    fn validate(&self, config: &View<Cluster>, report: &mut Diagnostics) {
        spec::validate(config, report);
    }

    async fn modify_plan(&self, cx: &Context, change: &mut PlanChange<Cluster>) -> Result<(), Diagnostics> {
        plan::modify(cx, change).await
    }

    async fn plan_destroy(&self, cx: &Context, prior: &View<Cluster>) -> Result<(), Diagnostics> {
        // Before users go, which are destroyed first.
        match Cluster::from_view(prior) {
            Ok(prior) => protect(cx, &prior).await,
            Err(_) => Ok(()),
        }
    }

    async fn create(&self, cx: &Context, plan: Plan<Cluster>) -> Result<Cluster, Failed<Cluster>> {
        let client = cx.client()?;
        let (name, spec) = spec::wanted(&plan.planned, client.testing)?;
        let plan = Plan { planned: plan.planned.priced(&client.prices, &client.machines, &spec), ..plan };
        step!("cluster.create: about to begin");
        let created = platform::manager(client, &plan.planned, None)?.create(&name, &spec, cx.cancelled()).await;
        step!("cluster.create: about to be answered");
        if let Ok(view) | Err(Unfinished { view: Some(view), .. }) = &created {
            private::keep(cx, view);
        }
        match created {
            Ok(view) => Ok(plan.planned.seen(&view)),
            // Formed: it holds data from now on, so it must not be tainted. It is in the state, and the next plan shows
            // what is left to do.
            Err(Unfinished { failure, view: Some(view) }) if view.is_formed() => {
                cx.report(Diagnostic { severity: Severity::Warning, ..told(cx, &failure) });
                Ok(plan.planned.seen(&view))
            }
            // It is empty, and the next apply replaces it: nothing may stand in the way of that.
            Err(Unfinished { failure, view: Some(view) }) => {
                let state = Cluster { deletion_protection: false, ..plan.planned.seen(&view) };
                Err(Failed::with_state(told(cx, &failure), state))
            }
            Err(Unfinished { failure, view: None }) => Err(told(cx, &failure).into()),
        }
    }

    async fn read(&self, cx: &Context, state: Cluster) -> Result<Option<Cluster>, Diagnostics> {
        let locator = state.locator()?;
        let manager = platform::manager(cx.client()?, &state, None)?;
        match manager.observe(&locator).await.map_err(|failure| diagnostics::error(&failure))? {
            Observed::Gone => Ok(None),
            Observed::Here(view) => {
                private::keep(cx, &view);
                silence(&view.silent).into_iter().for_each(|warning| cx.report(warning));
                let client = cx.client()?;
                let mut seen = state.refreshed(&view);
                let (_, spec) = spec::wanted(&seen, client.testing)?;
                seen.monthly_cost_estimate = cost::monthly(&client.prices, &client.machines, &seen, &spec);
                Ok(Some(seen))
            }
            Observed::Unreachable(failure) => {
                cx.report(diagnostics::warning(&failure.next("The state stays as it was last seen.")));
                Ok(Some(state))
            }
        }
    }

    async fn update(&self, cx: &Context, prior: Cluster, plan: Plan<Cluster>) -> Result<Cluster, Failed<Cluster>> {
        let client = cx.client()?;
        let locator = prior.locator()?;
        let (_, before) = spec::wanted(&prior, client.testing)?;
        let (_, spec) = spec::wanted(&plan.planned, client.testing)?;
        let plan = Plan { planned: plan.planned.priced(&client.prices, &client.machines, &spec), ..plan };
        let same_agents = prior.agent_version == plan.planned.agent_version;
        let same_servers = !servers::takes_some_away(&prior, &plan.planned) && !servers::renamed(&prior, &plan.planned);
        let same_servers = same_servers && !aws::lets_in_others(&prior, &plan.planned);
        let well = prior.converged.known() == Some(&true) && private::missing(cx).is_empty();
        if before == spec && same_agents && same_servers && well {
            // The change is Terraform's alone: what is to be destroyed although nobody answers any more must be set free first.
            return Ok(plan.planned);
        }
        step!("cluster.update: about to begin");
        let manager = platform::manager(client, &plan.planned, Some(&prior))?;
        let updated = manager.update_from(&locator, &before, &spec, cx.cancelled()).await;
        step!("cluster.update: about to be answered");
        if let Ok(view) | Err(Unfinished { view: Some(view), .. }) = &updated {
            private::keep(cx, view);
            report::tell(cx, &prior.last_operation, view);
        }
        match updated {
            Ok(view) => Ok(plan.planned.updated(&prior, &view)),
            Err(Unfinished { failure, view: Some(view) }) => {
                // What is Terraform's alone is as it was asked for.
                let Cluster { deletion_protection, timeouts, .. } = plan.planned;
                let state = Cluster { deletion_protection, timeouts, ..prior }.seen(&view).unconverged();
                Err(Failed::with_state(told(cx, &failure), state))
            }
            Err(Unfinished { failure, view: None }) => Err(told(cx, &failure).into()),
        }
    }

    async fn delete(&self, cx: &Context, state: Cluster) -> Result<(), Failed<Cluster>> {
        // A replacement is not planned as a destroy, so the plan could not refuse it.
        protect(cx, &state).await?;
        let locator = state.locator()?;
        step!("cluster.delete: about to begin");
        // It may be left at any point: what is still there is found by its claim.
        let manager = platform::manager(cx.client()?, &state, None)?;
        let destroyed = cx.unless_stopped(manager.destroy(&locator)).await;
        step!("cluster.delete: about to be answered");
        Ok(destroyed?.map_err(|failure| diagnostics::error(&failure))?)
    }

    async fn import(&self, cx: &Context, id: &str) -> Result<Cluster, Diagnostics> {
        let locator: Locator = id.parse().map_err(|error: justmanage_core::locator::LocatorError| {
            Diagnostic::error("Import id not valid", format!("{error}. An id looks like local/cache."))
        })?;
        let manager = cx.client()?.manager(&locator)?;
        match manager.observe(&locator).await.map_err(|failure| diagnostics::error(&failure))? {
            Observed::Here(view) => match &view.record {
                Some(record) => Ok(Cluster::imported(record).seen(&view)),
                None => Err(not_importable(&view.waiting_on.join("; "))),
            },
            Observed::Gone => Err(not_importable(&format!("there is no cluster {locator} here"))),
            Observed::Unreachable(failure) => Err(diagnostics::error(&failure).into()),
        }
    }

    /// Version 0 knew clusters of one node only.
    fn upgrade(&self, _from: i64, mut state: serde_json::Value) -> Result<serde_json::Value, Diagnostics> {
        if let Some(attributes) = state.as_object_mut() {
            attributes.entry("on_crash").or_insert_with(|| "failover".into());
            attributes.entry("deletion_protection").or_insert(true.into());
        }
        Ok(state)
    }

    fn semantic_eq(&self, path: &Path, one: &Value, other: &Value) -> bool {
        spec::same_meaning(path, one, other)
    }
}

/// Servers of the pool that do not answer.
fn silence(silent: &[String]) -> Option<Diagnostic> {
    let count = silent.len();
    let summary =
        if count == 1 { "1 server does not answer".to_owned() } else { format!("{count} servers do not answer") };
    let detail = format!(
        "{}\n\nWhat the cluster has there is not replaced as long as it may come back. If a server is gone for good, take it out of the \
         pool: an apply then puts another one in its place.",
        silent.join("\n")
    );
    (count > 0).then(|| Diagnostic::warning(summary, detail).at(Path::attribute("servers").attr("pool")))
}

/// A failure as the user reads it. Of a call that ran out of time, that is what ended it: which timeout, and what to do about it.
fn told(cx: &Context, failure: &Failure) -> Diagnostic {
    cx.timed_out().unwrap_or_else(|| diagnostics::error(failure))
}

/// Refuses to destroy a cluster that is protected and holds data, or may hold some for all that can be seen. (What a failed create
/// left is not protected: [`Resource::create`].)
async fn protect(cx: &Context, cluster: &Cluster) -> Result<(), Diagnostics> {
    if !cluster.deletion_protection {
        return Ok(());
    }
    let locator = cluster.locator()?;
    let manager = platform::manager(cx.client()?, cluster, None)?;
    let what = match manager.observe(&locator).await.map_err(|failure| diagnostics::error(&failure))? {
        Observed::Gone => return Ok(()),
        Observed::Here(view) if view.record.is_some() && !view.is_formed() => return Ok(()),
        Observed::Here(view) if view.is_formed() => "holds data".to_owned(),
        Observed::Here(view) => format!("may hold data ({})", view.waiting_on.join(" ")),
        Observed::Unreachable(failure) => format!("may hold data: {}", failure.detail),
    };
    Err(Diagnostic::error(
        "Cluster is protected from being destroyed",
        format!(
            "The cluster \"{}\" {what}.\n\nTo destroy it with everything that is in it, set deletion_protection = false and \
             apply, then destroy it.",
            cluster.name
        ),
    )
    .at(Path::attribute("deletion_protection"))
    .into())
}

fn not_importable(why: &str) -> Diagnostics {
    Diagnostic::error("Cluster cannot be imported", format!("Its configuration could not be read: {why}.")).into()
}
