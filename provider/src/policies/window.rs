//! `justmanage_maintenance_window`: when a cluster may be disturbed, and which upgrades it takes by itself.

use justmanage_model::window::{Age, Approve, CatalogSource, DateRange, Lead, OpeningRule, Upgrade, Urgent};
use justmanage_model::{Failure, FieldPath, MaintenanceWindow, Version};
use tfkit::model::View;
use tfkit::{Attr, Cx, Diagnostics, Failed, Model, Path, Plan, PlanChange, Resource, Value, async_trait};

use super::Definition;
use super::reader::{Reader, place};
use crate::diagnostics;
use crate::meaning::{same, same_set};
use crate::settings::Client;

/// When a cluster may be disturbed, and which upgrades it takes by itself. Any number of clusters take it by its
/// `definition`, so a change shows in the same plan at each of them.
///
/// It is a value: it exists in Terraform's state alone. The agents of clusters act on it, with Terraform switched off: they take upgrades by
/// themselves as it says, and with `apply = "in_window"` of a cluster also what is applied waits until it is open. Nothing is begun
/// that would not end inside; what has begun is seen through; a run that does not fit goes on in the next opening.
#[derive(Clone, Debug, Model)]
pub(crate) struct Window {
    /// Names it for Terraform, for life.
    #[tf(computed, keep)]
    id: Attr<String>,
    /// When it opens: days, from and to, and an IANA time zone, such as `Sun 02:00-03:00 Asia/Kolkata`. Days are `daily`, a
    /// day (`Sun`), a range (`Mon..Thu`), a list (`Mon,Wed`), or days of the month by their week (`1st Sat`, `1st,3rd Sat`,
    /// `last Sun`). An end that is not later than the beginning is on the next day, and the opening belongs to the day on which
    /// it begins. Where clocks are put forward over its beginning, it opens as much later; where they are put back, it opens
    /// once.
    #[tf(required)]
    schedule: Vec<String>,
    /// Dates on which it stays shut, such as `2026-12-24` or `2026-11-20..2026-12-02`, in the zone of each opening.
    #[tf(optional)]
    exclude: Option<Vec<String>>,
    /// Which releases are taken by themselves: `none`, `patch` (the newest patch of the cluster's line), or `security` (the same,
    /// if it closes a hole). Another line is never taken by itself.
    #[tf(default = "none")]
    upgrade: String,
    /// How long a release must have been out before it is taken, in days, such as `7d`.
    #[tf(optional)]
    min_age: Option<String>,
    /// Versions that are never taken, such as `8.0.3`.
    #[tf(optional)]
    blocked: Option<Vec<String>>,
    /// Whether a release that closes a hole waits for the window (`wait`) or not (`now`).
    #[tf(default = "wait")]
    urgent: String,
    /// How long before an opening with work in it that is announced, such as `24h`. Nobody is told in this release: `pending` of the cluster
    /// says at any time what waits.
    #[tf(optional)]
    notify_before: Option<String>,
    /// Whether a release is taken by itself (`automatic`, unless something else is said), or waits for a word (`manual`): `pending` of the cluster shows it, and it is gone
    /// over to when `approved_version` of the cluster names it.
    #[tf(optional)]
    approve: Option<String>,
    /// Where the agents learn of newer releases, and get their programs: the address of a release catalog, such as one on a mirror of yours.
    /// Without it nothing is looked for anywhere, and nothing is taken. The guide on maintenance windows says what stands in it.
    #[tf(optional)]
    catalog: Option<String>,
    /// The public key that the catalog is signed with, as minisign prints it. Nothing is believed that it has not signed.
    #[tf(optional)]
    catalog_key: Option<String>,
    /// All of that in one line: what a cluster's `maintenance_window` takes.
    #[tf(computed)]
    definition: Attr<String>,
}

/// The resource type.
pub(crate) struct MaintenanceWindows;

type Context = Cx<Client, Window>;

#[async_trait]
impl Resource for MaintenanceWindows {
    type Model = Window;
    type Client = Client;
    const TYPE: &'static str = "maintenance_window";

    fn validate(&self, config: &View<Window>, report: &mut Diagnostics) {
        if let Err(faults) = Window::define(config) {
            report.extend(faults);
        }
    }

    async fn modify_plan(&self, _: &Context, change: &mut PlanChange<Window>) -> Result<(), Diagnostics> {
        Window::plan(change)
    }

    async fn create(&self, _: &Context, plan: Plan<Window>) -> Result<Window, Failed<Window>> {
        Ok(plan.settled()?)
    }

    async fn read(&self, _: &Context, state: Window) -> Result<Option<Window>, Diagnostics> {
        Ok(Some(state))
    }

