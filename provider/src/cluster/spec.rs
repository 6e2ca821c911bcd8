//! From attributes to what the core understands, and the checks of everything that is known at plan time.

use justmanage_model::{Bytes, ClusterName, ClusterSpec, Engine, Failure, FieldPath, Line, Place, ReleaseTarget};
use tfkit::model::View;
use tfkit::{Diagnostic, Diagnostics, Path, Value};

use super::Cluster;
use crate::diagnostics;

/// Checks what one attribute alone cannot say; unknown values are not judged.
pub(super) fn validate(view: &View<Cluster>, report: &mut Diagnostics) {
    platform(view, report);
    let engine = view.engine.known().and_then(|text| text.parse::<Engine>().ok());
    let target = view.version.known().and_then(|text| text.parse::<ReleaseTarget>().ok());
    if let (Some(engine), Some(target)) = (engine, target) {
        let known = view.config.known().into_iter().flatten();
        let config = known.filter_map(|(key, value)| Some((key.clone(), value.known()?.clone()))).collect();
        let faults = justmanage_releases::check_target(engine, target)
            .into_iter()
            .chain(justmanage_releases::check_config(engine, target.line(), &config));
        faults.for_each(|failure| report.push(diagnostics::error(&failure)));
    }
    shape(view, report);
}

/// Exactly one platform, always written out.
fn platform(view: &View<Cluster>, report: &mut Diagnostics) {
    if view.local.is_null() {
        report.push(
            Diagnostic::error(
                "No platform",
                "The cluster does not say where it is to live.\n\nAdd one platform; this release knows `local = {}`: \
                 processes of the machine that Terraform runs on.",
            )
            .at(Path::attribute("local")),
        );
    }
}

/// Sizes and numbers, as far as they are known.
fn shape(view: &View<Cluster>, report: &mut Diagnostics) {
    let number = |value: Option<&i64>, default: u16| match value {
        Some(value) => u16::try_from(*value).unwrap_or(if *value < 0 { 0 } else { u16::MAX }),
        None => default,
    };
    let entries = view.config.known().into_iter().flatten();
    let spec = ClusterSpec {
        engine: Engine::Redis,
        version: ReleaseTarget::LatestPatch(Line::new(7, 0)),
        shards: number(view.shards.known(), 1),
        replicas_per_shard: number(view.replicas_per_shard.known(), 0),
        memory: view.memory.known().and_then(|text| text.parse().ok()).unwrap_or(justmanage_model::spec::MEMORY_MIN),
        config: entries.filter_map(|(key, value)| Some((key.clone(), value.known()?.clone()))).collect(),
        place: Place::Local,
    };
    let faults = spec.validate();
    let beyond = if faults.is_empty() { spec.beyond_this_release() } else { Vec::new() };
    for failure in faults.iter().chain(&beyond) {
        report.push(diagnostics::error(failure));
    }
}

/// What a wholly known configuration asks for.
pub(super) fn wanted(model: &Cluster) -> Result<(ClusterName, ClusterSpec), Diagnostics> {
    parse(model).map_err(|failure| diagnostics::error(&failure).into())
}

fn parse(model: &Cluster) -> Result<(ClusterName, ClusterSpec), Failure> {
    let count = |name: &str, value: i64| {
        u16::try_from(value).map_err(|_| {
            Failure::at(FieldPath::of(name), "Number out of range", format!("{name} = {value} is not possible."))
        })
    };
    let spec = ClusterSpec {
        engine: model.engine.parse().map_err(|e: justmanage_model::failure::Invalid| e.at(FieldPath::of("engine")))?,
        version: model
            .version
            .parse()
            .map_err(|e: justmanage_model::failure::Invalid| e.at(FieldPath::of("version")))?,
        shards: count("shards", model.shards)?,
        replicas_per_shard: count("replicas_per_shard", model.replicas_per_shard)?,
        memory: model.memory.parse().map_err(|e: justmanage_model::failure::Invalid| e.at(FieldPath::of("memory")))?,
        config: model.config.clone().unwrap_or_default(),
        place: Place::Local,
    };
    let name = model.name.parse().map_err(|e: justmanage_model::failure::Invalid| e.at(FieldPath::of("name")))?;
    match spec.validate().into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok((name, spec)),
    }
}

/// Sizes that are spelt differently and mean the same.
pub(super) fn same_meaning(path: &Path, one: &Value, other: &Value) -> bool {
    let size = |value: &Value| match value {
        Value::String(text) => text.parse::<Bytes>().ok(),
        _ => None,
    };
    *path == Path::attribute("memory") && size(one).is_some() && size(one) == size(other)
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
