//! `kitchen_oven`: everything that can go wrong.

use std::time::Duration;

use serde_json::json;
use tfkit::timeouts::{Limits, Timeouts};
use tfkit::{Attr, Cx, Diagnostic, Diagnostics, Failed, Model, Path, Plan, PlanChange, Resource, async_trait};

use super::Store;

/// An oven that fails as it is told.
#[derive(Model)]
pub(crate) struct Oven {
    /// Its name, and its id.
    #[tf(required, replace)]
    name: String,
    /// What it does when it is made or changed.
    #[tf(default = "bake", validate = known_mode, says = "one of the modes")]
    mode: String,
    /// How hot it is.
    #[tf(optional)]
    degrees: Option<i64>,
    /// Stays for the life of the oven.
    #[tf(computed, keep)]
    id: Attr<String>,
    /// What it is doing. Changes by itself.
    #[tf(computed)]
    status: Attr<String>,
    /// How long operations may take.
    #[tf(optional)]
    timeouts: Option<Timeouts>,
}

const MODES: [&str; 11] = [
    "bake",
    "fail early",
    "fail late",
    "panic early",
    "panic late",
    "slow",
    "slow and proud",
    "lie",
    "leave unknown",
    "warn",
    "plan a lie",
];

fn known_mode(mode: &str) -> Result<(), String> {
    if MODES.contains(&mode) { Ok(()) } else { Err(format!("Use one of: {}.", MODES.join(", "))) }
}

/// All ovens.
pub(crate) struct Ovens;

type OvenCx = Cx<Store, Oven>;

#[async_trait]
impl Resource for Ovens {
    type Model = Oven;
    type Client = Store;
    const TYPE: &'static str = "oven";
    const TIMEOUTS: Option<Limits> = Some(Limits::all(Duration::from_secs(3600)));

    async fn modify_plan(&self, _: &OvenCx, change: &mut PlanChange<Oven>) -> Result<(), Diagnostics> {
        if change.config.mode.known().is_some_and(|mode| mode == "plan a lie") {
            change.planned.degrees = 451.into();
        }
        // Nothing changed in the configuration, but there is work to do.
        let status = change.prior.as_ref().and_then(|prior| prior.status.known());
        if status.is_some_and(|status| status == "broken") {
            change.plan_update();
        }
        Ok(())
    }

    async fn create(&self, cx: &OvenCx, plan: Plan<Oven>) -> Result<Oven, Failed<Oven>> {
        let mut oven = plan.planned;
        fail(&oven.mode, "early")?;
        oven.id = oven.name.as_str().into();
        cx.client()?.put("oven", &oven.name, &json!({ "degrees": oven.degrees }))?;
        cx.checkpoint(&oven);
        self.work(cx, oven).await
    }

    async fn read(&self, cx: &OvenCx, mut state: Oven) -> Result<Option<Oven>, Diagnostics> {
        let Some(file) = cx.client()?.get("oven", &state.name)? else { return Ok(None) };
        state.degrees = file["degrees"].as_i64();
        Ok(Some(state))
    }

    async fn update(&self, cx: &OvenCx, _: Oven, plan: Plan<Oven>) -> Result<Oven, Failed<Oven>> {
        let oven = plan.planned;
        fail(&oven.mode, "early")?;
        cx.client()?.put("oven", &oven.name, &json!({ "degrees": oven.degrees }))?;
        cx.checkpoint(&oven);
        self.work(cx, oven).await
    }

    async fn delete(&self, cx: &OvenCx, state: Oven) -> Result<(), Failed<Oven>> {
        if state.mode == "warn" {
            return Err(Diagnostic::error("Oven hot", "Let it cool down.").into());
        }
        cx.client()?.remove("oven", &state.name)?;
        Ok(())
    }
}

impl Ovens {
    async fn work(&self, cx: &OvenCx, mut oven: Oven) -> Result<Oven, Failed<Oven>> {
        fail(&oven.mode, "late")?;
        match oven.mode.as_str() {
            // Says that work has begun, so that a test can stop it then.
            "slow" => {
                cx.client()?.put("started", &oven.name, &json!(true))?;
                cx.unless_stopped(tokio::time::sleep(Duration::from_secs(60))).await?;
            }
            // Looks at the token itself, and has its own words.
            "slow and proud" => {
                cx.cancelled().cancelled().await;
                return Err(Diagnostic::error("Oven proud", "It does not like to be hurried.").into());
            }
            "lie" => oven.degrees = Some(0),
            "leave unknown" => return Ok(oven),
            "warn" => cx.report(Diagnostic::warning("Oven dirty", "Clean it.").at(Path::attribute("name"))),
            _ => {}
        }
        oven.status = "ready".into();
        Ok(oven)
    }
}

fn fail(mode: &str, when: &str) -> Result<(), Diagnostic> {
    match mode.strip_suffix(when).map(str::trim) {
        Some("fail") => Err(Diagnostic::error("Oven broken", format!("It failed {when}."))),
        Some("panic") => panic!("the oven exploded {when}"),
        _ => Ok(()),
    }
}
