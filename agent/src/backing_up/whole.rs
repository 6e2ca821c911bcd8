//! A backup whose parts are all in the store: its manifest, and then the end of those that are not kept any more.

use std::collections::BTreeMap;

use justmanage_backup::{About, ClusterStore, Listed, Manifest, discard, list, parts, write_manifest};
use justmanage_model::backup::{BackupDone, BackupId};
use justmanage_model::journal::{Event, Outcome, Who};
use justmanage_model::{BackupPolicy, Record};
use justmanage_steps::step;
use tracing::warn;

use super::{Tools, Work, part, sentence};
use crate::journal::Draft;

/// Makes it whole. Whoever did so before is not contradicted: what the manifest says is what is told.
pub(super) async fn make(tools: &Tools, record: &Record, work: &Work) -> Result<BackupDone, String> {
    let (policy, store) = part::store(record)?;
    let run = record.backups.run.as_ref().filter(|run| run.id == work.id).ok_or("It is not made any more.")?;
    let found = parts(&store, &work.id).await.map_err(|error| sentence(&error))?;
    let missing: Vec<String> = run
        .parts
        .keys()
        .filter(|shard| found.iter().all(|part| part.shard != **shard))
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        return Err(format!(
            "Its agent does not find the parts of shards {} at {}. A directory has to be one that all nodes share, such as one of \
             a network file system.",
            missing.join(", "),
            policy.destination
        ));
    }
    let about = About {
        id: work.id.clone(),
        cluster: record.cluster,
        name: record.name.clone(),
        occasion: run.occasion.clone(),
        users: users(record),
        config: serde_json::json!(record.spec.config),
    };
    let manifest = Manifest::new(about, found).map_err(|error| sentence(&error))?;
    step!("backup: about to write the manifest");
    write_manifest(&store, &manifest).await.map_err(|error| sentence(&error))?;
    step!("backup: the manifest is written");
    roll_off(tools, record, policy, &store).await;
    Ok(BackupDone {
        id: manifest.id,
        occasion: manifest.occasion,
        ended: (tools.clock)(),
        keys: manifest.keys.unwrap_or_default(),
        stored: manifest.stored,
        verified: manifest.verified,
    })
}

/// Who may do what. Passwords are nowhere but with the agents.
fn users(record: &Record) -> serde_json::Value {
    let rules: BTreeMap<&str, &str> =
        record.users.iter().map(|(name, user)| (name.as_str(), user.acl.as_str())).collect();
    serde_json::json!(rules)
}

/// Removes what the policy does not keep any more. That the new backup is there does not depend on it.
async fn roll_off(tools: &Tools, record: &Record, policy: &BackupPolicy, store: &ClusterStore) {
    let listed: Vec<Listed> = match list(store).await {
        Ok(listed) => listed,
        Err(error) => return warn!(error = sentence(&error), "which backups there are cannot be read"),
    };
    for id in part::expendable(policy, &listed, (tools.clock)()) {
        let outcome = match discard(store, &id).await {
            Ok(()) => Outcome::Done,
            Err(error) => {
                let why = sentence(&error);
                warn!(backup = %id, why, "a backup that is kept no more cannot be removed");
                Outcome::Failed(why)
            }
        };
        write_down(tools, record, &id, outcome);
    }
}

fn write_down(tools: &Tools, record: &Record, id: &BackupId, outcome: Outcome) {
    let draft = Draft {
        generation: Some(record.generation),
        who: Who::Agent(tools.own),
        what: Event::Step(format!("backup {id} is removed")),
        why: "the backup policy keeps it no more".to_owned(),
        outcome,
        planned: true,
        ..Draft::default()
    };
    tools.journal.write((tools.clock)(), draft);
}
