//! SIGKILL of terraform, the provider and the agent at every step that the code names; the next apply (or destroy) ends in exactly
//! what is asked, and nothing is leaked.
//!
//! A run without a kill records the steps. Then each of them is deadly once: there is a case for each point. A point that was recorded and at which nobody died fails the test. With `JUSTMANAGE_KILLS=all` a step that is passed often
//! is as many points.

mod create;
mod random;
mod shards;
mod update;
mod upgrade;

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use acceptance_tests::steps::{Point, Steps, Victim};
use acceptance_tests::{DEADLINE, Login, Workspace, servers, wait_until};
use serde_json::Value;

use crate::world::{PASSWORD, login_of};

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
fn most() -> usize {
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
    impatient(&workspace, false);
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

/// The cluster as the state has it; from the file, since a hundred cases ask.
fn saved(workspace: &Workspace) -> Value {
    let text = std::fs::read(workspace.config().join("terraform.tfstate")).expect("a state");
    let state: Value = serde_json::from_slice(&text).expect("JSON");
    let resources = state["resources"].as_array().cloned().unwrap_or_default();
    let cluster = resources.into_iter().find(|resource| resource["type"] == "justmanage_redis_cluster");
    cluster.map_or(Value::Null, |mut cluster| cluster["instances"][0]["attributes"].take())
}

/// What the user `app` needs to get in.
fn login(workspace: &Workspace) -> Login {
    login_of(&saved(workspace))
}

/// There is one cluster with so many nodes, all of it as it is asked for.
fn assert_whole(workspace: &Workspace, nodes: usize, case: &str) {
    assert_eq!(workspace.nodes().len(), nodes, "{case}: nodes");
    assert_eq!(workspace.running("redis-server").len(), nodes, "{case}: servers");
    assert_eq!(workspace.running("justmanage-agent").len(), nodes, "{case}: agents");
    assert_eq!(saved(workspace)["converged"], true, "{case}");
    login(workspace).connect().unwrap_or_else(|error| panic!("{case}: the user does not get in: {error}"));
    let run = workspace.terraform(&["plan", "-input=false", "-no-color", "-detailed-exitcode"]);
    assert_eq!(run.code, Some(0), "{case}: the plan is not empty\n{run}");
}

/// A workspace, its steps, and what a test wants to remember of it.
type Place<S> = (Workspace, Steps, S);

/// Has several at work on the cases, each in a place of its own; each case is tried again if nobody was killed in it. What fails
/// is said with its case, and the next case begins in another place.
fn all_of<S>(
    cases: VecDeque<Case>,
    begin: impl Fn() -> Place<S> + Sync,
    work: impl Fn(&mut Place<S>, &Case) -> bool + Sync,
    end: impl Fn(Place<S>) + Sync,
) {
    let number = cases.len();
    assert!(number > 0, "no steps were recorded");
    let queue = Mutex::new(cases.into_iter().map(|case| (case, 1)).collect::<VecDeque<_>>());
    let failed = Mutex::new(Vec::new());
    let fail = |text: String| failed.lock().expect("no panic inside").push(text);
    let next = || queue.lock().expect("no panic inside").pop_front();
    let one = |place: &mut Option<Place<S>>, case: &Case| work(place.get_or_insert_with(&begin), case);
    std::thread::scope(|scope| {
        for _ in 0..HANDS.min(number) {
            scope.spawn(|| {
                let mut place = None;
                while let Some((case, tries)) = next() {
                    let begun = std::time::Instant::now();
                    let killed = catch_unwind(AssertUnwindSafe(|| one(&mut place, &case)));
                    eprintln!("{:5.1} s  {case}: {killed:?}", begun.elapsed().as_secs_f32());
                    match (killed, tries < TRIES) {
                        (Ok(true), _) => {}
                        (Ok(false), true) => queue.lock().expect("no panic inside").push_back((case, tries + 1)),
                        (Ok(false), false) => fail(format!("{case}: recorded, and nobody ever came there")),
                        (Err(panic), _) => {
                            fail(format!("{case}: {}", text_of(panic.as_ref())));
                            place.take().into_iter().for_each(give_up);
                        }
                    }
                }
                if let Some(place) = place
                    && let Err(panic) = catch_unwind(AssertUnwindSafe(|| end(place)))
                {
                    fail(format!("at the end: {}", text_of(panic.as_ref())));
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no panic inside");
    assert!(failed.is_empty(), "{} of {number} cases: {failed:#?}", failed.len());
    eprintln!("{number} cases");
}

/// Ends a place in which something went wrong; what is left there is no news.
fn give_up<S>((mut workspace, _, _): Place<S>) {
    for line in workspace.log().iter().rev().take(40).rev() {
        eprintln!("    {line}");
    }
    workspace.abandon();
    let _ = catch_unwind(AssertUnwindSafe(|| drop(workspace)));
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
}
