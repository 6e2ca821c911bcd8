//! What is kept, by a table and by chance.

use std::collections::BTreeSet;

use justmanage_model::Generation;
use proptest::prelude::*;

use super::*;

const NOW: &str = "2026-11-29T12:00:00Z";

fn id(moment: &str) -> BackupId {
    BackupId::new(moment.parse().unwrap(), Generation::new(7))
}

/// `v`: verified, `w`: whole, `u`: unfinished, `?`: unreadable.
fn held(lines: &[&str]) -> Vec<Held> {
    let one = |line: &&str| {
        let (state, moment) = line.split_once(' ').unwrap();
        let state = match state {
            "v" => HeldState::Verified,
            "w" => HeldState::Whole,
            "u" => HeldState::Unfinished,
            _ => HeldState::Unreadable,
        };
        let moment = if moment.contains('T') { moment.to_owned() } else { format!("{moment}T03:30") };
        Held { id: id(&format!("{moment}:00Z")), state }
    };
    lines.iter().map(one).collect()
}

#[test]
fn what_is_kept() {
    type Case<'a> = (&'a str, bool, &'a [&'a str], &'a [&'a str]);
    let cases: &[Case<'_>] = &[
        ("last 2", true, &["v 2026-11-26", "v 2026-11-27", "v 2026-11-28"], &["v 2026-11-26"]),
        // The last one of each day, in UTC.
        (
            "daily 2",
            true,
            &["v 2026-11-26", "v 2026-11-27T00:00", "v 2026-11-27T23:59", "v 2026-11-28"],
            &["v 2026-11-26", "v 2026-11-27T00:00"],
        ),
        // Days without any do not count.
        ("daily 2", true, &["v 2026-11-01", "v 2026-11-10", "v 2026-11-28"], &["v 2026-11-01"]),
        // Weeks begin on Monday: 2026-11-22 is a Sunday; 2027-01-03 is of the last week of 2026.
        ("weekly 2", true, &["v 2026-11-22", "v 2026-11-23", "v 2026-11-29"], &["v 2026-11-23"]),
        ("weekly 2", true, &["v 2026-12-27", "v 2026-12-28", "v 2027-01-03"], &["v 2026-12-28"]),
        (
            "monthly 2",
            true,
            &["v 2026-09-30", "v 2026-10-01", "v 2026-10-31", "v 2026-11-01"],
            &["v 2026-09-30", "v 2026-10-01"],
        ),
        ("yearly 1", true, &["v 2025-12-31", "v 2026-01-01", "v 2026-11-01"], &["v 2025-12-31", "v 2026-01-01"]),
        // What any kind counts is kept.
        (
            "last 1, daily 2, monthly 2",
            true,
            &["v 2026-10-31", "v 2026-11-20", "v 2026-11-27", "v 2026-11-28T01:00", "v 2026-11-28T02:00"],
            &["v 2026-11-20", "v 2026-11-28T01:00"],
        ),
        // Nothing goes before a newer one is verified; then a day's verified one is what is kept of it.
        ("last 1", true, &["w 2026-11-26", "w 2026-11-27", "w 2026-11-28"], &[]),
        ("last 1", true, &["w 2026-11-26", "v 2026-11-27", "w 2026-11-28"], &["w 2026-11-26"]),
        ("last 1", true, &["v 2026-11-26", "w 2026-11-27", "w 2026-11-28"], &[]),
        ("daily 2", true, &["v 2026-11-27T01:00", "w 2026-11-27T02:00", "v 2026-11-28"], &["w 2026-11-27T02:00"]),
        // If nothing is verified by policy, the newest ones count; a verified one of before stays while there is no newer.
        ("last 1", false, &["w 2026-11-26", "w 2026-11-27", "w 2026-11-28"], &["w 2026-11-26", "w 2026-11-27"]),
        ("last 1", false, &["w 2026-11-25", "v 2026-11-26", "w 2026-11-28"], &["w 2026-11-25"]),
        // Unfinished ones go after a day and count for nothing; what cannot be read stays.
        (
            "last 1",
            true,
            &[
                "u 2026-11-20",
                "? 2026-11-21",
                "v 2026-11-27",
                "u 2026-11-28T11:59",
                "u 2026-11-28T12:00",
                "u 2026-11-29T11:00",
            ],
            &["u 2026-11-20", "u 2026-11-28T11:59"],
        ),
        ("last 1", true, &["u 2026-11-01"], &["u 2026-11-01"]),
        ("last 1", true, &[], &[]),
    ];
    for (retention, verifies, backups, gone) in cases {
        let (backups, gone) = (held(backups), held(gone));
        let gone: Vec<BackupId> = gone.into_iter().map(|held| held.id).collect();
        let retention = retention.parse().unwrap();
        assert_eq!(expendable(&retention, &backups, *verifies, NOW.parse().unwrap()), gone, "{retention} {backups:?}");
    }
}

