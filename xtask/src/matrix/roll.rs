//! Whether a cluster can go from one release to another: a roll as Just Manage does it, with a handover in each shard.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::Candidate;
use super::node::{NODE_TIMEOUT, Node, until};

/// Shards, and nodes of all of them: a primary and a replica each.
const SHARDS: usize = 3;
const NODES: usize = 2 * SHARDS;
/// How long nodes may take to find each other, or to be at rest after a restart.
const REST: Duration = Duration::from_secs(25);
/// How often in a row a cluster has to look at rest.
const LOOKS: usize = 3;
/// What the servers give a handover is five seconds.
const HANDOVER: Duration = Duration::from_secs(6);
/// How often one is tried.
const TRIES: usize = 2;

/// A node's line of `CLUSTER NODES`, as far as all nodes must tell the same: id, role and marks, primary, slots.
type Seen = (String, String, String, Vec<String>);

/// Takes a cluster from one release to the other; each node is emptied when `empties`.
pub(super) fn roll(from: &Candidate, to: &Candidate, empties: bool) -> Result<()> {
    let mut nodes = form(from)?;
    for shard in 0..SHARDS {
        let (primary, replica) = (shard, SHARDS + shard);
        restart(&mut nodes, replica, to, empties).with_context(|| format!("replica of shard {shard}"))?;
        hand_over(&mut nodes, primary, replica).with_context(|| format!("handover of shard {shard}"))?;
        restart(&mut nodes, primary, to, empties).with_context(|| format!("old primary of shard {shard}"))?;
    }
    Ok(())
}

/// A cluster at rest: the primaries first, then the replica of each.
fn form(release: &Candidate) -> Result<Vec<Node<'_>>> {
    let mut nodes = (0..NODES).map(|_| Node::new(release)).collect::<Result<Vec<_>>>()?;
    for node in &mut nodes {
        node.start(&[])?;
    }
    let ports: Vec<u16> = nodes.iter().map(|node| node.port).collect();
    for (at, node) in nodes.iter_mut().enumerate() {
        node.ask(&format!("CLUSTER SET-CONFIG-EPOCH {}", at + 1))?; // while it knows nobody
    }
    for (at, node) in nodes.iter_mut().enumerate() {
        if at < SHARDS {
            let slots = (0..16_384).filter(|slot| slot * SHARDS / 16_384 == at).map(|slot| slot.to_string());
            let words: Vec<String> = ["CLUSTER".to_owned(), "ADDSLOTS".to_owned()].into_iter().chain(slots).collect();
            node.client()?.send(&words)?;
        }
        for port in &ports[at + 1..] {
            node.ask(&format!("CLUSTER MEET 127.0.0.1 {port}"))?;
        }
    }
    until(REST, || nodes.iter_mut().all(|node| node.is_linked(NODES)).then_some(())).context("no full mesh")?;
    for shard in 0..SHARDS {
        let follow = format!("CLUSTER REPLICATE {}", nodes[shard].text("CLUSTER MYID")?);
        until(REST, || nodes[SHARDS + shard].ask(&follow).ok()).context("a node cannot be made a replica")?;
    }
    rest(&mut nodes)?;
    until(REST, || nodes.iter().all(|node| agrees_on_shards(&node.table_on_disk())).then_some(()))
        .context("some nodes.conf do not agree on which nodes are of one shard")?;
    for node in &mut nodes[..SHARDS] {
        for key in 0..900 {
            let _ = node.client()?.call(&["SET", &format!("key-{key}"), "value"])?; // two of three are of other shards
        }
    }
    Ok(nodes)
}

/// Whether each replica stands with its primary's shard. A server does not start on a file in which one does not.
fn agrees_on_shards(table: &[Vec<String>]) -> bool {
    let shard =
        |line: &Vec<String>| line.get(1)?.split(',').find_map(|word| Some(word.strip_prefix("shard-id=")?.to_owned()));
    let shards: BTreeMap<&str, Option<String>> = table.iter().map(|line| (line[0].as_str(), shard(line))).collect();
    let replicas = table.iter().filter(|line| line.len() > 3 && line[3] != "-");
    replicas.into_iter().all(|line| shards.get(line[3].as_str()) == shards.get(line[0].as_str()))
}

