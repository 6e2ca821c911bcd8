//! The nodes of local clusters, as their agents wrote them down.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::house;

/// A node that runs.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// Where clients connect, `address:port`.
    pub(crate) endpoint: String,
    /// All of its ports.
    pub(crate) ports: Vec<u16>,
    /// The agent's process.
    pub(crate) agent: i32,
    /// The server's process.
    pub(crate) server: i32,
}

/// All nodes below a folder.
pub(crate) fn below(data: &Path) -> Result<Vec<Node>> {
    house::files_called("agent.json", data).iter().map(|file| node(file)).collect()
}

fn node(file: &Path) -> Result<Node> {
    let read = |path: &Path| -> Result<Value> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
    };
    let info = read(file)?;
    let server = read(&file.with_file_name("server.json"))?;
    let port = |key: &str| info[key].as_str().and_then(|text| text.rsplit_once(':')?.1.parse().ok());
    let bus = info["bus_port"].as_u64().and_then(|port| u16::try_from(port).ok());
    let pid = |value: &Value| value["process"]["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok());
    Ok(Node {
        endpoint: info["client"].as_str().context("a node has an endpoint")?.to_owned(),
        ports: [port("agent"), port("client"), bus].into_iter().flatten().collect(),
        agent: pid(&info).context("an agent has a process")?,
        server: pid(&server).context("a server has a process")?,
    })
}

/// Sends a signal to a process of ours.
pub(crate) fn signal(pid: i32, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(pid).context("a pid is positive")?;
    kill_process(pid, signal).with_context(|| format!("process {pid:?} cannot be signalled"))
}
