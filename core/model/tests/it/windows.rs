//! Maintenance windows: what may be written, what it means, and when it is open.

mod faults;
mod openings;
mod oracle;
mod properties;

use justmanage_model::MaintenanceWindow;
use justmanage_model::window::{Age, DateRange, Lead, OpeningRule, Upgrade, Urgent};

use crate::is_spelt;

pub(crate) fn window(text: &str) -> MaintenanceWindow {
    text.parse().unwrap_or_else(|fault| panic!("{text:?}: {fault}"))
}

#[test]
fn there_is_one_spelling() {
    for text in [
        "Sun 02:00-03:00 Asia/Kolkata",
        "Mon..Thu 01:30-02:30 Europe/Berlin",
        "1st Sat 00:00-04:00 UTC",
        "daily 03:30-04:00 UTC",
        "Mon,Wed 02:00-03:00 UTC",
        "last Sun 02:00-03:00 America/New_York",
        "1st,3rd Sat 00:00-24:00 UTC",
        "Fri..Mon 23:00-01:00 America/Port-au-Prince",
    ] {
        is_spelt::<OpeningRule>(text);
        is_spelt::<MaintenanceWindow>(text);
    }
    for (written, kept) in [
        ("sunday 2:00-3:00 asia/kolkata", "Sun 02:00-03:00 Asia/Kolkata"),
        ("  SUN   02:00 - 03:00   UTC ", "Sun 02:00-03:00 UTC"),
        ("Wed,Mon 02:00-03:00 utc", "Mon,Wed 02:00-03:00 UTC"),
        ("Mon, Wed,Mon 02:00-03:00 UTC", "Mon,Wed 02:00-03:00 UTC"),
        ("Mon,Tue,Wed 02:00-03:00 UTC", "Mon..Wed 02:00-03:00 UTC"),
        ("Mon..Tue 02:00-03:00 UTC", "Mon,Tue 02:00-03:00 UTC"),
        ("Sat..Mon 02:00-03:00 UTC", "Sat..Mon 02:00-03:00 UTC"),
        ("Sun,Mon 02:00-03:00 UTC", "Mon,Sun 02:00-03:00 UTC"),
        ("Sat,Sun,Mon,Wed 02:00-03:00 UTC", "Wed,Sat..Mon 02:00-03:00 UTC"),
        ("Mon..Sun 02:00-03:00 UTC", "daily 02:00-03:00 UTC"),
        ("Wed..Tue 02:00-03:00 UTC", "daily 02:00-03:00 UTC"),
        ("LAST,1st sun 02:00-03:00 UTC", "1st,last Sun 02:00-03:00 UTC"),
        ("Sat 22:00-00:00 UTC", "Sat 22:00-24:00 UTC"),
        ("Sun 02:00-03:00 europe/berlin;", "Sun 02:00-03:00 Europe/Berlin"),
    ] {
        assert_eq!(window(written).to_string(), kept);
        is_spelt::<MaintenanceWindow>(kept);
    }
}

#[test]
fn a_definition_says_what_differs_from_the_default() {
    for text in [
        "Sun 02:00-03:00 Asia/Kolkata; upgrade patch; min_age 7d",
        "Sun 02:00-03:00 UTC; Wed 02:00-03:00 UTC; exclude 2026-11-20..2026-12-02, 2026-12-24",
        "daily 02:00-03:00 UTC; upgrade security; blocked 7.0.14, 8.0.3; urgent now; notify_before 24h",
    ] {
        is_spelt::<MaintenanceWindow>(text);
    }
    let all = "UPGRADE patch; notify_before 3d; Sun 02:00-03:00 UTC; blocked 8.0.3 ,7.0.14;urgent wait; min_age 2w; exclude \
               2026-12-24,2026-11-20 .. 2026-12-02";
    let read = window(all);
    assert_eq!(
        read.to_string(),
        "Sun 02:00-03:00 UTC; exclude 2026-11-20..2026-12-02, 2026-12-24; upgrade patch; min_age 14d; blocked 7.0.14, 8.0.3; \
         notify_before 3d"
    );
    assert_eq!((read.upgrade, read.urgent, read.min_age.days()), (Upgrade::Patch, Urgent::Wait, 14));
    assert_eq!(read.notify_before.expect("a lead").minutes(), 3 * 24 * 60);
    assert_eq!((read.exclude.len(), read.blocked.len(), read.schedule.len()), (2, 2, 1));
}

#[test]
fn lengths_of_time_have_one_spelling_and_an_end() {
    for (text, days) in [("0d", 0), ("7d", 7), ("1w", 7), ("365d", 365)] {
        assert_eq!(text.parse::<Age>().unwrap().days(), days);
    }
    for text in ["", "7", "d", "-1d", "7 d", "366d", "53w", "1y", "36h", "99999999999d"] {
        let fault = crate::fault::<Age>(text);
        assert!(fault.hint.contains("\"7d\""), "{fault}");
    }
    for (text, minutes, kept) in [
        ("30m", 30, "30m"),
        ("90m", 90, "90m"),
        ("60m", 60, "1h"),
        ("1d", 1440, "24h"),
        ("2d", 2880, "48h"),
        ("3d", 4320, "3d"),
        ("1h30m", 90, "90m"),
    ] {
        let lead: Lead = text.parse().unwrap();
        assert_eq!((lead.minutes(), lead.to_string().as_str()), (minutes, kept));
        assert_eq!(kept.parse::<Lead>().unwrap(), lead);
    }
    for text in ["", "0m", "0s", "90s", "31d", "24", "1w", "h"] {
        crate::fault::<Lead>(text);
    }
}

#[test]
fn dates_are_in_the_calendar_and_the_right_way_round() {
    for text in ["2026-12-24", "2028-02-29", "2026-11-20..2026-12-02"] {
        assert_eq!(text.parse::<DateRange>().unwrap().to_string(), text);
    }
    assert_eq!("2026-12-24..2026-12-24".parse::<DateRange>().unwrap().to_string(), "2026-12-24");
    for (text, says) in [
        ("2026-02-29", "not in the calendar"),
        ("2026-13-01..2026-13-02", "not in the calendar"),
        ("2026-12-02..2026-11-20", "Write \"2026-11-20..2026-12-02\"."),
        ("24.12.2026", "Write year, month and day"),
        ("2026-1-1", "Write year, month and day"),
        ("20261224", "Write year, month and day"),
        ("2026-11-20 to 2026-12-02", "or a range of dates"),
        ("2026-12-24..", "\"\" in \"2026-12-24..\" is not a date"),
        ("", "\"\" is not a date"),
    ] {
        let fault = crate::fault::<DateRange>(text).to_string();
        assert!(fault.contains(says), "{text:?}: {fault}");
    }
}
