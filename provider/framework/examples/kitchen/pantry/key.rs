//! `ephemeral "kitchen_key"`: opens the pantry for one run, and counts what is done with it.

use std::time::{Duration, SystemTime};

use serde_json::{Value as Json, json};
use tfkit::{Attr, Cx, Diagnostic, Diagnostics, Ephemeral, Model, Opened, Path, async_trait};

use super::Store;

/// A key of the pantry.
#[derive(Model)]
pub(crate) struct Key {
    /// Its name.
    #[tf(required)]
    name: String,
    /// What it does.
    #[tf(default = "open", validate = known_mode, says = "one of the modes")]
    mode: String,
    /// Whether it is renewed.
    #[tf(optional)]
    renewed: Option<bool>,
    /// What to say at the door.
    #[tf(computed, sensitive)]
    code: Attr<String>,
}

const MODES: [&str; 6] = ["open", "fail", "panic", "lie", "leave unknown", "complain"];

fn known_mode(mode: &str) -> Result<(), String> {
    if MODES.contains(&mode) { Ok(()) } else { Err(format!("Use one of: {}.", MODES.join(", "))) }
}

/// All keys.
pub(crate) struct Keys;

type KeyCx = Cx<Store, Key>;

/// Longer than the minute by which Terraform renews early, so that it does not renew without a pause.
const NEXT: Duration = Duration::from_secs(3600);

#[async_trait]
impl Ephemeral for Keys {
    type Model = Key;
    type Client = Store;
    const TYPE: &'static str = "key";

    fn validate(&self, config: &KeyView, report: &mut Diagnostics) {
        if config.name.known().is_some_and(String::is_empty) {
            report.push(Diagnostic::error("Key without a name", "Name it.").at(Path::attribute("name")));
        }
    }

    async fn open(&self, cx: &KeyCx, mut key: Key) -> Result<Opened<Key>, Diagnostics> {
        match key.mode.as_str() {
            "fail" => return Err(Diagnostic::error("Door locked", "Come back tomorrow.").into()),
            "panic" => panic!("the key broke"),
            _ => {}
        }
        count(cx.client()?, &key.name, "opened")?;
        cx.set_private("name", key.name.clone());
        match key.mode.as_str() {
            "leave unknown" => return Ok(key.into()),
            "lie" => key.name = "another".to_owned(),
            "complain" => cx.report(Diagnostic::error("Door open", "It was open already.")),
            _ => {}
        }
        key.code = format!("sesame-{}", key.name).into();
        let renewed = key.renewed == Some(true);
        let opened = Opened::new(key);
        // Due at once.
        Ok(if renewed { opened.renew_at(SystemTime::now() + Duration::from_secs(1)) } else { opened })
    }

    async fn renew(&self, cx: &KeyCx) -> Result<Option<SystemTime>, Diagnostics> {
        count(cx.client()?, &name(cx)?, "renewed")?;
        cx.set_private("renewed", "yes");
        Ok(Some(SystemTime::now() + NEXT))
    }

    async fn close(&self, cx: &KeyCx) -> Result<(), Diagnostics> {
        Ok(count(cx.client()?, &name(cx)?, "closed")?)
    }
}

fn name(cx: &KeyCx) -> Result<String, Diagnostic> {
    let kept = cx.private("name").and_then(|bytes| String::from_utf8(bytes).ok());
    kept.ok_or_else(|| Diagnostic::error("Key lost", "Nothing was kept of the key when it was opened."))
}

fn count(store: &Store, name: &str, what: &str) -> Result<(), Diagnostic> {
    let mut file = store.get("key", name)?.unwrap_or_else(|| json!({}));
    file[what] = Json::from(file[what].as_u64().unwrap_or(0) + 1);
    store.put("key", name, &file)
}
