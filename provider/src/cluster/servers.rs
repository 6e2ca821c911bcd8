//! `servers` of a cluster: of which pool it takes servers, what these have to have, and whether there can be enough.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_core::Manager;
use justmanage_core::servers::{Needs, sharing};
use justmanage_model::failure::Invalid;
use justmanage_model::pool::{Label, LabelValue, Pool, Server};
use justmanage_model::{Bytes, ClusterSpec, Failure, FieldPath};
use tfkit::model::View;
use tfkit::{Attr, Diagnostic, Diagnostics, Model, Path, Value};

use super::model::{Resources, Servers};
use super::{Cluster, resources};
use crate::diagnostics;
use crate::meaning::same;
use crate::policies::label_of;
use crate::settings::Client;

/// Checks what one attribute alone cannot say; unknown values are not judged.
pub(super) fn validate(view: &View<Cluster>, report: &mut Diagnostics) {
    let Some(servers) = view.servers.known() else { return };
    let mut failures: Vec<Failure> = servers.processors.known().copied().and_then(few_processors).into_iter().collect();
    if let (Some(each), Some(data)) = (size_of(&servers.memory), size_of(&view.memory)) {
        failures.extend(too_small(each, data));
    }
    let labels = labels(&servers.labels, &mut failures);
    let pool = servers.pool.known().and_then(|text| text.parse::<Pool>().ok());
    if let (Some(pool), Some(labels), Some(count)) = (pool, labels, Count::of(view)) {
        failures.extend(not_enough(&pool, &labels, count));
    }
    failures.iter().for_each(|failure| report.push(diagnostics::error(failure)));
}

/// The same of a wholly known configuration.
///
/// # Errors
/// What is wrong.
pub(super) fn check(model: &Cluster) -> Result<(), Diagnostics> {
    let mut report = Diagnostics::new();
    if model.servers.is_some() {
        validate(&<View<Cluster> as Model>::decode(&model.encode(), &Path::root())?, &mut report);
    }
    if report.has_errors() { Err(report) } else { Ok(()) }
}

/// Who makes and finds a cluster, by its configuration or state. `before`: what it was until now; servers that are not in the pool any
/// more, and have nodes, are seen by that.
pub(super) fn manager(
    client: &Client,
    cluster: &Cluster,
    servers: &Servers,
    before: Option<&Cluster>,
) -> Result<Manager, Diagnostics> {
    let of_pool = || {
        let mut pool = pool_of(servers)?;
        if let Some(before) = before.and_then(|before| before.servers.as_ref()) {
            pool = pool.and_before(&pool_of(before)?);
        }
        if let Some(id) = cluster.locator().ok().and_then(|locator| locator.cluster) {
            client.managers.lead(id, &pool);
        }
        Ok(client.managers.of_pool(&pool)?.with_needs(needs(servers, cluster.resources.as_ref())?))
    };
    of_pool().map_err(|failure: Failure| diagnostics::error(&failure).into())
}

/// Whether servers are in the pool no more: those that do not answer are lost with what they have of the cluster.
pub(super) fn takes_some_away(from: &Cluster, to: &Cluster) -> bool {
    let pool = |cluster: &Cluster| pool_of(cluster.servers.as_ref()?).ok();
    pool(from).zip(pool(to)).is_some_and(|(from, to)| to.and_before(&from).servers.iter().any(|server| server.former))
}

/// Whether servers are announced to clients by other names, or by names for the first time, or no more.
pub(super) fn renamed(from: &Cluster, to: &Cluster) -> bool {
    let pool = |cluster: &Cluster| pool_of(cluster.servers.as_ref()?).ok();
    let Some((from, to)) = pool(from).zip(pool(to)) else { return false };
    let place = |server: &Server| (server.host.address.clone(), server.host.port);
    let names: BTreeMap<_, _> = from.servers.iter().map(|server| (place(server), &server.announce)).collect();
    to.servers.iter().any(|server| names.get(&place(server)).is_some_and(|name| **name != server.announce))
}

fn pool_of(servers: &Servers) -> Result<Pool, Failure> {
    servers.pool.parse().map_err(|invalid: Invalid| invalid.at(FieldPath::of("servers").attribute("pool")))
}

