//! From what the core sees to attributes.

use std::collections::BTreeSet;
use std::str::FromStr;

use justmanage_core::{ClusterView, Locator};
use justmanage_model::{Apply, Bytes, Pin, Place, Record};
use tfkit::{Attr, Diagnostic, Diagnostics, Path};

use super::model::Local;
use super::{Cluster, backup, report, resources, rotate, spec};

impl Cluster {
    /// Where it is found.
    pub(super) fn locator(&self) -> Result<Locator, Diagnostics> {
        let id = self.id.known().map(String::as_str).unwrap_or_default();
        id.parse().map_err(|error: justmanage_core::locator::LocatorError| {
            Diagnostic::error(
                "Cluster id damaged",
                format!(
                    "{error}.\n\nRemove the resource from the state and import it again: terraform import ... local/{}",
                    self.name
                ),
            )
            .at(Path::attribute("id"))
            .into()
        })
    }

    /// The same cluster with everything that is seen of it. What nobody could see keeps its last value; what the user
    /// wrote keeps its spelling as long as it means the same.
    pub(super) fn seen(mut self, view: &ClusterView) -> Self {
        self.id = view.id.to_string().into();
        self.converged = view.converged.into();
        self.waiting_on = view.waiting_on.clone().into();
        if let Some(version) = &view.version_actual {
            self.version_actual = version.clone().into();
        }
        if let Some(version) = &view.agent_version {
            self.agent_version = version.to_string().into();
        }
        if let Some(record) = &view.record {
            self.take(record);
            self.last_backup = backup::last(view);
            self.backup_failure = backup::failure(view);
            self.endpoints = view.endpoints().into();
            self.ca_certificate = record.ca_certificate.clone().into();
        }
        if !view.nodes.is_empty() {
            self.pending = view.pending.clone().into();
            self.known_vulnerabilities = view.known_vulnerabilities.clone().into();
        }
        if let Some(report) = report::newer(&self.last_operation, view) {
            self.last_operation = report.into();
        }
        self.settle();
        self
    }

    /// As [`Cluster::seen`], after an update as planned: what the plan promised stays as promised. A node that was lost between
    /// plan and apply may have a new address by now; the next refresh shows it.
    pub(super) fn updated(mut self, prior: &Self, view: &ClusterView) -> Self {
        let report = match self.last_operation.is_unknown() {
            true => {
                self.last_operation = prior.last_operation.clone();
                None
            }
            false => Some(self.last_operation.clone()),
        };
        let backups = (self.last_backup.clone(), self.backup_failure.clone());
        let promised = (self.endpoints.clone(), self.ca_certificate.clone());
        let agents = self.agent_version.clone();
        let mut cluster = self.seen(view);
        if promised.0.is_known() {
            cluster.endpoints = promised.0;
        }
        if promised.1.is_known() {
            cluster.ca_certificate = promised.1;
        }
        if !agents.is_unknown() {
            cluster.agent_version = agents;
        }
        // What a plan that changes nothing has shown stays; the next refresh shows one that the agents have made since.
        if !backups.0.is_unknown() {
            (cluster.last_backup, cluster.backup_failure) = backups;
        }
        if let Some(report) = report {
            cluster.last_operation = report;
        }
        cluster
    }

    /// As [`Cluster::seen`], for a refresh. What the agents do by themselves (starting a server that died, say) is no unfinished
    /// work of Terraform's: it must not make a plan. Only what needs an apply does, and a change under way of which the state does
    /// not know, as that of an apply that was killed: the next apply sees it through.
    pub(super) fn refreshed(self, view: &ClusterView) -> Self {
        let before = self.converged.known().copied();
        let known = view.record.as_ref().is_none_or(|record| self.asks_for(record));
        let mut cluster = self.seen(view);
        if !view.converged && !view.needs_apply && before != Some(false) && known {
            cluster.converged = true.into();
            cluster.waiting_on = Vec::new().into();
        }
        cluster
    }

