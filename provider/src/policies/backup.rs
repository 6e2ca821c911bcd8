//! `justmanage_backup_policy`: when a cluster is backed up, where to, and what is kept.

use justmanage_model::backup::{BackupTime, Compression, Destination, Recipient, Retention as Kept};
use justmanage_model::{BackupPolicy, FieldPath};
use tfkit::model::View;
use tfkit::{Attr, Cx, Diagnostics, Failed, Model, Path, Plan, PlanChange, Resource, Value, async_trait};

use super::Definition;
use super::reader::{Reader, place};
use crate::diagnostics;
use crate::meaning::{same, same_set};
use crate::settings::Client;

/// When a cluster is backed up, where to, and what is kept. Any number of clusters take it by its `definition`, so a change shows
/// in the same plan at each of them. It holds no credentials.
///
/// It is a value: it exists in Terraform's state alone; the agents of the clusters that take it make the backups. In this release they
/// make them in directories (`file://`) and without encryption; plans say of any other policy that no backup is made by it.
#[derive(Clone, Debug, Model)]
pub(crate) struct Policy {
    /// Names it for Terraform, for life.
    #[tf(computed, keep)]
    id: Attr<String>,
    /// When backups are made: days, a time and an IANA time zone, such as `daily 03:30 Asia/Kolkata` or `Sun 02:00 UTC` (days are
    /// those of `justmanage_maintenance_window`); or an interval that divides the day, counted from midnight in UTC, such as
    /// `every 6h`.
    #[tf(required)]
    schedule: Vec<String>,
    /// Where to: `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`, or an absolute directory that all nodes of a cluster
    /// share, such as one of a network file system: `file:///var/backups/redis`. On `servers` it has to be at or below
    /// `/var/backups/justmanage`, where alone an agent may write. Credentials in it are refused.
    #[tf(required)]
    destination: String,
    /// How many backups are kept; one that any of these counts is kept.
    #[tf(required)]
    retention: Retention,
    /// `zstd` or `none`.
    #[tf(default = "zstd")]
    compression: String,
    /// Public keys of [age](https://age-encryption.org) (`age1...`): only who has one of the secret keys can read the backups.
    /// Without any they are not encrypted by Just Manage.
    #[tf(optional)]
    encryption: Option<Vec<String>>,
    /// Whether each backup is loaded into a server that serves nobody, and counted, before older ones go.
    #[tf(default = true)]
    verify: bool,
    /// Whether a backup is made before the servers go over to another release. If that comes to nothing, they do not go over.
    #[tf(default = true)]
    before_upgrade: bool,
    /// All of that in one line: what a cluster's `backup_policy` takes.
    #[tf(computed)]
    definition: Attr<String>,
}

/// How many backups are kept: never none.
#[derive(Clone, Debug, Model)]
pub(crate) struct Retention {
    /// So many of the last ones.
    #[tf(optional)]
    last: Option<i64>,
    /// The last one of each of so many days.
    #[tf(optional)]
    daily: Option<i64>,
    /// The last one of each of so many weeks.
    #[tf(optional)]
    weekly: Option<i64>,
    /// The last one of each of so many months.
    #[tf(optional)]
    monthly: Option<i64>,
    /// The last one of each of so many years.
    #[tf(optional)]
    yearly: Option<i64>,
}

/// The resource type.
pub(crate) struct BackupPolicies;

type Context = Cx<Client, Policy>;

#[async_trait]
impl Resource for BackupPolicies {
    type Model = Policy;
    type Client = Client;
    const TYPE: &'static str = "backup_policy";

    fn validate(&self, config: &View<Policy>, report: &mut Diagnostics) {
        if let Err(faults) = Policy::define(config) {
            report.extend(faults);
        }
    }

    async fn modify_plan(&self, _: &Context, change: &mut PlanChange<Policy>) -> Result<(), Diagnostics> {
        Policy::plan(change)
    }

    async fn create(&self, _: &Context, plan: Plan<Policy>) -> Result<Policy, Failed<Policy>> {
        Ok(plan.settled()?)
    }

