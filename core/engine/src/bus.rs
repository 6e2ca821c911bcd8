//! The cluster as one server sees it: the texts of `CLUSTER NODES` and `CLUSTER LINKS`, and the view that comes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use justmanage_model::user::fingerprint_of;
use justmanage_model::{BusId, BusView, Peer, PrimaryLink, ReplicaLink, Role, Slot, SlotSet};

use crate::info::Fields;
use crate::resp::Reply;

/// One line of `CLUSTER NODES` ([format](https://valkey.io/commands/cluster-nodes/)).
///
/// What it shows while two servers get to know each other: the one that was told to meet has the other at once, under an id
/// that it made up, flagged `handshake` and without a role. The other one has the first likewise as soon as its message comes.
/// When the answer comes (milliseconds later) the real id takes the place of the made-up one and the flag goes; a handshake
/// that is not answered is dropped after the node timeout. The line of a server that asks itself has an empty address until
/// the first handshake told it, unless it announces one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BusNode {
    /// Its id on the bus; while `handshake`, one that was made up.
    pub id: BusId,
    /// Where it serves clients (over TLS, if it was asked over TLS); `None` while its address is not known.
    pub at: Option<SocketAddr>,
    /// Its bus port.
    pub bus_port: u16,
    /// The name that it announces, as far as it has been heard of; servers before Redis 7.0 have none.
    pub name: Option<String>,
    /// It is the one that was asked.
    pub myself: bool,
    /// It is a replica.
    pub replica: bool,
    /// Its primary, if it is a replica and that is known.
    pub primary: Option<BusId>,
    /// They have not got to know each other yet.
    pub handshake: bool,
    /// It is known by name only (`noaddr`): its id turned up in what others say, or another server answers at its address.
    pub lost: bool,
    /// It did not answer this server for the node timeout (`fail?`).
    pub suspected: bool,
    /// The majority of primaries agrees that it does not answer (`fail`).
    pub failed: bool,
    /// The link to it is up.
    pub connected: bool,
    /// The slots that it serves; also those on their way out, and not yet those on their way in.
    pub slots: SlotSet,
    /// Slots marked as on their way out, and where to. Servers tell this of themselves only.
    pub leaving: BTreeMap<Slot, BusId>,
    /// Slots marked as on their way in, and where from; likewise.
    pub arriving: BTreeMap<Slot, BusId>,
}

/// Reads the text of `CLUSTER NODES`; `None` if a line is not of that form.
#[must_use]
pub fn parse_nodes(text: &str) -> Option<Vec<BusNode>> {
    text.lines().filter(|line| !line.is_empty()).map(parse_node).collect()
}

fn parse_node(line: &str) -> Option<BusNode> {
    let fields: Vec<&str> = line.split(' ').collect();
    // id, address, flags, primary, ping, pong, epoch, link state, slots...
    let [id, address, flags, primary, _, _, _, link, slots @ ..] = &fields[..] else { return None };
    let (at, bus_port) = parse_address(address)?;
    let name = address.split(',').nth(1).filter(|name| !name.is_empty() && !name.contains('='));
    let flags: BTreeSet<&str> = flags.split(',').collect();
    let (marked, served): (Vec<&str>, Vec<&str>) =
        slots.iter().copied().filter(|slot| !slot.is_empty()).partition(|slot| slot.starts_with('['));
    Some(BusNode {
        id: id.parse().ok()?,
        at,
        bus_port,
        name: name.map(str::to_owned),
        myself: flags.contains("myself"),
        replica: flags.contains("slave"),
        primary: if *primary == "-" { None } else { Some(primary.parse().ok()?) },
        handshake: flags.contains("handshake"),
        lost: flags.contains("noaddr"),
        suspected: flags.contains("fail?"),
        failed: flags.contains("fail"),
        connected: *link == "connected",
        slots: served.join(" ").parse().ok()?,
        leaving: marks(&marked, "->-")?,
        arriving: marks(&marked, "-<-")?,
    })
}

/// Marks of slots on their way: `[93->-ID]` out, `[77-<-ID]` in.
fn marks(marked: &[&str], way: &str) -> Option<BTreeMap<Slot, BusId>> {
    let inner = marked.iter().map(|mark| mark.strip_prefix('[')?.strip_suffix(']'));
    let mut marks = BTreeMap::new();
    for mark in inner {
        if let Some((slot, id)) = mark?.split_once(way) {
            marks.insert(Slot::new(slot.parse().ok()?)?, id.parse().ok()?);
        }
    }
    Some(marks)
}

/// `10.0.0.1:6379@16379`, to which Redis 7.0 and later append `,hostname`, and later ones also `,name=value` fields. An IPv6
/// address stands without brackets.
fn parse_address(text: &str) -> Option<(Option<SocketAddr>, u16)> {
    let plain = text.split(',').next()?;
    // Redis before 4.0 had no bus port here; nobody runs it.
    let (client, bus) = plain.rsplit_once('@')?;
    let (ip, port) = client.rsplit_once(':')?;
    let port: u16 = port.parse().ok()?;
    let ip: Option<IpAddr> = ip.parse().ok();
    // A server that has no such port (clients reach it by another kind) says 0.
    Some((ip.filter(|_| port != 0).map(|ip| SocketAddr::new(ip, port)), bus.parse().ok()?))
}

