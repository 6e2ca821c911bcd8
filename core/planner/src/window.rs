//! Maintenance windows: what waits until one is open, and what is not begun any more because it soon shuts.
//!
//! Only what is begun is asked; what was begun is seen through. Time is judged by whoever leads, and by nobody whose clock is far from
//! that of a node which would be disturbed.

use jiff::SignedDuration;
use justmanage_model::window::{Approve, Opening};
use justmanage_model::{Apply, MaintenanceWindow, Program, Record, Timestamp, Upcoming, Waiting};

use crate::view::View;

/// How long a handover or the restart of a node takes at most, as a rule, on a machine that is not slow: it is not begun with less
/// than that left, and the time for its data.
pub const STEP_USUAL: SignedDuration = SignedDuration::from_secs(30);
/// How fast a server reads its data back, or receives a copy: bytes in a second, at least, as a rule.
const DATA_PER_SECOND: u64 = 50 << 20;
/// How long before an opening a backup is made that belongs to what is done in it.
pub const PREPARATION: SignedDuration = SignedDuration::from_hours(1);
/// How far apart the clocks of two machines may be on whose word a window is open.
pub const CLOCKS_APART_MAX_S: i64 = 60;

/// How a change stands to its window.
enum Gate<'a> {
    /// It waits for none.
    None,
    /// It is open, so long.
    Open(&'a MaintenanceWindow, SignedDuration),
    /// It opens then; `None`: never.
    Shut(Option<Opening>),
}

/// Whether the restarts that a Record asks for wait for its window, by the Record and the time alone. What a grant allows goes on.
#[must_use]
pub fn waits_for_window(record: &Record, now: Timestamp) -> bool {
    matches!(gate(record, now), Gate::Shut(_))
}

fn gate(record: &Record, now: Timestamp) -> Gate<'_> {
    let Some(window) = &record.spec.maintenance_window else { return Gate::None };
    let gated = match record.taken_up() {
        Some(upcoming) => waits(record, window, upcoming),
        None => record.spec.apply == Apply::InWindow,
    };
    match (gated, window.ends_at(now)) {
        (false, _) => Gate::None,
        (true, Some(end)) => Gate::Open(window, end.duration_since(now)),
        (true, None) => Gate::Shut(window.openings(now).next()),
    }
}

/// Whether an upgrade waits for the window: not one that closes a hole, where those do not wait; and one that somebody has approved
/// waits as any other change of theirs does.
fn waits(record: &Record, window: &MaintenanceWindow, upcoming: &Upcoming) -> bool {
    let by_hand = window.approve == Approve::Manual && record.spec.apply == Apply::Immediately;
    !by_hand && !window.is_urgent(upcoming)
}

/// Why no restart or handover is begun now, if the window is the reason.
pub(crate) fn why_not_begin(view: &View<'_>) -> Option<Waiting> {
    let record = view.record;
    let why = match gate(record, view.now) {
        Gate::None => return None,
        Gate::Open(window, left) => why_not_in(view, window, left)?,
        Gate::Shut(opening) => opens(opening),
    };
    Some(Waiting::Pending { what: change(record), why })
}

/// Why nothing is begun in a window that is open, if there is a reason.
fn why_not_in(view: &View<'_>, window: &MaintenanceWindow, left: SignedDuration) -> Option<String> {
    let apart = view.known().find(|(_, seen)| seen.ahead_s.abs() > CLOCKS_APART_MAX_S);
    if let Some((node, seen)) = apart {
        let (seconds, direction) = (seen.ahead_s.abs(), if seen.ahead_s > 0 { "ahead of" } else { "behind" });
        return Some(format!(
            "which waits until clocks agree: that of node {node} is {seconds} s {direction} the leader's"
        ));
    }
    let usual = usual(view);
    (left < usual).then(|| {
        let next = opens(window.openings(view.now).next());
        format!("the next step takes up to {} s and the window shuts in {} s; {next}", usual.as_secs(), left.as_secs())
    })
}

