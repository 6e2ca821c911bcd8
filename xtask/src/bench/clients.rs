//! What applications see by the libraries of their languages while a cluster is upgraded and scaled: the acceptance tests' own way, by
//! release binaries.

use anyhow::{Result, ensure};
use serde_json::Value;

use super::acceptance;
use super::acceptance::Build;
use super::table::{Row, Unit};

/// The name of this section, which is measured only when it is asked for: it needs Python, Node.js and what is pinned for both.
pub(super) const SECTION: &str = "clients";
/// The tests that do it.
const TESTS: &str = "package(acceptance-tests) & test(/^clients::/)";

/// The rows of a library: errors, lost writes, and the longest that one of its calls took in upgrades, and in scaling.
const WHATS: [(&str, [&str; 4]); 3] = [
    ("RedisPy", ["redis-py: errors", "  lost", "  longest call, upgrades", "  longest call, scaling"]),
    ("Ioredis", ["ioredis: errors", "  lost", "  longest call, upgrades", "  longest call, scaling"]),
    ("redis-rs", ["redis-rs: errors", "  lost", "  longest call, upgrades", "  longest call, scaling"]),
];

/// Runs them, and prints what each library saw in each operation.
pub(super) fn measure() -> Result<Vec<Row>> {
    let (passed, lines) = acceptance::run(TESTS, Build::Release, "JUSTMANAGE_CLIENTS_TABLE", &[])?;
    println!("{}", render(&lines));
    let errors: f64 = lines.iter().map(|line| number(line, "errors") + number(line, "lost")).sum();
    ensure!(passed || errors > 0.0, "the tests failed, and no library saw anything");
    rows(&lines)
}

fn number(line: &Value, key: &str) -> f64 {
    line[key].as_f64().unwrap_or(0.0)
}

/// A line for each library in each operation.
fn render(lines: &[Value]) -> String {
    let mut text = "| engine | operation | library | acknowledged | lost | errors | longest call |\n".to_owned();
    text += "|---|---|---|---|---|---|---|\n";
    for line in lines {
        let [engine, operation, to, library] =
            ["engine", "operation", "to", "library"].map(|key| line[key].as_str().unwrap_or("?"));
        let [acknowledged, lost, errors] = ["acknowledged", "lost", "errors"].map(|key| number(line, key));
        let gap = number(line, "gap_s");
        text += &format!(
            "| {engine} | {operation} to {to} | {library} | {acknowledged} | {lost} | {errors} | {gap:.2} s |\n"
        );
    }
    text
}

fn rows(lines: &[Value]) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (library, [errors, lost, upgrades, scaling]) in WHATS {
        let of = || lines.iter().filter(|line| line["library"] == library);
        ensure!(of().next().is_some(), "the table has nothing of {library}");
        let sum = |key: &str| of().map(|line| number(line, key)).sum::<f64>();
        let longest = |operation: &str| {
            of().filter(|line| line["operation"] == operation).map(|line| number(line, "gap_s")).fold(0.0, f64::max)
        };
        let acknowledged = Some(("acknowledged", sum("acknowledged")));
        let count = |what, key| Row {
            what,
            target: Some(0.0),
            measured: sum(key),
            peer: acknowledged,
            unit: Unit::Count,
            pace: None,
        };
        let time = |what, operation| Row {
            what,
            target: None,
            measured: longest(operation),
            peer: None,
            unit: Unit::Milliseconds,
            pace: None,
        };
        rows.extend([
            count(errors, "errors"),
            count(lost, "lost"),
            time(upgrades, "upgrade"),
            time(scaling, "scaling"),
        ]);
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_each_library_saw_is_summed_up_and_its_longest_call_found() {
        let line = |library: &str, operation: &str, errors: u32, gap: f64| {
            serde_json::json!({ "library": library, "engine": "redis", "operation": operation, "to": "4 shards", "acknowledged": 10,
                "lost": 0, "errors": errors, "gap_s": gap })
        };
        let mut lines = vec![
            line("redis-rs", "upgrade", 0, 0.5),
            line("redis-rs", "scaling", 2, 1.5),
            line("redis-rs", "scaling", 1, 0.1),
        ];
        assert!(rows(&lines).is_err(), "two libraries are missing");
        lines.extend(["RedisPy", "Ioredis"].map(|library| line(library, "upgrade", 0, 0.1)));
        let rows = rows(&lines).unwrap();
        let ours: Vec<(f64, bool)> = rows[8..].iter().map(|row| (row.measured, row.is_over())).collect();
        assert_eq!(ours, [(3.0, true), (0.0, false), (0.5, false), (1.5, false)]);
        assert!(render(&lines).contains("| redis | scaling to 4 shards | redis-rs | 10 | 0 | 2 | 1.50 s |"));
    }
}
