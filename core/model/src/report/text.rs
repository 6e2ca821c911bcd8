//! A report as lines for a person.

use std::collections::BTreeSet;
use std::fmt;

use super::{MovedSlots, OperationReport, Proof};
use crate::record::Operation;

pub(super) fn write(report: &OperationReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    writeln!(f, "{}: {}, in {}", report.what, report.outcome(), Millis(report.took_ms()))?;
    if let Some(backup) = &report.backup {
        writeln!(f, "backup before it: {backup}")?;
    }
    write!(f, "writes: {}", Counted(&report.total()))?;
    for (shard, proof) in &report.shards {
        match proof {
            Some(proof) => write!(f, "\nshard {shard}: {}", Counted(proof))?,
            None => write!(f, "\nshard {shard}: not measured")?,
        }
    }
    for step in &report.steps {
        let (node, shard, took) = (step.node, step.shard, Millis(step.took_ms));
        match &step.moved {
            Some(moved) => write!(f, "\n{}: {} {}, {took}", step.began, step.operation, Moved(moved))?,
            None => write!(f, "\n{}: {} of node {node} (shard {shard}), {took}", step.began, step.operation)?,
        }
    }
    Ok(())
}

/// From which shards to which, and how much it was: "from shards 0, 1 to shard 3 (2731 slots, 40960 keys, 5 MiB)".
struct Moved<'a>(&'a MovedSlots);

impl fmt::Display for Moved<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let MovedSlots { ways, slots, keys, bytes } = self.0;
        if ways.is_empty() {
            f.write_str("that somebody had left half-way")?;
        } else {
            let from = ways.iter().map(|way| way.from).collect();
            let to = ways.iter().map(|way| way.to).collect();
            write!(f, "from {} to {}", Shards(from), Shards(to))?;
        }
        write!(f, " ({slots} slots")?;
        if *keys > 0 {
            write!(f, ", {keys} keys, {} KiB", bytes.get() / 1024)?;
        }
        f.write_str(")")
    }
}

/// "shard 3", "shards 0, 1".
struct Shards(BTreeSet<u16>);

impl fmt::Display for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "shard{} {}", if numbers.len() == 1 { "" } else { "s" }, numbers.join(", "))
    }
}

struct Counted<'a>(&'a Proof);

impl fmt::Display for Counted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Proof { acknowledged, lost, unproven, not_measured, longest_pause_ms } = self.0;
        write!(f, "{acknowledged} acknowledged, {lost} lost")?;
        if *unproven > 0 {
            write!(f, ", {unproven} unproven")?;
        }
        if *not_measured > 0 {
            write!(f, ", {not_measured} refused and not measured")?;
        }
        write!(f, ", longest pause {}", Millis(*longest_pause_ms))
    }
}

/// Milliseconds, or seconds where there are many.
struct Millis(u64);

impl fmt::Display for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            millis @ ..10_000 => write!(f, "{millis} ms"),
            millis => write!(f, "{}.{} s", millis / 1000, millis % 1000 / 100),
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restart => "restart",
            Self::Handover => "handover",
            Self::PutBack => "way back",
            Self::Reshard => "move of slots",
        })
    }
}