/// Starts a node as another release and waits until the cluster is at rest.
fn restart<'a>(nodes: &mut [Node<'a>], at: usize, release: &'a Candidate, empties: bool) -> Result<()> {
    nodes[at].stop()?;
    nodes[at].become_release(release);
    if empties {
        for entry in fs::read_dir(nodes[at].folder())? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with("dump") {
                fs::remove_file(entry.path())?;
            }
        }
    }
    nodes[at].start(&[])?;
    rest(nodes)
}

/// Waits until every node is linked to every other in both directions, all tell the same, and all copies are whole.
fn rest(nodes: &mut [Node<'_>]) -> Result<()> {
    let (mut in_a_row, mut why) = (0, String::new());
    let rested = until(REST, || {
        match unrest(nodes) {
            None => in_a_row += 1,
            Some(reason) => (in_a_row, why) = (0, reason),
        }
        (in_a_row >= LOOKS).then_some(())
    });
    rested.with_context(|| format!("the cluster does not come to rest: {why}"))
}

fn unrest(nodes: &mut [Node<'_>]) -> Option<String> {
    let views: BTreeSet<Option<Vec<Seen>>> = nodes.iter_mut().map(|node| view(node).ok()).collect();
    if views.len() != 1 || views.contains(&None) {
        return Some(format!("nodes tell {} different stories", views.len()));
    }
    for node in nodes {
        let is = |node: &mut Node<'_>, command: &str, key: &str, value: &str| {
            node.field(command, key).is_none_or(|found| found == value)
        };
        let checks = [
            ("links", node.is_linked(NODES)),
            ("state", is(node, "CLUSTER INFO", "cluster_state", "ok")),
            ("copy", is(node, "INFO replication", "master_link_status", "up")),
            ("copying", is(node, "INFO replication", "master_sync_in_progress", "0")),
        ];
        if let Some((what, _)) = checks.iter().find(|(_, fine)| !fine) {
            return Some(format!("{what} of the node at {}", node.port));
        }
    }
    None
}

fn view(node: &mut Node<'_>) -> Result<Vec<Seen>> {
    let mut seen = Vec::new();
    for line in node.table()? {
        ensure!(line.len() >= 8, "a line of CLUSTER NODES has eight words: {line:?}");
        let slots = line[8..].to_vec();
        seen.push((line[0].clone(), line[2].replace("myself,", ""), line[3].clone(), slots));
    }
    seen.sort();
    Ok(seen)
}

/// Has the replica take over. It did so when the old primary says that it follows, and the epoch rose.
fn hand_over(nodes: &mut [Node<'_>], primary: usize, replica: usize) -> Result<()> {
    let epoch =
        |node: &mut Node<'_>| -> Option<u64> { node.field("CLUSTER INFO", "cluster_current_epoch")?.parse().ok() };
    let role = |node: &mut Node<'_>| node.field("INFO replication", "role");
    for attempt in 1..=TRIES {
        let before = epoch(&mut nodes[replica]);
        nodes[replica].ask("CLUSTER FAILOVER")?;
        let done = until(HANDOVER, || {
            let follows = role(&mut nodes[primary])? == "slave" && role(&mut nodes[replica])? == "master";
            (follows && epoch(&mut nodes[primary]) > before).then_some(())
        });
        if done.is_some() {
            return rest(nodes);
        }
        if attempt < TRIES {
            thread::sleep(4 * NODE_TIMEOUT + Duration::from_secs(1)); // no vote for the same shard before
        }
    }
    bail!("the replica did not get its votes: {}", nodes[replica].warnings())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replica_of_another_shard_is_seen() {
        let table = |replica: &str| -> Vec<Vec<String>> {
            let lines = [
                "a 127.0.0.1:1@2,,tls-port=0,shard-id=x myself,master - 0 0 1 connected 0-100".to_owned(),
                format!("b 127.0.0.1:3@4,,tls-port=0,shard-id={replica} slave a 0 0 1 connected"),
            ];
            lines.iter().map(|line| line.split(' ').map(str::to_owned).collect()).collect()
        };
        assert!(agrees_on_shards(&table("x")));
        assert!(!agrees_on_shards(&table("y")));
        let old: Vec<Vec<String>> = table("x")
            .into_iter()
            .map(|mut line| {
                line[1] = "127.0.0.1:1@2".into();
                line
            })
            .collect();
        assert!(agrees_on_shards(&old), "releases without shard ids");
    }
}
