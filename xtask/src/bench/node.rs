//! One node: creating it, planning when there is nothing to do, and what it costs while idle.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::median;
use super::table::{Row, Unit};
use crate::demo::Cleaner;
use crate::procfs::{self, Process};
use crate::terraform::{AGENT, Install, SOURCE, Terraform};
use crate::{servers, shell};

/// How long idle is watched. 0.5 % of a core are 100 ms of it, a thousand times what can be measured.
const IDLE: Duration = Duration::from_secs(20);

/// What a plan of only `terraform_data` took on the machine for which the target was set, in seconds.
const FLOOR_THERE: f64 = 0.034;

/// How often a node is created: seconds each, so fewer than the rest.
const CREATIONS: usize = 3;

/// Measures with the release binaries in `binaries`.
pub(super) fn measure(binaries: &Path, runs: usize) -> Result<Vec<Row>> {
    let folder = tempfile::Builder::new().prefix("jm-bench-").tempdir()?.keep();
    let cleaner = Cleaner::watch(&folder)?;
    let node = Side::new(&folder.join("node"), binaries, NODE)?;
    let floor = Side::new(&folder.join("floor"), binaries, FLOOR)?;
    let mut rows = Vec::new();
    eprintln!("creating and destroying a node, {CREATIONS} times");
    rows.push(creations(&node, &floor)?);
    eprintln!("plans without changes, {runs} runs");
    rows.extend(plans(&node, &floor, runs)?);
    eprintln!("an idle node, {} s", IDLE.as_secs());
    rows.extend(idle(&folder)?);
    node.run(&["destroy", "-auto-approve", "-input=false"])?;
    let left = procfs::inside(&folder);
    ensure!(left.is_empty(), "destroy left {left:?}");
    cleaner.finish()?;
    Ok(rows)
}

/// What Terraform itself needs: it has the same to read, to lock and to write, without our provider.
const FLOOR: &str = "resource \"terraform_data\" \"a\" {\n  input = \"b\"\n}\n";

const NODE: &str = r#"
resource "justmanage_redis_cluster" "bench" {
  name               = "bench"
  engine             = "redis"
  version            = "LINE"
  shards             = 1
  replicas_per_shard = 0
  memory             = "64MiB"
  local              = {}
  deletion_protection = false
}
"#;

/// A configuration with its Terraform, and variables of its environment.
pub(super) struct Side(Terraform, Vec<(&'static str, &'static str)>);

impl Side {
    pub(super) fn new(folder: &Path, binaries: &Path, text: &str) -> Result<Self> {
        let redis = servers::ensure(servers::Need::Usual)?
            .into_iter()
            .rfind(|server| server.engine == "redis")
            .context("no Redis")?;
        let line = redis.version.rsplit_once('.').map_or(&*redis.version, |(line, _)| line);
        Self::of(folder, binaries, &text.replace("LINE", line), &[&redis])
    }

    /// The same with these servers to choose from.
    pub(super) fn of(folder: &Path, binaries: &Path, text: &str, servers: &[&servers::Server]) -> Result<Self> {
        let terraform = Terraform::new(folder, binaries, Install::Override)?;
        let found: Vec<_> =
            servers.iter().map(|server| format!("{{ directory = \"{}\" }}", server.bin().display())).collect();
        let provider = format!(
            "terraform {{\n  required_providers {{\n    justmanage = {{ source = \"{SOURCE}\" }}\n  }}\n}}\n\
             provider \"justmanage\" {{\n  artifacts = [{}]\n}}\n",
            found.join(", ")
        );
        let needed = text.contains("justmanage_");
        let text = if needed { provider + text } else { text.to_owned() };
        fs::write(terraform.config().join("main.tf"), text)?;
        Ok(Self(terraform, Vec::new()))
    }

    /// The same with another variable in its environment.
    pub(super) fn with(mut self, name: &'static str, value: &'static str) -> Self {
        self.1.push((name, value));
        self
    }

