//! Which backups there are, for operators: what is in the store, and what the Record says beside that.

use justmanage_backup::{ClusterStore, Listed, Manifest, look, names};
use justmanage_model::Record;
use justmanage_model::backup::{BackupContent, BackupEntry, BackupId, Backups, EntryState};

use super::{part, sentence};

/// Most backups of one page; also what is given when nobody says how many. The manifest of each is read, over a network as a rule: so many
/// take some seconds where that is slow.
const PAGE: usize = 200;
/// Most bytes of JSON that are told of one backup: one of a hundred shards that all run other releases takes half of it. Whoever can write
/// into the store cannot make a page of these larger than the 4 MiB that callers take.
const ENTRY_MAX: usize = 16 << 10;
/// Most letters that are told of why something is not well. What is said of a damaged manifest has parts of it.
const WHY_MAX: usize = 500;

/// The newest backups, newest first, before one of them.
///
/// `record`: the Record as it is at this moment. It is asked before the store is looked at, and after: what is begun or ended meanwhile is
/// told as being made, and not as left over.
///
/// # Errors
/// The destination cannot be looked at: why, in a sentence.
pub(crate) async fn page(
    record: impl Fn() -> Option<Record>,
    before: Option<&BackupId>,
    limit: u32,
) -> Result<Vec<BackupEntry>, String> {
    let Some(earlier) = record() else { return Err("there is no cluster".to_owned()) };
    let Some(policy) = &earlier.spec.backup_policy else { return Ok(Vec::new()) };
    let (_, store) = part::store(&earlier)?;
    let found = found(&store, &earlier.backups, before, limit).await;
    let found = found.map_err(|error| format!("what is at {} cannot be looked at: {error}", policy.destination))?;
    let later = record().unwrap_or_else(|| earlier.clone());
    Ok(found.into_iter().map(|listed| bounded(entry(listed, [&later.backups, &earlier.backups]))).collect())
}

/// What there is of each of those that are meant.
async fn found(
    store: &ClusterStore,
    known: &Backups,
    before: Option<&BackupId>,
    limit: u32,
) -> Result<Vec<Listed>, String> {
    let mut ids = names(store).await.map_err(|error| sentence(&error))?;
    ids.extend(known.run.iter().map(|run| run.id.clone()));
    ids.extend(known.failed.iter().map(|failed| failed.id.clone()));
    ids.sort_unstable();
    ids.dedup();
    let limit = usize::try_from(limit).ok().filter(|limit| (1..=PAGE).contains(limit)).unwrap_or(PAGE);
    let meant = ids.into_iter().rev().filter(|id| before.is_none_or(|before| id < before)).take(limit);
    let mut found = Vec::new();
    for id in meant {
        found.push(look(store, id).await.map_err(|error| sentence(&error))?);
    }
    Ok(found)
}

/// A backup as operators are told of it. What looks whole is whole, whatever the Record says: it is behind what is in the store.
fn entry(listed: Listed, known: [&Backups; 2]) -> BackupEntry {
    let Listed { id, manifest, begun, unreadable } = listed;
    let told = |occasion, begun, state| BackupEntry { id: id.clone(), occasion, begun, state };
    if let Some(manifest) = manifest {
        return told(
            Some(manifest.occasion.clone()),
            manifest.begun,
            EntryState::Available(Box::new(content(manifest))),
        );
    }
    let run = known.iter().find_map(|known| known.run.as_ref().filter(|run| run.id == id));
    let failed = known.iter().find_map(|known| known.failed.as_ref().filter(|failed| failed.id == id));
    let state = match (unreadable, failed, run) {
        (Some(why), _, _) => EntryState::Unreadable { why: shortened(&why) },
        (None, Some(failed), _) => EntryState::Failed { at: failed.at, why: shortened(&failed.why) },
        (None, None, Some(_)) => EntryState::Running,
        (None, None, None) => EntryState::Unfinished,
    };
    let occasion = failed.map(|failed| &failed.occasion).or(run.map(|run| &run.occasion)).cloned();
    told(occasion, begun, state)
}

fn content(manifest: Manifest) -> BackupContent {
    BackupContent {
        ended: manifest.ended,
        keys: manifest.keys,
        rdb: manifest.rdb,
        stored: manifest.stored,
        // As many as slots at most: a manifest of more would not have been written.
        shards: u16::try_from(manifest.shards.len()).unwrap_or(u16::MAX),
        releases: manifest.releases,
        skew_ms: manifest.skew_ms,
        verified: manifest.verified,
    }
}

/// The same, unless it is more than can be told of one.
fn bounded(entry: BackupEntry) -> BackupEntry {
    let size = serde_json::to_vec(&entry).map_or(usize::MAX, |json| json.len());
    if size <= ENTRY_MAX {
        return entry;
    }
    let why =
        format!("its manifest has names that are {size} bytes long together, and no more than {ENTRY_MAX} are read");
    BackupEntry { begun: entry.id.begun(), occasion: None, id: entry.id, state: EntryState::Unreadable { why } }
}

fn shortened(why: &str) -> String {
    match why.char_indices().nth(WHY_MAX) {
        Some((end, _)) => format!("{}...", &why[..end]),
        None => why.to_owned(),
    }
}

#[cfg(test)]
mod tests;
