//! From starting the provider to its handshake line, and what it keeps in memory then.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, ensure};

use super::median;
use super::table::{Row, Unit};
use crate::terraform::COOKIE;
use crate::{procfs, shell, terraform};

/// A self-signed P-521 certificate, as go-plugin makes one for each start. Its key was thrown away: nobody will connect.
const CLIENT: &str = include_str!("client-certificate.pem");

/// What `terraform version` took on the machine for which the target was set, in seconds.
const TERRAFORM_THERE: f64 = 0.032;

/// How much slower than there Terraform itself starts here. What only computes is slower by as much.
pub(super) fn pace(runs: usize) -> Result<f64> {
    let program = terraform::program()?;
    let times: Result<Vec<f64>> = (0..runs).map(|_| terraform_version(&program)).collect();
    Ok(median(times?) / TERRAFORM_THERE)
}

fn terraform_version(program: &Path) -> Result<f64> {
    whole_run(Command::new(program).arg("version").env("CHECKPOINT_DISABLE", "1"))
}

/// Measures; each run of the provider stands between runs of its peers.
pub(super) fn measure(provider: &Path, runs: usize) -> Result<Vec<Row>> {
    let (mut starts, mut memory, mut nothing, mut version) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let program = terraform::program()?;
    for _ in 0..runs {
        nothing.push(whole_run(&mut Command::new("true"))?);
        let (seconds, kibibytes) = handshake(provider)?;
        starts.push(seconds);
        memory.push(kibibytes);
        version.push(terraform_version(&program)?);
    }
    let (start, version) = (median(starts), median(version));
    Ok(vec![
        Row {
            what: "provider start to handshake line",
            target: Some(0.002),
            measured: start,
            peer: Some(("`true`, start to end", median(nothing))),
            unit: Unit::Milliseconds,
            pace: Some(version / TERRAFORM_THERE),
        },
        Row {
            what: "the same",
            target: None,
            measured: start,
            peer: Some(("`terraform version`", version)),
            unit: Unit::Milliseconds,
            pace: None,
        },
        Row {
            what: "provider resident at handshake",
            target: Some(8.0 * 1024.0),
            measured: median(memory),
            peer: None,
            unit: Unit::Mebibytes,
            pace: None,
        },
    ])
}

/// Seconds to the handshake line, and KiB resident at that moment.
fn handshake(provider: &Path) -> Result<(f64, f64)> {
    let mut command = Command::new(provider);
    command.env(COOKIE.0, COOKIE.1).env("PLUGIN_PROTOCOL_VERSIONS", "5,6").env("PLUGIN_CLIENT_CERT", CLIENT);
    command.env_remove("TF_REATTACH_PROVIDERS").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let started = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot start {}", provider.display()))?;
    let stdout = child.stdout.take().context("stdout is a pipe")?;
    let mut line = String::new();
    let read = BufReader::new(stdout).read_line(&mut line);
    let seconds = started.elapsed().as_secs_f64();
    let memory = procfs::memory(child.id());
    child.kill()?;
    child.wait()?;
    read?;
    ensure!(line.starts_with("1|6|unix|") && line.contains("|grpc|"), "the provider said {line:?}, not a handshake");
    Ok((seconds, memory?.resident as f64))
}

fn whole_run(command: &mut Command) -> Result<f64> {
    let started = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()?;
    ensure!(status.success(), "`{}` failed", shell::show(command));
    Ok(started.elapsed().as_secs_f64())
}
