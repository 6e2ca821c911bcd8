//! Pages of backups, from a store in a directory and a Record of our own making.

use std::fs;
use std::path::PathBuf;

use justmanage_backup::manifest::About;
use justmanage_backup::{Part, write_manifest};
use justmanage_model::backup::{BackupFailure, BackupRun, Compression, Occasion};
use justmanage_model::{Bytes, SlotSet, Timestamp};

use super::*;
use crate::samples;

const WHOLE: &str = "20261129T033000Z-50";
const DAMAGED: &str = "20261130T033000Z-60";
const LEFT: &str = "20261201T033000Z-70";
const FAILED: &str = "20261202T033000Z-80";
const MADE: &str = "20261203T033000Z-90";

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn id(text: &str) -> BackupId {
    text.parse().expect("an id")
}

fn demand() -> Occasion {
    Occasion::Demand { word: "friday".to_owned() }
}

/// A cluster and where its backups go.
struct Home {
    directory: tempfile::TempDir,
    record: Record,
}

impl Home {
    fn new() -> Self {
        let (directory, mut record) = (tempfile::tempdir().expect("a directory"), samples::record(1, 0));
        let policy = format!("every 6h; destination file://{}; retention last 3", directory.path().display());
        record.spec.backup_policy = Some(policy.parse().expect("a policy"));
        Self { directory, record }
    }

    /// Where the cluster's backups are.
    fn place(&self) -> PathBuf {
        self.directory.path().join(self.record.name.to_string()).join(self.record.cluster.to_string())
    }

    /// A file in a backup.
    fn write(&self, backup: &str, name: &str, content: &str) {
        fs::create_dir_all(self.place().join(backup)).expect("a folder");
        fs::write(self.place().join(backup).join(name), content).expect("a file");
    }

    async fn keep(&self, backup: &str, occasion: Occasion) {
        let manifest = manifest(&self.record, backup, occasion);
        write_manifest(&part::store(&self.record).expect("a store").1, &manifest).await.expect("written");
    }

    async fn page(&self, before: Option<&str>, limit: u32) -> Result<Vec<BackupEntry>, String> {
        page(|| Some(self.record.clone()), before.map(id).as_ref(), limit).await
    }
}

fn manifest(record: &Record, backup: &str, occasion: Occasion) -> Manifest {
    let part = Part {
        shard: 0,
        node: samples::node(0),
        release: record.release.clone(),
        slots: SlotSet::all(),
        replid: "00".repeat(20),
        offset: 7,
        begun: at("2026-11-29T03:30:01Z"),
        ended: at("2026-11-29T03:31:00Z"),
        rdb: Bytes::new(2000),
        stored: Bytes::new(700),
        rdb_sha256: "00".repeat(32),
        stored_sha256: "11".repeat(32),
        compression: Compression::Zstd,
        object: "shard-0000.rdb.zst".to_owned(),
        keys: Some(12),
        used_memory: None,
        verified: true,
    };
    let about = About {
        id: id(backup),
        cluster: record.cluster,
        name: record.name.clone(),
        occasion,
        users: serde_json::json!({}),
        config: serde_json::json!({}),
    };
    Manifest::new(about, vec![part]).expect("it is whole")
}

#[tokio::test]
async fn each_is_what_the_store_and_the_record_say_of_it_newest_first() {
    let mut home = Home::new();
    let failed_at = at("2026-12-02T03:40:00Z");
    home.record.backups.run = Some(BackupRun {
        id: id(MADE),
        occasion: demand(),
        begun: at("2026-12-03T03:30:00.5Z"),
        parts: [(0, samples::node(0))].into(),
        complete: false,
    });
    home.record.backups.failed = Some(BackupFailure {
        id: id(FAILED),
        occasion: demand(),
        at: failed_at,
        why: "The disk is full.".to_owned(),
        tries: 2,
    });
    home.keep(WHOLE, demand()).await;
    home.write(DAMAGED, "manifest.json", "{ damaged");
    home.write(LEFT, "shard-0000.rdb", "data");
    home.write(MADE, "shard-0000.rdb", "data");
    home.write("lost+found", "manifest.json", "somebody else's");

    let entries = home.page(None, 0).await.expect("a page");
    let release = home.record.release.clone();
    let [made, failed, left, damaged, whole] = entries.try_into().expect("five, and nothing that is somebody else's");
    assert_eq!((made.id.as_str(), made.state, made.occasion), (MADE, EntryState::Running, Some(demand())));
    let why = "The disk is full.".to_owned();
    assert_eq!((failed.id.as_str(), failed.state), (FAILED, EntryState::Failed { at: failed_at, why }));
    assert_eq!((left.id.as_str(), left.state, left.occasion), (LEFT, EntryState::Unfinished, None));
    assert_eq!(left.begun, at("2026-12-01T03:30:00Z"), "by its name");
    let EntryState::Unreadable { why } = &damaged.state else { panic!("{damaged:?}") };
    assert!(damaged.id.as_str() == DAMAGED && why.contains("line 1"), "{damaged:?}");
    assert_eq!((whole.id.as_str(), &whole.occasion), (WHOLE, &Some(demand())));
    let content = BackupContent {
        ended: at("2026-11-29T03:31:00Z"),
        keys: Some(12),
        rdb: Bytes::new(2000),
        stored: Bytes::new(700),
        releases: vec![release],
        shards: 1,
        skew_ms: 0,
        verified: true,
    };
    assert_eq!(whole.state, EntryState::Available(Box::new(content)));
}

