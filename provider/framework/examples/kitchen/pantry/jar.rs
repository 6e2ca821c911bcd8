//! `kitchen_jar`: a resource with an identity, which takes over states of other types.

use serde_json::{Value as Json, json};
use tfkit::{
    Attr, Cx, Diagnostic, Diagnostics, Failed, Identified, Model, MoveFrom, MoveSource, Path, Plan, Resource,
    async_trait,
};

use super::Store;

/// A jar on a shelf.
#[derive(Model)]
pub(crate) struct Jar {
    /// Shelf and name.
    #[tf(computed, keep)]
    id: Attr<String>,
    /// Where it stands.
    #[tf(required, replace)]
    pub(crate) shelf: String,
    /// What it is called there.
    #[tf(required, replace)]
    pub(crate) name: String,
    /// What is in it.
    #[tf(default = "nothing")]
    pub(crate) content: String,
    /// What is written on it.
    #[tf(optional)]
    labels: Option<Vec<Label>>,
    /// What its author did wrong: `identity changes`, `no identity` or `identity panics`.
    #[tf(optional)]
    fault: Option<String>,
    /// Who may open it.
    #[tf(optional, sensitive)]
    key: Option<String>,
    /// How often it was written.
    #[tf(computed)]
    writes: Attr<u64>,
}

/// What is written on a jar.
#[derive(Model)]
pub(crate) struct Label {
    /// The text.
    #[tf(required)]
    text: String,
    /// Its colour.
    #[tf(default = "white")]
    colour: String,
}

/// What tells jars apart.
#[derive(Model)]
pub(crate) struct JarIdentity {
    /// Where it stands.
    #[tf(required)]
    pub(crate) shelf: String,
    /// What it is called there.
    #[tf(required, validate = plain, says = "a name without slashes")]
    pub(crate) name: String,
    /// The kitchen; there is only `main`.
    #[tf(optional)]
    pub(crate) kitchen: Option<String>,
}

fn plain(name: &str) -> Result<(), String> {
    if name.contains('/') { Err("There is a slash in the name; give the name only.".into()) } else { Ok(()) }
}

/// All jars.
pub(crate) struct Jars;

type JarCx = Cx<Store, Jar>;

#[async_trait]
impl Resource for Jars {
    type Model = Jar;
    type Client = Store;
    const TYPE: &'static str = "jar";
    const MOVES: &'static [MoveFrom] = &[
        MoveFrom { provider: "justmanage/kitchen", type_name: "kitchen_dish" },
        MoveFrom { provider: "terraform.io/builtin/terraform", type_name: "terraform_data" },
    ];

    async fn create(&self, cx: &JarCx, plan: Plan<Jar>) -> Result<Jar, Failed<Jar>> {
        put(cx, plan.planned, 1)
    }

    async fn read(&self, cx: &JarCx, state: Jar) -> Result<Option<Jar>, Diagnostics> {
        let found = find(cx.client()?, &state.shelf, &state.name)?;
        Ok(found.map(|found| Jar { key: state.key, ..found }))
    }

    async fn update(&self, cx: &JarCx, prior: Jar, plan: Plan<Jar>) -> Result<Jar, Failed<Jar>> {
        put(cx, plan.planned, prior.writes.unwrap_or_default() + 1)
    }

    async fn delete(&self, cx: &JarCx, state: Jar) -> Result<(), Failed<Jar>> {
        Ok(cx.client()?.remove("jar", &place(&state.shelf, &state.name))?)
    }

    async fn import(&self, cx: &JarCx, id: &str) -> Result<Jar, Diagnostics> {
        let (shelf, name) = id.split_once('/').unwrap_or_default();
        find(cx.client()?, shelf, name)?
            .ok_or_else(|| Diagnostic::error("No such jar", "Import takes SHELF/NAME of a jar.").into())
    }

    fn move_from(&self, source: MoveSource) -> Result<Jar, Diagnostics> {
        if source.version > 1 {
            return Err(Diagnostic::error("Dish too new", "Only dishes up to version 1 can be put into jars.").into());
        }
        let text = |name: &str| source.state[name].as_str().map(str::to_owned);
        let (shelf, name) = match source.type_name.as_str() {
            "kitchen_dish" => (Some("dishes".to_owned()), text("name")),
            _ => (Some("data".to_owned()), source.state["input"]["value"].as_str().map(str::to_owned)),
        };
        match (shelf, name) {
            (Some(shelf), Some(name)) => Ok(jar(&shelf, &name, &json!({}))),
            _ => Err(Diagnostic::error("Not to be put into a jar", "Its state has no name.").into()),
        }
    }
}