/// How long one step may take: until the server that is restarted has its data again.
fn usual(view: &View<'_>) -> SignedDuration {
    let largest = view.serving().map(|one| one.server.used_memory.get()).max().unwrap_or_default();
    STEP_USUAL + SignedDuration::from_secs((largest / DATA_PER_SECOND).cast_signed())
}

/// When it opens, in some words.
fn opens(opening: Option<Opening>) -> String {
    match opening {
        Some(opening) => format!("window opens {}", opening.to_the_minute(opening.start)),
        None => "window does not open within twenty years".to_owned(),
    }
}

/// Whether a backup that belongs to what waits for the window is due: it is open, or opens soon.
pub(crate) fn is_near(view: &View<'_>) -> bool {
    match gate(view.record, view.now) {
        Gate::None | Gate::Open(..) => true,
        Gate::Shut(opening) => opening.is_some_and(|opening| soon(&opening, view.now)),
    }
}

fn soon(opening: &Opening, now: Timestamp) -> bool {
    opening.start.duration_since(now) <= PREPARATION
}

/// What waits, in some words.
fn change(record: &Record) -> String {
    match &record.previous {
        Some(previous) => way(previous, &record.program()),
        None => "rolling restart".to_owned(),
    }
}

/// From one program to another: `upgrade 8.0.2 -> 8.0.6`.
fn way(from: &Program, to: &Program) -> String {
    let (from, to) = (&from.release, &to.release);
    if from.engine != to.engine {
        return format!("change of engine {from} -> {to}");
    }
    let verb = if from.version > to.version { "downgrade" } else { "upgrade" };
    format!("{verb} {} -> {}", from.version, to.version)
}

/// Why the upcoming release is not gone over to yet, if there is a reason: whoever waits for it is told, and has nothing to do but,
/// where it needs somebody's word, to give it.
pub(crate) fn why_not_take_up(view: &View<'_>, window: &MaintenanceWindow, upcoming: &Upcoming) -> Option<Waiting> {
    let record = view.record;
    let what = format!("{} ({upcoming})", way(&record.program(), &upcoming.program));
    let version = upcoming.program.release.version;
    let pending = |why: String| Some(Waiting::Pending { what: what.clone(), why });
    if window.approve == Approve::Manual && record.spec.approved_version != Some(version) {
        return pending(format!("waits for your word: set approved_version = \"{version}\""));
    }
    let opening = match (waits(record, window, upcoming), window.ends_at(view.now)) {
        (false, _) => None,
        (true, Some(end)) => {
            if let Some(why) = why_not_in(view, window, end.duration_since(view.now)) {
                return pending(why);
            }
            None
        }
        (true, None) => Some(window.openings(view.now).next()),
    };
    let not_ready: Vec<String> = record
        .agents()
        .filter_map(|(node, _)| {
            let fetched = view.observation.known(node).and_then(|seen| seen.fetched.as_ref());
            let fetched = fetched.filter(|fetched| fetched.sha256 == upcoming.program.artefact.sha256());
            match fetched {
                Some(fetched) if fetched.ready => None,
                Some(fetched) => fetched.trouble.as_ref().map(|why| format!("node {node}: {why}")),
                None => Some(format!("node {node} does not have the program yet")),
            }
        })
        .collect();
    match opening {
        // A backup belongs to it, which is made before.
        Some(Some(opening)) if not_ready.is_empty() && soon(&opening, view.now) && backs_up_before(record) => None,
        Some(opening) => {
            let trouble = not_ready.first().map(|why| format!("; {why}")).unwrap_or_default();
            pending(format!("{}{trouble}", opens(opening)))
        }
        None => {
            let first = not_ready.into_iter().next()?;
            pending(format!("which waits until every node has the program; {first}"))
        }
    }
}

fn backs_up_before(record: &Record) -> bool {
    record.spec.backup_policy.as_ref().is_some_and(|policy| policy.before_upgrade && policy.why_not_made().is_none())
}
