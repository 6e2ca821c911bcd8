//! SIGKILL of terraform, the provider, agents and servers at moments that nobody chose, while a cluster goes over to another version or
//! another number of shards, under clients: applied again, it is what was asked for. All keys that lay there are there; of acknowledged
//! writes nothing is lost, unless a primary was killed, and then only the newest.
//!
//! A seed is a story ([`story`]). `JUSTMANAGE_KILL_SEEDS=50` tells so many instead of a handful, `JUSTMANAGE_KILL_SEED=7` that one;
//! `JUSTMANAGE_KILL_TABLE` names a file to which a line of JSON is added for each. `cargo xtask bench --only kills` shows the table.

mod place;
mod story;

use std::fs::File;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use acceptance_tests::servers::{self, Server};
use serde_json::json;

use super::text_of;
use place::Place;
use story::Story;

/// The stories that are told unless more are wanted, each of half a minute: between them they kill terraform, a provider, an agent and
/// servers of each engine, in changes of the version and of the shards of each.
const HANDFUL: [u64; 5] = [0, 1, 4, 5, 6];

/// The seeds that are this engine's: every second one.
fn seeds(parity: u64) -> Vec<u64> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("JUSTMANAGE_KILL_SEED") {
        return vec![seed];
    }
    let all = number("JUSTMANAGE_KILL_SEEDS").map_or_else(|| HANDFUL.to_vec(), |count| (0..count).collect());
    all.into_iter().filter(|seed| seed % 2 == parity).collect()
}

/// Tells one after the other to one cluster; where one ends badly, the next begins with a new one.
fn all_converge(engine: &'static str, servers: &[Server; 2], parity: u64) {
    let (mut place, mut failed) = (None, Vec::new());
    let seeds = seeds(parity);
    for seed in &seeds {
        let story = Story::of(*seed);
        let begun = Instant::now();
        let used = place.take();
        let told = catch_unwind(AssertUnwindSafe(|| {
            let mut place: Place = used.unwrap_or_else(|| Place::made(engine, servers));
            let row = place.told(&story);
            (place, row)
        }));
        let mut row = match told {
            Ok((kept, row)) => {
                place = Some(kept);
                row
            }
            Err(panic) => {
                let why = text_of(panic.as_ref());
                failed.push(format!("seed {seed}: {why}"));
                json!({ "failed": why, "kills": format!("{:?}", story.kills), "operation": story.operation.to_string() })
            }
        };
        row["seed"] = json!(seed);
        row["engine"] = json!(engine);
        eprintln!("{:5.1} s  {row}", begun.elapsed().as_secs_f32());
        note(&row);
    }
    assert!(failed.is_empty(), "{} of {} seeds: {failed:#?}", failed.len(), seeds.len());
    place.into_iter().for_each(Place::end);
}

fn note(row: &serde_json::Value) {
    if let Some(path) = std::env::var_os("JUSTMANAGE_KILL_TABLE") {
        let mut table = File::options().append(true).create(true).open(path).expect("the table");
        writeln!(table, "{row}").expect("a row of the table");
    }
}

#[test]
fn whoever_is_killed_at_any_moment_an_apply_finishes_it_and_the_data_are_there_redis() {
    all_converge("redis", &[servers::of_line("redis", "8.0"), servers::patch_of_line("redis", "8.0")], 0);
}

#[test]
fn whoever_is_killed_at_any_moment_an_apply_finishes_it_and_the_data_are_there_valkey() {
    all_converge("valkey", &["8.1", "9.1"].map(|line| servers::of_line("valkey", line)), 1);
}
