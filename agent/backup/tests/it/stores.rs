//! Disks that are full, directories that nobody may write to.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use justmanage_backup::{BackupError, Bench, StoreError, finish_part, verify, write_part};
use justmanage_model::Bytes;
use justmanage_model::backup::Compression;
use tokio::sync::watch;

use crate::data::{Place, fill, script, serving, snapshot, store_in};
use crate::inner;
use crate::servers::{find, program};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is started by a_full_disk_leaves_nothing, where directories of its own are full"]
async fn writes_where_there_is_no_space() {
    let Some(directory) = inner::directory() else { return };
    let server = find("redis_7_0");
    let (node, mut agent) = serving(&server).await;
    fill(&node);
    let place = Place { store: store_in(&directory), ..Place::new() };
    let folder = directory.join("backups/orders").join(crate::data::cluster().to_string()).join(place.id.to_string());
    let (progress, _) = watch::channel(Bytes::new(0));
    let part = place.write(&node, Compression::None).await;
    finish_part(&place.store, &place.id, &part).await.unwrap();

    // What was unpacked would not fit beside 64 MiB that are left free.
    let bench = Bench::new(program(&server), directory.join("scratch"));
    let error = verify(&place.store, &place.id, &part, &bench).await.unwrap_err();
    assert!(error.to_string().starts_with("not verified: unpacking it takes 64 MiB of disk, and "), "{error}");
    assert!(fs::read_dir(directory.join("scratch")).unwrap().next().is_none());

    script(&node, "for i = 1, 10000 do redis.call('SET', 'more:' .. i, string.rep('x', 1000) .. i) end");
    agent.config_set(&[("rdbcompression".to_owned(), "no".to_owned())].into()).await.unwrap();
    let order = || justmanage_backup::PartOrder { shard: 1, ..place.order(&node, Compression::None) };
    let error = write_part(&place.store, order(), snapshot(&node).await.unwrap(), &progress).await.unwrap_err();
    assert!(matches!(error, BackupError::Store(StoreError::Full { .. })), "{error:?}");
    let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["shard-0000.json", "shard-0000.rdb"]);
    println!("all of it was done");
}

/// A small disk of its own, in a namespace that goes with the process.
#[test]
fn a_full_disk_leaves_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let inner = inner::command("stores::writes_where_there_is_no_space", directory.path());
    let mut shut_in = Command::new("unshare");
    shut_in.args(["--mount", "--", "sh", "-ec", r#"mount -t tmpfs -o size=4m small "$0"; exec "$@""#]);
    shut_in.arg(directory.path()).arg(inner.get_program()).args(inner.get_args());
    shut_in.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = shut_in.output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("all of it was done"), "{said}{errors}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_destination_that_is_a_file_is_an_error() {
    let (node, _agent) = serving(&find("redis_7_0")).await;
    let (progress, _) = watch::channel(Bytes::new(0));
    let place = Place::new();
    let file = place.directory.path().join("backups");
    fs::write(&file, "").unwrap();
    let order = place.order(&node, Compression::Zstd);
    let error = write_part(&place.store, order, snapshot(&node).await.unwrap(), &progress).await.unwrap_err();
    assert!(matches!(error, BackupError::Store(StoreError::Failed { .. })), "{error:?}");
}

/// Whatever directories are above, and however files are usually made here.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_made_is_made_for_its_owner() {
    let (node, _agent) = serving(&find("redis_7_0")).await;
    let place = Place::new();
    let above = place.directory.path().join("backups");
    fs::create_dir(&above).unwrap();
    fs::set_permissions(&above, PermissionsExt::from_mode(0o755)).unwrap();
    place.write(&node, Compression::Zstd).await;
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&above), 0o755, "that was somebody's decision");
    let made = [above.join("orders"), place.folder(), place.folder().join("shard-0000.rdb.zst")];
    assert_eq!(made.map(|path| mode(&path)), [0o700, 0o700, 0o600]);
}
