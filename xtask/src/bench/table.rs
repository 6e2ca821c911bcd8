//! The table: what, target, measured, peer, ratio, verdict.

use std::fmt::Write as _;

/// In what a row is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Unit {
    /// Seconds, shown as milliseconds.
    Milliseconds,
    /// Bytes, shown as 10^6.
    Megabytes,
    /// KiB, shown as MiB.
    Mebibytes,
    /// Parts of one core, shown as per cent.
    Percent,
    /// Things.
    Count,
}

/// One number.
pub(super) struct Row {
    pub(super) what: &'static str,
    /// At most; `None` where nothing was promised.
    pub(super) target: Option<f64>,
    pub(super) measured: f64,
    /// What it is compared with, and that one's number in the same run.
    pub(super) peer: Option<(&'static str, f64)>,
    pub(super) unit: Unit,
    /// How many times slower this machine is, at this moment, than the one for which the target was set: what the same
    /// program (`terraform version`, a plan of `terraform_data`) takes here and took there. `None` where time plays no part.
    pub(super) pace: Option<f64>,
}

impl Row {
    /// What it would be at the pace of the machine for which the target was set.
    fn at_pace(&self) -> f64 {
        self.measured / self.pace.unwrap_or(1.0)
    }

    /// Is it over its target, also when the pace of this machine is taken out?
    pub(super) fn is_over(&self) -> bool {
        self.target.is_some_and(|target| self.measured > target && self.at_pace() > target)
    }

    fn verdict(&self) -> &'static str {
        match self.target {
            None => "-",
            Some(_) if self.is_over() => "OVER",
            Some(target) if self.measured > target => "over here, ok at pace",
            Some(_) => "ok",
        }
    }
}

/// All rows, aligned.
pub(super) fn render(rows: &[Row]) -> String {
    let mut text = format!(
        "{:<44} {:>11} {:>11} {:>9}  {:<32} {:>7}  verdict\n",
        "what", "target", "measured", "at pace", "peer", "ratio"
    );
    for row in rows {
        let target = row.target.map_or_else(|| "-".into(), |target| format!("<= {}", show(target, row.unit)));
        let peer = row.peer.map_or_else(|| "-".into(), |(name, value)| format!("{name} {}", show(value, row.unit)));
        let ratio = row.peer.filter(|(_, value)| *value > 0.0);
        let ratio = ratio.map_or_else(|| "-".into(), |(_, value)| format!("{:.2}", row.measured / value));
        let (measured, verdict) = (show(row.measured, row.unit), row.verdict());
        let pace = row.pace.map_or_else(|| "-".into(), |_| show(row.at_pace(), row.unit));
        let _ =
            writeln!(text, "{:<44} {target:>11} {measured:>11} {pace:>9}  {peer:<32} {ratio:>7}  {verdict}", row.what);
    }
    text
}

fn show(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Milliseconds if value >= 1.0 => format!("{:.0} ms", value * 1e3),
        Unit::Milliseconds => format!("{:.2} ms", value * 1e3),
        Unit::Megabytes => format!("{:.2} MB", value / 1e6),
        Unit::Mebibytes => format!("{:.1} MiB", value / 1024.0),
        Unit::Percent => format!("{:.2} %", value * 100.0),
        Unit::Count => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_said() {
        let paced = |measured, target, pace| {
            let (peer, unit) = (Some(("peer", 0.5)), Unit::Milliseconds);
            Row { what: "x", target, measured, peer, unit, pace }
        };
        let row = |measured, target| paced(measured, target, None);
        assert_eq!(paced(0.004, Some(0.002), Some(2.0)).verdict(), "over here, ok at pace");
        assert_eq!(paced(0.005, Some(0.002), Some(2.0)).verdict(), "OVER");
        assert_eq!(paced(0.001, Some(0.002), Some(0.1)).verdict(), "ok", "a fast machine is no excuse and no burden");
        assert!(row(0.002_1, Some(0.002)).is_over());
        assert!(!row(0.002, Some(0.002)).is_over());
        assert!(!row(9.0, None).is_over());
        let text = render(&[row(0.001, Some(0.002)), row(2.0, Some(0.002))]);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].contains("<= 2.00 ms") && lines[1].contains("1.00 ms") && lines[1].ends_with("ok"), "{text}");
        assert!(lines[2].contains("2000 ms") && lines[2].contains("4.00") && lines[2].ends_with("OVER"), "{text}");
    }

    #[test]
    fn units() {
        assert_eq!(show(3_300_000.0, Unit::Megabytes), "3.30 MB");
        assert_eq!(show(4198.0, Unit::Mebibytes), "4.1 MiB");
        assert_eq!(show(0.0023, Unit::Percent), "0.23 %");
    }
}