    async fn read(&self, _: &Context, state: Policy) -> Result<Option<Policy>, Diagnostics> {
        Ok(Some(state))
    }

    async fn update(&self, _: &Context, _: Policy, plan: Plan<Policy>) -> Result<Policy, Failed<Policy>> {
        Ok(plan.settled()?)
    }

    async fn delete(&self, _: &Context, _: Policy) -> Result<(), Failed<Policy>> {
        Ok(())
    }

    async fn import(&self, _: &Context, id: &str) -> Result<Policy, Diagnostics> {
        let parsed = id.parse::<BackupPolicy>();
        let policy = parsed.map_err(|invalid| diagnostics::error(&invalid.at(FieldPath::root())))?;
        Ok(Policy::of(&policy))
    }

    fn semantic_eq(&self, path: &Path, one: &Value, other: &Value) -> bool {
        match place(path) {
            Some(("schedule", true)) => same::<BackupTime>(one, other),
            Some(("destination", false)) => same::<Destination>(one, other),
            Some(("encryption", false)) => same_set::<Recipient>(one, other),
            _ => false,
        }
    }
}

impl Definition for Policy {
    fn define(view: &View<Self>) -> Result<Option<String>, Diagnostics> {
        let mut reader = Reader::default();
        let schedule = reader.list("schedule", &view.schedule);
        let destination = reader.one::<Destination>("destination", &view.destination);
        let retention = kept(&mut reader, &view.retention);
        let compression = reader.one::<Compression>("compression", &view.compression).unwrap_or_default();
        let encryption = reader.list::<Recipient>("encryption", &view.encryption).into_iter().collect();
        let verify = reader.switch(&view.verify, true);
        let before_upgrade = reader.switch(&view.before_upgrade, true);
        let policy = destination.zip(retention).map(|(destination, retention)| BackupPolicy {
            compression,
            encryption,
            verify,
            before_upgrade,
            ..BackupPolicy::new(schedule, destination, retention)
        });
        let whole = reader.end(policy, |policy| policy.check().map_err(|fault| fault.at(FieldPath::of("schedule"))))?;
        Ok(whole.map(|policy| policy.to_string()))
    }

    fn computed(view: &mut View<Self>) -> (&mut Attr<String>, &mut Attr<String>) {
        (&mut view.id, &mut view.definition)
    }
}

/// What is kept, as far as it is known.
fn kept(reader: &mut Reader, view: &Attr<View<Retention>>) -> Option<Kept> {
    reader.not_known(view.is_unknown());
    let view = view.known()?;
    let path = |name: &str| FieldPath::of("retention").attribute(name);
    let all = [
        ("last", &view.last),
        ("daily", &view.daily),
        ("weekly", &view.weekly),
        ("monthly", &view.monthly),
        ("yearly", &view.yearly),
    ];
    let [last, daily, weekly, monthly, yearly] = all.map(|(name, number)| reader.count(path(name), number));
    if all.iter().any(|(_, number)| number.is_unknown()) {
        return None;
    }
    match Kept::new(last, daily, weekly, monthly, yearly) {
        Ok(kept) => Some(kept),
        Err(invalid) => {
            reader.fault(&invalid.at(FieldPath::of("retention")));
            None
        }
    }
}

impl Policy {
    /// The attributes that say this.
    fn of(policy: &BackupPolicy) -> Self {
        let definition = policy.to_string();
        let number =
            |kind: &str| policy.retention.kept().find(|(name, _)| *name == kind).map(|(_, count)| count.into());
        let encryption: Vec<String> = policy.encryption.iter().map(ToString::to_string).collect();
        Self {
            id: justmanage_model::label(&definition).into(),
            schedule: policy.schedule.iter().map(ToString::to_string).collect(),
            destination: policy.destination.to_string(),
            retention: Retention {
                last: number("last"),
                daily: number("daily"),
                weekly: number("weekly"),
                monthly: number("monthly"),
                yearly: number("yearly"),
            },
            compression: policy.compression.to_string(),
            encryption: (!encryption.is_empty()).then_some(encryption),
            verify: policy.verify,
            before_upgrade: policy.before_upgrade,
            definition: definition.into(),
        }
    }
}
