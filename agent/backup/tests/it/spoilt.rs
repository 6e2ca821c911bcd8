//! What is in the store is not what was written, or cannot be looked at.

use std::fs;
use std::path::PathBuf;

use justmanage_backup::{BackupError, Bench, Part, existing_part, finish_part, verify};
use justmanage_model::Bytes;
use justmanage_model::backup::Compression;
use ring::digest::{SHA256, digest};

use crate::data::{Place, fill, serving};
use crate::node::Node;
use crate::servers::{find, on_some_servers};

on_some_servers! { a_file_that_its_server_cannot_load_is_damaged }

async fn stored(compression: Compression) -> (Place, Part, PathBuf) {
    let server = find("redis_7_0");
    let (place, (node, _agent)) = (Place::new(), serving(&server).await);
    fill(&node);
    let part = place.write(&node, compression).await;
    finish_part(&place.store, &place.id, &part).await.unwrap();
    (place, part, server)
}

fn damage(error: BackupError) -> String {
    let BackupError::Damaged { why, .. } = &error else { panic!("{error:?}") };
    why.clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_change_of_what_is_stored_is_found() {
    for compression in [Compression::Zstd, Compression::None] {
        let (place, part, server) = stored(compression).await;
        let (object, bench) = (place.folder().join(&part.object), place.bench(&server));
        let good = fs::read(&object).unwrap();
        verify(&place.store, &place.id, &part, &bench).await.unwrap();
        for changed in [0, 9, good.len() / 2, good.len() - 1] {
            let mut bytes = good.clone();
            bytes[changed] ^= 1;
            fs::write(&object, bytes).unwrap();
            damage(verify(&place.store, &place.id, &part, &bench).await.unwrap_err());
        }
        let longer = [&good[..], b"x"].concat();
        for bytes in [&good[..good.len() - 1], &good[..good.len() / 2], &[], &longer] {
            fs::write(&object, bytes).unwrap();
            let why = damage(existing_part(&place.store, &place.id, 0).await.unwrap_err());
            assert!(why.contains("instead of"), "{why}");
            damage(verify(&place.store, &place.id, &part, &bench).await.unwrap_err());
        }
        fs::write(&object, &good).unwrap();
        verify(&place.store, &place.id, &part, &bench).await.unwrap();
        fs::remove_file(&object).unwrap();
        assert_eq!(damage(existing_part(&place.store, &place.id, 0).await.unwrap_err()), "it is gone");
        assert_eq!(damage(verify(&place.store, &place.id, &part, &bench).await.unwrap_err()), "it is gone");
        assert!(fs::read_dir(place.scratch()).unwrap().next().is_none(), "nothing remains");
    }
}

/// What was written is what is there, but it is no whole file of data: so it was when it came from the server.
async fn a_file_that_its_server_cannot_load_is_damaged(server: PathBuf) {
    let (place, (node, _agent)) = (Place::new(), serving(&server).await);
    fill(&node);
    let part = place.write(&node, Compression::None).await;
    let object = place.folder().join(&part.object);
    let good = fs::read(&object).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for bytes in [&flipped[..], &good[..good.len() / 2], b"REDIS0009", b"something else"] {
        fs::write(&object, bytes).unwrap();
        let sha256: String = digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        let size = Bytes::new(bytes.len() as u64);
        let part = Part { rdb: size, stored: size, rdb_sha256: sha256.clone(), stored_sha256: sha256, ..part.clone() };
        let why = damage(verify(&place.store, &place.id, &part, &place.bench(&server)).await.unwrap_err());
        assert_eq!(why, "a server of its release cannot load it", "{} bytes", bytes.len());
    }
}

/// A file that says that it has other keys than it has: so one that lost some of them on the way would.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_counted() {
    let (place, part, server) = stored(Compression::None).await;
    let object = place.folder().join(&part.object);
    let mut bytes = fs::read(&object).unwrap();
    // RESIZEDB and a count of two bytes; the checksum at the end is 0: not looked at.
    let count = u16::try_from(part.keys.unwrap()).unwrap() | 0x4000;
    let place_of = bytes.windows(3).position(|part| part == [&[251][..], &count.to_be_bytes()].concat()).unwrap();
    bytes[place_of + 2] ^= 1;
    let checksum = bytes.len() - 8;
    bytes[checksum..].fill(0);
    fs::write(&object, &bytes).unwrap();
    let sha256: String = digest(&SHA256, &bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let part = Part { rdb_sha256: sha256.clone(), stored_sha256: sha256, ..part };
    let why = damage(verify(&place.store, &place.id, &part, &place.bench(&server)).await.unwrap_err());
    assert!(why.contains("keys were loaded from it, and it says that it has"), "{why}");
}

/// Neither fills a disk nor memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_it_is_said_to_be_is_not_unpacked() {
    let (place, part, server) = stored(Compression::Zstd).await;
    let bomb = zstd::encode_all(&vec![0; 100 << 20][..], 1).unwrap();
    fs::write(place.folder().join(&part.object), bomb).unwrap();
    let why = damage(verify(&place.store, &place.id, &part, &place.bench(&server)).await.unwrap_err());
    assert_eq!(why, "it cannot be unpacked: there is more in it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_found_out_is_no_damage() {
    let (place, part, server) = stored(Compression::Zstd).await;
    let meminfo = place.directory.path().join("meminfo");
    let not = async |bench: Bench| {
        let error = verify(&place.store, &place.id, &part, &bench).await.unwrap_err();
        let BackupError::NotVerified { why } = &error else { panic!("{error:?}") };
        assert!(fs::read_dir(place.scratch()).map_or(0, Iterator::count) == 0, "nothing remains");
        why.clone()
    };
    let with_memory = |text: &str| {
        fs::write(&meminfo, text).unwrap();
        Bench { meminfo: meminfo.clone(), ..place.bench(&server) }
    };
    let needed = part.used_memory.unwrap().get() / 10 * 13 / 1024;
    let why = not(with_memory(&format!("MemTotal: 99999999 kB\nMemAvailable: {} kB\n", needed - 64))).await;
    assert!(why.starts_with("loading it takes some ") && why.ends_with(" MiB are available"), "{why}");
    assert_eq!(
        not(with_memory("MemTotal: 99999999 kB\n")).await,
        "the kernel does not say how much memory is available"
    );
    let enough = with_memory(&format!("MemAvailable:   {} kB\n", needed + 64));
    verify(&place.store, &place.id, &part, &enough).await.unwrap();

    for (program, why) in [
        ("/bin/false", "the server that was to load it ended with code 1"),
        ("/nowhere/redis-server", "the server that was to load it ended with code 127"),
    ] {
        assert_eq!(not(Bench::new(program, place.scratch())).await, why);
    }
}

/// What nobody can read is not written for everybody to read.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_to_be_encrypted_is_not_written_in_plain() {
    let (node, _agent): (Node, _) = serving(&find("redis_7_0")).await;
    let place = Place::new();
    let recipient = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p".parse().unwrap();
    let order = justmanage_backup::PartOrder { encryption: vec![recipient], ..place.order(&node, Compression::Zstd) };
    let (progress, _) = tokio::sync::watch::channel(Bytes::new(0));
    let snapshot = crate::data::snapshot(&node).await.unwrap();
    let error = justmanage_backup::write_part(&place.store, order, snapshot, &progress).await.unwrap_err();
    assert!(matches!(error, BackupError::Encryption), "{error:?}");
    assert_eq!(place.files(), [""; 0]);
}