/// What each server has to have: what is asked of it, and what the database may use of it.
fn needs(servers: &Servers, resources: Option<&Resources>) -> Result<Needs, Failure> {
    let resources = resources::wanted(resources)?;
    let used = resources.cpu.map_or(0, |cpu| cpu.get().div_ceil(1000));
    let at = |name: &'static str| FieldPath::of("servers").attribute(name);
    let size = |text: &Option<String>, name| {
        let size = text.as_deref().map(str::parse::<Bytes>).transpose();
        size.map(Option::unwrap_or_default).map_err(|invalid: Invalid| invalid.at(at(name)))
    };
    let mut failures = Vec::new();
    let texts = servers.labels.iter().flatten().map(|(name, text)| (name.clone(), Attr::Known(text.clone())));
    let labels = labels(&Attr::Known(texts.collect()), &mut failures).unwrap_or_default();
    match failures.into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok(Needs {
            processors: servers.processors.and_then(|number| u32::try_from(number).ok()).unwrap_or_default().max(used),
            memory: size(&servers.memory, "memory")?.max(resources.memory.unwrap_or_default()),
            disk: size(&servers.disk, "disk")?,
            labels,
        }),
    }
}

/// How many machines a cluster asks for, in its own numbers.
#[derive(Clone, Copy)]
struct Count {
    shards: i64,
    replicas_per_shard: i64,
    spares: i64,
}

impl Count {
    /// As the configuration says, if it says so already.
    fn of(view: &View<Cluster>) -> Option<Self> {
        let number = |value: &Attr<i64>, usual| match value {
            Attr::Null => Some(usual),
            Attr::Known(number) => Some(*number),
            Attr::Unknown(_) => None,
        };
        let (shards, replicas_per_shard) = (number(&view.shards, 1)?, number(&view.replicas_per_shard, 0)?);
        Some(Self { shards, replicas_per_shard, spares: number(&view.spares, 0)? })
    }

    /// In all. (What is less than nothing is blamed at its own attribute.)
    fn servers(self) -> i64 {
        self.shards.saturating_mul(self.replicas_per_shard.saturating_add(1)).saturating_add(self.spares)
    }
}

/// Those of a pool that a cluster can have, whatever they are made of: who is hidden, or lacks a label, is for others.
fn usable<'a>(pool: &'a Pool, labels: &'a BTreeMap<Label, LabelValue>) -> impl Iterator<Item = &'a Server> {
    let bears = |server: &Server| labels.iter().all(|(label, value)| server.labels.get(label) == Some(value));
    pool.servers.iter().filter(move |server| !server.hidden && bears(server))
}

/// Shards whose nodes cannot be in different zones: what takes one zone away takes more than one of them.
pub(super) fn shared_zones(cluster: &Cluster, spec: &ClusterSpec) -> Option<Diagnostic> {
    let servers = cluster.servers.as_ref()?;
    let (pool, needs) = (pool_of(servers).ok()?, needs(servers, cluster.resources.as_ref()).ok()?);
    let nodes = spec.replicas_per_shard + 1;
    let shared = sharing(usable(&pool, &needs.labels), spec.shards, nodes);
    let zones: BTreeSet<_> = usable(&pool, &needs.labels).filter_map(|server| server.zone.as_ref()).collect();
    let (all, zones) = (spec.shards, zones.len());
    let detail = format!(
        "The {nodes} nodes of a shard are put into different zones as far as the pool has them. It has servers in {zones} that the \
         cluster can have, and {shared} of {all} shards will have two nodes in one of them: what takes that zone away takes \
         both.\n\nAdd servers in other zones, or ask for fewer replicas_per_shard."
    );
    let at = Path::attribute("servers").attr("pool");
    (shared > 0).then(|| Diagnostic::warning("Nodes of a shard share a zone", detail).at(at))
}

