//! When windows are open: days, midnights, excluded dates, and hours that are skipped or repeated.

use justmanage_model::Timestamp;

use super::window;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The next openings as `start/end` by the clocks of their zones.
fn next(definition: &str, after: &str, count: usize) -> Vec<String> {
    let openings = window(definition).next_openings(at(after), count);
    openings.iter().map(|opening| format!("{}/{}", opening.local(opening.start), opening.local(opening.end))).collect()
}

fn opens(definition: &str, after: &str, expected: &[&str]) {
    assert_eq!(next(definition, after, expected.len()), expected, "{definition} after {after}");
}

#[test]
fn days_are_those_of_the_zone() {
    // Saturday evening in UTC is Sunday in India.
    opens(
        "Sun 02:00-03:00 Asia/Kolkata",
        "2026-11-21T12:00:00Z",
        &["2026-11-22T02:00:00+05:30/2026-11-22T03:00:00+05:30", "2026-11-29T02:00:00+05:30/2026-11-29T03:00:00+05:30"],
    );
    opens(
        "Sun 23:00-24:00 America/Los_Angeles",
        "2026-11-22T00:00:00Z",
        &["2026-11-22T23:00:00-08:00/2026-11-23T00:00:00-08:00"],
    );
    opens("1st Sat 00:00-04:00 UTC", "2026-11-21T00:00:00Z", &["2026-12-05T00:00:00+00:00/2026-12-05T04:00:00+00:00"]);
    opens(
        "2nd,last Sun 00:00-04:00 UTC",
        "2026-02-01T00:00:00Z",
        &[
            "2026-02-08T00:00:00+00:00/2026-02-08T04:00:00+00:00",
            "2026-02-22T00:00:00+00:00/2026-02-22T04:00:00+00:00",
            "2026-03-08T00:00:00+00:00/2026-03-08T04:00:00+00:00",
            "2026-03-29T00:00:00+00:00/2026-03-29T04:00:00+00:00",
        ],
    );
}

#[test]
fn midnight_belongs_to_the_day_of_opening() {
    let night = "Sat 23:00-01:00 Europe/Berlin";
    opens(night, "2026-11-16T00:00:00Z", &["2026-11-21T23:00:00+01:00/2026-11-22T01:00:00+01:00"]);
    let window = window(night);
    for (now, open) in [
        ("2026-11-21T21:59:59Z", false),
        ("2026-11-21T22:00:00Z", true),
        ("2026-11-21T23:59:59Z", true),
        ("2026-11-22T00:00:00Z", false),
        ("2026-11-20T23:30:00Z", false),
    ] {
        assert_eq!(window.is_open(at(now)), open, "{now}");
    }
    assert_eq!(window.ends_at(at("2026-11-21T23:30:00Z")), Some(at("2026-11-22T00:00:00Z")));
}

#[test]
fn the_next_opening_is_the_one_that_begins_now_and_not_the_one_that_began() {
    let daily = "daily 03:30-04:00 UTC";
    opens(daily, "2026-11-21T03:30:00Z", &["2026-11-21T03:30:00+00:00/2026-11-21T04:00:00+00:00"]);
    opens(daily, "2026-11-21T03:30:01Z", &["2026-11-22T03:30:00+00:00/2026-11-22T04:00:00+00:00"]);
}

#[test]
fn an_hour_that_is_skipped_shifts_the_opening() {
    // Berlin puts clocks forward on 29 March 2026 from 02:00 to 03:00.
    let after = "2026-03-28T12:00:00Z";
    opens("Sun 02:00-03:00 Europe/Berlin", after, &["2026-03-29T03:00:00+02:00/2026-03-29T04:00:00+02:00"]);
    opens("Sun 02:30-02:45 Europe/Berlin", after, &["2026-03-29T03:30:00+02:00/2026-03-29T03:45:00+02:00"]);
    opens("Sun 01:00-04:00 Europe/Berlin", after, &["2026-03-29T01:00:00+01:00/2026-03-29T04:00:00+02:00"]);
    opens("Sun 01:30-02:30 Europe/Berlin", after, &["2026-03-29T01:30:00+01:00/2026-03-29T03:30:00+02:00"]);
    // Nuuk does so at 23:00 on the Saturday, up to midnight.
    opens(
        "Sat 23:00-24:00 America/Nuuk",
        "2026-03-28T00:00:00Z",
        &["2026-03-29T00:00:00-01:00/2026-03-29T01:00:00-01:00"],
    );
    // Half an hour on Lord Howe Island.
    opens(
        "Sun 02:15-02:45 Australia/Lord_Howe",
        "2026-10-03T00:00:00Z",
        &["2026-10-04T02:45:00+11:00/2026-10-04T03:15:00+11:00"],
    );
}

