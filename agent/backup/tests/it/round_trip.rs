//! What went in comes out again: every type, from primaries and from replicas, of every release.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use justmanage_backup::{Part, existing_part, finish_part, list, parts, verify};
use justmanage_model::Bytes;
use justmanage_model::backup::Compression;
use ring::digest::{SHA256, digest};

use crate::cluster::Cluster;
use crate::data::{Place, Restored, admit, ask, describe, fill, is_old, same, script, send, serving};
use crate::servers::{on_every_server, on_servers, on_some_servers};
use crate::wait::until;

on_every_server! { all_data_of_primary_and_replica_come_back }

on_some_servers! { a_server_without_keys_has_a_backup, what_is_written_meanwhile_is_not_in_it }

// Valkey 9.1 makes none for whoever wants the data alone, whatever is set.
on_servers! { [redis_6_2 redis_7_0 redis_8_6 valkey_8_0] a_server_that_makes_a_file_first_is_read_as_well }

async fn a_server_that_makes_a_file_first_is_read_as_well(server: PathBuf) {
    let (node, mut agent) = serving(&server).await;
    agent.config_set(&[("repl-diskless-sync".to_owned(), "no".to_owned())].into()).await.unwrap();
    fill(&node);
    let place = Place::new();
    let part = place.write(&node, Compression::Zstd).await;
    let verified = verify(&place.store, &place.id, &part, &place.bench(&server)).await.unwrap();
    assert_eq!(verified.keys.to_string(), ask(&node, &["DBSIZE"]));
    let log = fs::read_to_string(&node.files.log).unwrap();
    assert!(log.contains("with target: disk"), "{log}");
}

/// Seconds of writing, with all that a server says to its replicas in between.
async fn what_is_written_meanwhile_is_not_in_it(server: PathBuf) {
    let (node, mut agent) = serving(&server).await;
    script(&node, "for i = 1, 1500 do redis.call('SET', i, string.rep('x', 1000) .. i) end");
    agent.config_set(&[("rdb-key-save-delay".to_owned(), "5000".to_owned())].into()).await.unwrap();
    let place = Place::new();
    let written = std::sync::atomic::AtomicBool::new(false);
    let (part, writes) = tokio::join!(
        async {
            let part = place.write(&node, Compression::Zstd).await;
            written.store(true, std::sync::atomic::Ordering::Relaxed);
            part
        },
        async {
            let mut writes = 0;
            // From when the child is there, whose data are those of before.
            until("it forks", async || agent.info().await.unwrap().get("rdb_bgsave_in_progress") == Some("1")).await;
            while !written.load(std::sync::atomic::Ordering::Relaxed) {
                script(&node, &format!("redis.call('SET', 'later:{writes}', 'x') redis.call('DEL', {writes})"));
                writes += 1;
                tokio::task::yield_now().await;
            }
            writes
        }
    );
    assert!(writes > 10, "{writes}");
    assert_eq!(part.keys, Some(1500));
    let verified = verify(&place.store, &place.id, &part, &place.bench(&server)).await.unwrap();
    assert_eq!(verified.keys, 1500);
}

/// Keys that have expired and are still there are not counted as lost.
async fn a_server_without_keys_has_a_backup(server: PathBuf) {
    let (node, _agent) = serving(&server).await;
    let place = Place::new();
    let part = place.write(&node, Compression::Zstd).await;
    assert_eq!(part.keys, Some(0));
    assert_eq!(verify(&place.store, &place.id, &part, &place.bench(&server)).await.unwrap().keys, 0);

    script(&node, "for i = 1, 50 do redis.call('SET', i, i) redis.call('SET', -i, i, 'PX', '300') end");
    let place = Place::new();
    let part = place.write(&node, Compression::Zstd).await;
    let verified = until_verified(&place, &part, &server).await;
    assert_eq!(verified, 50, "of {:?}", part.keys);
    assert!(part.keys >= Some(50));
}

/// How many keys it has once the others have expired.
async fn until_verified(place: &Place, part: &Part, server: &Path) -> u64 {
    let mut keys = 0;
    until("they have expired", async || {
        keys = verify(&place.store, &place.id, part, &place.bench(server)).await.unwrap().keys;
        keys == 50
    })
    .await;
    keys
}

async fn all_data_of_primary_and_replica_come_back(server: PathBuf) {
    let mut cluster = Cluster::formed(&server, 1, 1).await;
    cluster.nodes.iter().for_each(admit);
    fill(&cluster.nodes[0]);
    let keys: u64 = ask(&cluster.nodes[0], &["DBSIZE"]).parse().unwrap();
    until("the replica has it all", async || offset(&mut cluster, 0).await == offset(&mut cluster, 1).await).await;
    for (position, compression) in [(0, Compression::Zstd), (1, Compression::Zstd), (1, Compression::None)] {
        let place = Place::new();
        // A replica's readers of streams were last seen when it heard of them.
        let before = describe(&cluster.nodes[position]);
        assert_eq!(before.contains("register_function"), !is_old(&cluster.nodes[0]));
        let replid = cluster.server(position).info().await.unwrap().get("master_replid").unwrap().to_owned();
        let mut part = place.write(&cluster.nodes[position], compression).await;
        assert_eq!((&part.replid, part.keys, part.verified), (&replid, Some(keys), false), "{part:#?}");
        assert!(part.begun <= part.ended && part.offset > 0 && part.used_memory > Some(Bytes::mib(1)), "{part:#?}");

        let verified = send(verify(&place.store, &place.id, &part, &place.bench(&server))).await.unwrap();
        assert_eq!(verified.keys, keys);
        assert!(fs::read_dir(place.scratch()).unwrap().next().is_none(), "nothing remains of it");

        assert_eq!(existing_part(&place.store, &place.id, 0).await.unwrap(), None, "nobody has said so yet");
        part.verified = true;
        finish_part(&place.store, &place.id, &part).await.unwrap();
        finish_part(&place.store, &place.id, &part).await.unwrap();
        assert_eq!(existing_part(&place.store, &place.id, 0).await.unwrap().as_ref(), Some(&part));
        assert_eq!(send(parts(&place.store, &place.id)).await.unwrap(), [part.clone()]);
        assert_eq!(send(list(&place.store)).await.unwrap().len(), 1);

        let stored = fs::read(place.folder().join(&part.object)).unwrap();
        let file = match compression {
            Compression::Zstd => zstd::decode_all(&stored[..]).unwrap(),
            Compression::None => stored.clone(),
        };
        let said = [(part.rdb, &part.rdb_sha256), (part.stored, &part.stored_sha256)];
        for (bytes, (size, sha256)) in [&file, &stored].into_iter().zip(said) {
            let found: String = digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!((bytes.len() as u64, &found), (size.get(), sha256));
        }
        let restored = tempfile::tempdir().unwrap();
        fs::write(restored.path().join("dump.rdb"), file).unwrap();
        same(&Restored::of(&server, restored.path()).await.describe(), &before);
        for (name, mode) in [("", 0o700), ("shard-0000.json", 0o600), (&part.object, 0o600)] {
            assert_eq!(fs::metadata(place.folder().join(name)).unwrap().permissions().mode() & 0o777, mode, "{name}");
        }
    }
    // Whoever read is not taken for a replica any more.
    for (position, replicas) in [(0, "1"), (1, "0")] {
        let server = cluster.server(position);
        until("it is forgotten", async || server.info().await.unwrap().get("connected_slaves") == Some(replicas)).await;
    }
}

async fn offset(cluster: &mut Cluster, position: usize) -> Option<u64> {
    cluster.server(position).info().await.unwrap().number("master_repl_offset")
}
