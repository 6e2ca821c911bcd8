//! Ports that nobody else uses: of the machine, and of the other tests that run at the same time.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};

/// Below where Linux takes ports for outgoing connections from (32768), so that none is taken between the look and the use.
const FIRST: u16 = 13000;
/// How many pairs there are; with the bus 10000 above, all stay below that, too.
const COUNT: u16 = 6000;

/// A port for clients; the one 10000 above it, for the bus, is free as well (before Redis 7.0 it cannot be another).
pub(crate) struct Ports {
    pub(crate) client: u16,
    /// A name of the kernel's (no file) that is taken as long as the ports are; it goes with the process, however that ends.
    _claim: UnixListener,
}

impl Ports {
    pub(crate) const fn bus(&self) -> u16 {
        self.client + 10000
    }

    pub(crate) fn free() -> Self {
        // Where to begin is the process's own, so that not everybody tries the same ones first.
        let begin = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap();
        for step in 0..COUNT {
            let client = FIRST + (begin + step) % COUNT;
            let name = SocketAddr::from_abstract_name(format!("justmanage-engine-test-port-{client}")).unwrap();
            let Ok(claim) = UnixListener::bind_addr(&name) else { continue };
            if [client, client + 10000].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok()) {
                return Self { client, _claim: claim };
            }
        }
        panic!("no port is free");
    }
}
