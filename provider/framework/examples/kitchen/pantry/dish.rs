//! `kitchen_dish`: every type of attribute and every option.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};
use tfkit::{
    Attr, Cx, Diagnostic, Diagnostics, Failed, Model, Number, Path, Plan, PlanChange, Resource, Set, Value, async_trait,
};

use super::parts::{Ingredient, Order, Plate, Side};
use super::{House, Store};

/// A dish with all that belongs to it.
#[derive(Model)]
pub(crate) struct Dish {
    /// Its name, and its id.
    #[tf(required, replace, validate = short, says = "at most 20 characters")]
    name: String,
    /// Stays for the life of the dish.
    #[tf(computed, keep)]
    id: Attr<String>,
    /// How often it was written. Rises with every change.
    #[tf(computed)]
    revision: Attr<u64>,
    /// Who is responsible.
    #[tf(computed, keep)]
    owner: Attr<String>,
    /// Its size, such as `1kg` or `1000g`; the two mean the same.
    #[tf(default = "1kg", validate = weight, says = "a weight such as 300g or 1kg")]
    weight: String,
    /// Whether it is hot.
    #[tf(default = true)]
    hot: bool,
    /// Stars, from 1 to 5.
    #[tf(optional)]
    stars: Option<u8>,
    /// Exactly what it costs.
    #[tf(optional)]
    price: Option<Number>,
    /// Greater than what most languages call a number.
    #[tf(optional)]
    crumbs: Option<u64>,
    /// What to do, in order.
    #[tf(default = vec!["cook".to_owned()])]
    steps: Vec<String>,
    /// What it tastes like.
    #[tf(optional)]
    tastes: Option<BTreeSet<String>>,
    /// Anything to say.
    #[tf(optional)]
    labels: Option<BTreeMap<String, String>>,
    /// Anything at all.
    #[tf(optional)]
    anything: Value,
    /// How it is served.
    #[tf(optional)]
    plate: Option<Plate>,
    /// What it is made of, in order.
    #[tf(optional)]
    ingredients: Option<Vec<Ingredient>>,
    /// What goes with it.
    #[tf(optional)]
    sides: Option<Set<Side>>,
    /// Tables that ordered it.
    #[tf(optional)]
    orders: Option<BTreeMap<String, Order>>,
    /// Decided by the kitchen when you do not.
    #[tf(optional, computed, keep)]
    garnish: Attr<String>,
    /// The recipe, shown to nobody.
    #[tf(optional, sensitive)]
    recipe: Option<String>,
    /// The secret ingredient, stored nowhere.
    #[tf(optional, sensitive, write_only)]
    secret_wo: Option<String>,
    /// Change it to make the kitchen take the secret again.
    #[tf(optional)]
    secret_wo_version: Option<i64>,
    /// How long the secret is.
    #[tf(computed)]
    secret_length: Attr<i64>,
}

fn short(name: &str) -> Result<(), String> {
    if name.chars().count() <= 20 { Ok(()) } else { Err("The name has more than 20 characters.".into()) }
}

fn grams(weight: &str) -> Option<u64> {
    match weight.strip_suffix("kg") {
        Some(kilos) => kilos.parse::<u64>().ok()?.checked_mul(1000),
        None => weight.strip_suffix('g')?.parse().ok(),
    }
}

fn weight(weight: &str) -> Result<(), String> {
    grams(weight).map(|_| ()).ok_or_else(|| "Write a weight such as 300g or 1kg.".into())
}

/// All dishes.
pub(crate) struct Dishes;

type DishCx = Cx<Store, Dish>;

#[async_trait]
impl Resource for Dishes {
    type Model = Dish;
    type Client = Store;
    const TYPE: &'static str = "dish";
    const VERSION: i64 = 1;

    fn validate(&self, config: &DishView, report: &mut Diagnostics) {
        if let (Some(true), Some(5)) = (config.hot.known(), config.stars.known()) {
            report.push(Diagnostic::warning("Too hot", "Five stars are served cold.").at(Path::attribute("stars")));
        }
    }

    async fn modify_plan(&self, cx: &DishCx, change: &mut PlanChange<Dish>) -> Result<(), Diagnostics> {
        if change.config.recipe.known().is_some_and(|recipe| recipe == "forbidden") {
            return Err(Diagnostic::error("Recipe forbidden", "Cook something else.")
                .at(Path::attribute("recipe"))
                .into());
        }
        if change.config.garnish.known().is_some_and(|garnish| garnish == "gold") {
            change.replace_because_of(Path::attribute("garnish"));
        }
        if cx.provider_config_unknown() {
            cx.report(Diagnostic::warning("Kitchen not known yet", "The plan cannot look into it."));
        }
        Ok(())
    }

    async fn plan_destroy(&self, _: &DishCx, prior: &DishView) -> Result<(), Diagnostics> {
        if prior.labels.known().is_some_and(|labels| labels.contains_key("protected")) {
            return Err(Diagnostic::error("Dish protected", "Remove the label `protected` first.").into());
        }
        Ok(())
    }

