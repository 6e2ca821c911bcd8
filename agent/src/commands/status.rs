//! `status`: what runs in a node's directory.

use std::io;
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use justmanage_identity::{KeyPair, tls};
use justmanage_model::node::{AgentInfo, NodeStatus};
use rustls::ClientConnection;
use rustls::pki_types::ServerName;

use super::{CommandError, disk, order};
use crate::directory::Directory;
use crate::process::{LockGuard, Watched, Workplaces, identity};
use crate::server;

/// How long an agent may take to prove its key: it takes 2 ms, on a busy machine tenths of a second.
const PROOF_LIMIT: Duration = Duration::from_secs(2);

/// What runs in each of these directories now. Reads a few files and, at most once, `/proc`; asks nobody.
pub(super) fn status(nodes: &[Directory]) -> impl Iterator<Item = Result<NodeStatus, CommandError>> {
    let mut workplaces = None;
    nodes.iter().map(move |directory| {
        let fail = disk(directory);
        let claim = order(directory)?.claim;
        let agent = agent(directory).map_err(&fail)?;
        let server = match (server::noted(directory), &mut workplaces) {
            (Some(server), _) => Some(server),
            (None, Some(known)) => server::unnoted(directory, known),
            (None, unknown) => server::unnoted(directory, unknown.insert(Workplaces::look().map_err(&fail)?)),
        };
        Ok(NodeStatus { claim, agent, server_running: server.is_some() })
    })
}

/// The agent, if it runs and listens: somebody holds the lock, and the process that `agent.json` names lives. An old
/// `agent.json` beside a new agent that does not listen yet is no answer.
pub(super) fn agent(directory: &Directory) -> io::Result<Option<AgentInfo>> {
    if !LockGuard::is_held(&directory.agent_lock())? {
        return Ok(None);
    }
    // A damaged file is one that the agent that runs has not written.
    let info: Option<AgentInfo> = directory.read(&directory.agent_info()).unwrap_or_default();
    // Nobody holds the lock since an earlier start of the machine; and in a container a service may see another boot id than a shell does.
    let lives = |info: &AgentInfo| {
        let now = identity(info.process.pid).ok().filter(|now| now.start_time == info.process.start_time);
        // Who has ended and was not collected yet has an identity as well.
        now.is_some_and(|now| Watched::open(&now).is_some())
    };
    Ok(info.filter(lives))
}

/// As [`agent`], and it has just proven that it holds its key. An agent that was killed this moment has its lock, its socket
/// and its pid for some milliseconds more; whoever called it then would get no answer.
pub(super) fn agent_that_answers(directory: &Directory) -> io::Result<Option<AgentInfo>> {
    Ok(agent(directory)?.filter(|info| prove(info).is_ok()))
}

/// A TLS handshake with the agent. It lets nobody in whom it does not know, but shows its own key first.
fn prove(agent: &AgentInfo) -> io::Result<()> {
    let nobody = KeyPair::generate().map_err(io::Error::other)?;
    let config = tls::client(&nobody, agent.pin).map_err(io::Error::other)?;
    let name = ServerName::IpAddress(agent.agent.ip().into());
    let mut connection = ClientConnection::new(Arc::new(config), name).map_err(io::Error::other)?;
    let mut tcp = TcpStream::connect_timeout(&agent.agent, PROOF_LIMIT)?;
    tcp.set_read_timeout(Some(PROOF_LIMIT))?;
    tcp.set_write_timeout(Some(PROOF_LIMIT))?;
    while connection.is_handshaking() {
        if connection.complete_io(&mut tcp)? == (0, 0) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(())
}
