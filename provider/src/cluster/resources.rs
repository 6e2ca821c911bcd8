//! `resources`: from attributes to what the core understands, and back.

use justmanage_model::failure::Invalid;
use justmanage_model::{Bytes, ClusterSpec, Failure, FieldPath, Io as WantedIo, MilliCpus, Resources as Wanted};
use tfkit::model::View;
use tfkit::{Attr, Path, Value};

use super::Cluster;
use super::model::{Io, Resources};
use crate::meaning::same;

/// An attribute of it.
fn at(name: &str) -> FieldPath {
    FieldPath::of("resources").attribute(name)
}

fn at_io(name: &str) -> FieldPath {
    at("io").attribute(name)
}

pub(super) fn cpu(text: &str) -> Result<(), String> {
    text.parse::<MilliCpus>().map(|_| ()).map_err(|error| error.to_string())
}

pub(super) fn size(text: &str) -> Result<(), String> {
    text.parse::<Bytes>().map(|_| ()).map_err(|error| error.to_string())
}

/// What it asks for.
pub(super) fn wanted(resources: Option<&Resources>) -> Result<Wanted, Failure> {
    let Some(resources) = resources else { return Ok(Wanted::NOTHING) };
    let cpu = resources.cpu.as_deref().map(str::parse).transpose().map_err(|error: Invalid| error.at(at("cpu")))?;
    let memory = bytes(resources.memory.as_deref(), at("memory"))?;
    let io = match &resources.io {
        None => WantedIo::NOTHING,
        Some(io) => WantedIo {
            read_bandwidth: bytes(io.read_bandwidth.as_deref(), at_io("read_bandwidth"))?,
            write_bandwidth: bytes(io.write_bandwidth.as_deref(), at_io("write_bandwidth"))?,
            read_iops: count(io.read_iops, at_io("read_iops"))?,
            write_iops: count(io.write_iops, at_io("write_iops"))?,
            weight: count(io.weight, at_io("weight"))?,
        },
    };
    Ok(Wanted { cpu, memory, io })
}

fn bytes(text: Option<&str>, about: FieldPath) -> Result<Option<Bytes>, Failure> {
    text.map(str::parse).transpose().map_err(|invalid: Invalid| invalid.at(about))
}

fn count(number: Option<i64>, about: FieldPath) -> Result<Option<u64>, Failure> {
    let negative = |number| Failure::at(about, "Number out of range", format!("{number} is not possible."));
    number.map(|number| u64::try_from(number).map_err(|_| negative(number))).transpose()
}

/// As far as it is known already. What cannot be read is blamed at its own attribute.
pub(super) fn known(view: &View<Cluster>) -> Result<Wanted, Failure> {
    let Some(resources) = view.resources.known() else { return Ok(Wanted::NOTHING) };
    // An attribute that cannot be read says so itself, or will when it is known.
    let text = |text: &Attr<String>| text.known().filter(|text| size(text).is_ok()).cloned();
    let number = |number: &Attr<i64>| number.known().copied();
    wanted(Some(&Resources {
        cpu: resources.cpu.known().filter(|text| cpu(text).is_ok()).cloned(),
        memory: text(&resources.memory),
        io: resources.io.known().map(|io| Io {
            read_bandwidth: text(&io.read_bandwidth),
            write_bandwidth: text(&io.write_bandwidth),
            read_iops: number(&io.read_iops),
            write_iops: number(&io.write_iops),
            weight: number(&io.weight),
        }),
    }))
}

/// As it is written, if that is what the Record has; otherwise as the Record has it.
pub(super) fn keep_or_take(written: &mut Option<Resources>, kept: &Wanted) {
    if wanted(written.as_ref()).ok().as_ref() == Some(kept) {
        return;
    }
    let number = |number: Option<u64>| number.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
    let io = Io {
        read_bandwidth: kept.io.read_bandwidth.map(|rate| rate.to_string()),
        write_bandwidth: kept.io.write_bandwidth.map(|rate| rate.to_string()),
        read_iops: number(kept.io.read_iops),
        write_iops: number(kept.io.write_iops),
        weight: number(kept.io.weight),
    };
    let taken = Resources {
        cpu: kept.cpu.map(|cpu| cpu.to_string()),
        memory: kept.memory.map(|memory| memory.to_string()),
        io: (!kept.io.is_nothing()).then_some(io),
    };
    *written = (!kept.is_nothing()).then_some(taken);
}

/// Numbers and sizes that are spelt differently and mean the same.
pub(super) fn same_meaning(path: &Path, one: &Value, other: &Value) -> bool {
    let of = Path::attribute("resources");
    let sizes = [
        of.clone().attr("memory"),
        of.clone().attr("io").attr("read_bandwidth"),
        of.clone().attr("io").attr("write_bandwidth"),
    ];
    (*path == of.attr("cpu") && same::<MilliCpus>(one, other)) || (sizes.contains(path) && same::<Bytes>(one, other))
}

/// What a change of it does: it is said of each of the three.
pub(super) fn changes(from: &ClusterSpec, to: &ClusterSpec) -> [(&'static str, bool); 3] {
    let (from, to) = (from.resources, to.resources);
    [
        ("resources.cpu", from.cpu != to.cpu),
        ("resources.memory", from.memory != to.memory),
        ("resources.io", from.io != to.io),
    ]
}
