//! How much memory a backup takes of the agent's process.

use justmanage_backup::{Bench, verify, write_part};
use justmanage_engine::snapshot::PATIENCE;
use justmanage_model::Bytes;
use justmanage_model::backup::Compression;
use tokio::sync::watch;

use crate::data::{Place, script, serving, store_in};
use crate::inner;
use crate::kills::{connect, leave_word};
use crate::node::Node;
use crate::servers::{find, program};

/// What there is to back up.
const DATA: u64 = 200_000_000;
/// What the whole agent may take of memory while it makes a backup, however large.
const MOST: u64 = 64 << 20;

/// In bytes, of this process.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "is started by two_hundred_megabytes_take_no_more_memory_than_two"]
async fn backs_up_and_verifies() {
    let Some(directory) = inner::directory() else { return };
    let server = find("redis_7_0");
    let node = Node::new(&server, &[]).await;
    for (shard, compression) in [(0, Compression::Zstd), (1, Compression::None)] {
        let place = Place { store: store_in(&directory), ..Place::new() };
        let snapshot = connect(&directory).await.snapshot(PATIENCE).await.unwrap();
        let (progress, _) = watch::channel(Bytes::new(0));
        let order = justmanage_backup::PartOrder { shard, ..place.order(&node, compression) };
        let part = write_part(&place.store, order, snapshot, &progress).await.unwrap();
        assert!(part.rdb.get() > DATA && *progress.borrow() == part.rdb, "{part:?}");
        let written = peak();
        let bench = Bench::new(program(&server), directory.join("scratch"));
        verify(&place.store, &place.id, &part, &bench).await.unwrap();
        let verified = peak();
        println!("{compression}: {} MiB; verified: {} MiB; {part:?}", written >> 20, verified >> 20);
        assert!(verified < MOST, "{written} {verified}");
    }
    println!("all of it was done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_megabytes_take_no_more_memory_than_two() {
    let (place, (node, mut agent)) = (Place::new(), serving(&find("redis_7_0")).await);
    let settings = [("maxmemory", "1gb"), ("rdbcompression", "no")];
    agent.config_set(&settings.map(|(key, value)| (key.to_owned(), value.to_owned())).into()).await.unwrap();
    let fill = "for i = 1, 10 do
            local parts = {}
            for j = 1, 1250 do parts[j] = string.format('%08x', math.random(0, 2147483647)) end
            local random = table.concat(parts)
            for k = 1, 1001 do redis.call('SET', 'key:' .. i .. ':' .. k, random .. string.rep(k .. ' ', 2500)) end
        end";
    script(&node, fill);
    leave_word(place.directory.path(), &node);
    let mut command = inner::command("memory::backs_up_and_verifies", place.directory.path());
    let output = command.stdout(std::process::Stdio::piped()).output().unwrap();
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("all of it was done"), "{said}{errors}");
    println!("{said}");
}
