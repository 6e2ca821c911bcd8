//! What test runners print, as numbers.

use anyhow::{Result, bail};

/// How many passed and failed.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) passed: usize,
    pub(super) failed: usize,
}

/// From nextest's line `Summary [ 0.4s] 11 tests run: 9 passed (1 leaky), 1 failed, 1 timed out, 0 skipped`.
///
/// Errors when there is no such line (the tests did not even build), when nothing ran, and when the exit status and the
/// numbers contradict each other: a run that nobody can read is not a pass.
pub(super) fn of_nextest(text: &str, success: bool) -> Result<Counts> {
    let summary = text.lines().rev().find_map(|line| line.trim_start().strip_prefix("Summary [")?.split_once("] "));
    let Some((_, summary)) = summary else { bail!("nextest printed no summary") };
    let Some((run, results)) = summary.split_once(':') else { bail!("cannot read nextest's summary: {summary}") };
    let ran = number_before(run, "test").unwrap_or(0);
    let passed = results.split(',').find_map(|part| number_before(part, "passed")).unwrap_or(0);
    agree(Counts { passed, failed: ran.saturating_sub(passed) }, success)
}

/// From the lines `test result: ok. 3 passed; 0 failed; ...`, one for each crate.
pub(super) fn of_doctests(text: &str, success: bool) -> Result<Counts> {
    let mut sum = Counts::default();
    let mut seen = false;
    for line in text.lines().filter_map(|line| line.trim().strip_prefix("test result: ")) {
        seen = true;
        for part in line.split(['.', ';']) {
            sum.passed += number_before(part, "passed").unwrap_or(0);
            sum.failed += number_before(part, "failed").unwrap_or(0);
        }
    }
    if !seen {
        bail!("no doctest run was seen");
    }
    // A workspace without a single example would pass with zero; that is the truth, and it is printed.
    if sum.failed == 0 && !success { bail!("the doctests did not build") } else { Ok(sum) }
}

fn agree(counts: Counts, success: bool) -> Result<Counts> {
    match (counts, success) {
        (Counts { passed: 0, failed: 0 }, _) => bail!("no test ran"),
        (Counts { failed: 0, .. }, false) => bail!("the runner failed although it counts no failed test"),
        (Counts { failed, .. }, true) if failed > 0 => {
            bail!("the runner reports success although {failed} tests failed")
        }
        (counts, _) => Ok(counts),
    }
}

/// The number in `" 9 passed (1 leaky)"` for `passed`.
fn number_before(part: &str, word: &str) -> Option<usize> {
    let mut words = part.split_whitespace();
    let number = words.next()?.parse().ok()?;
    words.next().is_some_and(|next| next.starts_with(word)).then_some(number)
}

/// Did cargo-deny fail only because it could not fetch the advisory database?
pub(super) fn database_is_out_of_reach(said: &str) -> bool {
    said.contains("failed to fetch advisory database") && !said.contains("error[")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_is_read() {
        let line = |text: &str| format!("   PASS a\n     Summary [   0.418s] {text}\nlater\n");
        for (text, success, expected) in [
            ("11 tests run: 11 passed, 0 skipped", true, Some((11, 0))),
            ("1 test run: 1 passed, 4 skipped", true, Some((1, 0))),
            ("12 tests run: 9 passed (1 slow, 2 flaky), 2 failed, 1 timed out, 0 skipped", false, Some((9, 3))),
            ("3 tests run: 0 passed, 3 failed, 0 skipped", false, Some((0, 3))),
            ("11 tests run: 11 passed, 0 skipped", false, None),
            ("2 tests run: 1 passed, 1 failed, 0 skipped", true, None),
            ("0 tests run: 0 passed, 0 skipped", true, None),
            ("gibberish", true, None),
        ] {
            let counts = of_nextest(&line(text), success).ok().map(|c| (c.passed, c.failed));
            assert_eq!(counts, expected, "{text}, success {success}");
        }
        assert!(of_nextest("error: could not compile", false).is_err());
    }

    #[test]
    fn doctests_are_summed() {
        let text = "   Doc-tests a\ntest result: ok. 3 passed; 0 failed; 1 ignored; finished in 0.1s\n   Doc-tests b\n\
                    test result: FAILED. 2 passed; 1 failed; 0 ignored\n";
        assert_eq!(of_doctests(text, false).unwrap(), Counts { passed: 5, failed: 1 });
        assert!(of_doctests("error: could not compile", false).is_err());
        assert!(of_doctests("test result: ok. 1 passed; 0 failed", false).is_err(), "a crate after it did not build");
    }

    #[test]
    fn only_a_missing_database_is_forgiven() {
        assert!(database_is_out_of_reach("[ERROR] failed to fetch advisory database: could not resolve host"));
        assert!(!database_is_out_of_reach("error[vulnerability]: something bad"));
        assert!(!database_is_out_of_reach("panicked"));
    }
}
