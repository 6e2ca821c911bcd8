//! The agent's own figures: the Record, the group, what it did, what it knows of its release.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use justmanage_model::backup::BackupDone;
use justmanage_model::{Generation, Record, Seen, ServerState, Waiting};

use super::Sources;
use super::page::{Kind, Page};

pub(super) fn put(page: &mut Page, sources: &Sources, record: Option<&Record>) {
    let version = sources.info.version.as_str();
    let help = "The agent's software and its cluster's id, always 1.";
    let labels = [("version", version), ("cluster_id", &*sources.info.claim.cluster.to_string())];
    page.family("justmanage_agent_build_info", Kind::Gauge, help).put(&labels, true);
    let turns = sources.counts.turns.load(Ordering::Relaxed);
    page.counter("justmanage_agent_turns_total", "How often the agent looked at its node.", Some(turns));
    group(page, sources, record);
    backups(page, record);
    cluster(page, sources);
    journal(page, sources);
}

fn group(page: &mut Page, sources: &Sources, record: Option<&Record>) {
    let standing = sources.store.standing();
    let standing = standing.borrow();
    let leads = "Whether this agent leads the group of agents, confirmed by a majority.";
    page.gauge("justmanage_agent_leader", leads, Some(standing.leads()));
    let hears = "Whether this agent hears from a majority, so that its Record can be trusted to be new.";
    page.gauge("justmanage_agent_majority", hears, Some(standing.hears_the_majority()));
    let generation = record.map(|record| record.generation.get());
    page.gauge("justmanage_record_generation", "Generation of this agent's copy of the Record.", generation);
    let Some((_, status)) = sources.node.borrow().clone() else { return };
    let settled = status.node.settled.map(Generation::get);
    page.gauge("justmanage_agent_settled_generation", "Generation that this agent has made so.", settled);
    let ServerState::Running(server) = &status.node.server else { return };
    let slots = server.bus.as_ref().map(|bus| u64::from(bus.slots.len()));
    page.gauge("justmanage_server_slots", "Slots that the server owns, when the agent last looked.", slots);
}

/// What the agents agree on: the same at each of them.
fn backups(page: &mut Page, record: Option<&Record>) {
    let Some(record) = record.filter(|record| record.spec.backup_policy.is_some()) else { return };
    let backups = &record.backups;
    let running = "Whether a backup is being made.";
    page.gauge("justmanage_backup_running", running, Some(backups.run.is_some()));
    let failed = "Whether the newest try to make a backup came to nothing.";
    page.gauge("justmanage_backup_failed", failed, Some(backups.failed.is_some()));
    let last = backups.last.as_ref();
    let seconds = |done: &BackupDone| u64::try_from(done.ended.as_second()).unwrap_or_default();
    let ended = "When the newest backup was whole, in seconds since 1970.";
    page.gauge("justmanage_backup_last_success_timestamp_seconds", ended, last.map(seconds));
    let stored = "What the newest backup takes at its destination.";
    page.gauge("justmanage_backup_last_stored_bytes", stored, last.map(|done| done.stored.get()));
    let verified = "Whether the newest backup was verified.";
    page.gauge("justmanage_backup_last_verified", verified, last.map(|done| done.verified));
}

/// What only the leader knows.
fn cluster(page: &mut Page, sources: &Sources) {
    let Some((_, status)) = sources.cluster.borrow().clone() else { return };
    if status.leader != Some(sources.info.claim.node) {
        return;
    }
    let converged = "Whether everything is as the Record wants it; only the leader says so.";
    page.gauge("justmanage_cluster_converged", converged, Some(status.converged));
    if let Some(record) = &status.record {
        let help = "Spares that wait for a place; only the leader says so.";
        page.gauge("justmanage_cluster_spares", help, Some(record.spares.len() as u64));
    }
    let unseen = status.observation.nodes.values().filter(|node| matches!(node, Seen::Unknown { .. })).count();
    let help = "Members and spares that the leader cannot see; only the leader says so.";
    page.gauge("justmanage_cluster_unseen_members", help, Some(unseen as u64));
    let mut reasons: BTreeMap<String, u64> = BTreeMap::new();
    for waiting in &status.waiting {
        *reasons.entry(reason(waiting)).or_default() += 1;
    }
    let help = "Why the cluster is not as wanted, and for how many nodes or links; only the leader says so.";
    let mut family = page.family("justmanage_cluster_waiting", Kind::Gauge, help);
    for (reason, count) in &reasons {
        family.put(&[("reason", reason)], *count);
    }
}

/// A reason's name, as in JSON.
fn reason(waiting: &Waiting) -> String {
    match serde_json::to_value(waiting) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(serde_json::Value::Object(fields)) => fields.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

fn journal(page: &mut Page, sources: &Sources) {
    let tally = sources.journal.tally();
    let help = "What happened at this node since the agent began to run, by its journal.";
    let mut family = page.family("justmanage_journal_entries_total", Kind::Counter, help);
    for (event, planned, failed, count) in tally.events() {
        let planned = if planned { "true" } else { "false" };
        let outcome = if failed { "failed" } else { "done" };
        family.put(&[("event", event), ("planned", planned), ("outcome", outcome)], count);
    }
    let failed = "Steps that this agent could not carry out.";
    page.counter("justmanage_agent_steps_failed_total", failed, Some(tally.failed("step")));
    let lost = "Entries of the journal that were not kept, because the disk did not take those before them.";
    page.counter("justmanage_journal_entries_lost_total", lost, Some(tally.not_kept()));
}
