//! Kills at random moments of upgrades and reshards, many more than CI has time for: the acceptance tests' own stories, as a table.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::acceptance::Build;
use super::table::{Row, Unit};
use super::{acceptance, median};

/// The name of this section, which is measured only when it is asked for.
pub(super) const SECTION: &str = "kills";
/// How many stories, unless `JUSTMANAGE_KILL_SEEDS` says otherwise.
const SEEDS: &str = "50";
/// The tests that tell them.
const TESTS: &str = "package(acceptance-tests) & test(/^kills::random::/)";

/// Tells the stories, and prints what became of each.
pub(super) fn measure() -> Result<Vec<Row>> {
    let seeds = std::env::var("JUSTMANAGE_KILL_SEEDS").unwrap_or_else(|_| SEEDS.to_owned());
    let told = acceptance::run(TESTS, Build::Debug, "JUSTMANAGE_KILL_TABLE", &[("JUSTMANAGE_KILL_SEEDS", &seeds)])?;
    let (passed, stories) = (told.0, sorted(told.1));
    ensure!(passed || stories.iter().any(Story::failed), "the tests failed, and no story did");
    println!("{}", render(&stories));
    let wanted: usize = seeds.parse().context("JUSTMANAGE_KILL_SEEDS is a number")?;
    ensure!(stories.len() == wanted, "{} stories were told of {wanted}", stories.len());
    rows(&stories)
}

/// What became of a seed.
struct Story(Value);

impl Story {
    fn failed(&self) -> bool {
        self.0["failed"].is_string()
    }

    fn number(&self, key: &str) -> f64 {
        self.0[key].as_f64().unwrap_or(0.0)
    }

    fn text(&self, key: &str) -> String {
        self.0[key].as_str().unwrap_or_default().to_owned()
    }
}

/// By their seeds.
fn sorted(lines: Vec<Value>) -> Vec<Story> {
    let mut stories: Vec<Story> = lines.into_iter().map(Story).collect();
    stories.sort_by_key(|story| story.0["seed"].as_u64());
    stories
}

/// A line for each.
fn render(stories: &[Story]) -> String {
    let mut text =
        "| seed | engine | operation | killed | applies | converged after | acknowledged | lost |\n".to_owned();
    text += "|---|---|---|---|---|---|---|---|\n";
    for story in stories {
        let seed = &story.0["seed"];
        let [engine, operation, kills, asked] = ["engine", "operation", "kills", "asked"].map(|key| story.text(key));
        text += &match story.failed() {
            true => format!("| {seed} | {engine} | {operation} | {kills} | FAILED: {} |\n", story.text("failed")),
            false => format!(
                "| {seed} | {engine} | {operation} to {asked} | {kills} | {} | {:.1} s | {} | {} |\n",
                story.0["applies"],
                story.number("converged_s"),
                story.0["acknowledged"],
                story.0["lost"]
            ),
        };
    }
    text
}

fn rows(stories: &[Story]) -> Result<Vec<Row>> {
    let told: Vec<&Story> = stories.iter().filter(|story| !story.failed()).collect();
    let (with, without): (Vec<&Story>, Vec<&Story>) = told.iter().partition(|story| story.number("primaries") > 0.0);
    let sum = |of: &[&Story], key: &str| of.iter().map(|story| story.number(key)).sum::<f64>();
    let times: Vec<f64> = told.iter().map(|story| story.number("converged_s")).collect();
    ensure!(!times.is_empty(), "no story ended well");
    let longest = times.iter().copied().fold(0.0, f64::max);
    let count = |what, target, measured, of| Row {
        what,
        target,
        measured,
        peer: Some(("of", of)),
        unit: Unit::Count,
        pace: None,
    };
    Ok(vec![
        count(
            "random kills: stories without a good end",
            Some(0.0),
            (stories.len() - told.len()) as f64,
            stories.len() as f64,
        ),
        count("  lost writes, no primary killed", Some(0.0), sum(&without, "lost"), sum(&without, "acknowledged")),
        count("  lost writes, with a primary killed", None, sum(&with, "lost"), sum(&with, "acknowledged")),
        Row {
            what: "  converged after the last kill, median",
            target: None,
            measured: median(times),
            peer: Some(("the longest", longest)),
            unit: Unit::Milliseconds,
            pace: None,
        },
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stories_are_read_and_those_without_a_good_end_stand_out() {
        let lines = r#"{"seed":2,"engine":"redis","operation":"version","asked":"redis 8.0.6, 3 shards","kills":"agent at 1.0 s","applies":2,"converged_s":4.5,"acknowledged":100,"lost":0,"primaries":0}
{"seed":1,"engine":"valkey","operation":"shards","asked":"4","kills":"server (primary) at 2.0 s","applies":1,"converged_s":8.5,"acknowledged":50,"lost":3,"primaries":1}
{"seed":3,"engine":"valkey","operation":"shards","kills":"x","failed":"not there"}"#;
        let stories = sorted(acceptance::read(lines).unwrap());
        let text = render(&stories);
        let last: Vec<&str> = text.lines().skip(2).collect();
        assert!(
            last[0].starts_with("| 1 | valkey | shards to 4 | server (primary) at 2.0 s | 1 | 8.5 s | 50 | 3 |"),
            "{text}"
        );
        assert!(last[2].contains("FAILED: not there"), "{text}");
        let rows = rows(&stories).unwrap();
        assert_eq!(rows.iter().map(|row| row.measured).collect::<Vec<_>>(), [1.0, 0.0, 3.0, 6.5]);
        assert_eq!(rows.iter().map(Row::is_over).collect::<Vec<_>>(), [true, false, false, false]);
        assert!(acceptance::read("no JSON").is_err());
    }
}