    /// What an import knows: the configuration as the Record has it.
    pub(super) fn imported(record: &Record) -> Self {
        let mut cluster = Self {
            id: Attr::Null,
            name: record.name.to_string(),
            engine: record.spec.engine.to_string(),
            version: record.spec.version.to_string(),
            shards: record.spec.shards.into(),
            replicas_per_shard: record.spec.replicas_per_shard.into(),
            surge: None,
            spares: None,
            spare_after: None,
            memory: record.spec.memory.to_string(),
            config: None,
            on_crash: spec::crash_text(record.spec.on_crash).to_owned(),
            resources: None,
            metrics_readers: None,
            operator_keys: None,
            maintenance_window: None,
            apply: None,
            approved_version: None,
            backup_policy: None,
            backup_now: None,
            rotate: None,
            // Nobody has said otherwise, and it holds data.
            deletion_protection: true,
            timeouts: None,
            local: (record.spec.place == Place::Local).then_some(Local {}),
            // Of which pool they are is not in the Record; the configuration says it.
            servers: None,
            // Nor in which subnets they are.
            aws: None,
            endpoints: Attr::Null,
            ca_certificate: Attr::Null,
            version_actual: Attr::Null,
            agent_version: Attr::Null,
            converged: Attr::Null,
            waiting_on: Attr::Null,
            pending: Attr::Null,
            impact: Vec::new().into(),
            monthly_cost_estimate: Attr::Null,
            known_vulnerabilities: Attr::Null,
            last_operation: Attr::Null,
            last_backup: Attr::Null,
            backup_failure: Attr::Null,
        };
        cluster.take(record);
        cluster
    }

    /// After an update that failed: not converged, whatever the agents say of what they were told before.
    pub(super) fn unconverged(mut self) -> Self {
        if self.converged.known() == Some(&true) {
            self.converged = false.into();
            self.waiting_on = vec!["The last apply did not come to its end.".to_owned()].into();
        }
        self
    }

    /// Whether it says of the configuration what the Record says.
    fn asks_for(&self, record: &Record) -> bool {
        let mut taken = self.clone();
        taken.take(record);
        taken == *self
    }

    /// The configuration as the Record has it; drift shows, another spelling does not.
    fn take(&mut self, record: &Record) {
        let spec = &record.spec;
        self.name = record.name.to_string();
        self.engine = spec.engine.to_string();
        self.version = spec.version.to_string();
        self.shards = spec.shards.into();
        self.replicas_per_shard = spec.replicas_per_shard.into();
        if self.surge.unwrap_or_default() != spec.surge {
            self.surge = Some(spec.surge);
        }
        if self.spares.unwrap_or_default() != i64::from(spec.spares) {
            self.spares = Some(spec.spares.into());
        }
        keep_or_take(&mut self.spare_after, spec.spare_after.as_ref());
        if self.memory.parse::<Bytes>() != Ok(spec.memory) {
            self.memory = spec.memory.to_string();
        }
        if self.config.clone().unwrap_or_default() != spec.config {
            self.config = Some(spec.config.clone());
        }
        self.on_crash = spec::crash_text(spec.on_crash).to_owned();
        resources::keep_or_take(&mut self.resources, &spec.resources);
        keep_or_take_keys(&mut self.metrics_readers, &spec.metrics_readers);
        keep_or_take_keys(&mut self.operator_keys, &spec.operator_keys);
        keep_or_take(&mut self.maintenance_window, spec.maintenance_window.as_ref());
        if self.apply.as_deref().map_or(Ok(Apply::Immediately), str::parse) != Ok(spec.apply) {
            self.apply = Some(spec.apply.to_string());
        }
        keep_or_take(&mut self.approved_version, spec.approved_version.as_ref());
        keep_or_take(&mut self.backup_policy, spec.backup_policy.as_ref());
        self.backup_now.clone_from(&spec.backup_now);
        rotate::keep_or_take(&mut self.rotate, &spec.rotate);
    }

    /// What is still unknown after all was said becomes null: a state is wholly known.
    fn settle(&mut self) {
        fn null<T>(attribute: &mut Attr<T>) {
            if attribute.is_unknown() {
                *attribute = Attr::Null;
            }
        }
        null(&mut self.endpoints);
        null(&mut self.ca_certificate);
        null(&mut self.version_actual);
        null(&mut self.agent_version);
        null(&mut self.pending);
        // Of a state that is older than this attribute, or of an import, no change is known.
        if !self.impact.is_known() {
            self.impact = Vec::new().into();
        }
        null(&mut self.known_vulnerabilities);
        null(&mut self.last_operation);
        null(&mut self.last_backup);
        null(&mut self.backup_failure);
    }
}

/// Takes what the Record says, in its own spelling where what is written means something else.
fn keep_or_take<T: PartialEq + ToString + FromStr>(written: &mut Option<String>, kept: Option<&T>) {
    if written.as_deref().and_then(|text| text.parse().ok()).as_ref() != kept {
        *written = kept.map(ToString::to_string);
    }
}

/// The same for a set of public keys; none are none, whether they are left out or an empty set is written.
fn keep_or_take_keys(written: &mut Option<BTreeSet<String>>, kept: &BTreeSet<Pin>) {
    let kept: BTreeSet<String> = kept.iter().map(ToString::to_string).collect();
    if written.clone().unwrap_or_default() != kept {
        *written = Some(kept);
    }
}

#[cfg(test)]
mod tests;
