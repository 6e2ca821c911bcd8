//! Which backups there are, manifests, and what is removed.

use std::fs;

use justmanage_backup::{
    About, BackupError, Held, HeldState, Manifest, NotWhole, Part, Store, StoreError, discard, finish_part, list,
    read_manifest, write_manifest,
};
use justmanage_model::backup::{BackupId, Compression, Occasion};
use justmanage_model::{Bytes, Generation, NodeId, SlotSet};

use crate::data::{Place, at, cluster};

/// A part of whose data nobody looks.
fn part(place: &Place, id: &BackupId, shard: u16, shards: u16) -> Part {
    let folder = place.folder().with_file_name(id.as_str());
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("shard-{shard:04}.rdb")), "data").unwrap();
    Part {
        shard,
        node: NodeId::from_entropy([9; 10]),
        release: serde_json::from_str(r#"{"engine":"valkey","version":"8.1.1"}"#).unwrap(),
        slots: SlotSet::share(shard, shards),
        replid: "8de1787ba490483314a4d30f1c628bc5025eb761".to_owned(),
        offset: 1000,
        begun: at("2026-11-29T03:30:00.250Z") + jiff::SignedDuration::from_millis(i64::from(shard) * 40),
        ended: at("2026-11-29T03:30:10Z") + jiff::SignedDuration::from_secs(i64::from(shard)),
        rdb: Bytes::new(4),
        stored: Bytes::new(4),
        rdb_sha256: "0".repeat(64),
        stored_sha256: "0".repeat(64),
        compression: Compression::None,
        object: format!("shard-{shard:04}.rdb"),
        keys: Some(10 + u64::from(shard)),
        used_memory: Some(Bytes::mib(1)),
        verified: true,
    }
}

fn about(id: &BackupId) -> About {
    About {
        id: id.clone(),
        cluster: cluster(),
        name: "orders".parse().unwrap(),
        occasion: Occasion::Schedule { due: at("2026-11-29T03:30:00Z") },
        users: serde_json::json!({"app": {"acl": "~* +@read"}}),
        config: serde_json::json!({"maxmemory-policy": "allkeys-lru"}),
    }
}

async fn whole(place: &Place, id: &BackupId) -> Manifest {
    let parts: Vec<Part> = (0..3).rev().map(|shard| part(place, id, shard, 3)).collect();
    for part in &parts {
        finish_part(&place.store, id, part).await.unwrap();
    }
    let manifest = Manifest::new(about(id), parts).unwrap();
    write_manifest(&place.store, &manifest).await.unwrap();
    manifest
}

#[tokio::test]
async fn a_manifest_is_written_once() {
    let place = Place::new();
    assert_eq!(read_manifest(&place.store, &place.id).await.unwrap(), None);
    let manifest = whole(&place, &place.id).await;
    assert_eq!((manifest.skew_ms, manifest.keys, manifest.verified), (80, Some(33), true));
    assert_eq!((manifest.rdb, manifest.stored, manifest.releases.len()), (Bytes::new(12), Bytes::new(12), 1));
    assert_eq!((manifest.begun, manifest.ended), (at("2026-11-29T03:30:00.25Z"), at("2026-11-29T03:30:12Z")));
    assert_eq!(manifest.shards.iter().map(|part| part.shard).collect::<Vec<_>>(), [0, 1, 2]);
    write_manifest(&place.store, &manifest).await.unwrap();
    assert_eq!(read_manifest(&place.store, &place.id).await.unwrap().as_ref(), Some(&manifest));
    let other = Manifest { verified: false, ..manifest.clone() };
    let error = write_manifest(&place.store, &other).await.unwrap_err();
    assert!(matches!(error, BackupError::Store(StoreError::Exists { .. })), "{error:?}");
    assert_eq!(read_manifest(&place.store, &place.id).await.unwrap(), Some(manifest));
}

#[tokio::test]
async fn two_writers_of_a_manifest_leave_one() {
    let place = Place::new();
    let manifest = whole(&place, &BackupId::new(at("2026-11-28T03:30:00Z"), Generation::new(1))).await;
    let versions = (0..8).map(|skew_ms| Manifest { id: place.id.clone(), skew_ms, ..manifest.clone() });
    let mut writers = tokio::task::JoinSet::new();
    for version in versions {
        let store = place.store.clone();
        writers.spawn(async move { write_manifest(&store, &version).await.map(|()| version) });
    }
    let results = writers.join_all().await;
    let written: Vec<&Manifest> = results.iter().flatten().collect();
    assert_eq!(written.len(), 1, "{results:?}");
    assert_eq!(read_manifest(&place.store, &place.id).await.unwrap().as_ref(), Some(written[0]));
    for error in results.iter().filter_map(|result| result.as_ref().err()) {
        let expected = matches!(error, BackupError::Store(StoreError::Exists { .. } | StoreError::Busy { .. }));
        assert!(expected, "{error:?}");
    }
    assert_eq!(place.files(), ["manifest.json"]);
}

