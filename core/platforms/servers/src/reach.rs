//! How an agent is reached: at its own address where that leads to it, otherwise through its host.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use justmanage_model::pool::Host;
use justmanage_platforms::{Dial, Stream, Way};
use tokio::net::TcpStream;

use crate::shell::Shell;

/// How long an agent's own address is tried. In one network an answer takes milliseconds, around the world a third of a second; an
/// address that is private to the other end often swallows everything, and is asked once for all.
const LIMIT: Duration = Duration::from_secs(1);

/// Which addresses lead to whoever has them. It is found out once for each: networks do not change during an apply.
#[derive(Debug, Default)]
pub(crate) struct Reach {
    known: Mutex<HashMap<SocketAddr, bool>>,
}

impl Reach {
    /// The way to an agent on a host; `None`: its own address leads there.
    pub(crate) async fn way(&self, shell: &Arc<dyn Shell>, host: &Host, agent: SocketAddr) -> Option<Way> {
        if self.is_direct(agent).await {
            return None;
        }
        let through = Through { shell: shell.clone(), host: host.clone(), agent };
        Some(Way::new(format!("SSH to {host}"), Arc::new(through)))
    }

    async fn is_direct(&self, agent: SocketAddr) -> bool {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&agent).copied();
        if let Some(direct) = known {
            return direct;
        }
        // Whoever answers: that it is the agent, it has to prove later, on this way or the other.
        let direct = matches!(tokio::time::timeout(LIMIT, TcpStream::connect(agent)).await, Ok(Ok(_)));
        self.known.lock().unwrap_or_else(PoisonError::into_inner).insert(agent, direct);
        direct
    }
}

struct Through {
    shell: Arc<dyn Shell>,
    host: Host,
    agent: SocketAddr,
}

#[async_trait]
impl Dial for Through {
    async fn dial(&self) -> io::Result<Box<dyn Stream>> {
        self.shell.dial(&self.host, self.agent).await.map_err(io::Error::other)
    }
}
