//! How fast slots move, and what clients feel of it: a cluster of three primaries with a million keys gives a quarter of its slots
//! to a fourth one, by our mover and by `redis-cli`, one after the other on the same machine.
//!
//! `cargo run --release -p justmanage-engine --example moving -- SERVERS [KEYS]`, where SERVERS is the directory of one server such
//! as `~/.cache/justmanage/servers/redis-7.2.4`, or several with commas between, and `redis-cli` is taken from
//! `~/.cache/justmanage/servers/redis-7.0.15`. What `SERVER_ARGS` in the environment says is added to the servers' arguments
//! (`--appendonly yes --appendfsync always`).
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a measurement that cannot go on is to stop there, and prints"
)]

mod field;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use justmanage_engine::migrate::{MoveOrder, Mover};
use justmanage_model::SlotSet;
use justmanage_model::slots::balance::{Move, balance};

use field::Field;
use writer::Writer;

/// Bytes of a value.
const VALUE: usize = 16;

#[derive(Clone, Copy)]
enum By {
    Us,
    Cli { pipeline: &'static str },
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let servers = arguments.next().expect("the directory of a server");
    let keys: u64 = arguments.next().map_or(1_000_000, |keys| keys.parse().unwrap());
    println!("| server | by | slots | keys | seconds | slots/s | keys/s | longest gap of a writer |");
    println!("|---|---|---|---|---|---|---|---|");
    for server in servers.split(',').map(PathBuf::from) {
        for by in [By::Us, By::Cli { pipeline: "10" }, By::Cli { pipeline: "100" }] {
            measure(&server, by, keys).await;
        }
    }
}

async fn measure(server: &Path, by: By, keys: u64) {
    let field = Field::formed(server, 3, 1).await;
    field.load(keys, VALUE);
    let current: BTreeMap<u16, SlotSet> = (0..3).map(|shard| (shard, SlotSet::share(shard, 3))).collect();
    let moves = balance(&current, None, 4);
    let writer = Writer::start(field.address(0));
    let begun = Instant::now();
    let name = match by {
        By::Us => {
            move_all(&field, &moves).await;
            "ours".to_owned()
        }
        By::Cli { pipeline } => {
            reshard(&field, pipeline);
            format!("redis-cli, pipeline {pipeline}")
        }
    };
    let took = begun.elapsed();
    let gap = writer.stop();
    let (slots, moved) = field.at(3).await;
    println!(
        "| {} | {name} | {slots} | {moved} | {:.2} | {:.0} | {:.0} | {} ms |",
        server.file_name().unwrap().to_string_lossy(),
        took.as_secs_f64(),
        f64::from(slots) / took.as_secs_f64(),
        moved as f64 / took.as_secs_f64(),
        gap.as_millis(),
    );
}

/// Each source by itself, as its agent does it.
async fn move_all(field: &Field, moves: &[Move]) {
    let all = moves.iter().map(|one| async move {
        let (mut source, mut target) = (field.connect(one.from.into()).await, field.connect(one.to.into()).await);
        let (to, login) = (field.id(one.to.into()).await, field::login());
        let order = MoveOrder { slots: &one.slots, to, at: field.address(one.to.into()), login: &login };
        let mut mover = Mover::default();
        loop {
            let until = Instant::now() + Duration::from_secs(1);
            if mover.turn(&mut source, &mut target, &order, until, |_| ()).await.unwrap().done {
                break;
            }
        }
    });
    let mut all: Vec<_> = all.map(Box::pin).collect();
    let mut left = std::future::poll_fn(|context| {
        all.retain_mut(|one| one.as_mut().poll(context).is_pending());
        if all.is_empty() { std::task::Poll::Ready(()) } else { std::task::Poll::Pending }
    });
    std::pin::Pin::new(&mut left).await;
}

fn reshard(field: &Field, pipeline: &str) {
    let ids: Vec<String> = (0..4).map(|node| field.cli(node, &["CLUSTER", "MYID"])).collect();
    let said = Command::new(field::cli())
        .args(["--cluster", "reshard", &field.address(0).to_string(), "--cluster-from", &ids[..3].join(",")])
        .args(["--cluster-to", &ids[3], "--cluster-slots", "4096", "--cluster-pipeline", pipeline, "--cluster-yes"])
        .output()
        .unwrap();
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}
