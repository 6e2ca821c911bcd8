//! Backups: when one is made, from which servers, and what becomes of it.

use std::collections::BTreeMap;

use jiff::SignedDuration;
use justmanage_model::backup::{BackupFailure, BackupId, BackupRun, BackupState, Occasion};
use justmanage_model::{NodeId, Phase, RecordChange, Seen, SlotSet, Timestamp, Waiting};

use crate::draft::Draft;
use crate::view::{Serving, View};
use crate::window;

/// How long an agent may say nothing of its part of a backup before the backup is given up. One that is restarted goes on within
/// seconds.
pub const BACKUP_PATIENCE: SignedDuration = SignedDuration::from_secs(120);

/// How long after a backup came to nothing it is tried again: the first time, the second, and from then on.
pub const BACKUP_PAUSES: [SignedDuration; 3] =
    [SignedDuration::from_secs(60), SignedDuration::from_secs(300), SignedDuration::from_secs(900)];

/// Longest reason that is kept, in characters: the Record has room for no more.
const WHY_MAX: usize = 300;

/// Begins what is due, and ends what was begun. The agents do the work beside their turns ([`justmanage_model::backup::BackupTally`]),
/// and disturb nobody, so nothing waits for a backup but what somebody asks for: the backup itself, and whatever would disturb a
/// server that is being read ([`why_not_disturb`]).
pub(crate) fn back_up(view: &View<'_>, draft: &mut Draft) {
    if !view.is(Phase::Formed) {
        return;
    }
    match &view.record.backups.run {
        Some(run) => {
            if let Occasion::Demand { .. } = run.occasion {
                draft.wait(Waiting::BackingUp { id: run.id.clone() });
            }
            if let Some(change) = end(view, run) {
                draft.change(change);
            }
        }
        None => begin(view, draft),
    }
}

/// Why nobody may be disturbed, if nobody may: a server is being read.
pub(crate) fn why_not_disturb(view: &View<'_>) -> Option<Waiting> {
    let run = view.record.backups.run.as_ref()?;
    Some(Waiting::BackingUp { id: run.id.clone() })
}

/// What is to be written down of a backup that is under way, if anything is.
fn end(view: &View<'_>, run: &BackupRun) -> Option<RecordChange> {
    let state = |node: NodeId| {
        let tally = view.observation.known(node)?.backup.as_ref()?;
        (tally.id == run.id).then_some(&tally.state)
    };
    if view.record.spec.backup_policy.is_none() {
        return Some(give_up(view, run, "The cluster has no backup policy any more."));
    }
    if let Some(why) = run.parts.values().find_map(|node| why_nothing_comes(view, run, *node, state(*node))) {
        return Some(give_up(view, run, &why));
    }
    if run.complete {
        return match state(run.keeper()?) {
            Some(BackupState::Done(done)) => Some(RecordChange::KeepBackup(done.clone())),
            _ => None,
        };
    }
    let written = |node: &NodeId| matches!(state(*node), Some(BackupState::Written | BackupState::Done(_)));
    run.parts.values().all(written).then_some(RecordChange::CompleteBackup)
}

/// Why a node's part, or the manifest if it writes that, will not come, if it will not.
fn why_nothing_comes(view: &View<'_>, run: &BackupRun, node: NodeId, state: Option<&BackupState>) -> Option<String> {
    if !view.record.members.contains_key(&node) {
        return Some(format!("Node {node}, whose server was being read, belongs to the cluster no more."));
    }
    // What it had to do is in the store, wherever it is now.
    if run.complete && run.keeper() != Some(node) {
        return None;
    }
    match (view.observation.nodes.get(&node), state) {
        (_, Some(BackupState::Failed { why })) => Some(format!("Node {node}: {why}")),
        (_, Some(BackupState::Running { .. } | BackupState::Written | BackupState::Done(_))) => None,
        (Some(Seen::Unknown { since, why }), _) if view.age(*since) >= BACKUP_PATIENCE => {
            Some(format!("Node {node} has not been seen since {since}: {why}"))
        }
        (Some(Seen::Unknown { .. }), _) => None,
        (Some(Seen::Known(_)) | None, None) if view.age(run.begun) >= BACKUP_PATIENCE => {
            Some(format!("The agent of node {node} says nothing of it; it may be too old to make backups."))
        }
        (Some(Seen::Known(_)) | None, None) => None,
    }
}

fn give_up(view: &View<'_>, run: &BackupRun, why: &str) -> RecordChange {
    let before = view.record.backups.failed.as_ref().filter(|failed| is_same(&failed.occasion, &run.occasion));
    RecordChange::GiveUpBackup(Box::new(BackupFailure {
        id: run.id.clone(),
        occasion: run.occasion.clone(),
        at: view.now,
        why: why.chars().take(WHY_MAX).collect(),
        tries: before.map_or(0, |failed| failed.tries) + 1,
    }))
}