#[tokio::test]
async fn parts_have_every_slot_once() {
    let place = Place::new();
    let parts: Vec<Part> = (0..3).map(|shard| part(&place, &place.id, shard, 3)).collect();
    let missing = Manifest::new(about(&place.id), parts[1..].to_vec()).unwrap_err();
    assert_eq!(missing, NotWhole::Missing(SlotSet::share(0, 3)));
    let twice = Manifest::new(about(&place.id), [&parts[..], &parts[..1]].concat()).unwrap_err();
    assert_eq!(twice, NotWhole::Twice(SlotSet::share(0, 3)));
    assert_eq!(Manifest::new(about(&place.id), vec![]).unwrap_err(), NotWhole::Missing(SlotSet::all()));
    let mut unknown = parts.clone();
    (unknown[1].keys, unknown[2].verified) = (None, false);
    let manifest = Manifest::new(about(&place.id), unknown).unwrap();
    assert_eq!((manifest.keys, manifest.verified), (None, false));
}

/// The format is what others read: a change of this file is a change of the format.
#[tokio::test]
async fn the_format_stays() {
    let place = Place::new();
    let manifest = Manifest::new(about(&place.id), vec![part(&place, &place.id, 0, 1)]).unwrap();
    insta::assert_json_snapshot!(manifest);
}

#[tokio::test]
async fn what_there_is_is_listed_and_what_is_not_ours_is_left() {
    let place = Place::new();
    assert_eq!(list(&place.store).await.unwrap(), []);
    let ids: Vec<BackupId> = (1..=4_u64)
        .map(|day| BackupId::new(at(&format!("2026-11-0{day}T03:30:00Z")), Generation::new(100 - day)))
        .collect();
    let manifest = whole(&place, &ids[1]).await;
    finish_part(&place.store, &ids[0], &part(&place, &ids[0], 0, 3)).await.unwrap();
    whole(&place, &ids[2]).await;
    whole(&place, &ids[3]).await;
    let file = |id: &BackupId| place.folder().with_file_name(id.as_str()).join("manifest.json");
    let text = fs::read_to_string(file(&ids[2])).unwrap();
    fs::write(file(&ids[2]), text.replace("\"format\": 1", "\"format\": 2")).unwrap();
    fs::write(file(&ids[3]), "{").unwrap();
    for foreign in ["notes.txt", "20261129T033000Z"] {
        fs::create_dir(place.folder().with_file_name(foreign)).unwrap();
    }
    let listed = list(&place.store).await.unwrap();
    assert_eq!(listed.iter().map(|listed| &listed.id).collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>());
    assert_eq!(listed[1].manifest, Some(manifest));
    assert_eq!(listed[1].begun, at("2026-11-02T03:30:00Z"));
    assert_eq!(listed[2].unreadable.as_deref(), Some("it is of format 2, and only 1 is known"));
    let states: Vec<HeldState> = listed.iter().map(|listed| Held::from(listed).state).collect();
    use HeldState::{Unfinished, Unreadable, Verified};
    assert_eq!(states, [Unfinished, Verified, Unreadable, Unreadable]);

    // Another cluster of the same store sees nothing of them.
    let root = place.directory.path().join("backups");
    let destination = format!("file://{}", root.display()).parse().unwrap();
    let other = Store::open(&destination).unwrap().of(cluster(), &"other".parse().unwrap());
    assert_eq!(list(&other).await.unwrap(), []);
    discard(&other, &ids[1]).await.unwrap();

    discard(&place.store, &ids[1]).await.unwrap();
    discard(&place.store, &ids[1]).await.unwrap();
    assert!(!file(&ids[1]).parent().unwrap().exists());
    assert_eq!(list(&place.store).await.unwrap().len(), 3);
}

/// If it is broken off, what is left does not look whole.
#[tokio::test]
async fn the_manifest_goes_first() {
    let place = Place::new();
    whole(&place, &place.id).await;
    fs::write(place.folder().join("somebody's notes"), "").unwrap();
    fs::write(place.folder().join(".shard-0001.rdb.zst.writing"), "left").unwrap();
    let error = discard(&place.store, &place.id).await.unwrap_err();
    assert!(matches!(error, BackupError::Store(StoreError::Failed { .. })), "{error:?}");
    assert_eq!(place.files(), ["somebody's notes"], "what no agent has written is left");
    assert_eq!(read_manifest(&place.store, &place.id).await.unwrap(), None);
    fs::remove_file(place.folder().join("somebody's notes")).unwrap();
    discard(&place.store, &place.id).await.unwrap();
    assert!(!place.folder().exists());
}

#[test]
fn stores_that_there_are_not_yet_say_so() {
    for (destination, scheme) in [("s3://bucket/prefix", "s3"), ("gs://bucket", "gs"), ("az://container/x", "az")] {
        let error = Store::open(&destination.parse().unwrap()).unwrap_err();
        let said = format!("backups cannot go to {scheme}:// yet: name a directory that every node has");
        assert!(error.to_string().starts_with(&said), "{error}");
    }
}