#[test]
fn an_hour_that_is_repeated_opens_once() {
    // Berlin puts clocks back on 25 October 2026 from 03:00 to 02:00.
    let after = "2026-10-24T12:00:00Z";
    let later = "2026-11-01T02:15:00+01:00/2026-11-01T02:45:00+01:00";
    opens("Sun 02:15-02:45 Europe/Berlin", after, &["2026-10-25T02:15:00+02:00/2026-10-25T02:45:00+02:00", later]);
    // By the clock it is from two to three: two hours.
    opens("Sun 02:00-03:00 Europe/Berlin", after, &["2026-10-25T02:00:00+02:00/2026-10-25T03:00:00+01:00"]);
    opens("Sun 01:30-02:30 Europe/Berlin", after, &["2026-10-25T01:30:00+02:00/2026-10-25T02:30:00+02:00"]);
}

#[test]
fn excluded_dates_are_those_of_the_zone() {
    let night = "daily 22:00-02:00 Asia/Kolkata; exclude 2026-11-20..2026-12-02, 2026-12-04";
    opens(
        night,
        "2026-11-18T00:00:00Z",
        &[
            "2026-11-18T22:00:00+05:30/2026-11-19T02:00:00+05:30",
            // It does not reach into an excluded day.
            "2026-11-19T22:00:00+05:30/2026-11-20T00:00:00+05:30",
            "2026-12-03T22:00:00+05:30/2026-12-04T00:00:00+05:30",
            "2026-12-05T22:00:00+05:30/2026-12-06T02:00:00+05:30",
        ],
    );
    assert!(!window(night).is_open(at("2026-11-19T19:30:00Z")), "one o'clock on the 20th in India");
    // The day of opening is what counts: nothing of the night that would begin on an excluded day.
    assert!(!window(night).is_open(at("2026-12-02T19:30:00Z")), "one o'clock on the 3rd");
}

#[test]
fn lines_that_overlap_are_open_once_and_as_long_as_the_longest() {
    let both = "Sun 02:00-04:00 UTC; Sun 03:00-05:00 UTC; Sun 03:10-03:20 UTC";
    opens(
        both,
        "2026-11-22T00:00:00Z",
        &[
            "2026-11-22T02:00:00+00:00/2026-11-22T04:00:00+00:00",
            "2026-11-22T04:00:00+00:00/2026-11-22T05:00:00+00:00",
            "2026-11-29T02:00:00+00:00/2026-11-29T04:00:00+00:00",
        ],
    );
    assert_eq!(window(both).ends_at(at("2026-11-22T02:30:00Z")), Some(at("2026-11-22T05:00:00Z")));
    opens(
        "Sun 02:00-03:00 UTC; Sun 02:00-05:00 UTC",
        "2026-11-22T00:00:00Z",
        &["2026-11-22T02:00:00+00:00/2026-11-22T05:00:00+00:00"],
    );
}

#[test]
fn a_window_that_never_shuts_or_never_opens_ends_the_search() {
    let always = window("daily 00:00-24:00 UTC");
    let now = at("2026-11-21T12:00:00Z");
    assert_eq!(always.ends_at(now), Some(at("2026-11-28T12:00:00Z")), "a week ahead");
    let never = window("daily 02:00-03:00 UTC; exclude 2000-01-01..9999-12-31");
    assert_eq!(never.next_openings(now, 5), []);
    assert!(!never.is_open(at("2026-11-21T02:30:00Z")));
    let monthly = window("last Sun 02:00-03:00 UTC");
    assert_eq!(monthly.next_openings(now, 1000).len(), 240, "as far as the horizon");
    for edge in [Timestamp::MIN, Timestamp::MAX] {
        let _ = (always.next_openings(edge, 3), always.ends_at(edge), monthly.next_openings(edge, 3));
    }
}
