//! The data source `justmanage_backups`: which backups of a cluster there are.

mod model;
#[cfg(test)]
mod tests;

use justmanage_model::backup::{BackupEntry, BackupStatus, EntryState};
use justmanage_model::failure::Invalid;
use justmanage_releases::restores;
use tfkit::{Attr, Cx, DataSource, Diagnostics, async_trait};

use crate::diagnostics;
use crate::settings::Client;
use crate::user::{invalid, locator};
use model::{BackupData, BackupsData};

/// The data source.
pub(crate) struct Backups;

/// Most that are shown. Retention keeps 5000 at most, a thousand of each kind.
const MOST: u32 = 10_000;

#[async_trait]
impl DataSource for Backups {
    type Model = BackupsData;
    type Client = Client;
    const TYPE: &'static str = "backups";

    async fn read(&self, cx: &Cx<Client, BackupsData>, mut config: BackupsData) -> Result<BackupsData, Diagnostics> {
        let locator = locator(&config.cluster_id)?;
        let status = config.status.as_deref().map(str::parse::<BackupStatus>).transpose();
        let status = status.map_err(|error| invalid("status", error))?;
        let wanted = move |entry: &BackupEntry| status.is_none_or(|status| entry.status() == status);
        let most = usize::try_from(config.limit).unwrap_or(usize::MAX);
        let listed = cx.client()?.manager(&locator)?.backups(&locator, wanted, most).await;
        let listed = listed.map_err(|failure| Diagnostics::from(diagnostics::error(&failure)))?;
        config.backups = listed.iter().map(shown).collect::<Vec<_>>().into();
        Ok(config)
    }
}

/// A backup as attributes.
fn shown(entry: &BackupEntry) -> BackupData {
    let content = match &entry.state {
        EntryState::Available(content) => Some(content),
        EntryState::Running | EntryState::Failed { .. } | EntryState::Unfinished | EntryState::Unreadable { .. } => {
            None
        }
    };
    let (given_up, reason) = match &entry.state {
        EntryState::Failed { at, why } => (Some(*at), Some(why.clone())),
        EntryState::Unreadable { why } => (None, Some(why.clone())),
        EntryState::Available(_) | EntryState::Running | EntryState::Unfinished => (None, None),
    };
    let ended = content.map(|content| content.ended).or(given_up);
    let releases = content.map(|content| content.releases.iter().map(ToString::to_string).collect::<Vec<_>>());
    let restorable = content.map(|content| {
        let lines = restores(&content.releases).into_iter();
        lines.map(|(engine, line)| format!("{engine} {line}")).collect::<Vec<_>>()
    });
    BackupData {
        id: entry.id.to_string().into(),
        kind: entry.occasion.as_ref().map(|occasion| occasion.kind().to_owned()).into(),
        occasion: entry.occasion.as_ref().map(ToString::to_string).into(),
        status: Attr::Known(entry.status().to_string()),
        started_at: entry.begun.to_string().into(),
        ended_at: ended.map(|ended| ended.to_string()).into(),
        keys: content.and_then(|content| content.keys).into(),
        database_bytes: content.map(|content| content.rdb.get()).into(),
        stored_bytes: content.map(|content| content.stored.get()).into(),
        verified: content.map(|content| content.verified).into(),
        releases: releases.into(),
        restorable_releases: restorable.into(),
        shards: content.map(|content| content.shards).into(),
        skew_ms: content.map(|content| content.skew_ms).into(),
        reason: reason.into(),
    }
}

fn status(text: &str) -> Result<(), String> {
    text.parse::<BackupStatus>().map(|_| ()).map_err(|error: Invalid| error.to_string())
}

fn limit(limit: &u32) -> Result<(), String> {
    match (1..=MOST).contains(limit) {
        true => Ok(()),
        false => Err(format!("From 1 to {MOST} are possible, not {limit}.")),
    }
}
