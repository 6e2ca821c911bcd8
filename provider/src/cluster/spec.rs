//! From attributes to what the core understands, and the checks of everything that is known at plan time.

use std::collections::BTreeSet;

use justmanage_model::failure::Invalid;
use justmanage_model::spec::{SPARE_AFTER_MAX, SPARE_AFTER_MIN};
use justmanage_model::{
    Apply, BackupPolicy, Bytes, ClusterName, ClusterSpec, Engine, Failure, FieldPath, Interval, Line,
    MaintenanceWindow, OnCrash, Pin, Place, ReleaseTarget, Testing, Version,
};
use tfkit::model::View;
use tfkit::{Attr, Diagnostics, Path, Value};

use super::{Cluster, aws, platform, resources, rotate, servers};
use crate::diagnostics;
use crate::meaning::same;

/// Checks what one attribute alone cannot say; unknown values are not judged.
pub(super) fn validate(view: &View<Cluster>, report: &mut Diagnostics) {
    platform::validate(view, report);
    let engine = view.engine.known().and_then(|text| text.parse::<Engine>().ok());
    let target = view.version.known().and_then(|text| text.parse::<ReleaseTarget>().ok());
    if let (Some(engine), Some(target)) = (engine, target) {
        let known = view.config.known().into_iter().flatten();
        let config = known.filter_map(|(key, value)| Some((key.clone(), value.known()?.clone()))).collect();
        // Whether an old release may be had is for the provider's settings to say, and these are not known here.
        let offered = if is_old(engine, target) { None } else { justmanage_releases::check_target(engine, target) };
        let faults = offered.into_iter().chain(justmanage_releases::check_config(engine, target.line(), &config));
        faults.for_each(|failure| report.push(diagnostics::error(&failure)));
    }
    if let (Some(target), Some(window)) =
        (target, view.maintenance_window.known().and_then(|text| window_of(text).ok()))
    {
        let pinned = justmanage_model::spec::pinned(target, window.upgrade);
        pinned.iter().for_each(|failure| report.push(diagnostics::error(failure)));
    }
    shape(view, report);
}

fn window_of(text: &str) -> Result<MaintenanceWindow, Invalid> {
    text.parse()
}

/// A release before Redis 7.0: for tests alone, by a switch of the provider.
pub(super) fn is_old(engine: Engine, target: ReleaseTarget) -> bool {
    engine == Engine::Redis && target.line() < Line::new(7, 0)
}

/// Sizes and numbers, as far as they are known.
fn shape(view: &View<Cluster>, report: &mut Diagnostics) {
    let spares = view.spares.known().copied().map_or(Attr::Null, Attr::Known);
    for (name, value) in
        [("shards", &view.shards), ("replicas_per_shard", &view.replicas_per_shard), ("spares", &spares)]
    {
        if let Some(value) = value.known().filter(|value| **value < 0) {
            let detail = format!("{name} = {value} is not possible.");
            report.push(diagnostics::error(&Failure::at(FieldPath::of(name), "Number out of range", detail)));
            return;
        }
    }
    let number = |value: Option<&i64>, default: u16| match value {
        Some(value) => u16::try_from(*value).unwrap_or(u16::MAX),
        None => default,
    };
    let entries = view.config.known().into_iter().flatten();
    let memory: Option<Bytes> = view.memory.known().and_then(|text| text.parse().ok());
    let resources = resources::known(view).map(|resources| justmanage_model::Resources {
        // Whether it is enough depends on the data.
        memory: resources.memory.filter(|_| memory.is_some()),
        ..resources
    });
    if let Err(failure) = &resources {
        report.push(diagnostics::error(failure));
    }
    let spec = ClusterSpec {
        engine: Engine::Redis,
        version: ReleaseTarget::LatestPatch(Line::new(7, 0)),
        shards: number(view.shards.known(), 1),
        replicas_per_shard: number(view.replicas_per_shard.known(), 0),
        surge: view.surge.known().copied().unwrap_or_default(),
        memory: memory.unwrap_or(justmanage_model::spec::MEMORY_MIN),
        config: entries.filter_map(|(key, value)| Some((key.clone(), value.known()?.clone()))).collect(),
        place: Place::Local,
        on_crash: OnCrash::default(),
        resources: resources.unwrap_or_default(),
        metrics_readers: BTreeSet::new(),
        operator_keys: Default::default(),
        maintenance_window: None,
        apply: Default::default(),
        approved_version: None,
        backup_policy: None,
        backup_now: None,
        rotate: Default::default(),
        spares: number(spares.known(), 0),
        // The attribute says itself what is wrong with it.
        spare_after: None,
        testing: Testing::default(),
    };
    for failure in spec.validate() {
        report.push(diagnostics::error(&failure));
    }
    for (name, keys) in [("metrics_readers", &view.metrics_readers), ("operator_keys", &view.operator_keys)] {
        for key in keys.known().into_iter().flatten().filter_map(Attr::known) {
            if let Err(invalid) = key.parse::<Pin>() {
                report.push(diagnostics::error(&invalid.at(FieldPath::of(name))));
            }
        }
    }
}

/// What a wholly known configuration asks for.
pub(super) fn wanted(model: &Cluster, testing: Testing) -> Result<(ClusterName, ClusterSpec), Diagnostics> {
    servers::check(model)?;
    aws::check(model)?;
    parse(model, testing).map_err(|failure| diagnostics::error(&failure).into())
}

