//! Which backups may go.

use std::collections::BTreeMap;

use justmanage_model::Timestamp;
use justmanage_model::backup::{BackupId, Retention};

use crate::listing::Listed;

/// A backup that there is, as far as it matters for what is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its name, which says when it was begun.
    pub id: BackupId,
    /// What it is.
    pub state: HeldState,
}

/// What a backup is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HeldState {
    /// It has no manifest: it is being made, or nobody has ended it.
    Unfinished,
    /// Its manifest cannot be read. It is never removed: a later agent may know it.
    Unreadable,
    /// It is whole, and nobody knows whether it is good.
    Whole,
    /// It is whole, and was loaded.
    Verified,
}

impl From<&Listed> for Held {
    fn from(listed: &Listed) -> Self {
        let state = match (&listed.manifest, &listed.unreadable) {
            (Some(manifest), _) if manifest.verified => HeldState::Verified,
            (Some(_), _) => HeldState::Whole,
            (None, Some(_)) => HeldState::Unreadable,
            (None, None) => HeldState::Unfinished,
        };
        Self { id: listed.id.clone(), state }
    }
}

/// How old an unfinished backup is before it goes, in seconds: a day.
const UNFINISHED_S: i64 = 86_400;

/// Which backups may go, oldest first. `verifies` is whether the policy has them verified.
///
/// A backup is kept that any kind counts: the newest ones, and one of each of the newest days, weeks (from Monday), months and years
/// that have any, by when they were begun in UTC. Of a day's that is the newest verified one, or if there is none the newest. Besides,
/// the newest one is kept, and the newest verified one; and while the policy has them verified, whatever is newer than that. One that
/// is unfinished goes when it is older than a day.
#[must_use]
pub fn expendable(retention: &Retention, backups: &[Held], verifies: bool, now: Timestamp) -> Vec<BackupId> {
    let mut newest_first: Vec<&Held> = backups.iter().collect();
    newest_first.sort_by(|one, other| other.id.cmp(&one.id));
    let whole: Vec<&Held> = newest_first.iter().copied().filter(|held| held.state >= HeldState::Whole).collect();
    let verified = whole.iter().position(|held| held.state == HeldState::Verified);
    let safe = if verifies { verified } else { Some(0) };
    let kept = kept(retention, &whole);
    let mut gone: Vec<BackupId> = whole
        .iter()
        .enumerate()
        .filter(|(place, _)| safe.is_some_and(|safe| *place > safe) && Some(*place) != verified && !kept[*place])
        .map(|(_, held)| held.id.clone())
        .collect();
    let old = |held: &&&Held| held.state == HeldState::Unfinished && age_s(&held.id, now) > UNFINISHED_S;
    gone.extend(newest_first.iter().filter(old).map(|held| held.id.clone()));
    gone.sort();
    gone
}

fn age_s(id: &BackupId, now: Timestamp) -> i64 {
    now.duration_since(id.begun()).as_secs()
}

/// Of each, newest first, whether some kind counts it.
fn kept(retention: &Retention, whole: &[&Held]) -> Vec<bool> {
    let mut kept = vec![false; whole.len()];
    for (kind, count) in retention.kept() {
        let count = usize::from(count);
        let Some(period) = period(kind) else {
            kept.iter_mut().take(count).for_each(|kept| *kept = true);
            continue;
        };
        // By period, the newest verified one of it, otherwise the newest.
        let mut best: BTreeMap<(i16, i16), usize> = BTreeMap::new();
        for (place, held) in whole.iter().enumerate() {
            let best = best.entry(period(held.id.begun())).or_insert(place);
            if whole[*best].state < held.state {
                *best = place;
            }
        }
        best.values().rev().take(count).for_each(|place| kept[*place] = true);
    }
    kept
}

/// In which period a moment is; `None` for a kind that counts none.
fn period(kind: &str) -> Option<fn(Timestamp) -> (i16, i16)> {
    Some(match kind {
        "daily" => |at| (date(at).year(), date(at).day_of_year()),
        "weekly" => |at| (date(at).iso_week_date().year(), i16::from(date(at).iso_week_date().week())),
        "monthly" => |at| (date(at).year(), i16::from(date(at).month())),
        "yearly" => |at| (date(at).year(), 0),
        _ => return None,
    })
}

fn date(at: Timestamp) -> jiff::civil::Date {
    jiff::tz::TimeZone::UTC.to_datetime(at).date()
}

#[cfg(test)]
mod tests;
