//! What is refused, and what is said: the token, its place, and what would be right.

use justmanage_model::MaintenanceWindow;
use justmanage_model::window::OpeningRule;

use crate::fault;

fn says<T>(cases: &[(&str, &str)])
where
    T: std::str::FromStr<Err = justmanage_model::Invalid> + std::fmt::Debug,
{
    for (text, expected) in cases {
        let fault = fault::<T>(text).to_string();
        assert!(fault.contains(expected), "{text:?}: {fault}");
    }
}

#[test]
fn days() {
    says::<OpeningRule>(&[
        ("", "At character 1: nothing is written here."),
        ("Sundey 02:00-03:00 UTC", "At character 1: \"Sundey\" is not a day. Did you mean \"Sun\"?"),
        ("Mon,Wensday 02:00-03:00 UTC", "At character 5: \"Wensday\" is not a day. Did you mean \"Wed\"?"),
        ("Tues 02:00-03:00 UTC", "Did you mean \"Tue\"?"),
        ("Thurs 02:00-03:00 UTC", "Did you mean \"Thu\"?"),
        ("Sundays 02:00-03:00 UTC", "Did you mean \"Sun\"?"),
        ("dayly 02:00-03:00 UTC", "Did you mean \"daily\"?"),
        ("every day 02:00-03:00 UTC", "Write \"daily\""),
        ("weekdays 02:00-03:00 UTC", "Write \"Mon..Fri\"."),
        ("weekend 02:00-03:00 UTC", "Write \"Sat,Sun\"."),
        (
            "Mon-Thu 02:00-03:00 UTC",
            "At character 4: \"-Thu\" does not belong after a day. Write a range of days as \"Mon..Thu\".",
        ),
        ("sun:05:00-sun:09:00", "Write the day once, then the times: \"Sun 05:00-09:00 UTC\"."),
        ("Mon, 02:00-03:00 UTC", "At character 6: \"02\" is not a day."),
        ("Mon.. 02:00-03:00 UTC", "\"02\" is not a day."),
        ("Mon and Wed 02:00-03:00 UTC", "At character 5: \"and\" is not a time of day."),
        ("02:00-03:00 UTC", "At character 1: \"02\" is not a day. Write a day (\"Sun\")"),
        ("5th Sat 02:00-03:00 UTC", "write \"last Sat\""),
        ("15th 02:00-03:00 UTC", "Days of the month go by weeks"),
        ("first Sat 02:00-03:00 UTC", "Write \"1st\"."),
        ("1st 02:00-03:00 UTC", "Write it after the number, such as \"1st Sat\"."),
        ("1st,Sat 02:00-03:00 UTC", "\"Sat\" is none of 1st, 2nd, 3rd, 4th, last"),
        ("1st Sat,Sun 02:00-03:00 UTC", "At character 8: \",Sun\" follows a day of the month"),
        ("1st Sat..Sun 02:00-03:00 UTC", "follows a day of the month"),
        ("0 2 * * 0", "\"0 2 * * 0\" is a cron expression. Write days, from and to"),
        ("*/5 2 1,15 * 0 UTC", "is a cron expression"),
    ]);
}

#[test]
fn times() {
    says::<OpeningRule>(&[
        ("Sun", "At character 4: a time is missing."),
        ("Sun 2am-3am UTC", "At character 5: \"2am\" is not a time of day. Hours go from 00 to 23: write \"02:00\"."),
        ("Sun 11:30pm-1am UTC", "write \"23:30\""),
        ("Sun 12am-1am UTC", "write \"00:00\""),
        ("Sun 2-3 UTC", "Write \"02:00\"."),
        ("Sun 0200-0300 UTC", "Write \"02:00\"."),
        ("Sun 02.00-03.00 UTC", "Write hours and minutes with a colon"),
        ("Sun 02:00:00-03:00:00 UTC", "Write \"02:00\", without seconds."),
        ("Sun 25:00-26:00 UTC", "Hours go from 00 to 23."),
        ("Sun 02:60-03:00 UTC", "Minutes go from 00 to 59."),
        ("Sun 24:00-03:00 UTC", "is the end of a day. Write \"00:00\""),
        ("Sun 02:00-24:01 UTC", "Hours go from 00 to 23."),
        (
            "Sun 02:00 UTC",
            "At character 11: \"UTC\" is where \"-\" and the end belong. Write from and to with a hyphen: \"02:00-03:00\".",
        ),
        ("Sun 23:30", "it is not said until when. Write from and to with a hyphen: \"23:30-00:30\"."),
        ("Sun 02:00..03:00 UTC", "\"..03:00\" is where \"-\" and the end belong"),
        ("Sun 02:00–03:00 UTC", "where \"-\" and the end belong"),
        ("Sun 02:00 to 03:00 UTC", "\"to\" is where \"-\" and the end belong"),
        ("Sun 02:00-02:00 UTC", "At character 11: \"02:00\" is when it begins, too."),
        ("Sun 02:00-03:00+05:30", "follows the time without a space"),
    ]);
}