fn parse(model: &Cluster, testing: Testing) -> Result<(ClusterName, ClusterSpec), Failure> {
    let at = |name: &'static str| move |invalid: Invalid| invalid.at(FieldPath::of(name));
    let count = |name: &str, value: i64| {
        u16::try_from(value).map_err(|_| {
            Failure::at(FieldPath::of(name), "Number out of range", format!("{name} = {value} is not possible."))
        })
    };
    let window = model.maintenance_window.as_deref().map(window_of).transpose();
    let backup = model.backup_policy.as_deref().map(str::parse::<BackupPolicy>).transpose();
    let pins = |keys: &Option<BTreeSet<String>>| {
        keys.iter().flatten().map(|text| text.parse::<Pin>()).collect::<Result<BTreeSet<_>, _>>()
    };
    let spec = ClusterSpec {
        engine: model.engine.parse().map_err(at("engine"))?,
        version: model.version.parse().map_err(at("version"))?,
        shards: count("shards", model.shards)?,
        replicas_per_shard: count("replicas_per_shard", model.replicas_per_shard)?,
        surge: model.surge.unwrap_or_default(),
        spares: count("spares", model.spares.unwrap_or_default())?,
        spare_after: model.spare_after.as_deref().map(str::parse::<Interval>).transpose().map_err(at("spare_after"))?,
        memory: model.memory.parse().map_err(at("memory"))?,
        config: model.config.clone().unwrap_or_default(),
        place: platform::place(model),
        on_crash: crash(&model.on_crash).map_err(at("on_crash"))?,
        resources: resources::wanted(model.resources.as_ref())?,
        metrics_readers: pins(&model.metrics_readers).map_err(at("metrics_readers"))?,
        operator_keys: pins(&model.operator_keys).map_err(at("operator_keys"))?,
        maintenance_window: window.map_err(at("maintenance_window"))?,
        apply: model.apply.as_deref().map(str::parse).transpose().map_err(at("apply"))?.unwrap_or_default(),
        approved_version: model
            .approved_version
            .as_deref()
            .map(str::parse)
            .transpose()
            .map_err(at("approved_version"))?,
        backup_policy: backup.map_err(at("backup_policy"))?,
        backup_now: model.backup_now.clone(),
        rotate: rotate::wanted(model.rotate.as_ref())?,
        testing,
    };
    let name = model.name.parse().map_err(at("name"))?;
    match spec.validate().into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok((name, spec)),
    }
}

fn crash(text: &str) -> Result<OnCrash, Invalid> {
    match text {
        "failover" => Ok(OnCrash::Failover),
        "restart" => Ok(OnCrash::Restart),
        other => Err(Invalid {
            summary: "Reaction to a crash not known",
            detail: format!("{other:?} is none of them."),
            hint: "Write \"failover\" or \"restart\".".to_owned(),
        }),
    }
}

/// As the configuration spells it.
pub(super) fn crash_text(on_crash: OnCrash) -> &'static str {
    match on_crash {
        OnCrash::Failover => "failover",
        OnCrash::Restart => "restart",
    }
}

/// Sizes, numbers and policies that are spelt differently and mean the same.
pub(super) fn same_meaning(path: &Path, one: &Value, other: &Value) -> bool {
    let is = |name: &str| *path == Path::attribute(name);
    (is("memory") && same::<Bytes>(one, other))
        || resources::same_meaning(path, one, other)
        || (is("maintenance_window") && same::<MaintenanceWindow>(one, other))
        || (is("spare_after") && same::<Interval>(one, other))
        || (*path == Path::attribute("rotate").attr("authority_grace") && same::<Interval>(one, other))
        || (is("backup_policy") && same::<BackupPolicy>(one, other))
        || servers::same_meaning(path, one, other)
        || aws::same_meaning(path, one, other)
}

pub(super) fn name(text: &str) -> Result<(), String> {
    text.parse::<ClusterName>().map(|_| ()).map_err(|error| error.to_string())
}

pub(super) fn engine(text: &str) -> Result<(), String> {
    text.parse::<Engine>().map(|_| ()).map_err(|error| error.to_string())
}

pub(super) fn version(text: &str) -> Result<(), String> {
    text.parse::<ReleaseTarget>().map(|_| ()).map_err(|error| error.to_string())
}

pub(super) fn memory(text: &str) -> Result<(), String> {
    text.parse::<Bytes>().map(|_| ()).map_err(|error| error.to_string())
}

pub(super) fn on_crash(text: &str) -> Result<(), String> {
    crash(text).map(|_| ()).map_err(|error| error.to_string())
}

pub(super) fn spare_after(text: &str) -> Result<(), String> {
    let after = text.parse::<Interval>().map_err(|error| error.to_string())?;
    if after < SPARE_AFTER_MIN || after > SPARE_AFTER_MAX {
        return Err(format!("{after} is shorter than {SPARE_AFTER_MIN}, or longer than {SPARE_AFTER_MAX}."));
    }
    Ok(())
}

pub(super) fn maintenance_window(text: &str) -> Result<(), String> {
    window_of(text).map(|_| ()).map_err(|error| error.to_string())
}

pub(super) fn apply(text: &str) -> Result<(), String> {
    text.parse::<Apply>().map(|_| ()).map_err(|error| error.to_string())
}

pub(super) fn approved_version(text: &str) -> Result<(), String> {
    text.parse::<Version>().map(|_| ()).map_err(|error| error.to_string())
}

pub(super) fn backup_policy(text: &str) -> Result<(), String> {
    text.parse::<BackupPolicy>().map(|_| ()).map_err(|error| error.to_string())
}