    async fn create(&self, cx: &DishCx, mut plan: Plan<Dish>) -> Result<Dish, Failed<Dish>> {
        plan.id = plan.name.as_str().into();
        if let Some(key) = plan.labels.as_ref().and_then(|labels| labels.get("waits_for")) {
            renewed(cx, key).await?;
        }
        self.write(cx, plan)
    }

    async fn read(&self, cx: &DishCx, mut state: Dish) -> Result<Option<Dish>, Diagnostics> {
        let Some(file) = cx.client()?.get("dish", &state.name)? else { return Ok(None) };
        count(cx, "reads");
        state.revision = file["revision"].as_u64().into();
        state.secret_wo = Some("careless".to_owned());
        if let Some(weight) = file["weight"].as_str() {
            state.weight = weight.to_owned();
        }
        Ok(Some(state))
    }

    async fn update(&self, cx: &DishCx, _: Dish, plan: Plan<Dish>) -> Result<Dish, Failed<Dish>> {
        self.write(cx, plan)
    }

    async fn delete(&self, cx: &DishCx, state: Dish) -> Result<(), Failed<Dish>> {
        cx.client()?.remove("dish", &state.name)?;
        Ok(())
    }

    async fn import(&self, cx: &DishCx, id: &str) -> Result<Dish, Diagnostics> {
        let Some(file) = cx.client()?.get("dish", id)? else {
            return Err(Diagnostic::error("No such dish", "Import takes the name of a dish.").into());
        };
        Ok(Dish {
            name: id.to_owned(),
            id: id.into(),
            revision: file["revision"].as_u64().into(),
            owner: file["owner"].as_str().map(str::to_owned).into(),
            weight: file["weight"].as_str().unwrap_or("1kg").to_owned(),
            hot: true,
            stars: None,
            price: None,
            crumbs: None,
            steps: vec!["cook".to_owned()],
            tastes: None,
            labels: None,
            anything: Value::Null,
            plate: None,
            ingredients: None,
            sides: None,
            orders: None,
            garnish: file["garnish"].as_str().map(str::to_owned).into(),
            recipe: None,
            secret_wo: Some("careless".to_owned()),
            secret_wo_version: None,
            secret_length: file["secret_length"].as_i64().into(),
        })
    }

    /// Version 0 called the name `title` and had no weight.
    fn upgrade(&self, from: i64, mut state: Json) -> Result<Json, Diagnostics> {
        if from != 0 {
            return Err(
                Diagnostic::error("State too old", format!("No dish was ever stored in version {from}.")).into()
            );
        }
        state["name"] = state["title"].take();
        state["weight"] = json!("1kg");
        Ok(state)
    }

    fn semantic_eq(&self, path: &Path, one: &Value, other: &Value) -> bool {
        if *path != Path::attribute("weight") {
            return false;
        }
        let grams = |value: &Value| value.as_str().and_then(grams);
        grams(one).is_some() && grams(one) == grams(other)
    }
}

impl Dishes {
    /// Fills in what the kitchen decides, and writes the file.
    fn write(&self, cx: &DishCx, plan: Plan<Dish>) -> Result<Dish, Failed<Dish>> {
        let store = cx.client()?;
        let secret = plan.config.secret_wo.known().cloned();
        let mut dish = plan.planned;
        let revision = count(cx, "writes");
        dish.revision = revision.into();
        if dish.owner.is_unknown() {
            dish.owner = store.owner.as_str().into();
        }
        if dish.garnish.is_unknown() {
            dish.garnish = "parsley".into();
        }
        if let Some(plate) = dish.plate.as_mut().filter(|plate| plate.number.is_unknown()) {
            plate.number = 7.into();
        }
        for (table, order) in dish.orders.iter_mut().flatten() {
            order.ticket = format!("{table} x {}", order.count).into();
        }
        dish.secret_length = secret.as_ref().map(|secret| i64::try_from(secret.len()).unwrap_or(i64::MAX)).into();
        // Careless, and harmless: write-only values do not leave the framework.
        dish.secret_wo = secret;
        // The kitchen writes weights its own way; the framework keeps the user's.
        let weight = format!("{}g", grams(&dish.weight).unwrap_or_default());
        dish.weight.clone_from(&weight);
        let file = json!({
            "revision": revision, "weight": weight, "owner": dish.owner.known(), "garnish": dish.garnish.known(),
            "secret_length": dish.secret_length.known(), "house": cx.provider_meta::<House>()?.map(|house| house.name),
        });
        store.put("dish", &dish.name, &file)?;
        Ok(dish)
    }
}

/// Waits until a key of the pantry was renewed.
async fn renewed(cx: &DishCx, key: &str) -> Result<(), Diagnostic> {
    let begin = Instant::now();
    while !cx.client()?.get("key", key)?.is_some_and(|file| file["renewed"].is_u64()) {
        if begin.elapsed() > Duration::from_secs(30) {
            return Err(Diagnostic::error("Key not renewed", "It was waited for in vain."));
        }
        cx.unless_stopped(tokio::time::sleep(Duration::from_millis(10))).await?;
    }
    Ok(())
}

/// Counts in the private state.
fn count(cx: &DishCx, what: &str) -> u64 {
    let before = cx.private(what).and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok()).unwrap_or(0);
    cx.set_private(what, (before + 1).to_string());
    before + 1
}
