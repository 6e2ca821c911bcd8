//! Reviewed scripts: a world, what happens to it, and what the planner says, turn by turn.
//!
//! One command a line; `#` begins a comment. Nodes are named by their seats: `0.1` is the second node of the first shard.
//!
//! | command | what it does |
//! |---|---|
//! | `world 3x1 new \| formed [valkey] [unpersisted] [restart] [spare]` | 3 shards with 1 replica each; `restart`: on_crash; `spare`: one, or one more, after 15 s |
//! | `set 0.1 WHAT [VALUE]`, `set WHAT [VALUE]` | something happens to a node, or an operator wants something (`stage.rs`) |
//! | `pass SECONDS` | time passes; servers go on, agents only watch |
//! | `expect PLAN` | the planner says exactly this now: `converged`, `act STEPS`, `wait REASONS` |
//! | `waiting REASON` | this is among the reasons that it gives, beside whatever it does |
//! | `step` | what it says is done |
//! | `until PLAN` | time passes, at most a minute, until it says this |
//! | `drive PLAN` | on and on until it says this, at most ten minutes |
//! | `converge` | on and on until nothing is left to do, at most ten minutes |
//!
//! Every script ends with `expect converged`.

use std::path::Path;

use justmanage_model::Plan;

use crate::show::show;
use crate::stage::Stage;

#[test]
fn every_script_holds() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let faults: Vec<String> = files.iter().filter_map(|file| run(file).err()).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(files.len() >= 50, "the scripts are in {directory:?}");
}

fn run(file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).unwrap();
    let name = file.file_name().unwrap().to_string_lossy();
    let mut stage = None;
    let mut last = String::new();
    for (number, line) in text.lines().enumerate() {
        let command = line.split('#').next().unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
        if command.is_empty() {
            continue;
        }
        last.clone_from(&command);
        obey(&mut stage, &command).map_err(|fault| format!("{name}:{}: {command}\n    {fault}", number + 1))?;
    }
    if last == "expect converged" { Ok(()) } else { Err(format!("{name}: does not end with \"expect converged\"")) }
}

fn obey(stage: &mut Option<Stage>, command: &str) -> Result<(), String> {
    let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
    if verb == "world" {
        *stage = Some(Stage::new(rest)?);
        return Ok(());
    }
    let stage = stage.as_mut().ok_or("there is no world yet")?;
    match (verb, rest) {
        ("set", what) => stage.set(what)?,
        ("pass", seconds) => {
            let seconds: f64 = seconds.parse().map_err(|_| "how many seconds?")?;
            stage.world.pass((seconds * 1000.0) as u64);
        }
        ("expect", expected) => {
            let (plan, reasons) = said(stage);
            if plan != expected {
                return Err(format!("the planner says: {plan}\n    and gives as reasons: {reasons}"));
            }
        }
        ("waiting", reason) => {
            let (_, reasons) = said(stage);
            if !reasons.split("; ").any(|one| one == reason) {
                return Err(format!("the planner gives as reasons: {reasons}"));
            }
        }
        ("step", "") => step(stage)?,
        ("until", expected) => until(stage, expected)?,
        ("drive", expected) => drive(stage, |_, said| said == expected)?,
        ("converge", "") => converge(stage)?,
        _ => return Err("no such command".to_owned()),
    }
    match stage.world.field.promises.broken.first() {
        Some((_, what)) => Err(format!("a promise is broken: {what}")),
        None => Ok(()),
    }
}

/// What the planner says, and the reasons that it gives.
fn said(stage: &mut Stage) -> (String, String) {
    let plan = stage.world.plan();
    let (text, reasons) = show(&stage.world, &plan);
    (text, reasons)
}

fn step(stage: &mut Stage) -> Result<(), String> {
    match stage.world.plan() {
        Plan::Act(steps, _) => stage.world.carry_out(&steps),
        plan => Err(format!("nothing to do: {}", show(&stage.world, &plan).0)),
    }
}

fn until(stage: &mut Stage, expected: &str) -> Result<(), String> {
    for _ in 0..600 {
        if said(stage).0 == expected {
            return Ok(());
        }
        stage.world.pass(100);
    }
    let (plan, reasons) = said(stage);
    Err(format!("after a minute the planner says: {plan}\n    and gives as reasons: {reasons}"))
}

pub(crate) fn converge(stage: &mut Stage) -> Result<(), String> {
    drive(stage, |plan, _| *plan == Plan::Converged)
}

fn drive(stage: &mut Stage, ends: impl Fn(&Plan, &str) -> bool) -> Result<(), String> {
    for _ in 0..6000 {
        let plan = stage.world.plan();
        if ends(&plan, &show(&stage.world, &plan).0) {
            return Ok(());
        }
        // A step that cannot be done yet is tried again.
        if let Plan::Act(steps, _) = plan {
            drop(stage.world.carry_out(&steps));
        }
        stage.world.pass(100);
    }
    let (plan, reasons) = said(stage);
    Err(format!("after ten minutes the planner says: {plan}\n    and gives as reasons: {reasons}"))
}
