//! Clients of one shard that write all the time, in a process of their own, and what they saw.

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use super::cluster::{self, PASSWORD, WRITER};
use super::node::Side;

/// Clients of one shard, at work.
pub(super) struct Writer {
    process: cluster::Server,
    input: ChildStdin,
    says: Lines<BufReader<ChildStdout>>,
}

/// What they saw.
pub(super) struct Seen {
    pub(super) gap_s: f64,
    pub(super) acknowledged: f64,
    pub(super) lost: f64,
}

impl Writer {
    /// Begins; as soon as they have written.
    pub(super) fn begin(ours: &Side, folder: &Path, binaries: &Path, nodes: &[Value], shard: u64) -> Result<Self> {
        let ca = folder.join("ca.pem");
        fs::write(&ca, ours.output("ca")?.as_str().context("a certificate is text")?)?;
        let of_shard = nodes.iter().filter(|node| node["shard"] == shard);
        let endpoints: Vec<&str> = of_shard.filter_map(|node| node["endpoint"].as_str()).collect();
        let mut writer = Command::new(binaries.join(WRITER));
        writer.arg(&ca).arg("app").args(&endpoints).env("WRITER_PASSWORD", PASSWORD).env("WRITER_GOES_ON", "1");
        let process = writer.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().context(WRITER)?;
        let mut process = cluster::Server(process);
        let mut says = BufReader::new(process.0.stdout.take().context("no output")?).lines();
        says.next().context("the writer ended")??; // its first writes are acknowledged
        let mut input = process.0.stdin.take().context("no input")?;
        writeln!(input, "look")?;
        Ok(Self { process, input, says })
    }

    /// Has them stop and count.
    pub(super) fn end(mut self) -> Result<Seen> {
        writeln!(self.input, "end")?;
        let report: Value = serde_json::from_str(&self.says.next().context("the writer ended")??)?;
        drop(self.process);
        let number = |key: &str| report[key].as_f64().with_context(|| format!("{key} is no number in {report}"));
        Ok(Seen { gap_s: number("gap_s")?, acknowledged: number("acknowledged")?, lost: number("lost")? })
    }
}
