//! `action "kitchen_bell"`: calls everybody to the table.

use serde_json::json;
use tfkit::model::View;
use tfkit::{Action, Cx, Diagnostic, Diagnostics, Model, Path, Progress, async_trait};

use super::Store;

/// Rings the bell.
#[derive(Model)]
pub(crate) struct Ring {
    /// What to call.
    #[tf(required)]
    call: String,
    /// How often.
    #[tf(default = 1)]
    times: u32,
    /// Whether to go on until Terraform stops.
    #[tf(default = false)]
    on_and_on: bool,
}

/// The bell.
pub(crate) struct Bell;

#[async_trait]
impl Action for Bell {
    type Model = Ring;
    type Client = Store;
    const TYPE: &'static str = "bell";

    fn validate(&self, config: &RingView, report: &mut Diagnostics) {
        if config.times.known() == Some(&0) {
            report.push(Diagnostic::error("Silence", "Ring at least once.").at(Path::attribute("times")));
        }
    }

    async fn plan(&self, _: &Cx<Store, Ring>, config: &View<Ring>) -> Result<(), Diagnostics> {
        if config.call.known().is_some_and(|call| call == "fire") {
            return Err(Diagnostic::error("False alarm", "There is no fire.").at(Path::attribute("call")).into());
        }
        Ok(())
    }

    async fn invoke(&self, cx: &Cx<Store, Ring>, config: Ring, progress: &Progress) -> Result<(), Diagnostics> {
        let store = cx.client()?;
        for number in 1..=config.times {
            progress.say(format!("{} ({number} of {})", config.call, config.times)).await;
        }
        if config.on_and_on {
            cx.cancelled().cancelled().await;
            store.put("bell", "stopped", &json!({}))?;
            return Err(Diagnostic::error("Bell stopped", "Somebody had enough of it.").into());
        }
        match config.call.as_str() {
            "crack" => Err(Diagnostic::error("Bell cracked", "It rang once too often.").into()),
            "panic" => panic!("the bell fell down"),
            "hush" => {
                cx.report(Diagnostic::warning("Bell muffled", "Nobody heard it."));
                Ok(())
            }
            _ => Ok(store.put("bell", "rung", &json!({ "times": config.times }))?),
        }
    }
}
