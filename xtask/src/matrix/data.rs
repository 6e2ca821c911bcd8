//! Whether the data of one release reach another: by replication, and by the files on disk.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::Candidate;
use super::contents::{contents, fill, same};
use super::node::{Node, take_over, until};

/// What a link, a copy, a write may take before it is said to fail; all of them take about a second.
const MEETING: Duration = Duration::from_secs(6);
const COPY: Duration = Duration::from_secs(12);
const WRITE: Duration = Duration::from_secs(5);
/// What a replica says that will not take the copy; it then asks for it again and again.
const REFUSALS: [&str; 2] = ["Failed trying to load", "Can't handle RDB"];

/// A primary of all slots, filled.
fn primary<'a>(release: &'a Candidate, field_ttls: bool, further: &[&str]) -> Result<Node<'a>> {
    let mut node = Node::new(release)?;
    node.start(further)?;
    let slots: Vec<String> = (0..16_384).map(|slot| slot.to_string()).collect();
    let words: Vec<&str> = ["CLUSTER", "ADDSLOTS"].into_iter().chain(slots.iter().map(String::as_str)).collect();
    node.client()?.send(&words)?;
    let ready = until(WRITE, || (node.field("CLUSTER INFO", "cluster_state")? == "ok").then_some(()));
    ready.context("a cluster of one node does not come up")?;
    fill(&mut node, field_ttls)?;
    Ok(node)
}

/// Whether replicas of each of `others` can copy from a primary of `release`; `Ok(Err)` tells why not.
pub(super) fn copies(release: &Candidate, others: &[Candidate], field_ttls: bool) -> Result<Vec<Result<()>>> {
    let mut primary = primary(release, field_ttls, &[])?;
    let mut found = Vec::new();
    for other in others {
        found.push(["yes", "no"].iter().try_for_each(|diskless| {
            primary.ask(&format!("CONFIG SET repl-diskless-sync {diskless}"))?;
            let mut replica = Node::new(other)?;
            replica.start(&[])?;
            let id = replica.text("CLUSTER MYID")?;
            let done = copy(&mut primary, &mut replica);
            drop(replica);
            // Unknown to it when the two did not even meet.
            let _ = primary.ask(&format!("CLUSTER FORGET {id}"));
            done.with_context(|| format!("repl-diskless-sync {diskless}"))
        }));
    }
    Ok(found)
}

/// Lets an empty node follow a primary.
fn copy(primary: &mut Node<'_>, replica: &mut Node<'_>) -> Result<()> {
    replica.ask(&format!("CLUSTER MEET 127.0.0.1 {}", primary.port))?;
    let met = until(MEETING, || (replica.is_linked(2) && primary.is_linked(2)).then_some(()));
    met.context("the two do not meet on the bus")?;
    let follow = format!("CLUSTER REPLICATE {}", primary.text("CLUSTER MYID")?);
    until(WRITE, || replica.ask(&follow).ok()).context("it cannot be made a replica")?;
    let copied = until(COPY, || {
        let said = replica.said();
        let refused = REFUSALS.iter().any(|refusal| said.matches(refusal).count() >= 2);
        let mut up = || replica.field("INFO replication", "master_link_status").is_some_and(|status| status == "up");
        if refused { Some(false) } else { up().then_some(true) }
    });
    ensure!(copied == Some(true), "no copy: {}", replica.warnings());
    same(&contents(primary)?, &contents(replica)?)?;
    for command in ["INCR number", "HSET hash later 1", "XADD stream * field later", "SET text later", "INCR writes"] {
        primary.ask(command)?;
    }
    let wanted = primary.text("GET writes")?;
    let arrived = until(WRITE, || (replica.text("GET writes").ok()? == wanted).then_some(()));
    arrived.context("later writes do not arrive")?;
    same(&contents(primary)?, &contents(replica)?)
}

/// What a release left on disk.
pub(super) struct Left<'a> {
    node: Node<'a>,
    id: String,
    contents: BTreeMap<String, String>,
}

/// Has a node of `release` write everything that it writes, and stops it.
pub(super) fn leave(release: &Candidate, field_ttls: bool) -> Result<Left<'_>> {
    let mut node = primary(release, field_ttls, &["--appendonly", "yes", "--save", "3600 1"])?;
    let quiet = |node: &mut Node<'_>| {
        until(COPY, || {
            let over = |key| node.field("INFO persistence", key).is_some_and(|value| value == "0");
            ["aof_rewrite_in_progress", "aof_rewrite_scheduled"].into_iter().all(over).then_some(())
        })
        .context("the append-only file is not rewritten")
    };
    quiet(&mut node)?;
    node.ask("BGREWRITEAOF")?;
    quiet(&mut node)?;
    for command in ["SET tail 1", "HSET hash a tail", "XADD stream * field tail", "SREM set a"] {
        node.ask(command)?;
    }
    node.ask("SAVE")?;
    let (id, contents) = (node.text("CLUSTER MYID")?, contents(&mut node)?);
    node.stop()?;
    Ok(Left { node, id, contents })
}

impl Left<'_> {
    /// Whether a server of `release` starts on the `nodes.conf` alone and is the node that it was.
    pub(super) fn is_known_to(&self, release: &Candidate) -> Result<()> {
        self.start(release, &[], &[]).map(drop)
    }

    /// Whether a server of `release` starts on the files and has what was in them.
    pub(super) fn is_read_by(&self, release: &Candidate) -> Result<()> {
        let mut log = Vec::new();
        for entry in fs::read_dir(self.node.folder())? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            log.extend(name.starts_with("appendonly").then_some(name));
        }
        let log: Vec<&str> = log.iter().map(String::as_str).collect();
        for (what, files, arguments) in [
            ("snapshot", &["dump.rdb"][..], &["--save", "3600 1"][..]),
            ("append-only file", &[&log[..], &["dump.rdb"]].concat(), &["--appendonly", "yes", "--save", "3600 1"]),
        ] {
            let mut node = self.start(release, files, arguments).context(what)?;
            same(&self.contents, &contents(&mut node)?).context(what)?;
        }
        Ok(())
    }

    fn start<'a>(&self, release: &'a Candidate, files: &[&str], arguments: &[&str]) -> Result<Node<'a>> {
        let mut node = Node::new(release)?;
        for file in files.iter().chain(&["nodes.conf"]) {
            take_over(self.node.folder(), node.folder(), file)?;
        }
        node.start(arguments)?;
        if node.text("CLUSTER MYID")? != self.id {
            bail!("it is another node of the cluster");
        }
        // Loading is over, too: until then the state is `fail`.
        let up = until(COPY, || (node.field("CLUSTER INFO", "cluster_state")? == "ok").then_some(()));
        up.context("it does not have its slots")?;
        Ok(node)
    }
}
