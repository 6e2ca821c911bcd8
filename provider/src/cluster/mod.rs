//! `justmanage_redis_cluster`: the resource's verbs.

mod model;
mod plan;
mod spec;
mod state;

use justmanage_core::manager::Observed;
use justmanage_core::{ClusterView, Locator, Unfinished};
use justmanage_model::Phase;
use tfkit::model::View;
use tfkit::{Cx, Diagnostic, Diagnostics, Failed, Path, Plan, PlanChange, Resource, Value, async_trait};

use crate::diagnostics;
use crate::settings::Client;
pub(crate) use model::Cluster;

/// The resource type.
pub(crate) struct Clusters;

type Context = Cx<Client, Cluster>;

#[async_trait]
impl Resource for Clusters {
    type Model = Cluster;
    type Client = Client;
    const TYPE: &'static str = "redis_cluster";

    fn validate(&self, config: &View<Cluster>, report: &mut Diagnostics) {
        spec::validate(config, report);
    }

    async fn modify_plan(&self, cx: &Context, change: &mut PlanChange<Cluster>) -> Result<(), Diagnostics> {
        plan::modify(cx, change).await
    }

    async fn create(&self, cx: &Context, plan: Plan<Cluster>) -> Result<Cluster, Failed<Cluster>> {
        let (name, spec) = spec::wanted(&plan.planned)?;
        match cx.client()?.manager.create(&name, &spec, cx.cancelled()).await {
            Ok(view) => Ok(plan.planned.seen(&view)),
            // Formed: it holds data from now on, so it must not be tainted. It is in the state, and the next plan shows
            // what is left to do.
            Err(Unfinished { failure, view: Some(view) }) if formed(&view) => {
                cx.report(diagnostics::warning(&failure));
                Ok(plan.planned.seen(&view))
            }
            Err(Unfinished { failure, view: Some(view) }) => {
                Err(Failed::with_state(diagnostics::error(&failure), plan.planned.seen(&view)))
            }
            Err(Unfinished { failure, view: None }) => Err(diagnostics::error(&failure).into()),
        }
    }

    async fn read(&self, cx: &Context, state: Cluster) -> Result<Option<Cluster>, Diagnostics> {
        let locator = state.locator()?;
        match cx.client()?.manager.observe(&locator).await.map_err(|failure| diagnostics::error(&failure))? {
            Observed::Gone => Ok(None),
            Observed::Here(view) => Ok(Some(state.refreshed(&view))),
            Observed::Unreachable(failure) => {
                cx.report(diagnostics::warning(&failure.next("The state stays as it was last seen.")));
                Ok(Some(state))
            }
        }
    }

    async fn update(&self, cx: &Context, prior: Cluster, plan: Plan<Cluster>) -> Result<Cluster, Failed<Cluster>> {
        let locator = prior.locator()?;
        let (_, spec) = spec::wanted(&plan.planned)?;
        match cx.client()?.manager.update(&locator, &spec, cx.cancelled()).await {
            Ok(view) => Ok(plan.planned.seen(&view)),
            Err(Unfinished { failure, view: Some(view) }) => {
                Err(Failed::with_state(diagnostics::error(&failure), prior.seen(&view).unconverged()))
            }
            Err(Unfinished { failure, view: None }) => Err(diagnostics::error(&failure).into()),
        }
    }

    async fn delete(&self, cx: &Context, state: Cluster) -> Result<(), Failed<Cluster>> {
        let locator = state.locator()?;
        Ok(cx.client()?.manager.destroy(&locator).await.map_err(|failure| diagnostics::error(&failure))?)
    }

    async fn import(&self, cx: &Context, id: &str) -> Result<Cluster, Diagnostics> {
        let locator: Locator = id.parse().map_err(|error: justmanage_core::locator::LocatorError| {
            Diagnostic::error("Import id not valid", format!("{error}. An id looks like local/cache."))
        })?;
        match cx.client()?.manager.observe(&locator).await.map_err(|failure| diagnostics::error(&failure))? {
            Observed::Here(view) => match &view.record {
                Some(record) => Ok(Cluster::imported(record).seen(&view)),
                None => Err(not_importable(&view.waiting_on.join("; "))),
            },
            Observed::Gone => Err(not_importable(&format!("there is no cluster {locator} here"))),
            Observed::Unreachable(failure) => Err(diagnostics::error(&failure).into()),
        }
    }

    fn semantic_eq(&self, path: &Path, one: &Value, other: &Value) -> bool {
        spec::same_meaning(path, one, other)
    }
}

fn formed(view: &ClusterView) -> bool {
    view.record.as_ref().is_some_and(|record| record.phase == Phase::Formed)
}

fn not_importable(why: &str) -> Diagnostics {
    Diagnostic::error("Cluster cannot be imported", format!("Its configuration could not be read: {why}.")).into()
}
