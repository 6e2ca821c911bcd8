//! What is shown of backups.

use justmanage_model::backup::{BackupContent, Occasion};
use justmanage_model::{Bytes, Release, Timestamp};

use super::*;

const ID: &str = "20261129T033000Z-57";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn entry(occasion: Option<Occasion>, state: EntryState) -> BackupEntry {
    BackupEntry { id: ID.parse().expect("an id"), occasion, begun: at("2026-11-29T03:30:00Z"), state }
}

fn release(engine: &str, version: &str) -> Release {
    Release::new(engine.parse().expect("an engine"), version.parse().expect("a version"))
}

fn text(attribute: &Attr<String>) -> Option<&str> {
    attribute.known().map(String::as_str)
}

#[test]
fn one_that_is_available_shows_what_is_in_it_and_what_can_load_it() {
    let content = BackupContent {
        ended: at("2026-11-29T03:31:12Z"),
        keys: Some(12),
        rdb: Bytes::new(2000),
        stored: Bytes::new(700),
        releases: vec![release("redis", "8.0.6"), release("redis", "8.2.3")],
        shards: 3,
        skew_ms: 41,
        verified: true,
    };
    let due = Occasion::Schedule { due: at("2026-11-29T03:30:00Z") };
    let data = shown(&entry(Some(due), EntryState::Available(Box::new(content))));
    assert_eq!((text(&data.id), text(&data.status), text(&data.reason)), (Some(ID), Some("available"), None));
    assert_eq!(text(&data.kind), Some("scheduled"));
    assert_eq!(text(&data.occasion), Some("scheduled for 2026-11-29T03:30:00Z"));
    assert_eq!(text(&data.started_at), Some("2026-11-29T03:30:00Z"));
    assert_eq!(text(&data.ended_at), Some("2026-11-29T03:31:12Z"));
    assert_eq!((data.keys, data.verified), (Attr::Known(12), Attr::Known(true)));
    assert_eq!((data.database_bytes, data.stored_bytes), (Attr::Known(2000), Attr::Known(700)));
    assert_eq!((data.shards, data.skew_ms), (Attr::Known(3), Attr::Known(41)));
    assert_eq!(data.releases, Attr::Known(vec!["redis 8.0.6".to_owned(), "redis 8.2.3".to_owned()]));
    assert_eq!(data.restorable_releases, Attr::Known(vec!["redis 8.2".to_owned(), "redis 8.6".to_owned()]));
}

#[test]
fn of_others_only_what_is_known_is_shown() {
    let demand = || Some(Occasion::Demand { word: "friday".to_owned() });
    let upgrade = || Some(Occasion::Upgrade { from: release("redis", "8.0.2"), to: release("redis", "8.0.6") });
    let failed = EntryState::Failed { at: at("2026-11-29T03:32:00Z"), why: "The disk is full.".to_owned() };
    let damaged = EntryState::Unreadable { why: "it is damaged".to_owned() };
    for (occasion, state, wanted) in [
        (demand(), EntryState::Running, ("running", Some("on-demand"), None, None)),
        (
            upgrade(),
            failed,
            ("failed", Some("before-upgrade"), Some("2026-11-29T03:32:00Z"), Some("The disk is full.")),
        ),
        (None, EntryState::Unfinished, ("unfinished", None, None, None)),
        (None, damaged, ("unreadable", None, None, Some("it is damaged"))),
    ] {
        let data = shown(&entry(occasion, state));
        let status = text(&data.status).expect("a status");
        assert_eq!((status, text(&data.kind), text(&data.ended_at), text(&data.reason)), wanted);
        assert_eq!(
            (data.keys, data.verified, data.restorable_releases),
            (Attr::Null, Attr::Null, Attr::Null),
            "{status}"
        );
        assert!(super::status(status).is_ok(), "and it can be asked for");
    }
}

#[test]
fn what_cannot_be_asked_for_is_refused() {
    assert!(status("done").unwrap_err().contains("\"unreadable\""));
    assert_eq!([0, 1, 10_000, 10_001].map(|wanted| limit(&wanted).is_ok()), [false, true, true, false]);
}
