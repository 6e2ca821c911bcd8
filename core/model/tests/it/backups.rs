//! Backup policies: what may be written, what it means, and when backups are due.

use justmanage_model::BackupPolicy;
use justmanage_model::Generation;
use justmanage_model::backup::{BackupId, BackupTime, Destination, Recipient, Retention, Store};
use proptest::prelude::*;

use crate::{fault, is_spelt};

/// The example of age's own documentation.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

fn policy(text: &str) -> BackupPolicy {
    text.parse().unwrap_or_else(|fault| panic!("{text:?}: {fault}"))
}

#[test]
fn there_is_one_spelling() {
    for text in [
        "daily 03:30 Asia/Kolkata",
        "Sun 02:00 UTC",
        "1st Sat 02:00 UTC",
        "every 6h",
        "every 15m",
        "Mon..Fri 23:59 Europe/Berlin",
    ] {
        is_spelt::<BackupTime>(text);
    }
    for text in
        ["s3://bucket", "s3://bucket/a/b", "gs://my_bucket/x", "az://container/x%20y", "file:///var/backups/redis"]
    {
        is_spelt::<Destination>(text);
    }
    for text in [
        "daily 03:30 Asia/Kolkata; destination file:///var/backups/redis; retention last 7, daily 30".to_owned(),
        format!(
            "every 6h; Sun 02:00 UTC; destination s3://bucket/redis; retention yearly 10; compression none; encryption {RECIPIENT}; verify false; before-upgrade false"
        ),
    ] {
        is_spelt::<BackupPolicy>(&text);
    }
    for (written, kept) in [
        (
            "destination S3://bucket/redis/; EVERY 120m; retention daily 30, LAST 7, weekly 0",
            "every 2h; destination s3://bucket/redis; retention last 7, daily 30",
        ),
        (
            "sunday 2:00 utc; retention last 1; destination file:///b//; verify true; compression zstd;",
            "Sun 02:00 UTC; destination file:///b; retention last 1",
        ),
    ] {
        assert_eq!(policy(written).to_string(), kept);
    }
    let s3: Destination = "s3://bucket/a/b".parse().unwrap();
    assert_eq!((s3.store(), s3.bucket(), s3.path()), (Store::S3, "bucket", "a/b"));
    let file: Destination = "file:///var/backups".parse().unwrap();
    assert_eq!((file.store(), file.bucket(), file.path()), (Store::File, "", "var/backups"));
}

#[test]
fn what_is_refused_says_what_would_be_right() {
    for (text, says) in [
        ("", "nothing is written here"),
        ("every 6h", "It does not say where backups go."),
        ("every 6h; destination s3://bucket", "It does not say what is kept."),
        ("destination s3://bucket; retention last 1", "No backup is ever made"),
        ("daily 03:30; destination s3://bucket; retention last 1", "At character 12: the time zone is missing"),
        ("daily 03:30 IST; destination s3://bucket; retention last 1", "\"Asia/Kolkata\", \"Europe/Dublin\""),
        (
            "daily 03:30-04:00 UTC; destination s3://bucket; retention last 1",
            "is not for a backup, which has a time and no end",
        ),
        (
            "0 3 * * *; destination s3://bucket; retention last 1",
            "is a cron expression. Write days, a time and a time zone (\"daily 03:30 Asia/Kolkata\")",
        ),
        (
            "every 5h; destination s3://bucket; retention last 1",
            "\"5h\" is not an interval that is possible. Intervals that divide the day evenly are 15m",
        ),
        ("every 24h; destination s3://bucket; retention last 1", "Say at what time"),
        ("every 1d; destination s3://bucket; retention last 1", "\"1d\" is a day. Say at what time"),
        ("every 90s; destination s3://bucket; retention last 1", "is not an interval that is possible"),
        (
            "daily 03:30+05:30; destination s3://bucket; retention last 1",
            "\"+05:30\" follows the time without a space. Write days, a time and a time zone",
        ),
        ("every; destination s3://bucket; retention last 1", "the interval is missing"),
        ("every 6h; destination s3://bucket; retention last 0", "No backup would be kept."),
        ("every 6h; destination s3://bucket; retention 7", "At character 46: \"7\" is not a kind and a number"),
        ("every 6h; destination s3://bucket; retention hourly 7", "\"hourly\" is not a kind"),
        ("every 6h; destination s3://bucket; retention last 7, last 8", "\"last\" is there twice"),
        ("every 6h; destination s3://bucket; retention last 1001", "At most 1000 are possible."),
        ("every 6h; destination s3://bucket; retention last 1; compression gzip", "Write \"zstd\" or \"none\"."),
        ("every 6h; destination s3://bucket; retention last 1; verify yes", "\"yes\" is neither true nor false"),
        (
            "every 6h; destnation s3://bucket; retention last 1",
            "At character 11: \"destnation\" is not a setting. Did you mean \"destination\"?",
        ),
    ] {
        let fault = fault::<BackupPolicy>(text).to_string();
        assert!(fault.contains(says), "{text:?}: {fault}");
    }
    for (text, says) in [
        ("bucket/prefix", "It does not begin with a scheme"),
        ("/var/backups", "Write \"file:///var/backups\"."),
        ("gcs://bucket", "Write \"gs://\"."),
        ("https://bucket.s3.amazonaws.com/x", "Name the bucket, not its address."),
        ("ftp://bucket", "Its scheme is not known."),
        ("file://var/backups", "Write three slashes"),
        ("file:///", "It is the root directory."),
        ("file:///a/../b", "\"..\""),
        ("file:///a/%2e%2E/b", "\"..\""),
        ("s3://bucket/a//b", "empty part"),
        ("s3://bucket/a b", "contains a space"),
        ("s3://bucket/a%zz", "two hexadecimal digits"),
        ("s3://bucket/a%00", "characters in it that no path has"),
        ("s3://", "The bucket is missing."),
        ("s3:///path", "The bucket is missing."),
        ("s3://Bucket", "3 to 63 lowercase letters"),
        ("s3://my_bucket", "3 to 63 lowercase letters"),
        ("az://a.b", "does not name a container"),
        ("s3://bucket/x?region=eu", "a part after \"?\""),
        ("s3://bucket/x;y", "contains \";\""),
    ] {
        let fault = fault::<Destination>(text).to_string();
        assert!(fault.contains(says), "{text:?}: {fault}");
    }
}

