//! Stages: each prints its name and its wall time, and all stand in one table at the end.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::counts::Counts;

struct Done {
    name: String,
    took: Duration,
    counts: Counts,
    note: String,
}

/// The stages that ran so far.
#[derive(Default)]
pub(super) struct Stages(Vec<Done>);

impl Stages {
    /// Runs one stage; an error counts as one failure. Returns whether it passed.
    pub(super) fn run(&mut self, name: &str, work: impl FnOnce() -> Result<Counts>) -> bool {
        println!("\n=== {name}");
        let started = Instant::now();
        let (counts, note) = match work() {
            Ok(counts) => (counts, String::new()),
            Err(error) => {
                println!("{error:#}");
                (Counts { passed: 0, failed: 1 }, first_line(&format!("{error:#}")))
            }
        };
        let took = started.elapsed();
        let passed = counts.failed == 0;
        println!("=== {name}: {} in {:.1} s", if passed { "ok" } else { "FAILED" }, took.as_secs_f64());
        self.0.push(Done { name: name.to_owned(), took, counts, note });
        passed
    }

    /// Notes that a stage could not run; that counts as a failure.
    pub(super) fn skip(&mut self, name: &str, why: &str) {
        println!("\n=== {name}: not run, because {why}");
        let counts = Counts { passed: 0, failed: 1 };
        self.0.push(Done { name: name.to_owned(), took: Duration::ZERO, counts, note: format!("not run: {why}") });
    }

    /// Did every stage pass?
    pub(super) fn all_passed(&self) -> bool {
        self.0.iter().all(|done| done.counts.failed == 0)
    }

    /// Prints the table, and the sum as the last line.
    pub(super) fn report(&self) {
        println!("\n{}", self.table());
    }

    fn table(&self) -> String {
        let mut text = format!("{:<28} {:>9} {:>8} {:>8}\n", "stage", "seconds", "passed", "failed");
        let mut sum = Counts::default();
        let mut all = Duration::ZERO;
        for Done { name, took, counts, note } in &self.0 {
            let Counts { passed, failed } = *counts;
            text += &format!("{name:<28} {:>9.1} {passed:>8} {failed:>8}  {note}", took.as_secs_f64());
            text = text.trim_end().to_owned() + "\n";
            sum = Counts { passed: sum.passed + passed, failed: sum.failed + failed };
            all += *took;
        }
        text += &format!("{:<28} {:>9.1} {:>8} {:>8}\n\n", "all", all.as_secs_f64(), sum.passed, sum.failed);
        text + &format!("{} passed, {} failed", sum.passed, sum.failed)
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn last_line_is_the_sum_of_all_stages() {
        let mut stages = Stages::default();
        assert!(stages.run("fmt", || Ok(Counts { passed: 1, failed: 0 })));
        assert!(stages.all_passed());
        assert!(!stages.run("nextest", || Ok(Counts { passed: 40, failed: 2 })));
        assert!(!stages.run("clippy", || bail!("warnings\nmany")));
        stages.skip("docs", "the build failed");
        assert!(!stages.all_passed());
        let table = stages.table();
        assert_eq!(table.lines().last(), Some("41 passed, 4 failed"));
        assert!(table.contains("not run: the build failed"), "{table}");
        assert!(table.lines().any(|line| line.starts_with("clippy") && line.ends_with("warnings")), "{table}");
    }
}
