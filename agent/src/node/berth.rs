//! Berths: the three ports of a node, taken together, once for life.

use std::fs;
use std::io;
use std::net::{IpAddr, TcpListener};
use std::path::PathBuf;

use justmanage_model::NodeId;
use justmanage_model::node::NodeOrder;
use serde::{Deserialize, Serialize};

use crate::directory::Directory;
use crate::server;

/// How many berths a machine has. The bus ports end where the kernel's own choice of ports begins by default (32768), so no
/// client of anything ever sits on a berth by accident.
pub const BERTHS: u16 = 1768;
/// Agents listen from here up.
const AGENT: u16 = 19_000;
/// Clients connect from here up.
const CLIENT: u16 = 21_000;
/// The cluster bus is this much above the client port, where servers expect it by default.
const BUS_ABOVE_CLIENT: u16 = 10_000;

/// The usual ports, of a node that has its machine for itself. The bus is where servers expect it here, too.
const USUAL_AGENT: u16 = 7379;
const USUAL_CLIENT: u16 = 6379;

/// The ports of a node: agent 19000 + n, client 21000 + n, bus 31000 + n; or the usual ones, 7379, 6379 and 16379.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Ports", into = "Ports")]
pub struct Berth {
    /// `None`: the usual ports.
    number: Option<u16>,
}

/// `ports.json`: the ports themselves, for whoever reads it.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Ports {
    agent: u16,
    client: u16,
    bus: u16,
}