/// Reads the reply to `CLUSTER LINKS` ([format](https://valkey.io/commands/cluster-links/)): the ids of the servers whose own
/// link to the one that was asked is up. `None` if it is not of that form.
///
/// A server can have two links from the same other one for a moment, while a broken one has not been noticed.
pub(crate) fn parse_links(reply: &Reply) -> Option<BTreeSet<BusId>> {
    let Reply::List(links) = reply else { return None };
    let mut from = BTreeSet::new();
    for link in links {
        let Reply::List(fields) = link else { return None };
        let field = |name: &str| {
            let at = fields.chunks_exact(2).find(|pair| matches!(&pair[0], Reply::Text(text) if text == name))?;
            if let Reply::Text(value) = &at[1] { Some(value.as_str()) } else { None }
        };
        if field("direction")? == "from" {
            from.insert(field("node")?.parse().ok()?);
        }
    }
    Some(from)
}

/// What a server said, put together.
pub(crate) struct Said<'a> {
    /// `INFO`, at least the section `replication`.
    pub(crate) info: &'a Fields,
    /// `CLUSTER INFO`.
    pub(crate) cluster: &'a Fields,
    /// `CLUSTER NODES`.
    pub(crate) nodes: &'a [BusNode],
    /// Whose link to it is up; `None` where the server does not tell.
    pub(crate) links: Option<&'a BTreeSet<BusId>>,
}

impl Said<'_> {
    /// The view; `None` if the server has no line about itself.
    pub(crate) fn view(&self) -> Option<BusView> {
        let myself = self.nodes.iter().find(|node| node.myself)?;
        Some(BusView {
            id: myself.id,
            ok: self.cluster.get("cluster_state") == Some("ok"),
            epoch: self.cluster.number("cluster_current_epoch").unwrap_or_default(),
            config_epoch: self.cluster.number("cluster_my_epoch").unwrap_or_default(),
            astray: myself.leaving.keys().chain(myself.arriving.keys()).copied().collect(),
            slots: myself.slots.clone(),
            role: self.role(myself),
            peers: self.nodes.iter().filter(|node| !node.myself).map(|node| self.peer(node)).collect(),
            view: fingerprint(self.nodes),
        })
    }

    /// Its role on the bus, and from `INFO` what becomes of the data. The two are asked one after the other, and a failover may
    /// lie between: then nothing is linked to anything, which is the safe thing to believe.
    fn role(&self, myself: &BusNode) -> Role {
        let copies = self.info.get("role") == Some("slave");
        if myself.replica {
            let up = copies && self.info.get("master_link_status") == Some("up");
            let syncing = copies && self.info.get("master_sync_in_progress") == Some("1");
            // -1 while there is no link, which is no number here.
            let silent_s = self.info.number("master_last_io_seconds_ago").filter(|_| copies);
            let at = self.called().filter(|_| copies);
            let link = PrimaryLink { up, syncing, down_since: None, silent_s, at };
            Role::Replica { of: myself.primary.unwrap_or(myself.id), link }
        } else if copies {
            Role::Primary { replicas: Vec::new() }
        } else {
            Role::Primary { replicas: replicas(self.info) }
        }
    }

    /// Where a replica calls its primary.
    fn called(&self) -> Option<SocketAddr> {
        let host: IpAddr = self.info.get("master_host")?.parse().ok()?;
        Some((host, u16::try_from(self.info.number("master_port")?).ok()?).into())
    }

    fn peer(&self, node: &BusNode) -> Peer {
        Peer {
            id: node.id,
            at: node.at.filter(|_| !node.lost),
            bus_port: node.bus_port,
            replica_of: node.replica.then(|| node.primary.unwrap_or(node.id)),
            slots: node.slots.len(),
            handshake: node.handshake,
            suspected: node.suspected,
            failed: node.failed,
            linked_to: node.connected,
            linked_from: self.links.is_none_or(|links| links.contains(&node.id)),
        }
    }
}

/// The replicas in `INFO replication`: `slave0:ip=10.0.0.2,port=6379,state=online,offset=1024,lag=0`.
fn replicas(info: &Fields) -> Vec<ReplicaLink> {
    let offset = info.number("master_repl_offset").unwrap_or_default();
    (0..).map_while(|index| info.get(&format!("slave{index}"))).filter_map(|line| replica(line, offset)).collect()
}

fn replica(line: &str, offset: u64) -> Option<ReplicaLink> {
    let field = |name: &str| line.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    // Newer servers send a copy over a second connection, with a line of its own beside the replica's.
    if field("type") == Some("rdb-channel") {
        return None;
    }
    let address = SocketAddr::new(field("ip")?.parse().ok()?, field("port")?.parse().ok()?);
    Some(ReplicaLink {
        at: address,
        online: field("state") == Some("online"),
        lag_bytes: offset.saturating_sub(field("offset")?.parse().ok()?),
        lag_s: field("lag")?.parse().ok()?,
    })
}

/// See [`BusView::view`]. Who is in a handshake, or known by name only, is not agreed upon by anybody, and does not count; that
/// somebody does not answer one server is that server's own business, until the majority has agreed.
fn fingerprint(nodes: &[BusNode]) -> String {
    let mut lines: Vec<String> = nodes
        .iter()
        .filter(|node| !node.handshake && !node.lost)
        .map(|node| {
            let of = node.primary.map(|id| id.to_string()).unwrap_or_default();
            format!("{} {} {of} {} {}", node.id, node.replica, node.failed, node.slots)
        })
        .collect();
    lines.sort_unstable();
    fingerprint_of(&lines.join("\n"))
}

#[cfg(test)]
mod tests;
