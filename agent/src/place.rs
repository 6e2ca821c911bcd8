//! Where this node is: its order's address, or, where nodes have names, what its own name leads to.

use std::io;
use std::net::{IpAddr, UdpSocket};
use std::time::Duration;

use justmanage_model::node::NodeOrder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing::{info, warn};

/// How often the agent looks whether its address is still one of this machine: one system call. Whoever moves cannot be
/// reached meanwhile, so this is a part of how long a move takes.
const LOOK: Duration = Duration::from_secs(2);

/// Every so many looks the name is resolved even though nothing is wrong: an address that was only added, and that the name
/// leads to now. A question to the resolver every ten seconds is nothing to it, also from a hundred nodes.
const LOOKS_PER_NAME: u32 = 5;

/// Longest time for the resolver to answer.
const RESOLVE_LIMIT: Duration = Duration::from_secs(5);

/// Signals to this process, from the first moment on: one that comes while the agent goes from one place to another is heard.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Listens from now on. Needs a tokio runtime around it.
    ///
    /// # Errors
    /// The system refuses.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// Waits until the process is asked to end.
    pub async fn asked_to_end(&mut self) {
        loop {
            // Interrupts are for the terminal in which somebody runs the agent by hand; a hang-up is for nobody.
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hang_up.recv() => {}
            }
        }
    }
}

/// The order with the address that the node has now. A node without a name has the one that it was ordered with, for life. One
/// with a name waits until the name leads to this machine, or the order's address is one of it; `None`: the process was asked
/// to end meanwhile.
pub async fn find(order: &NodeOrder, signals: &mut Signals) -> Option<NodeOrder> {
    let Some(name) = order.own_name() else { return Some(order.clone()) };
    let mut said = false;
    loop {
        let named = resolve(&name).await;
        let places = named.iter().copied().chain([order.address]);
        if let Some(address) = places.into_iter().find(|address| is_here(*address)) {
            return Some(NodeOrder { address, ..order.clone() });
        }
        if !said {
            warn!(name, ?named, "the node's own name leads to no address of this machine; it waits for one");
            said = true;
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = signals.asked_to_end() => return None,
        }
    }
}

/// Ends when the node has moved: its name leads to another address of this machine. That its address is gone is not enough:
/// there would be no place to go, and it may come back.
pub async fn moved(order: &NodeOrder) {
    let Some(name) = order.own_name() else { return std::future::pending().await };
    let mut looks = 0;
    loop {
        tokio::time::sleep(LOOK).await;
        looks += 1;
        let here = is_here(order.address);
        if here && looks % LOOKS_PER_NAME != 0 {
            continue;
        }
        if let Some(to) = next(order.address, here, &resolve(&name).await, is_here) {
            info!(from = %order.address, %to, name, "the node has moved");
            return;
        }
    }
}

/// Where to go, if anywhere. An address that the name still leads to is kept, whatever else it leads to.
fn next(from: IpAddr, here: bool, named: &[IpAddr], is_here: impl Fn(IpAddr) -> bool) -> Option<IpAddr> {
    if here && named.contains(&from) {
        return None;
    }
    named.iter().copied().find(|address| *address != from && is_here(*address))
}

async fn resolve(name: &str) -> Vec<IpAddr> {
    let asked = tokio::net::lookup_host((name, 0));
    let found = tokio::time::timeout(RESOLVE_LIMIT, asked).await;
    found.into_iter().flatten().flatten().map(|place| place.ip()).collect()
}

/// Whether an address is one of this machine: something can be bound to it.
fn is_here(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn addresses_of_this_machine_are_told_from_others() {
        assert!(is_here(ip("127.0.0.1")));
        // TEST-NET-1, which no machine has.
        assert!(!is_here(ip("192.0.2.1")));
    }

    #[test]
    fn a_node_moves_only_to_where_it_is_and_only_when_its_name_says_so() {
        let (a, b, c) = (ip("10.0.0.1"), ip("10.0.0.2"), ip("10.0.0.3"));
        // (what it shows, its address is here, what the name leads to, what is here, where it goes)
        type Row<'a> = (&'a str, bool, &'a [IpAddr], &'a [IpAddr], Option<IpAddr>);
        let table: &[Row<'_>] = &[
            ("nothing has changed", true, &[a], &[a], None),
            ("several addresses", true, &[b, a], &[a, b], None),
            ("moved", false, &[b], &[b], Some(b)),
            ("the name is behind", false, &[a], &[b], None),
            ("the name is ahead", true, &[b], &[a], None),
            ("both, and the name says where", true, &[b], &[a, b], Some(b)),
            ("nobody answers for the name", false, &[], &[b], None),
            ("one of its addresses is here", false, &[c, b], &[b], Some(b)),
        ];
        for (what, here, named, local, wanted) in table {
            assert_eq!(next(a, *here, named, |address| local.contains(&address)), *wanted, "{what}");
        }
    }
}