fn backups() -> impl Strategy<Value = Vec<Held>> {
    use HeldState::{Unfinished, Unreadable, Verified, Whole};
    let state = prop_oneof![Just(Unfinished), Just(Unreadable), Just(Whole), Just(Verified), Just(Verified)];
    // Minutes before now, of four years.
    proptest::collection::btree_map(0..2_000_000_i64, state, 0..60).prop_map(|backups| {
        let now: Timestamp = NOW.parse().unwrap();
        let one = |(minutes, state)| Held {
            id: BackupId::new(now - jiff::SignedDuration::from_mins(minutes), Generation::new(7)),
            state,
        };
        backups.into_iter().map(one).collect()
    })
}

fn retentions() -> impl Strategy<Value = Retention> {
    let kept = (0..4_u16, 0..6_u16, 0..6_u16, 0..6_u16, 0..3_u16);
    kept.prop_filter_map("it keeps something", |(last, daily, weekly, monthly, yearly)| {
        Retention::new(last, daily, weekly, monthly, yearly).ok()
    })
}

proptest! {
    #[test]
    fn nothing_goes_that_is_needed(retention in retentions(), backups in backups(), verifies: bool) {
        let now: Timestamp = NOW.parse().unwrap();
        let gone: BTreeSet<BackupId> = expendable(&retention, &backups, verifies, now).into_iter().collect();
        let newest = |state: HeldState| backups.iter().filter(|held| held.state >= state).map(|held| &held.id).max();
        let (verified, whole) = (newest(HeldState::Verified), newest(HeldState::Whole));
        for id in verified.iter().chain(&whole) {
            prop_assert!(!gone.contains(*id), "the newest one, and the newest verified one");
        }
        let young = |id: &BackupId| now.duration_since(id.begun()).as_secs() <= UNFINISHED_S;
        for held in &backups {
            match held.state {
                HeldState::Unreadable => prop_assert!(!gone.contains(&held.id)),
                HeldState::Unfinished => prop_assert_eq!(gone.contains(&held.id), !young(&held.id)),
                _ if verifies && gone.contains(&held.id) => prop_assert!(verified > Some(&held.id)),
                _ => {}
            }
        }
        // What is left is left.
        let left: Vec<Held> = backups.iter().filter(|held| !gone.contains(&held.id)).cloned().collect();
        prop_assert_eq!(expendable(&retention, &left, verifies, now), Vec::<BackupId>::new());
        let most: usize = retention.kept().map(|(_, count)| usize::from(count)).sum();
        let all_verified = left.iter().filter(|held| held.state >= HeldState::Whole).all(|held| held.state == HeldState::Verified);
        if all_verified {
            let count = left.iter().filter(|held| held.state == HeldState::Verified).count();
            prop_assert!(count <= most + 1, "{count} are left of at most {most}, and the newest one");
        }
    }

    /// By another way: for each kind, the newest of its periods one after the other.
    #[test]
    fn each_period_keeps_its_last(backups in backups(), count in 1..6_u16) {
        let whole: Vec<Held> = backups.into_iter().filter(|held| held.state == HeldState::Verified).collect();
        for (retention, period) in [
            (Retention::new(0, count, 0, 0, 0), "%Y-%m-%d"),
            (Retention::new(0, 0, count, 0, 0), "%G-%V"),
            (Retention::new(0, 0, 0, count, 0), "%Y-%m"),
            (Retention::new(0, 0, 0, 0, count), "%Y"),
        ] {
            let mut newest_first: Vec<&BackupId> = whole.iter().map(|held| &held.id).collect();
            newest_first.sort_by(|one, other| other.cmp(one));
            let mut seen: Vec<String> = Vec::new();
            let mut gone = BTreeSet::new();
            for id in newest_first {
                let name = id.begun().strftime(period).to_string();
                if seen.contains(&name) || seen.len() == usize::from(count) {
                    gone.insert(id.clone());
                } else {
                    seen.push(name);
                }
            }
            let found: BTreeSet<BackupId> =
                expendable(&retention.unwrap(), &whole, true, NOW.parse().unwrap()).into_iter().collect();
            prop_assert_eq!(found, gone, "{}", period);
        }
    }
}