#[async_trait]
impl Identified for Jars {
    type Identity = JarIdentity;
    const IDENTITY_VERSION: i64 = 1;

    fn identity(&self, state: &Jar) -> Option<JarIdentity> {
        let shelf = match state.fault.as_deref() {
            Some("no identity") => return None,
            Some("identity panics") => panic!("who am I?"),
            Some("identity changes") => &state.content,
            _ => &state.shelf,
        };
        Some(JarIdentity { shelf: shelf.clone(), name: state.name.clone(), kitchen: Some("main".to_owned()) })
    }

    fn import_id(&self, identity: JarIdentity) -> Result<String, Diagnostics> {
        match identity.kitchen.as_deref() {
            None | Some("main") => Ok(format!("{}/{}", identity.shelf, identity.name)),
            Some(_) => Err(Diagnostic::error("No such kitchen", "There is only `main`.").into()),
        }
    }

    /// Version 0 had one part, `place`.
    fn upgrade_identity(&self, _: i64, identity: Json) -> Result<Json, Diagnostics> {
        match identity["place"].as_str().and_then(|place| place.split_once('/')) {
            Some((shelf, name)) => Ok(json!({ "shelf": shelf, "name": name })),
            None => Err(Diagnostic::error("Identity damaged", "It has no place.").at(Path::root()).into()),
        }
    }
}

fn place(shelf: &str, name: &str) -> String {
    format!("{shelf}.{name}")
}

fn put(cx: &JarCx, mut jar: Jar, writes: u64) -> Result<Jar, Failed<Jar>> {
    jar.id = format!("{}/{}", jar.shelf, jar.name).into();
    jar.writes = writes.into();
    let labels = jar.labels.iter().flatten().map(|label| json!({ "text": label.text, "colour": label.colour }));
    let labels = jar.labels.is_some().then(|| labels.collect::<Vec<_>>());
    let file = json!({ "content": jar.content, "fault": jar.fault, "writes": writes, "labels": labels });
    cx.client()?.put("jar", &place(&jar.shelf, &jar.name), &file)?;
    Ok(jar)
}

/// The jar of this place, if it is there.
pub(crate) fn find(store: &Store, shelf: &str, name: &str) -> Result<Option<Jar>, Diagnostic> {
    Ok(store.get("jar", &place(shelf, name))?.map(|file| jar(shelf, name, &file)))
}

fn jar(shelf: &str, name: &str, file: &Json) -> Jar {
    let text = |json: &Json| json.as_str().map(str::to_owned);
    let label = |json: &Json| Label {
        text: text(&json["text"]).unwrap_or_default(),
        colour: text(&json["colour"]).unwrap_or_else(|| "white".to_owned()),
    };
    Jar {
        id: format!("{shelf}/{name}").into(),
        shelf: shelf.to_owned(),
        name: name.to_owned(),
        content: text(&file["content"]).unwrap_or_else(|| "nothing".to_owned()),
        labels: file["labels"].as_array().map(|labels| labels.iter().map(label).collect()),
        fault: text(&file["fault"]),
        key: None,
        writes: file["writes"].as_u64().into(),
    }
}
