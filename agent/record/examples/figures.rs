//! Measures what agreeing on the Record costs on this machine: founding, changes, reads, restarts, failover, memory.
//!
//! `cargo run --release -p justmanage-record --example figures`

#![allow(clippy::print_stdout)]

use std::time::{Duration, Instant};

use justmanage_record::{RecordStore, Standing};

#[allow(dead_code)]
#[path = "../tests/it/world.rs"]
mod world;

use world::{World, record};

/// Changes and reads of each kind.
const ROUNDS: usize = 300;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for count in [1, 3, 5] {
        let mut world = World::of(count).await;
        let first = record(&world.agents.iter().collect::<Vec<_>>());
        for agent in &world.agents {
            agent.group().invite(first.clone()).await.expect("an invitation");
        }
        let begun = Instant::now();
        world.agents[0].group().found().await.expect("a group");
        println!("{count} voters: founded, and the first Record agreed on, in {:?}", begun.elapsed());
        let leader = world.leader().await;
        changes(&format!("{count} voters, at the leader"), &world.agents[leader]).await;
        if count > 1 {
            changes(&format!("{count} voters, at a follower"), &world.agents[(leader + 1) % usize::from(count)]).await;
        }
        let begun = Instant::now();
        world.agents[leader].stop().await;
        if count == 1 {
            let stopped = Instant::now();
            world.agents[leader].start().await;
            world.agents[leader].stands("it leads", Standing::leads).await;
            println!("{count} voters: leads again {:?} after it was started", stopped.elapsed());
            println!("{count} voters: memory {}", memory());
        } else {
            world.leader().await;
            println!("{count} voters: another leader {:?} after the end of the first", begun.elapsed());
        }
        world.stop().await;
    }
}

async fn changes(what: &str, agent: &world::Agent) {
    let (mut changes, mut reads) = (Vec::new(), Vec::new());
    let mut current = agent.group().read().await.expect("a majority").expect("a Record");
    for _ in 0..ROUNDS {
        let mut next = current.clone();
        (next.generation, next.unclaimed) = (current.generation.next(), !current.unclaimed);
        let begun = Instant::now();
        let taken = agent.group().compare_and_set((current.epoch, current.generation), next.clone()).await;
        taken.expect("taken");
        changes.push(begun.elapsed());
        let begun = Instant::now();
        agent.group().read().await.expect("a majority");
        reads.push(begun.elapsed());
        current = next;
    }
    println!("{what}: a change {}, a read {}", spread(changes), spread(reads));
}

fn spread(mut times: Vec<Duration>) -> String {
    times.sort_unstable();
    format!("{:?} (p50) {:?} (p99)", times[times.len() / 2], times[times.len() * 99 / 100])
}

/// What this process uses.
fn memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let wanted = |line: &&str| ["VmRSS", "RssAnon", "Threads"].iter().any(|name| line.starts_with(name));
    status
        .lines()
        .filter(wanted)
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(", ")
}
