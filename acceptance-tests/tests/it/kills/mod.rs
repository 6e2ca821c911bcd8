//! SIGKILL of terraform, the provider and the agent at every step that the code names; the next apply (or destroy) ends in exactly
//! what is asked, and nothing is leaked.
//!
//! A run without a kill records the steps. Then each of them is deadly once: there is a case for each point. A point that was recorded and at which nobody died fails the test. With `JUSTMANAGE_KILLS=all` a step that is passed often
//! is as many points.

mod create;
mod shards;
mod update;

use std::collections::VecDeque;
use std::sync::Mutex;

use acceptance_tests::steps::{Point, Steps, Victim};
use acceptance_tests::{DEADLINE, Workspace, servers, wait_until};
use serde_json::Value;

use crate::world::{CLUSTER, PASSWORD, login};

/// Workspaces that are at work at the same time: a case mostly waits, for elections, for servers, for a provider's patience.
const HANDS: usize = 4;

/// How often a point is tried again that nobody came to: what is passed how often depends on who was faster.
const TRIES: usize = 3;

/// What dies where.
#[derive(Clone, Debug)]
struct Case {
    victim: Victim,
    point: Point,
}

impl std::fmt::Display for Case {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let whose = match (self.point.is_of_provider(), self.victim) {
            (true, Victim::Parent) => "terraform killed at ",
            _ => "killed at ",
        };
        write!(f, "{whose}{}", self.point)
    }
}

/// Whether every time that a step is passed is a case, and everybody who can die there: an hour, rather than minutes.
fn all() -> bool {
    std::env::var("JUSTMANAGE_KILLS").as_deref() == Ok("all")
}

/// How many times of a step count.
fn most(_name: &str) -> usize {
    if all() { 10 } else { 1 }
}

/// A case for each point. Of the provider's points, every second one kills Terraform instead; where all are wanted, both.
fn cases<'a>(points: impl IntoIterator<Item = &'a Point>) -> VecDeque<Case> {
    let mut cases = VecDeque::new();
    for (number, point) in points.into_iter().enumerate() {
        let victims: &[Victim] = match (point.is_of_provider(), all(), number % 2) {
            (true, true, _) => &[Victim::Itself, Victim::Parent],
            (true, false, 1) => &[Victim::Parent],
            _ => &[Victim::Itself],
        };
        cases.extend(victims.iter().map(|victim| Case { victim: *victim, point: point.clone() }));
    }
    cases
}

/// A workspace whose steps are recorded, not applied yet.
fn rehearsed(main: &str) -> (Workspace, Steps) {
    let mut workspace = Workspace::with_provider("");
    workspace.set("TF_VAR_app_password", PASSWORD);
    workspace.write("main.tf", main);
    // Agents that were killed leave much to complain about to those who follow.
    workspace.allow_alarm("");
    let steps = Steps::of(&mut workspace);
    impatient(&workspace, true);
    (workspace, steps)
}

/// A provider that is to see that its agent is dead soon says so soon; one that is to finish has time.
fn impatient(workspace: &Workspace, impatient: bool) {
    let seconds = if impatient { 3 } else { 30 };
    let directory = |engine| format!("{{ directory = \"{}\" }}", servers::usual(engine).bin.display());
    workspace.write(
        "provider.tf",
        &format!(
            "terraform {{\n  required_providers {{\n    justmanage = {{\n      source = \"justmanage/justmanage\"\n    }}\n  }}\n}}\n\n\
             provider \"justmanage\" {{\n  artifacts = [{}]\n  testing = {{ patience_seconds = {seconds} }}\n}}\n",
            directory("redis")
        ),
    );
}

/// Runs Terraform while a case is in force; whether somebody was killed.
fn killed(workspace: &Workspace, steps: &Steps, case: &Case, arguments: &[&str]) -> bool {
    impatient(workspace, !case.point.is_of_provider());
    steps.kill(case.victim, &case.point);
    let run = workspace.terraform(arguments);
    let killed = steps.was_killed();
    assert!(killed || run.code == Some(0), "{case}: nobody was killed, and yet\n{run}");
    wait_until("the providers are gone", DEADLINE, || workspace.running("terraform-provider-justmanage").is_empty());
    impatient(workspace, false);
    killed
}

const APPLY: &[&str] = &["apply", "-json", "-auto-approve", "-input=false"];
const DESTROY: &[&str] = &["destroy", "-json", "-auto-approve", "-input=false"];

/// There is one cluster with so many nodes, all of it as it is asked for.
fn assert_whole(workspace: &Workspace, nodes: usize, case: &str) -> Value {
    assert_eq!(workspace.nodes().len(), nodes, "{case}: nodes");
    assert_eq!(workspace.running("redis-server").len(), nodes, "{case}: servers");
    assert_eq!(workspace.running("justmanage-agent").len(), nodes, "{case}: agents");
    let state = workspace.resource(CLUSTER);
    assert_eq!(state["converged"], true, "{case}");
    login(workspace).connect().unwrap_or_else(|error| panic!("{case}: the user does not get in: {error}"));
    let run = workspace.terraform(&["plan", "-input=false", "-no-color", "-detailed-exitcode"]);
    assert_eq!(run.code, Some(0), "{case}: the plan is not empty\n{run}");
    state
}

/// Has several at work on the cases, each with a workspace of its own; each case is tried again if nobody was killed in it.
fn all_of<W>(
    cases: VecDeque<Case>,
    begin: impl Fn() -> W + Sync,
    work: impl Fn(&mut W, &Case) -> bool + Sync,
    end: impl Fn(W) + Sync,
) {
    let number = cases.len();
    assert!(number > 0, "no steps were recorded");
    let queue = Mutex::new(cases.into_iter().map(|case| (case, 1)).collect::<VecDeque<_>>());
    let unreached = Mutex::new(Vec::new());
    let next = || queue.lock().expect("no panic inside").pop_front();
    std::thread::scope(|scope| {
        for _ in 0..HANDS.min(number) {
            scope.spawn(|| {
                let mut workspace = begin();
                while let Some((case, tries)) = next() {
                    let begun = std::time::Instant::now();
                    let killed = work(&mut workspace, &case);
                    eprintln!(
                        "{:5.1} s  {case}{}",
                        begun.elapsed().as_secs_f32(),
                        if killed { "" } else { " - not reached" }
                    );
                    match (killed, tries < TRIES) {
                        (true, _) => {}
                        (false, true) => queue.lock().expect("no panic inside").push_back((case, tries + 1)),
                        (false, false) => unreached.lock().expect("no panic inside").push(case.to_string()),
                    }
                }
                end(workspace);
            });
        }
    });
    let unreached = unreached.into_inner().expect("no panic inside");
    assert!(unreached.is_empty(), "recorded, and nobody was ever killed there: {unreached:#?}");
    eprintln!("{number} cases");
}
