//! The data source `justmanage_redis_cluster`: a cluster as it is at this moment, node by node.

mod model;

use justmanage_core::manager::Observed;
use justmanage_core::view::{NodeView, RoleView};
use justmanage_core::{ClusterView, Locator};
use justmanage_model::journal::{Entry, Event, Outcome, Who};
use justmanage_model::{ClusterName, Failure, Phase};
use tfkit::model::View;
use tfkit::{Attr, Cx, DataSource, Diagnostic, Diagnostics, Path, async_trait};

use crate::diagnostics;
use crate::settings::Client;
use model::{ClusterData, JournalEntry, Node};

/// The data source.
pub(crate) struct Lookup;

#[async_trait]
impl DataSource for Lookup {
    type Model = ClusterData;
    type Client = Client;
    const TYPE: &'static str = "redis_cluster";

    fn validate(&self, config: &View<ClusterData>, report: &mut Diagnostics) {
        let wrong = |what: &str| {
            Diagnostic::error("Which cluster?", format!("{what}.\n\nGive its `id`, or its `name` and `local = {{}}`."))
        };
        match (config.id.is_null(), config.name.is_null()) {
            (true, true) => report.push(wrong("Neither `id` nor `name` is given")),
            (false, false) => report.push(wrong("Both `id` and `name` are given").at(Path::attribute("name"))),
            (true, false) if config.local.is_null() => {
                report.push(wrong("The name alone does not say where it lives").at(Path::attribute("local")));
            }
            _ => {}
        }
    }

    async fn read(&self, cx: &Cx<Client, ClusterData>, config: ClusterData) -> Result<ClusterData, Diagnostics> {
        let locator = locator(&config)?;
        let manager = cx.client()?.manager(&locator)?;
        let failed = |failure: Failure| Diagnostics::from(diagnostics::error(&failure));
        let view = match manager.observe(&locator).await.map_err(failed)? {
            Observed::Here(view) => *view,
            Observed::Gone => {
                let failure = Failure::new("Cluster not found", format!("There is no cluster {locator}."));
                return Err(failed(failure));
            }
            Observed::Unreachable(failure) => return Err(failed(failure)),
        };
        let journal = match config.journal_entries {
            Some(last) if last > 0 => manager.journal(&view.id, last.into()).await.map_err(failed)?,
            _ => Vec::new(),
        };
        Ok(config.seen(&view, &journal))
    }
}

fn locator(config: &ClusterData) -> Result<Locator, Diagnostics> {
    let invalid = |attribute: &str, error: &dyn std::fmt::Display| -> Diagnostics {
        Diagnostic::error("Cluster not valid", error.to_string()).at(Path::attribute(attribute)).into()
    };
    if let Some(id) = config.id.known() {
        return id.parse().map_err(|error: justmanage_core::locator::LocatorError| invalid("id", &error));
    }
    let name = config.name.known().map(String::as_str).unwrap_or_default();
    let name: ClusterName =
        name.parse().map_err(|error: justmanage_model::failure::Invalid| invalid("name", &error))?;
    Ok(Locator { platform: justmanage_core::locator::PlatformKind::Local, name, cluster: None })
}

impl ClusterData {
    fn seen(mut self, view: &ClusterView, journal: &[Entry]) -> Self {
        let record = view.record.as_ref();
        self.id = view.id.to_string().into();
        self.name = view.id.name.to_string().into();
        self.engine = record.map(|record| record.spec.engine.to_string()).into();
        self.version = record.map(|record| record.spec.version.to_string()).into();
        self.version_actual = view.version_actual.clone().into();
        self.shards = record.map(|record| record.spec.shards).into();
        self.replicas_per_shard = record.map(|record| record.spec.replicas_per_shard).into();
        self.spares = record.map(|record| record.spec.spares).into();
        self.phase = record.map(|record| phase(record.phase).to_owned()).into();
        self.generation = record.map(|record| record.generation.get()).into();
        self.leader = view.leader.map(|leader| leader.to_string()).into();
        self.endpoints = view.endpoints().into();
        self.ca_certificate = record.and_then(|record| record.ca_certificate.clone()).into();
        self.converged = view.converged.into();
        self.waiting_on = view.waiting_on.clone().into();
        self.pending = view.pending.clone().into();
        self.known_vulnerabilities = view.known_vulnerabilities.clone().into();
        let spec = record.map(|record| &record.spec);
        self.maintenance_window =
            spec.and_then(|spec| spec.maintenance_window.as_ref()).map(ToString::to_string).into();
        self.backup_policy = spec.and_then(|spec| spec.backup_policy.as_ref()).map(ToString::to_string).into();
        self.slots = view.slots().into_iter().map(|(_, slots)| slots.to_string()).collect::<Vec<_>>().into();
        self.nodes = view.nodes.iter().map(node).collect::<Vec<_>>().into();
        self.journal = journal.iter().map(entry).collect::<Vec<_>>().into();
        self
    }
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Forming => "forming",
        Phase::Formed => "formed",
        Phase::Leaving => "leaving",
    }
}

fn node(node: &NodeView) -> Node {
    let (role, replica_of) = match node.role {
        RoleView::Primary => (Some("primary".to_owned()), None),
        RoleView::Replica { of } => (Some("replica".to_owned()), of.map(|of| of.to_string())),
        RoleView::Spare => (Some("spare".to_owned()), None),
        RoleView::Unknown => (None, None),
    };
    Node {
        id: node.node.to_string().into(),
        shard: node.seat.map(|seat| seat.shard).into(),
        ordinal: node.seat.map(|seat| seat.ordinal).into(),
        role: role.into(),
        replica_of: replica_of.into(),
        endpoint: node.endpoint.clone().into(),
        state: node.state.as_str().to_owned().into(),
        version: node.version.map(|version| version.to_string()).into(),
        replication_lag_bytes: node.lag.map(justmanage_model::Bytes::get).into(),
        memory_used_bytes: node.memory.map(justmanage_model::Bytes::get).into(),
        limits: node.limits.clone().into(),
    }
}

fn entry(entry: &Entry) -> JournalEntry {
    let who = match &entry.who {
        Who::Operator(pin) => format!("operator {pin}"),
        Who::Agent(node) => format!("agent {node}"),
        Who::Server => "server".to_owned(),
    };
    let outcome = match &entry.outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Failed(why) => why.clone(),
    };
    JournalEntry {
        at: Attr::Known(entry.at.to_string()),
        node: entry.node.to_string().into(),
        who: who.into(),
        what: what(&entry.what).into(),
        why: entry.why.clone().into(),
        outcome: outcome.into(),
        planned: entry.planned.into(),
    }
}

fn what(event: &Event) -> String {
    match event {
        Event::AgentStarted => "the agent began to run".to_owned(),
        Event::Up => "the server answers".to_owned(),
        Event::Down => "the server ended, or no longer answers".to_owned(),
        Event::Promoted => "the server became a primary".to_owned(),
        Event::Demoted => "the server became a replica".to_owned(),
        Event::RecordChanged(sections) => format!("the Record changed: {}", sections.join(", ")),
        Event::Step(step) => format!("step: {step}"),
        Event::StartedEmpty => "the server came back empty".to_owned(),
        Event::Leader(Some(node)) => format!("the agent of {node} leads"),
        Event::Leader(None) => "no agent leads".to_owned(),
        Event::Operation(report) => format!("an operation is over: {report}"),
    }
}