/// Fewer servers than the cluster needs.
fn not_enough(pool: &Pool, labels: &BTreeMap<Label, LabelValue>, count: Count) -> Option<Failure> {
    let fit = usable(pool, labels).count();
    if i64::try_from(fit).is_ok_and(|fit| fit >= count.servers()) {
        return None;
    }
    let Count { shards, replicas_per_shard, spares } = count;
    let mut detail = format!(
        "Each node needs a server of its own: {} in all, by shards = {shards}, replicas_per_shard = {replicas_per_shard} and \
         spares = {spares}. The pool has {}",
        count.servers(),
        pool.servers.len()
    );
    let hidden = pool.servers.iter().filter(|server| server.hidden).count();
    let others = [(hidden, "hidden"), (pool.servers.len() - fit - hidden, "without the labels that are asked for")];
    let others: Vec<String> =
        others.iter().filter(|(count, _)| *count > 0).map(|(count, why)| format!("{count} {why}")).collect();
    if !others.is_empty() {
        detail.push_str(&format!(", of which {fit} can be had: {}", others.join(", ")));
    }
    detail.push('.');
    let at = FieldPath::of("servers").attribute("pool");
    let hint = "Add servers to the pool, or ask for fewer shards, replicas_per_shard or spares.";
    Some(Failure::at(at, "Not enough servers", detail).hint(hint))
}

/// Servers on which the data alone would not fit.
fn too_small(each: Bytes, data: Bytes) -> Option<Failure> {
    let detail = format!("Each node is to have {data} for data, and a server with {each} would do by this.");
    let hint = "Ask for servers with more than `memory`: a server needs some for buffers, and while it saves.";
    let at = FieldPath::of("servers").attribute("memory");
    (each < data).then(|| Failure::at(at, "Servers smaller than their data", detail).hint(hint))
}

fn few_processors(number: i64) -> Option<Failure> {
    let at = FieldPath::of("servers").attribute("processors");
    let failure = Failure::at(at, "Number out of range", format!("{number} processors are not possible."));
    let possible = u32::try_from(number).is_ok_and(|number| number > 0);
    (!possible).then(|| failure.hint("Ask for 1 or more."))
}

/// The labels that servers are to bear; `None` where they are not known yet, or one is wrong.
fn labels(
    texts: &Attr<BTreeMap<String, Attr<String>>>,
    failures: &mut Vec<Failure>,
) -> Option<BTreeMap<Label, LabelValue>> {
    let (mut labels, mut known) = (BTreeMap::new(), !texts.is_unknown());
    for (name, text) in texts.known().into_iter().flatten() {
        match label(name, text.known()) {
            Ok((name, Some(value))) => drop(labels.insert(name, value)),
            Ok((_, None)) => known = false,
            Err(invalid) => {
                failures.push(invalid.at(FieldPath::of("servers").attribute("labels").key(name)));
                known = false;
            }
        }
    }
    known.then_some(labels)
}

fn label(name: &str, text: Option<&String>) -> Result<(Label, Option<LabelValue>), Invalid> {
    Ok((label_of(name)?, text.map(|text| text.parse::<LabelValue>()).transpose()?))
}

fn size_of(text: &Attr<String>) -> Option<Bytes> {
    text.known()?.parse().ok()
}

/// Pools and sizes that are spelt differently and mean the same.
pub(super) fn same_meaning(path: &Path, one: &Value, other: &Value) -> bool {
    let is = |name: &str| *path == Path::attribute("servers").attr(name);
    (is("pool") && same::<Pool>(one, other)) || ((is("memory") || is("disk")) && same::<Bytes>(one, other))
}

pub(super) fn pool(text: &str) -> Result<(), String> {
    text.parse::<Pool>().map(|_| ()).map_err(|error| error.to_string())
}

pub(crate) fn size(text: &str) -> Result<(), String> {
    text.parse::<Bytes>().map(|_| ()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_at_least_what_the_database_may_use_of_it() {
        let servers = |processors: Option<i64>, memory: Option<&str>| Servers {
            pool: "10.0.0.11".to_owned(),
            processors,
            memory: memory.map(str::to_owned),
            disk: None,
            labels: None,
        };
        let resources = |cpu: &str, memory: &str| Resources {
            cpu: Some(cpu.to_owned()),
            memory: Some(memory.to_owned()),
            io: None,
        };
        for (servers, resources, processors, memory) in [
            (servers(None, None), None, 0, 0),
            (servers(Some(2), Some("4GiB")), None, 2, 4),
            (servers(None, None), Some(resources("1.5", "4GiB")), 2, 4),
            (servers(Some(1), Some("2GiB")), Some(resources("3", "4GiB")), 3, 4),
            (servers(Some(4), Some("8GiB")), Some(resources("3", "4GiB")), 4, 8),
        ] {
            let needs = needs(&servers, resources.as_ref()).expect("needs");
            assert_eq!((needs.processors, needs.memory.get() >> 30), (processors, memory), "{servers:?} {resources:?}");
        }
    }
}
