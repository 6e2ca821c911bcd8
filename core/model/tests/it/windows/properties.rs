//! What holds for every window in every zone, in the years 2024 to 2040.

use std::collections::BTreeSet;

use jiff::tz::{TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, ToSpan};
use justmanage_model::calendar::Zone;
use justmanage_model::window::Opening;
use justmanage_model::{MaintenanceWindow, Timestamp};
use proptest::prelude::*;

use super::window;

const FIRST: &str = "2024-01-01T00:00:00Z";
const LAST: &str = "2041-01-01T00:00:00Z";

fn zone(name: &str) -> TimeZone {
    TimeZoneDatabase::bundled().get(name).unwrap()
}

/// What holds for any openings of one line that follow each other.
fn check(window: &MaintenanceWindow, openings: &[Opening]) {
    for opening in openings {
        let zone = opening.zone.as_time_zone();
        assert!(opening.start < opening.end, "{window}: {opening:?}");
        let day = zone.to_datetime(opening.start).date();
        // Where clocks are put forward over midnight, what was shifted begins on the next day.
        let over_midnight = day == opening.day.tomorrow().unwrap()
            && zone.to_offset(opening.start - SignedDuration::from_hours(3)) != zone.to_offset(opening.start);
        assert!(day == opening.day || over_midnight, "{window}: on the right day, {opening:?}");
        assert!(window.is_open(opening.start), "{window}: {opening:?}");
        assert!(window.is_open(opening.end - SignedDuration::from_nanos(1)), "{window}: {opening:?}");
    }
    for pair in openings.windows(2) {
        assert!(pair[0].end <= pair[1].start, "{window}: overlap, {pair:?}");
        assert!(pair[0].day < pair[1].day, "{window}: goes backwards, {pair:?}");
        let between = pair[0].end < pair[1].start;
        assert_eq!(window.is_open(pair[0].end), !between, "{window}: {pair:?}");
    }
}

/// Around each moment at which any zone's clocks are put forward or back, every day has its opening, whatever the time.
#[test]
fn every_change_of_every_zones_clocks() {
    let (first, last): (Timestamp, Timestamp) = (FIRST.parse().unwrap(), LAST.parse().unwrap());
    let mut changes = 0;
    let mut seen = BTreeSet::new();
    for name in Zone::names() {
        let zone = zone(&name);
        // Many names are one zone; once is enough.
        let all = zone.following(first).take_while(|change| change.timestamp() < last);
        if !seen.insert(all.map(|change| (change.timestamp(), change.offset().seconds())).collect::<Vec<_>>()) {
            continue;
        }
        for change in zone.following(first).take_while(|change| change.timestamp() < last) {
            changes += 1;
            let before = zone.to_datetime(change.timestamp() - SignedDuration::from_secs(1));
            // A different one each time, so that all kinds meet all kinds of changes; the first ones on the spot.
            let hour = before.hour();
            let span = |from: i8, minutes: i32| {
                let start = i32::from(from).rem_euclid(24) * 60 + minutes % 60;
                let end = (start + 15 + (changes * 37) % 1400) % 1440;
                format!("daily {:02}:{:02}-{:02}:{:02} {name}", start / 60, start % 60, end / 60, end % 60)
            };
            for text in [span(hour, 30), span(hour + 1, 0), span(hour + 1, 30)] {
                let window = window(&text);
                let from = change.timestamp() - SignedDuration::from_hours(60);
                let openings = window.next_openings(from, 5);
                check(&window, &openings);
                let days: Vec<_> = openings.windows(2).map(|pair| pair[0].day.until(pair[1].day).unwrap()).collect();
                assert!(days.iter().all(|days| days.get_days() == 1), "{window}: a day without, {openings:?}");
            }
        }
    }
    assert!(changes > 900, "zones change their clocks: {changes}");
}

fn any_zone() -> impl Strategy<Value = String> {
    proptest::sample::select(Zone::names().collect::<Vec<_>>())
}

fn any_time() -> impl Strategy<Value = String> {
    (0..24u8, 0..60u8).prop_map(|(hour, minute)| format!("{hour:02}:{minute:02}"))
}

fn any_days() -> impl Strategy<Value = String> {
    const NAMES: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let weekly = proptest::sample::subsequence(NAMES.to_vec(), 1..=7).prop_map(|days| days.join(","));
    let range = (0..7usize, 0..7usize).prop_map(|(from, to)| format!("{}..{}", NAMES[from], NAMES[to]));
    let nths = proptest::sample::subsequence(vec!["1st", "2nd", "3rd", "4th", "last"], 1..=5);
    let monthly = (nths, 0..7usize).prop_map(|(nths, day)| format!("{} {}", nths.join(","), NAMES[day]));
    prop_oneof![weekly, range, monthly]
}