#[test]
fn credentials_are_refused_and_never_repeated() {
    for text in [
        "s3://AKIAIOSFODNN7:hunter2@bucket/x",
        "s3://hunter2@bucket",
        "s3://bucket/x?secret=hunter2",
        "hunter2@bucket",
        "ftp://me:hunter2@host/x",
    ] {
        let alone = fault::<Destination>(text).to_string();
        let within = fault::<BackupPolicy>(&format!("every 6h; destination {text}; retention last 1")).to_string();
        let astray = fault::<BackupPolicy>(&format!("every 6h; {text}; retention last 1")).to_string();
        for said in [&alone, &within, &astray] {
            assert!(!said.contains("hunter2"), "{said}");
        }
    }
    let said = fault::<Destination>("s3://key:hunter2@bucket").to_string();
    assert!(said.contains("credentials come from the machine's role"), "{said}");
    let secret = "AGE-SECRET-KEY-1QQPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L";
    let said = fault::<Recipient>(secret).to_string();
    assert!(said.contains("This is a secret key.") && !said.contains("QQPZ"), "{said}");
    let astray = fault::<BackupPolicy>(&format!("every 6h; destination file:///b; retention last 1; verify {secret}"));
    assert!(!astray.to_string().contains("QQPZ"), "{astray}");
}

#[test]
fn recipients_are_checked_by_their_form() {
    is_spelt::<Recipient>(RECIPIENT);
    let slip = RECIPIENT.replacen('z', "y", 1);
    assert!(fault::<Recipient>(&slip).to_string().contains("checksum"));
    let swapped = format!("{}{}", &RECIPIENT[..60], "p8");
    assert!(fault::<Recipient>(&swapped).to_string().contains("checksum"));
    for (text, says) in [
        (&RECIPIENT[..61], "It has 61 characters instead of 62."),
        ("ssh-ed25519 AAAA", "Keys of SSH are not supported."),
        ("me", "does not begin with \"age1\""),
        (&RECIPIENT.to_uppercase(), "does not begin with \"age1\""),
        (&RECIPIENT.replace('3', "b"), "a character that keys do not have"),
    ] {
        assert!(fault::<Recipient>(text).to_string().contains(says), "{text}");
    }
}