/// Of a backup before another change of the release the same holds as before this one: what failed is the same thing.
fn is_same(one: &Occasion, other: &Occasion) -> bool {
    match (one, other) {
        (Occasion::Schedule { due: one }, Occasion::Schedule { due: other }) => one == other,
        (Occasion::Demand { word: one }, Occasion::Demand { word: other }) => one == other,
        (Occasion::Upgrade { .. }, Occasion::Upgrade { .. }) => true,
        _ => false,
    }
}

fn begin(view: &View<'_>, draft: &mut Draft) {
    let record = view.record;
    let Some(policy) = record.spec.backup_policy.as_ref().filter(|policy| policy.why_not_made().is_none()) else {
        return;
    };
    if record.backups.served.is_none() {
        return draft.change(RecordChange::CountBackupsFrom(view.now));
    }
    let Some(occasion) = due(view, policy) else { return };
    if let Some(paused) = pause(view, &occasion) {
        // Somebody waits for this one, and is told why it does not come.
        if let (Occasion::Demand { .. }, Some(failed)) = (&occasion, &record.backups.failed) {
            let what = format!("Backup {} came to nothing: {}", failed.id, failed.why);
            let hint = format!("It is tried again at {paused}.");
            draft.wait(view.stuck(failed.at, what, hint));
        }
        return;
    }
    match parts(view) {
        Some(parts) => {
            let id = BackupId::new(view.now, record.generation.next());
            let run = BackupRun { id, occasion, begun: view.now, parts, complete: false };
            draft.change(RecordChange::BeginBackup(run));
        }
        None => waits(view, draft, &occasion),
    }
}

/// Nobody can be read now. Who asks for a backup, or for another release, is told.
fn waits(view: &View<'_>, draft: &mut Draft, occasion: &Occasion) {
    if !matches!(occasion, Occasion::Schedule { .. }) && draft.is_calm() {
        let what = format!("A backup {occasion} waits until no slot is on its way and every slot is served.");
        let hint = "It begins by itself as soon as that is so.";
        draft.wait(view.stuck(view.now, what, hint));
    }
}

/// Until when nothing is tried again, after one for the same occasion came to nothing.
fn pause(view: &View<'_>, occasion: &Occasion) -> Option<Timestamp> {
    let failed = view.record.backups.failed.as_ref().filter(|failed| is_same(&failed.occasion, occasion))?;
    // An operator has looked at this one.
    if matches!(occasion, Occasion::Upgrade { .. }) {
        return None;
    }
    let tries = usize::try_from(failed.tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let pause = BACKUP_PAUSES[tries.min(BACKUP_PAUSES.len() - 1)];
    let until = failed.at.saturating_add(pause).unwrap_or(failed.at);
    (until > view.now).then_some(until)
}

/// Why a backup is to be made, if one is.
fn due(view: &View<'_>, policy: &justmanage_model::BackupPolicy) -> Option<Occasion> {
    let record = view.record;
    let halted = record.halt.is_some();
    // What waits for its window is backed up shortly before that, and by the schedule until then.
    let begins = !halted && !record.returning && window::is_near(view);
    if let Some(previous) = record.previous.as_ref().filter(|_| begins) {
        let wanted = policy.before_upgrade && record.backups.before.is_none();
        // Who has gone over already cannot be backed up as it was.
        if wanted && view.serving().all(|one| view.is_behind(one)) {
            let (from, to) = (previous.release.clone(), record.release.clone());
            return Some(Occasion::Upgrade { from, to });
        }
        return None;
    }
    if let Some(word) = record.spec.backup_now.as_ref().filter(|word| record.backups.demand.as_ref() != Some(word)) {
        return Some(Occasion::Demand { word: word.clone() });
    }
    let due = policy.next_times(record.backups.served?, 1).first().copied().filter(|due| *due <= view.now)?;
    Some(Occasion::Schedule { due })
}

/// Whose server each shard is read from: the replica that is furthest along with its primary's data, or the primary of a shard
/// without one. `None` while not all slots are served, or some are on their way.
fn parts(view: &View<'_>) -> Option<BTreeMap<u16, NodeId>> {
    let record = view.record;
    let open = view.serving().any(|one| !one.bus.astray.is_empty());
    // One that is done is remembered for those who were away, and has its primary.
    let taken_over = record.takeovers.values().any(|takeover| !takeover.done);
    if record.grant.is_some() || taken_over || open || view.served() != SlotSet::all() {
        return None;
    }
    let owners = view.shards().into_iter().filter_map(|shard| Some((shard, view.primary_of(shard)?)));
    Some(owners.map(|(shard, primary)| (shard, source(view, shard, primary))).collect())
}

fn source(view: &View<'_>, shard: u16, primary: Serving<'_>) -> NodeId {
    let of_shard = view.serving().filter(|one| one.member.seat.shard == shard && one.node != primary.node);
    let fit = |one: &Serving<'_>| one.in_sync() && one.has_copy() && view.primary_known_to(*one) == Some(primary.node);
    let best = of_shard.filter(fit).max_by_key(|one| (one.server.offset, std::cmp::Reverse(one.node)));
    best.map_or(primary.node, |one| one.node)
}