#[test]
fn zones() {
    says::<OpeningRule>(&[
        (
            "Sun 02:00-03:00",
            "At character 16: the time zone is missing. Write a zone's IANA name, such as \"Asia/Kolkata\"",
        ),
        ("Sun 02:00-03:00", "or \"UTC\" if that is meant"),
        (
            "Sun 02:00-03:00 IST",
            "At character 17: \"IST\" is an abbreviation that means several time zones. Write one of them out: \"Asia/Kolkata\", \
             \"Europe/Dublin\", \"Asia/Jerusalem\".",
        ),
        ("Sun 02:00-03:00 cst", "\"America/Chicago\", \"Asia/Shanghai\""),
        ("Sun 02:00-03:00 EST", "\"America/New_York\""),
        ("Sun 02:00-03:00 PST", "\"America/Los_Angeles\""),
        ("Sun 02:00-03:00 BST", "\"Europe/London\", \"Asia/Dhaka\""),
        ("Sun 02:00-03:00 CET", "\"Europe/Berlin\""),
        ("Sun 02:00-03:00 GMT", "\"UTC\", \"Europe/London\""),
        ("Sun 02:00-03:00 JST", "is an abbreviation, not a time zone. Write one of them out: \"Asia/Tokyo\"."),
        ("Sun 02:00-03:00 Asia/Calcuta", "Did you mean \"Asia/Calcutta\"?"),
        (
            "Sun 02:00-03:00 Asia/Kolkatta",
            "At character 17: \"Asia/Kolkatta\" is not a time zone. Did you mean \"Asia/Kolkata\"?",
        ),
        ("Sun 02:00-03:00 Kolkata", "Did you mean \"Asia/Kolkata\"?"),
        ("Sun 02:00-03:00 berlin", "Did you mean \"Europe/Berlin\"?"),
        ("Sun 02:00-03:00 New York", "Did you mean \"America/New_York\"?"),
        ("Sun 02:00-03:00 America/New York", "Did you mean \"America/New_York\"?"),
        ("Sun 02:00-03:00 Berlinn", "Did you mean \"Europe/Berlin\"?"),
        ("Sun 02:00-03:00 +05:30", "An offset does not know when clocks are put forward."),
        ("Sun 02:00-03:00 UTC+2", "An offset does not know"),
        ("Sun 02:00-03:00 UTC daily", "Nothing follows the zone: write \"UTC\" alone."),
        ("Sun 02:00-03:00 localtime", "is not a time zone"),
        ("Sun 02:00-03:00 Etc/Unknown", "is not a time zone"),
        ("Sun 02:00-03:00 Middle-earth/Hobbiton", "is not a time zone. Write a zone's IANA name"),
    ]);
}

#[test]
fn definitions() {
    says::<MaintenanceWindow>(&[
        ("", "nothing is written here"),
        ("upgrade patch", "It never opens"),
        ("Sun 02:00-03:00 UTC; ; upgrade patch", "At character 21: nothing is written here."),
        (
            "Sun 02:00-03:00 UTC; upgrde patch",
            "At character 22: \"upgrde\" is not a setting. Did you mean \"upgrade\"?",
        ),
        ("Sun 02:00-03:00 UTC; min-age 7d", "Did you mean \"min_age\"?"),
        ("Sun 02:00-03:00 UTC; upgrade", "At character 29: a value is missing."),
        (
            "Sun 02:00-03:00 UTC; upgrade minor",
            "At character 30: \"minor\" is none of them. Write \"none\", \"patch\" or \"security\".",
        ),
        ("Sun 02:00-03:00 UTC; upgrade patch; upgrade none", "At character 37: \"upgrade\" is set twice."),
        ("Sun 02:00-03:00 UTC; Wed 02:00-03:00 IST", "At character 38: \"IST\" is an abbreviation"),
        (
            "Sun 02:00-03:00 UTC; exclude 2026-12-24, 2026-12-32",
            "At character 42: \"2026-12-32\" is not in the calendar.",
        ),
        ("Sun 02:00-03:00 UTC; blocked 8.0", "At character 30: \"8.0\" is not a version."),
        ("Sun 02:00-03:00 UTC; urgent maybe", "Write \"wait\" or \"now\"."),
        ("Sun 02:00-03:00 UTC; notify_before soon", "At character 36: \"soon\" is not a length of time."),
        ("Sun 02:00-03:00 UTC, upgrade patch", "\"UTC, upgrade patch\" is not a time zone."),
    ]);
}

#[test]
fn what_is_too_long_is_refused() {
    let dates: Vec<String> = (1..=200).map(|n| format!("20{:02}-01-{:02}", n % 90 + 10, n % 28 + 1)).collect();
    let long = format!("Sun 02:00-03:00 UTC; exclude {}", dates.join(","));
    assert!(fault::<MaintenanceWindow>(&long).to_string().contains("At most 1024 bytes"));
    let lines = vec!["Sun 02:00-03:00 UTC"; 15].join("; ");
    assert!(fault::<MaintenanceWindow>(&lines).to_string().contains("15 lines. At most 14"));
}

#[test]
fn a_credential_in_the_wrong_place_is_not_repeated() {
    for text in [
        "s3://key:hunter2@bucket",
        "Sun 02:00-03:00 s3://key:hunter2@bucket",
        "Sun hunter2@x",
        "Sun 1:00-AGE-SECRET-KEY-hunter2",
    ] {
        let fault = fault::<MaintenanceWindow>(text).to_string();
        assert!(!fault.contains("hunter2"), "{fault}");
    }
}
