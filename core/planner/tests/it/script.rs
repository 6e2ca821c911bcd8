//! Reviewed scripts: a world, what happens to it, and what the planner says, turn by turn.
//!
//! One command a line; `#` begins a comment. `world new | formed`; `set WHAT VALUE` (see `set`); `pass SECONDS`;
//! `expect PLAN` says what the planner answers now (`converged`, `act STEPS`, `wait REASONS`); `step` carries that out;
//! `converge` goes on until nothing is left to do. Every script ends with `expect converged`.

use std::fmt::Write as _;
use std::path::Path;

use jiff::SignedDuration;
use justmanage_model::{NodeStep, Phase, Plan, RecordChange, SlotSet, Step, Timestamp, User, Waiting};

use crate::world::{Process, World};

#[test]
fn every_script_holds() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut files: Vec<_> = std::fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 10, "the scripts are in {directory:?}");
    let faults: Vec<String> = files.iter().filter_map(|file| run(file).err()).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

fn run(file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).unwrap();
    let name = file.file_name().unwrap().to_string_lossy();
    let mut world = World::new();
    let mut last = String::new();
    for (number, line) in text.lines().enumerate() {
        let command = line.split('#').next().unwrap_or_default().trim();
        if command.is_empty() {
            continue;
        }
        last = command.to_owned();
        obey(&mut world, command).map_err(|fault| format!("{name}:{}: {command}\n    {fault}", number + 1))?;
    }
    if last == "expect converged" { Ok(()) } else { Err(format!("{name}: does not end with \"expect converged\"")) }
}

fn obey(world: &mut World, command: &str) -> Result<(), String> {
    let (verb, rest) = command.split_once(' ').unwrap_or((command, ""));
    match (verb, rest.trim()) {
        ("world", "new") => *world = World::new(),
        ("world", "formed") => *world = World::formed(),
        ("set", what) => {
            let (what, value) = what.split_once(' ').unwrap_or((what, ""));
            set(world, what, value.trim())?;
        }
        ("pass", seconds) => {
            let seconds = seconds.parse().map_err(|_| "how many seconds?".to_owned())?;
            world.pass(SignedDuration::from_secs(seconds));
        }
        ("expect", expected) => {
            let said = show(&world.plan(), world.now);
            if said != expected {
                return Err(format!("the planner says: {said}"));
            }
        }
        ("step", "") => match world.plan() {
            Plan::Act(steps) => world.carry_out(&steps),
            other => return Err(format!("nothing to do: {}", show(&other, world.now))),
        },
        ("converge", "") => {
            world.converge(100).map_err(|plan| format!("after 100 turns: {}", show(&plan, world.now)))?;
        }
        _ => return Err("no such command".to_owned()),
    }
    Ok(())
}

/// What happens to the world: `server` and `machine` by accident, `spec` and `phase` by an operator.
fn set(world: &mut World, what: &str, value: &str) -> Result<(), String> {
    let now = world.now;
    let mut next = world.record.clone();
    match (what, value) {
        ("server", "crashed") => world.process = Process::Down { since: now, retry_at: now },
        ("server", "stopped") => world.process = Process::Stopped,
        ("server", "hung") => world.process = Process::Hung(now),
        ("server", "running") => world.process = Process::Running,
        ("server", "silent") => world.process = Process::Starting(now),
        ("server", "broken") => world.broken = true,
        ("server", "mended") => world.broken = false,
        ("server", "empty") => world.server.slots = SlotSet::empty(),
        ("server", "whole") => world.server.slots = SlotSet::all(),
        ("server-version", version) => world.server.release.version = version.parse().unwrap(),
        ("server-config", pair) => {
            let (key, value) = pair.split_once('=').ok_or("key=value")?;
            world.server.config.insert(key.to_owned(), value.to_owned());
        }
        ("server-users", "changed") => world.server.users = "other".to_owned(),
        ("certificate", days) => {
            let days: i64 = days.parse().map_err(|_| "how many days?".to_owned())?;
            world.server.certificate_expires = now + SignedDuration::from_hours(24 * days);
        }
        ("machine", "unseen") => world.unseen = true,
        ("machine", "seen") => world.unseen = false,
        ("config", pair) => {
            let (key, value) = pair.split_once('=').ok_or("key=value")?;
            next.spec.config.insert(key.to_owned(), value.to_owned());
        }
        ("config-without", key) => drop(next.spec.config.remove(key)),
        ("memory", amount) => next.spec.memory = amount.parse().unwrap(),
        ("shards", number) => next.spec.shards = number.parse().unwrap(),
        ("user", name) => {
            let user = User { acl: "~* +@read".parse().unwrap(), passwords: vec![] };
            next.users.insert(name.parse().unwrap(), user);
        }
        ("members", "none") => drop(std::mem::take(&mut next.members)),
        ("members", "one") => next.members = World::new().record.members,
        ("phase", "leaving") => next.phase = Phase::Leaving,
        _ => return Err("no such thing to set".to_owned()),
    }
    if next != world.record {
        world.propose(next);
    }
    Ok(())
}

/// A plan in one line.
fn show(plan: &Plan, now: Timestamp) -> String {
    let join = |parts: Vec<String>| parts.join("; ");
    match plan {
        Plan::Converged => "converged".to_owned(),
        Plan::Act(steps) => format!("act {}", join(steps.iter().map(show_step).collect())),
        Plan::Wait(reasons) => {
            format!("wait {}", join(reasons.iter().map(|reason| show_reason(reason, now)).collect()))
        }
    }
}

fn show_step(step: &Step) -> String {
    match step {
        Step::Node(_, NodeStep::StartServer) => "start-server".to_owned(),
        Step::Node(_, NodeStep::StopServer) => "stop-server".to_owned(),
        Step::Node(_, NodeStep::AssignSlots(slots)) => format!("assign-slots {slots}"),
        Step::Node(_, NodeStep::ApplyConfig) => "apply-config".to_owned(),
        Step::Node(_, NodeStep::ApplyUsers) => "apply-users".to_owned(),
        Step::Node(_, NodeStep::RenewCertificate) => "renew-certificate".to_owned(),
        Step::Record(RecordChange::FoundAuthority) => "found-authority".to_owned(),
        Step::Record(RecordChange::Formed) => "formed".to_owned(),
        Step::Record(RecordChange::Give(grant)) => {
            format!("give {:?} at {}", grant.operation, grant.given).to_lowercase()
        }
        Step::Record(RecordChange::ClearGrant) => "clear-grant".to_owned(),
    }
}

fn show_reason(reason: &Waiting, now: Timestamp) -> String {
    let seconds = |from: Timestamp, to: Timestamp| to.duration_since(from).as_secs();
    let mut text = String::new();
    let _ = match reason {
        Waiting::NodeUnknown { why, .. } => write!(text, "node-unknown ({why})"),
        Waiting::ServerStarting { since, .. } => write!(text, "server-starting for {}s", seconds(*since, now)),
        Waiting::RestartBackoff { retry_at, .. } => write!(text, "restart-backoff for {}s", seconds(now, *retry_at)),
        Waiting::ServerHung { since, .. } => write!(text, "server-hung for {}s", seconds(*since, now)),
        Waiting::OtherRelease { running, wanted, .. } => write!(text, "other-release {running}, not {wanted}"),
        Waiting::ClusterNotOk { .. } => write!(text, "cluster-not-ok"),
        Waiting::MembersMissing { have, want } => write!(text, "members-missing {have} of {want}"),
        Waiting::Stuck { what, .. } => write!(text, "stuck ({})", what.replace(&crate::world::node().to_string(), "N")),
    };
    text
}