#[tokio::test]
async fn what_looks_whole_is_whole_whatever_the_record_says() {
    let mut home = Home::new();
    home.keep(WHOLE, demand()).await;
    let why = "Its agent was gone for too long.".to_owned();
    home.record.backups.failed =
        Some(BackupFailure { id: id(WHOLE), occasion: demand(), at: Timestamp::UNIX_EPOCH, why, tries: 1 });
    let [whole] = home.page(None, 0).await.expect("a page").try_into().expect("one");
    assert!(matches!(whole.state, EntryState::Available(_)), "{whole:?}");
}

#[tokio::test]
async fn what_is_begun_or_ended_while_the_store_is_looked_at_is_not_left_over() {
    let home = Home::new();
    home.write(MADE, "shard-0000.rdb", "data");
    let mut making = home.record.clone();
    making.backups.run = Some(BackupRun {
        id: id(MADE),
        occasion: demand(),
        begun: at("2026-12-03T03:30:00.5Z"),
        parts: [(0, samples::node(0))].into(),
        complete: false,
    });
    for order in [[&home.record, &making], [&making, &home.record]] {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let record = || Some(order[asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed)].clone());
        let [entry] = page(record, None, 0).await.expect("a page").try_into().expect("one");
        assert_eq!(entry.state, EntryState::Running);
    }
}

#[tokio::test]
async fn a_page_ends_where_it_is_full_and_the_next_goes_on_behind_it() {
    let home = Home::new();
    for backup in [WHOLE, DAMAGED, LEFT] {
        home.write(backup, "shard-0000.rdb", "data");
    }
    let ids = |page: Result<Vec<BackupEntry>, String>| {
        page.expect("a page").into_iter().map(|entry| entry.id.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(ids(home.page(None, 2).await), [LEFT, DAMAGED]);
    assert_eq!(ids(home.page(Some(DAMAGED), 2).await), [WHOLE]);
    assert_eq!(ids(home.page(Some(WHOLE), 2).await), [""; 0]);
    for number in 0..300 {
        fs::create_dir_all(home.place().join(format!("20261201T033000Z-{}", 100 + number))).expect("a folder");
    }
    assert_eq!(ids(home.page(None, u32::MAX).await).len(), PAGE);
}

#[tokio::test]
async fn a_place_that_cannot_be_looked_at_is_an_error_that_names_it() {
    let mut home = Home::new();
    assert_eq!(home.page(None, 0).await, Ok(Vec::new()), "nothing was written yet");
    fs::create_dir_all(home.place().parent().expect("a folder")).expect("a folder");
    fs::write(home.place(), "a file").expect("a file");
    let why = home.page(None, 0).await.expect_err("a file is in the way");
    let at = format!("what is at file://{} cannot be looked at", home.directory.path().display());
    assert!(why.starts_with(&at) && why.contains("Not a directory"), "{why}");

    home.record.spec.backup_policy =
        Some("every 6h; destination s3://bucket/a; retention last 3".parse().expect("one"));
    let why = home.page(None, 0).await.expect_err("there is nobody who speaks with it");
    assert!(why.contains("s3://"), "{why}");
    home.record.spec.backup_policy = None;
    assert_eq!(home.page(None, 0).await, Ok(Vec::new()), "there is no policy");
}

#[tokio::test]
async fn nobody_who_writes_into_the_store_makes_an_answer_too_large() {
    let home = Home::new();
    home.keep(WHOLE, Occasion::Demand { word: "x".repeat(20_000) }).await;
    let odd = format!("{{ \"format\": \"{}\" }}", "x".repeat(20_000));
    home.write(DAMAGED, "manifest.json", &odd);
    for entry in home.page(None, 0).await.expect("a page") {
        let EntryState::Unreadable { why } = entry.state else { panic!("{entry:?}") };
        assert!(why.len() < 600, "{why}");
    }
}
