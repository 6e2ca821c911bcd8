//! Writers and verifiers that are killed, and who comes after them.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};

use justmanage_backup::{BackupError, StoreError, clean, existing_part, finish_part, verify, write_part};
use justmanage_engine::snapshot::PATIENCE;
use justmanage_engine::{Connection, Login, Trust};
use justmanage_model::backup::Compression;
use justmanage_model::{Bytes, Secret};
use tokio::sync::watch;

use crate::data::{Place, fill, script, serving, snapshot, store_in};
use crate::inner::{self, Ending};
use crate::node::{Node, REPLICATION_PASSWORD};
use crate::servers::{find, program};
use crate::wait::until;

const WRITING: &str = ".shard-0000.rdb.zst.writing";

/// Where a process of its own finds what it is to read.
pub(crate) fn leave_word(directory: &Path, node: &Node) {
    let authority = if node.tls { node.authority.pem.as_str() } else { "" };
    fs::write(directory.join("address"), node.address.to_string()).unwrap();
    fs::write(directory.join("authority"), authority).unwrap();
}

pub(crate) async fn connect(directory: &Path) -> Connection {
    let read = |name: &str| fs::read_to_string(directory.join(name)).unwrap();
    let user = justmanage_engine::acl::REPLICATION_USER.to_owned();
    let login = Login { user, password: Secret::new(REPLICATION_PASSWORD.to_owned()) };
    let trust = Trust::from_pem(&read("authority")).unwrap();
    Connection::open(read("address").parse().unwrap(), &trust, &login, PATIENCE).await.unwrap()
}