#[test]
fn backups_are_due_by_the_clocks_of_the_zone() {
    let due = |schedule: &str, after: &str, count: usize| -> Vec<String> {
        let policy = policy(&format!("{schedule}; destination file:///b; retention last 1"));
        policy.next_times(after.parse().unwrap(), count).iter().map(ToString::to_string).collect()
    };
    assert_eq!(
        due("daily 03:30 Asia/Kolkata", "2026-11-21T22:00:00Z", 2),
        ["2026-11-21T22:00:00Z", "2026-11-22T22:00:00Z"]
    );
    assert_eq!(due("daily 03:30 Asia/Kolkata", "2026-11-21T22:00:01Z", 1), ["2026-11-22T22:00:00Z"]);
    assert_eq!(
        due("every 6h", "2026-11-21T05:00:00.5Z", 3),
        ["2026-11-21T06:00:00Z", "2026-11-21T12:00:00Z", "2026-11-21T18:00:00Z"]
    );
    assert_eq!(due("every 15m", "2026-11-21T05:00:00Z", 2), ["2026-11-21T05:00:00Z", "2026-11-21T05:15:00Z"]);
    assert_eq!(
        due("every 12h; daily 00:00 UTC; Sun 03:00 UTC", "2026-11-21T13:00:00Z", 3),
        ["2026-11-22T00:00:00Z", "2026-11-22T03:00:00Z", "2026-11-22T12:00:00Z"],
        "each once"
    );
    // Skipped, then repeated.
    assert_eq!(
        due("Sun 02:30 Europe/Berlin", "2026-03-28T00:00:00Z", 2),
        ["2026-03-29T01:30:00Z", "2026-04-05T00:30:00Z"]
    );
    assert_eq!(
        due("Sun 02:30 Europe/Berlin", "2026-10-24T00:00:00Z", 2),
        ["2026-10-25T00:30:00Z", "2026-11-01T01:30:00Z"]
    );
    for edge in [justmanage_model::Timestamp::MIN, justmanage_model::Timestamp::MAX] {
        let _ = (due("every 6h", &edge.to_string(), 2), due("daily 00:00 UTC", &edge.to_string(), 2));
    }
}

#[test]
fn retention_says_what_is_kept() {
    let kept: Vec<_> = "monthly 12, last 7".parse::<Retention>().unwrap().kept().collect();
    assert_eq!(kept, [("last", 7), ("monthly", 12)]);
}

proptest! {
    #[test]
    fn a_definition_reads_back_as_what_it_was(
        counts in proptest::array::uniform5(0..=1000u16), minutes in proptest::sample::select(vec![15, 60, 720]),
        path in "[a-zA-Z0-9._~-]{1,20}(/[a-z]{1,9}){0,3}", none in any::<bool>(), verify in any::<bool>(), sealed in any::<bool>(),
    ) {
        prop_assume!(counts.iter().any(|count| *count > 0));
        prop_assume!(path.split('/').all(|part| part != "." && part != ".."));
        let [last, daily, weekly, monthly, yearly] = counts;
        let text = format!(
            "every {minutes}m; destination s3://bucket/{path}; retention last {last}, daily {daily}, weekly {weekly}, monthly \
             {monthly}, yearly {yearly}; compression {}; verify {verify}{}",
            if none { "none" } else { "zstd" },
            if sealed { format!("; encryption {RECIPIENT}") } else { String::new() },
        );
        let first = policy(&text);
        let second = policy(&first.to_string());
        prop_assert_eq!(&first, &second);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        let _ = (text.parse::<BackupPolicy>(), text.parse::<Destination>(), text.parse::<Recipient>(), text.parse::<BackupTime>());
        let _ = (format!("s3://{text}").parse::<Destination>(), format!("age1{text}").parse::<Recipient>(), format!("every {text}").parse::<BackupTime>());
    }
}

#[test]
fn a_backup_is_named_by_its_moment_and_generation() {
    let begun: justmanage_model::Timestamp = "2026-11-29T03:30:00.9Z".parse().unwrap();
    let id = BackupId::new(begun, Generation::new(57));
    assert_eq!(id.as_str(), "20261129T033000Z-57");
    is_spelt::<BackupId>("20261129T033000Z-57");
    assert_eq!((id.begun().to_string(), id.by()), ("2026-11-29T03:30:00Z".to_owned(), Generation::new(57)));
    let later = BackupId::new("2026-11-29T03:30:01Z".parse().unwrap(), Generation::new(9));
    assert!(id < later, "names sort as moments do");
    for odd in
        ["", "20261129T033000Z", "20261129T033000Z-057", "20261129T033000-57", "2026-11-29T03:30:00Z-57", "../etc-1"]
    {
        let refused = odd.parse::<BackupId>().unwrap_err();
        assert!(refused.hint.contains("20261129T033000Z-57"), "{odd}: {refused:?}");
    }
}

#[test]
fn what_cannot_be_made_is_said() {
    let why = |text: &str| policy(text).why_not_made();
    assert_eq!(why("every 6h; destination file:///b; retention last 1"), None);
    for scheme in ["s3", "gs", "az"] {
        let said = why(&format!("every 6h; destination {scheme}://bucket; retention last 1")).unwrap();
        assert!(said.contains(&format!("{scheme}://")), "{said}");
    }
    let encrypted = format!("every 6h; destination file:///b; retention last 1; encryption {RECIPIENT}");
    assert!(why(&encrypted).unwrap().contains("encrypt"));
}