    async fn update(&self, _: &Context, _: Window, plan: Plan<Window>) -> Result<Window, Failed<Window>> {
        Ok(plan.settled()?)
    }

    async fn delete(&self, _: &Context, _: Window) -> Result<(), Failed<Window>> {
        Ok(())
    }

    async fn import(&self, _: &Context, id: &str) -> Result<Window, Diagnostics> {
        let parsed = id.parse::<MaintenanceWindow>();
        let window = parsed.map_err(|invalid| diagnostics::error(&invalid.at(FieldPath::root())))?;
        Ok(Window::of(&window))
    }

    fn semantic_eq(&self, path: &Path, one: &Value, other: &Value) -> bool {
        match place(path) {
            Some(("schedule", true)) => same::<OpeningRule>(one, other),
            Some(("exclude", false)) => same_set::<DateRange>(one, other),
            Some(("exclude", true)) => same::<DateRange>(one, other),
            Some(("blocked", false)) => same_set::<Version>(one, other),
            Some(("min_age", false)) => same::<Age>(one, other),
            Some(("notify_before", false)) => same::<Lead>(one, other),
            _ => false,
        }
    }
}

impl Definition for Window {
    fn define(view: &View<Self>) -> Result<Option<String>, Diagnostics> {
        let mut reader = Reader::default();
        let mut window = MaintenanceWindow::new(reader.list("schedule", &view.schedule));
        window.exclude = reader.list::<DateRange>("exclude", &view.exclude).into_iter().collect();
        window.upgrade = reader.one::<Upgrade>("upgrade", &view.upgrade).unwrap_or_default();
        window.min_age = reader.one::<Age>("min_age", &view.min_age).unwrap_or_default();
        window.blocked = reader.list::<Version>("blocked", &view.blocked).into_iter().collect();
        window.urgent = reader.one::<Urgent>("urgent", &view.urgent).unwrap_or_default();
        window.notify_before = reader.one::<Lead>("notify_before", &view.notify_before);
        window.approve = reader.one::<Approve>("approve", &view.approve).unwrap_or_default();
        window.catalog = catalog(&mut reader, view);
        let whole =
            reader.end(Some(window), |window| window.check().map_err(|fault| fault.at(FieldPath::of("schedule"))))?;
        Ok(whole.map(|window| window.to_string()))
    }

    fn computed(view: &mut View<Self>) -> (&mut Attr<String>, &mut Attr<String>) {
        (&mut view.id, &mut view.definition)
    }
}

/// Where releases are learnt of: an address and a key, or neither.
fn catalog(reader: &mut Reader, view: &View<Window>) -> Option<CatalogSource> {
    let url = reader.read(FieldPath::of("catalog"), &view.catalog, |url| CatalogSource::address(url));
    let key = reader.read(FieldPath::of("catalog_key"), &view.catalog_key, |key| CatalogSource::public_key(key));
    let alone = [
        ("catalog", view.catalog.is_known() && view.catalog_key.is_null(), "Nobody has said what it is signed with."),
        ("catalog_key", view.catalog_key.is_known() && view.catalog.is_null(), "Nobody has said where the catalog is."),
    ];
    for (name, _, why) in alone.into_iter().filter(|(_, alone, _)| *alone) {
        let failure = Failure::at(FieldPath::of(name), "Half of a catalog", why);
        reader.fault(&failure.hint("Write both catalog and catalog_key, or neither."));
    }
    CatalogSource::new(&url?, &key?).ok()
}

impl Window {
    /// The attributes that say this.
    fn of(window: &MaintenanceWindow) -> Self {
        fn texts<T: ToString>(values: impl IntoIterator<Item = T>) -> Option<Vec<String>> {
            let texts: Vec<String> = values.into_iter().map(|value| value.to_string()).collect();
            (!texts.is_empty()).then_some(texts)
        }
        let definition = window.to_string();
        Self {
            id: justmanage_model::label(&definition).into(),
            schedule: window.schedule.iter().map(ToString::to_string).collect(),
            exclude: texts(&window.exclude),
            upgrade: window.upgrade.to_string(),
            min_age: (window.min_age != Age::ZERO).then(|| window.min_age.to_string()),
            blocked: texts(&window.blocked),
            urgent: window.urgent.to_string(),
            notify_before: window.notify_before.map(|lead| lead.to_string()),
            approve: (window.approve != Approve::Automatic).then(|| window.approve.to_string()),
            catalog: window.catalog.as_ref().map(|catalog| catalog.url().to_owned()),
            catalog_key: window.catalog.as_ref().map(|catalog| catalog.key().to_owned()),
            definition: definition.into(),
        }
    }
}
