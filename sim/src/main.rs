//! Runs seed after seed until so many steps (ticks of a tenth of a second) are done, and reports.
#![allow(clippy::print_stdout, reason = "it talks to the person who started it")]

use std::process::ExitCode;
use std::time::Instant;

use justmanage_sim::faults::KINDS;
use justmanage_sim::run::{Tale, run, tell};

struct Arguments {
    steps: u64,
    seed: u64,
    one: bool,
    tale: Tale,
    lines: usize,
}

fn arguments() -> Result<Arguments, String> {
    let mut wanted = Arguments { steps: 1_000_000, seed: 1, one: false, tale: Tale::ANY, lines: 200 };
    let mut given = std::env::args().skip(1);
    while let Some(name) = given.next() {
        let mut number = || given.next().and_then(|text| text.parse().ok()).ok_or(format!("{name} needs a number"));
        match name.as_str() {
            "--steps" => wanted.steps = number()?,
            "--from" => wanted.seed = number()?,
            "--seed" => (wanted.seed, wanted.one) = (number()?, true),
            "--only" => {
                let name = given.next().unwrap_or_default();
                let found = KINDS.iter().position(|kind| format!("{kind:?}") == name);
                let at = found.ok_or(format!("--only needs one of {KINDS:?}"))?;
                wanted.tale.kinds = &KINDS[at..=at];
            }
            "--surge" => wanted.tale.surges = true,
            "--former" => wanted.tale.kinds = Tale::FORMER.kinds,
            "--lines" => wanted.lines = usize::try_from(number()?).unwrap_or(usize::MAX),
            _ => {
                return Err(format!(
                    "{name}: known are --steps N, --from SEED, --seed SEED (that one alone, with its trace), --lines N, \
                     --surge (releases change with temporary replicas), --only KIND (nothing else breaks), --former (only what could happen when seeds/kept*.txt began)"
                ));
            }
        }
    }
    Ok(wanted)
}

fn main() -> ExitCode {
    let wanted = match arguments() {
        Ok(wanted) => wanted,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let run = |seed, traced| run(seed, wanted.tale, traced);
    if wanted.one {
        let verdict = run(wanted.seed, true);
        println!("{}", tell(&verdict, wanted.lines));
        return if verdict.broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let began = Instant::now();
    let mut total = justmanage_sim::world::Counts::default();
    let (mut seed, mut failed) = (wanted.seed, Vec::new());
    while total.ticks < wanted.steps {
        let verdict = run(seed, false);
        total.add(&verdict.counts);
        if let Some((at, what)) = verdict.broken.first() {
            println!("seed {seed} ({}) at {} s: {what}", verdict.shape, at / 1000);
            failed.push(seed);
        }
        seed += 1;
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} steps ({:.1} simulated days) in {seconds:.1} s; {} seeds from {}; {} faults injected; the planner was asked {} times; {} steps of plans, {} changes of the Record, {} planned stops, {} pieces of slots moved; {} nodes entered at other addresses, {} slots closed that others had left half-way, {} servers ended and {} steps failed for want of disk, {} releases crashed later than at their start; {} takeovers, {} of them from frozen primaries and {} from primaries that were cut off; {} clusters lost all copies of a shard that kept nothing on disk; slowest recovery {:.0} s; {} seeds with violations{}",
        total.ticks,
        total.ticks as f64 * 0.1 / 86_400.0,
        seed - wanted.seed,
        wanted.seed,
        total.faults,
        total.plans,
        total.steps,
        total.changes,
        total.stops,
        total.moves,
        total.relocated,
        total.closed,
        total.disks.ended,
        total.disks.steps,
        total.crashes,
        total.takeovers,
        total.frozen,
        total.cut_off,
        total.hopeless,
        total.slowest as f64 / 1000.0,
        failed.len(),
        if failed.is_empty() { String::new() } else { format!(": {failed:?}; see one with --seed N") }
    );
    if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