fn any_line() -> impl Strategy<Value = String> {
    (any_days(), any_time(), any_time(), any_zone())
        .prop_filter("an opening has a length", |(_, from, to, _)| from != to)
        .prop_map(|(days, from, to, zone)| format!("{days} {from}-{to} {zone}"))
}

fn any_date() -> impl Strategy<Value = jiff::civil::Date> {
    (0..6200i32).prop_map(|days| jiff::civil::date(2024, 1, 1).saturating_add(days.days()))
}

fn any_definition() -> impl Strategy<Value = String> {
    let range = (any_date(), 0..40i32).prop_map(|(date, days)| format!("{date}..{}", date.saturating_add(days.days())));
    let exclude = proptest::collection::vec(range, 0..4);
    let blocked = proptest::collection::vec((0..9u16, 0..9u16, 0..99u16), 0..4);
    let settings = (
        proptest::option::of(proptest::sample::select(vec!["none", "patch", "security"])),
        proptest::option::of(0..=365u16),
        proptest::option::of(proptest::sample::select(vec!["wait", "now"])),
        proptest::option::of(1..=30 * 24 * 60u32),
    );
    (proptest::collection::vec(any_line(), 1..4), exclude, blocked, settings).prop_map(
        |(lines, exclude, blocked, (upgrade, age, urgent, notify))| {
            let mut text = lines.join("; ");
            let mut add = |name: &str, value: Option<String>| {
                if let Some(value) = value.filter(|value| !value.is_empty()) {
                    text.push_str(&format!("; {name} {value}"));
                }
            };
            add("exclude", Some(exclude.join(", ")));
            let versions: Vec<_> = blocked.iter().map(|(a, b, c)| format!("{a}.{b}.{c}")).collect();
            add("blocked", Some(versions.join(",")));
            add("upgrade", upgrade.map(str::to_owned));
            add("min_age", age.map(|days| format!("{days}d")));
            add("urgent", urgent.map(str::to_owned));
            add("notify_before", notify.map(|minutes| format!("{minutes}m")));
            text
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_definition_reads_back_as_what_it_was(text in any_definition()) {
        let first = window(&text);
        let kept = first.to_string();
        let second = window(&kept);
        prop_assert_eq!(&first, &second);
        prop_assert_eq!(second.to_string(), kept, "one spelling");
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>(), definition in any_definition(), at in any::<prop::sample::Index>()) {
        let _ = text.parse::<MaintenanceWindow>();
        // A definition with something in the middle of it.
        let chars: Vec<char> = definition.chars().collect();
        let at = at.index(chars.len());
        let broken: String = chars[..at].iter().copied().chain(text.chars().take(3)).chain(chars[at..].iter().copied()).collect();
        let _ = broken.parse::<MaintenanceWindow>();
    }

    #[test]
    fn a_week_has_as_many_openings_as_days_are_named(
        days in proptest::sample::subsequence(vec!["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"], 1..=7),
        from in any_time(), to in any_time(), zone in any_zone(), date in any_date(),
    ) {
        prop_assume!(from != to);
        let window = window(&format!("{} {from}-{to} {zone}", days.join(",")));
        let after = date.to_zoned(TimeZone::UTC).unwrap().timestamp();
        let openings = window.next_openings(after, days.len() * 4 + 1);
        check(&window, &openings);
        // Whole weeks from the Monday after the first opening on.
        let first = openings[0].day;
        let monday = first.saturating_add((8 - i64::from(first.weekday().to_monday_one_offset())).days());
        for week in 0..2i64 {
            let begin = monday.saturating_add((week * 7).days());
            let end = begin.saturating_add(7.days());
            let count = openings.iter().filter(|opening| begin <= opening.day && opening.day < end).count();
            prop_assert_eq!(count, days.len(), "{}: week of {}", window, begin);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn several_lines_never_overlap_and_is_open_agrees(text in any_definition(), date in any_date(), minute in 0..1440i64) {
        let window = window(&text);
        let now = date.to_zoned(TimeZone::UTC).unwrap().timestamp() + SignedDuration::from_mins(minute);
        let openings = window.next_openings(now, 6);
        for pair in openings.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start, "{}: {:?}", window, pair);
        }
        for opening in &openings {
            prop_assert!(now <= opening.start && window.is_open(opening.start));
            prop_assert!(window.ends_at(opening.start).is_some_and(|end| opening.end <= end));
        }
        // Looking from earlier finds the same.
        let earlier = window.next_openings(now - SignedDuration::from_hours(24 * 40), 400);
        let same: Vec<_> = earlier.into_iter().filter(|opening| opening.start >= now).take(6).collect();
        prop_assert_eq!(&same[..], &openings[..same.len()]);
        // It is open now exactly if an opening that began before has not ended.
        let began = window.next_openings(now - SignedDuration::from_hours(72), 400);
        let open = began.iter().take_while(|opening| opening.start <= now).any(|opening| now < opening.end);
        prop_assert_eq!(window.is_open(now), open, "{} at {}", window, now);
    }
}