    /// An output, as it is in the state.
    pub(super) fn output(&self, name: &str) -> Result<serde_json::Value> {
        let said = shell::output(&mut self.command(&["output", "-json", name]))?;
        serde_json::from_str(&said).with_context(|| format!("output {name} is not JSON"))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.0.command(arguments);
        command.env("NO_COLOR", "1").envs(self.1.iter().copied());
        command
    }

    /// Seconds of a run, which must succeed.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<f64> {
        let started = Instant::now();
        shell::output(&mut self.command(arguments))?;
        Ok(started.elapsed().as_secs_f64())
    }
}

pub(super) const APPLY: [&str; 3] = ["apply", "-auto-approve", "-input=false"];
pub(super) const DESTROY: [&str; 3] = ["destroy", "-auto-approve", "-input=false"];

/// The last creation stays, for what is measured next.
fn creations(node: &Side, floor: &Side) -> Result<Row> {
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for turn in 0..CREATIONS {
        if turn > 0 {
            node.run(&DESTROY)?;
            floor.run(&DESTROY)?;
        }
        floors.push(floor.run(&APPLY)?);
        ours.push(node.run(&APPLY)?);
    }
    let peer = Some(("apply of `terraform_data`", median(floors)));
    Ok(Row {
        what: "apply that creates one node",
        target: None,
        measured: median(ours),
        peer,
        unit: Unit::Milliseconds,
        pace: None,
    })
}

fn plans(node: &Side, floor: &Side, runs: usize) -> Result<[Row; 2]> {
    let plan = ["plan", "-input=false", "-detailed-exitcode"];
    let (mut ours, mut floors) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        floors.push(floor.run(&plan)?);
        ours.push(node.run(&plan)?);
    }
    let (ours, floor) = (median(ours), median(floors));
    Ok([
        Row {
            what: "plan without changes",
            target: None,
            measured: ours,
            peer: Some(("plan of `terraform_data`", floor)),
            unit: Unit::Milliseconds,
            pace: None,
        },
        Row {
            what: "  above that floor",
            target: Some(0.060),
            measured: ours - floor,
            peer: Some(("plan of `terraform_data`", floor)),
            unit: Unit::Milliseconds,
            pace: Some(floor / FLOOR_THERE),
        },
    ])
}

/// The agent, beside the server that it runs.
fn idle(folder: &Path) -> Result<[Row; 3]> {
    let find = |wanted: &str| -> Result<Process> {
        let mut all = procfs::inside(folder).into_iter();
        all.find(|process| process.name.starts_with(wanted)).with_context(|| format!("no {wanted} is running"))
    };
    let (agent, server) = (find(AGENT)?, find("redis-")?);
    let pid = |process: &Process| u32::try_from(process.pid).context("a pid is positive");
    let (agent, server) = (pid(&agent)?, pid(&server)?);
    let before = (procfs::processor_time(agent)?, procfs::processor_time(server)?);
    thread::sleep(IDLE); // idling is what is measured
    let after = (procfs::processor_time(agent)?, procfs::processor_time(server)?);
    let used = |from: Duration, to: Duration| to.saturating_sub(from).as_secs_f64() / IDLE.as_secs_f64();
    let (ours, theirs) = (procfs::memory(agent)?, procfs::memory(server)?);
    let peer = |value: f64| Some(("redis-server of the node", value));
    Ok([
        Row {
            what: "idle agent, resident",
            target: Some(15.0 * 1024.0),
            measured: ours.resident as f64,
            peer: peer(theirs.resident as f64),
            unit: Unit::Mebibytes,
            pace: None,
        },
        Row {
            what: "idle agent, private",
            target: Some(6.0 * 1024.0),
            measured: ours.private as f64,
            peer: peer(theirs.private as f64),
            unit: Unit::Mebibytes,
            pace: None,
        },
        Row {
            what: "idle agent, part of a core",
            target: Some(0.005),
            measured: used(before.0, after.0),
            peer: peer(used(before.1, after.1)),
            unit: Unit::Percent,
            pace: None,
        },
    ])
}