/// Why a node has no berth.
#[derive(Debug, thiserror::Error)]
pub enum BerthError {
    /// A port that is the node's, since it had it before or has the machine for itself, is another program's now.
    #[error("port {port} of {address}, which this node uses for {what}, cannot be taken: {source}")]
    Taken {
        /// The port.
        port: u16,
        /// The node's address.
        address: IpAddr,
        /// What it is for.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
    /// The address is not one of this machine.
    #[error("nothing can listen on {address}: {source}")]
    Address {
        /// The node's address.
        address: IpAddr,
        /// Why.
        source: io::Error,
    },
    /// Every berth of the machine is taken.
    #[error("none of the {BERTHS} berths of {0} is free")]
    Full(IpAddr),
    /// `ports.json` cannot be read or written.
    #[error("{0}")]
    Disk(#[from] io::Error),
}

impl BerthError {
    /// Whether the address is not one of this machine.
    pub fn is_elsewhere(&self) -> bool {
        let (Self::Taken { source, .. } | Self::Address { source, .. }) = self else { return false };
        source.kind() == io::ErrorKind::AddrNotAvailable
    }
}

impl Berth {
    const USUAL: Self = Self { number: None };

    /// The node's berth, and the agent's listener on it. At the first start the first that is free, from a place that the
    /// node's id decides; from then on the same for life, because clients know it.
    ///
    /// The listener is the reservation: of two agents that try one berth only one can listen. (std sets SO_REUSEADDR, under
    /// which two sockets may be bound to a port, but never listen: `listen` fails for the second, and so does `bind` here,
    /// which does both.) Ports of nodes nearby whose agents do not run are left alone, too.
    ///
    /// # Errors
    /// A port that was the node's is taken, no berth is free, or the disk.
    pub fn take(directory: &Directory, order: &NodeOrder) -> Result<(Self, TcpListener), BerthError> {
        if let Some(berth) = directory.read::<Self>(&directory.ports())? {
            return berth.take_again(directory, order.address);
        }
        let neighbours = neighbours(directory);
        let numbered = numbers_from(&order.claim.node).map(|number| Self { number: Some(number) });
        for berth in numbered.filter(|berth| !neighbours.contains(berth)) {
            if let Some(listener) = berth.try_take(order.address)? {
                directory.write(&directory.ports(), &berth)?;
                return Ok((berth, listener));
            }
        }
        Err(BerthError::Full(order.address))
    }

    /// The usual ports, for a node that has its machine for itself, where users and their firewalls expect them. A node that has
    /// others already keeps those.
    ///
    /// # Errors
    /// A port is taken, or the disk.
    pub fn take_usual(directory: &Directory, order: &NodeOrder) -> Result<(Self, TcpListener), BerthError> {
        let before = directory.read::<Self>(&directory.ports())?;
        let (berth, listener) = before.unwrap_or(Self::USUAL).take_again(directory, order.address)?;
        if before.is_none() {
            directory.write(&directory.ports(), &berth)?;
        }
        Ok((berth, listener))
    }

    fn take_again(self, directory: &Directory, address: IpAddr) -> Result<(Self, TcpListener), BerthError> {
        let taken = |what, port| move |source| BerthError::Taken { port, address, what, source };
        let listener =
            TcpListener::bind((address, self.agent_port())).map_err(taken("its agent", self.agent_port()))?;
        // Our own server may have lived on, and then these are busy as they should be.
        if server::running(directory)?.is_none() {
            for (what, port) in [("clients", self.client_port()), ("the cluster bus", self.bus_port())] {
                TcpListener::bind((address, port)).map_err(taken(what, port))?;
            }
        }
        Ok((self, listener))
    }

    fn try_take(self, address: IpAddr) -> Result<Option<TcpListener>, BerthError> {
        let mut listeners = [self.agent_port(), self.client_port(), self.bus_port()].map(|port| {
            TcpListener::bind((address, port)).map(Some).or_else(|error| match error.kind() {
                io::ErrorKind::AddrInUse => Ok(None),
                _ => Err(BerthError::Address { address, source: error }),
            })
        });
        for probe in &mut listeners[1..] {
            // Let go at once: the server itself will listen there.
            if std::mem::replace(probe, Ok(None))?.is_none() {
                return Ok(None);
            }
        }
        let [agent, ..] = listeners;
        agent
    }

    /// Where the agent listens.
    pub const fn agent_port(self) -> u16 {
        match self.number {
            Some(number) => AGENT + number,
            None => USUAL_AGENT,
        }
    }

    /// Where clients connect to the server.
    pub const fn client_port(self) -> u16 {
        match self.number {
            Some(number) => CLIENT + number,
            None => USUAL_CLIENT,
        }
    }

    /// The cluster bus.
    pub const fn bus_port(self) -> u16 {
        self.client_port() + BUS_ABOVE_CLIENT
    }
}

impl TryFrom<Ports> for Berth {
    type Error = String;

    fn try_from(ports: Ports) -> Result<Self, String> {
        let number = ports.agent.checked_sub(AGENT).filter(|number| *number < BERTHS);
        let berth = number.map(|number| Self { number: Some(number) });
        let berth = berth.or((ports.agent == USUAL_AGENT).then_some(Self::USUAL));
        let fits = |berth: &Self| (berth.client_port(), berth.bus_port()) == (ports.client, ports.bus);
        berth.filter(fits).ok_or_else(|| format!("{}, {} and {} are no berth", ports.agent, ports.client, ports.bus))
    }
}

impl From<Berth> for Ports {
    fn from(berth: Berth) -> Self {
        Self { agent: berth.agent_port(), client: berth.client_port(), bus: berth.bus_port() }
    }
}

/// Every number once, upwards from one that depends on the node's id (FNV-1a), so that nodes that are made together rarely
/// try the same.
fn numbers_from(node: &NodeId) -> impl Iterator<Item = u16> {
    let hash = node
        .to_string()
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let first = u16::try_from(hash % u64::from(BERTHS)).unwrap_or_default();
    (first..BERTHS).chain(0..first)
}

/// Berths of other nodes in the same cluster's directory, and in those of clusters beside it. After a reboot their agents do
/// not listen until somebody starts them: a new node must not take their ports for life.
fn neighbours(directory: &Directory) -> Vec<Berth> {
    let children = |parent: PathBuf| fs::read_dir(parent).into_iter().flatten().flatten().map(|entry| entry.path());
    let Some(clusters) = directory.path().parent().and_then(|cluster| cluster.parent()) else { return Vec::new() };
    let nodes = children(clusters.to_owned()).flat_map(children).filter(|node| node != directory.path());
    let berth = |node| {
        let node = Directory::new(node);
        node.read(&node.ports()).ok().flatten()
    };
    nodes.filter_map(berth).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_berth_is_tried_once_and_its_ports_are_in_their_ranges() {
        let node = NodeId::from_entropy([7; 10]);
        let mut numbers: Vec<u16> = numbers_from(&node).collect();
        assert_eq!(numbers, numbers_from(&node).collect::<Vec<_>>(), "the same at every start");
        assert_ne!(numbers[0], numbers_from(&NodeId::from_entropy([8; 10])).next().unwrap());
        numbers.sort_unstable();
        assert_eq!(numbers, (0..BERTHS).collect::<Vec<_>>());
        let last = Berth { number: Some(BERTHS - 1) };
        assert_eq!((last.agent_port(), last.client_port(), last.bus_port()), (20_767, 22_767, 32_767));
    }

    #[test]
    fn ports_on_disk_must_be_those_of_one_berth() {
        for (berth, expected) in [
            (Berth { number: Some(5) }, r#"{"agent":19005,"client":21005,"bus":31005}"#),
            (Berth::USUAL, r#"{"agent":7379,"client":6379,"bus":16379}"#),
        ] {
            assert_eq!(serde_json::to_string(&berth).unwrap(), expected);
            assert_eq!(serde_json::from_str::<Berth>(expected).unwrap(), berth);
        }
        for wrong in [
            (19_005, 21_006, 31_005),
            (7379, 6380, 16_380),
            (18_999, 20_999, 30_999),
            (20_768, 22_768, 32_768),
            (0, 0, 0),
        ] {
            let text = format!(r#"{{"agent":{},"client":{},"bus":{}}}"#, wrong.0, wrong.1, wrong.2);
            assert!(serde_json::from_str::<Berth>(&text).is_err(), "{text}");
        }
    }
}