#[tokio::test]
#[ignore = "is started, and killed, by a_writer_that_is_killed_leaves_nothing_that_looks_whole"]
async fn writes_until_it_is_killed() {
    let Some(directory) = inner::directory() else { return };
    let place = Place { store: store_in(&directory), ..Place::new() };
    let snapshot = connect(&directory).await.snapshot(PATIENCE).await.unwrap();
    let (progress, _) = watch::channel(Bytes::new(0));
    let node = Node::new(&find("redis_7_0"), &[]).await;
    let order = place.order(&node, Compression::Zstd);
    write_part(&place.store, order, snapshot, &progress).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_writer_that_is_killed_leaves_nothing_that_looks_whole() {
    let (place, (node, mut agent)) = (Place::new(), serving(&find("redis_7_0")).await);
    script(&node, "for i = 1, 3000 do redis.call('SET', i, string.rep('x', 1000) .. i) end");
    let delay = |us: &str| [("rdb-key-save-delay".to_owned(), us.to_owned())].into();
    agent.config_set(&delay("5000")).await.unwrap();
    leave_word(place.directory.path(), &node);
    let child = inner::command("kills::writes_until_it_is_killed", place.directory.path()).spawn().unwrap();
    let mut child = Ending(child);
    until("it writes", async || place.files() == [WRITING]).await;

    // A server writes its data for one after the other, so who is to meet the first writer reads another one.
    let (other, _its_agent) = serving(&find("redis_7_0")).await;
    let (progress, _) = watch::channel(Bytes::new(0));
    let order = || place.order(&node, Compression::Zstd);
    let error = write_part(&place.store, order(), snapshot(&other).await.unwrap(), &progress).await.unwrap_err();
    assert!(matches!(error, BackupError::Store(StoreError::Busy { .. })), "{error:?}");

    child.0.kill().unwrap();
    assert_eq!(child.0.wait().unwrap().signal(), Some(9), "it was still at it");
    assert_eq!(place.files(), [WRITING]);
    agent.config_set(&delay("0")).await.unwrap();
    assert_eq!(existing_part(&place.store, &place.id, 0).await.unwrap(), None);
    // The next one puts up with that, and with an object that nobody has said anything about.
    for _ in 0..2 {
        write_part(&place.store, order(), snapshot(&node).await.unwrap(), &progress).await.unwrap();
        assert_eq!(place.files(), ["shard-0000.rdb.zst"]);
    }
    let part = write_part(&place.store, order(), snapshot(&node).await.unwrap(), &progress).await.unwrap();
    finish_part(&place.store, &place.id, &part).await.unwrap();
    assert_eq!(existing_part(&place.store, &place.id, 0).await.unwrap(), Some(part));
    // What was said stands.
    let error = write_part(&place.store, order(), snapshot(&node).await.unwrap(), &progress).await.unwrap_err();
    assert!(matches!(error, BackupError::Store(StoreError::Exists { .. })), "{error:?}");
}

#[tokio::test]
#[ignore = "is started, and killed, by who_verifies_and_is_killed_takes_its_server_along"]
async fn verifies_until_it_is_killed() {
    let Some(directory) = inner::directory() else { return };
    let place = Place { store: store_in(&directory), ..Place::new() };
    let part = existing_part(&place.store, &place.id, 0).await.unwrap().unwrap();
    let bench = justmanage_backup::Bench::new(directory.join("hangs"), directory.join("scratch"));
    verify(&place.store, &place.id, &part, &bench).await.unwrap();
}

/// A program that is no server: it says that it runs, and never loads anything.
fn hangs(directory: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let program = directory.join("hangs");
    fs::write(&program, "#!/bin/sh\necho $$ >pid\nexec sleep 1000\n").unwrap();
    fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
    program
}

/// A part that is in the store, and where a program that verifies it says which process it is.
async fn stored(place: &Place) -> PathBuf {
    let (node, _agent) = serving(&find("redis_7_0")).await;
    fill(&node);
    let part = place.write(&node, Compression::Zstd).await;
    finish_part(&place.store, &place.id, &part).await.unwrap();
    hangs(place.directory.path());
    place.scratch().join(format!("verify-{}-0000/pid", place.id))
}

async fn pid(file: &Path) -> String {
    let mut pid = String::new();
    until("it runs", async || {
        pid = fs::read_to_string(file).unwrap_or_default().trim().to_owned();
        !pid.is_empty()
    })
    .await;
    pid
}

fn runs(pid: &str) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.contains("(sleep)") && !stat.contains("(sleep) Z")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_verifies_and_is_killed_takes_its_server_along() {
    let place = Place::new();
    let file = stored(&place).await;
    let child = inner::command("kills::verifies_until_it_is_killed", place.directory.path()).spawn().unwrap();
    let mut child = Ending(child);
    let pid = pid(&file).await;
    until("it is what it becomes", async || runs(&pid)).await;
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    until("it has ended", async || !runs(&pid)).await;
    assert!(file.exists(), "nobody was there to remove it");
    clean(&place.scratch()).unwrap();
    clean(&place.scratch()).unwrap();
    assert!(fs::read_dir(place.scratch()).unwrap().next().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_loses_interest_leaves_nothing() {
    let place = Place::new();
    let file = stored(&place).await;
    let part = existing_part(&place.store, &place.id, 0).await.unwrap().unwrap();
    let bench = justmanage_backup::Bench::new(place.directory.path().join("hangs"), place.scratch());
    let pid = {
        let verifying = verify(&place.store, &place.id, &part, &bench);
        tokio::select! {
            verified = verifying => panic!("{verified:?}"),
            pid = pid(&file) => pid,
        }
    };
    until("it has ended", async || !runs(&pid)).await;
    assert!(fs::read_dir(place.scratch()).unwrap().next().is_none());
}

/// A server of a life before, whose keeper was killed with everybody else: it is ended with its files.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_runs_without_a_keeper_is_ended() {
    let place = Place::new();
    let left = place.scratch().join("verify-20261129T033000Z-57-0000");
    let other = place.scratch().join("other");
    for directory in [&left, &other] {
        fs::create_dir_all(directory).unwrap();
    }
    let serve = |directory: &Path| {
        let mut server = std::process::Command::new(program(&find("redis_7_0")));
        // One that listens nowhere ends by itself.
        server.args(["--port", "0", "--unixsocket", "socket", "--save", ""]);
        server.current_dir(directory).stdout(std::process::Stdio::null());
        Ending(server.spawn().unwrap())
    };
    let (mut server, mut bystander) = (serve(&left), serve(&other));
    clean(&place.scratch()).unwrap();
    assert_eq!(server.0.wait().unwrap().signal(), Some(9));
    assert!(!left.exists() && other.exists());
    assert_eq!(bystander.0.try_wait().unwrap(), None, "it works elsewhere");
}
