//! A node on a server: claimed, with the server program that it needs, and an agent that answers.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use justmanage_model::node::{AgentInfo, NodeOrder, NodeStatus};
use justmanage_model::pool::Host;
use justmanage_model::{Claim, NodeId};
use justmanage_platforms::{Machine, MachineOrder, MachineState, PlatformError};
use justmanage_ssh::Output;
use tracing::{debug, info};

use crate::look::{Look, Seen};
use crate::order::{address, moved, server_for};
use crate::platform::Servers;
use crate::programs::Program;
use crate::scripts::{self, status};
use crate::trouble::{Kind, Trouble, down, refused};

/// A look is good for choosing servers by for so long: an apply looks whether a cluster exists, and then asks for its machines. Whoever
/// goes by an old one is told so by the claim.
pub(crate) const RECENT: Duration = Duration::from_secs(10);
/// Longest time for what changes a server: two minutes for somebody else who is at it, half a minute for an agent to come up and as
/// long again for the one before, and the rest for the program to arrive over a slow line.
pub(crate) const LIMIT: Duration = Duration::from_secs(360);

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claimed {
    /// It was made by this call.
    Now,
    /// It was there.
    Before,
    /// Somebody else was first.
    Taken,
}

impl Servers {
    /// As [`justmanage_platforms::Platform::ensure`].
    pub(crate) async fn make(&self, order: &MachineOrder) -> Result<Machine, PlatformError> {
        let node = order.claim.node;
        let mut look = self.looks.since(recent()).await;
        // Each round that fails has lost a server to somebody.
        for _ in 0..=self.pool.servers.len() {
            if let Some((at, seen)) = look.of(node) {
                if let Some(machine) = self.run_on(at, seen, &look, order).await? {
                    return Ok(machine);
                }
            } else {
                // A node that is nowhere to be seen may be where nobody could look.
                look.whole()?;
                let at = server_for(&self.pool, &look, &self.programs, order)?;
                if let Some(Ok(seen)) = look.servers.get(at)
                    && let Some(machine) = self.take(at, seen, &look, order).await?
                {
                    return Ok(machine);
                }
            }
            look = self.looks.since(Instant::now()).await;
        }
        Err(PlatformError::Conflict {
            what: format!("whichever server node {node} was to have, somebody else was first"),
            hint: "Apply again when the other runs have ended.".into(),
        })
    }

    /// Claims a free server and makes the node run on it; `None`: somebody else was first. A server on which that fails is given
    /// back, if it was claimed just now and its agent has never listened: then nothing of a cluster can be there.
    async fn take(
        &self,
        at: usize,
        seen: &Seen,
        look: &Look,
        order: &MachineOrder,
    ) -> Result<Option<Machine>, PlatformError> {
        let node = order.claim.node;
        let claimed = self.claim(at, seen, order).await?;
        debug!(%node, server = %self.pool.servers[at].host, ?claimed, "claimed a server");
        if claimed == Claimed::Taken {
            return Ok(None);
        }
        let made = self.run_on(at, seen, look, order).await;
        match made {
            Err(error) if claimed == Claimed::Now => Err(self.give_back(at, node, error).await),
            made => made,
        }
    }

    async fn claim(&self, at: usize, seen: &Seen, order: &MachineOrder) -> Result<Claimed, PlatformError> {
        let server = &self.pool.servers[at];
        let host = &server.host;
        let no_address = || PlatformError::Invalid {
            field: "servers".into(),
            what: format!("{host} does not say its address"),
            hint: "Write its private_address into the pool.".into(),
        };
        let own = NodeOrder {
            claim: order.claim.clone(),
            operators: order.operators.clone(),
            address: address(server, seen).ok_or_else(no_address)?,
            peer_names: None,
            token: None,
        };
        let text = text_of(&own)?;
        let output = self.carry_out(host, &scripts::claim(order.claim.node, &text), LIMIT).await?;
        match output.status {
            Some(0) => Ok(Claimed::Now),
            Some(status::OURS) => Ok(Claimed::Before),
            Some(status::THEIRS | status::HIDDEN) => Ok(Claimed::Taken),
            _ => Err(refused(host, "claiming it", &output).into()),
        }
    }

    /// Makes a node run on the server that it has; `None`: it has it no more.
    async fn run_on(
        &self,
        at: usize,
        seen: &Seen,
        look: &Look,
        order: &MachineOrder,
    ) -> Result<Option<Machine>, PlatformError> {
        let host = &self.pool.servers[at].host;
        let facts = seen.facts.as_ref().map_err(|why| PlatformError::Failed {
            what: format!("{host} can run no node any more: {why}"),
            hint: "Apply again when it can.".into(),
        })?;
        let agent = self.programs.of(&facts.machine)?;
        if let Some(program) = &order.program
            && !self.deliver(at, look, program).await?
        {
            return Ok(None);
        }
        if let Some(before) = &seen.order
            && let Some(address) = moved(&self.pool.servers[at], before, seen)
            && !self.readdress(host, before, address).await?
        {
            return Ok(None);
        }
        let info = match self.install(host, &order.claim, &agent).await? {
            Installed::Running(info) => info,
            Installed::Lost => return Ok(None),
            // One that is older than ours and does not come up any more is no loss.
            Installed::Down(_) if seen.program.is_some_and(|there| there < self.programs.version()) => {
                info!(node = %order.claim.node, server = %host, "its agent does not come up; ours is put in its place");
                match self.replace(host, order.claim.node, &agent).await? {
                    Some(info) => info,
                    None => return Ok(None),
                }
            }
            Installed::Down(trouble) => return Err(trouble.into()),
        };
        Ok(Some(Machine {
            reference: Self::reference(host, order.claim.node),
            claim: info.claim.clone(),
            state: MachineState::Running(info),
        }))
    }

    /// Has a node's agent listen at another address of its server from its next start on, which comes next; `false`: the server is another
    /// node's by now.
    async fn readdress(&self, host: &Host, before: &NodeOrder, address: IpAddr) -> Result<bool, PlatformError> {
        let node = before.claim.node;
        info!(%node, server = %host, from = %before.address, to = %address, "the server has another address");
        let text = text_of(&NodeOrder { address, ..before.clone() })?;
        let output = self.carry_out(host, &scripts::readdress(node, &text), LIMIT).await?;
        match output.status {
            Some(0) => Ok(true),
            Some(status::THEIRS) => Ok(false),
            _ => Err(refused(host, "changing the node's address", &output).into()),
        }
    }

    async fn install(&self, host: &Host, claim: &Claim, agent: &Program) -> Result<Installed, PlatformError> {
        let mut output = self.carry_out(host, &scripts::install(claim.node, agent, false), LIMIT).await?;
        if output.status == Some(status::NEEDED) {
            output = self.carry_out(host, &scripts::install(claim.node, agent, true), LIMIT).await?;
        }
        match output.status {
            Some(0) => Ok(Installed::Running(answered(host, &output)?)),
            Some(status::THEIRS) => Ok(Installed::Lost),
            Some(status::DOWN) => Ok(Installed::Down(down(host, &output))),
            _ => Err(refused(host, "installing the agent", &output).into()),
        }
    }

    /// Puts our agent in the place of the one that is there; `None`: the server is another node's by now.
    pub(crate) async fn replace(
        &self,
        host: &Host,
        node: NodeId,
        agent: &Program,
    ) -> Result<Option<Box<AgentInfo>>, PlatformError> {
        let mut output = self.carry_out(host, &scripts::upgrade(node, agent, false), LIMIT).await?;
        if output.status == Some(status::NEEDED) {
            output = self.carry_out(host, &scripts::upgrade(node, agent, true), LIMIT).await?;
        }
        match output.status {
            Some(0) => Ok(Some(answered(host, &output)?)),
            Some(status::THEIRS) => Ok(None),
            Some(status::DOWN | status::PUT_BACK) => Err(down(host, &output).into()),
            _ => Err(refused(host, "replacing the agent", &output).into()),
        }
    }

    /// Gives a server back that was claimed in vain, and answers with why in vain.
    async fn give_back(&self, at: usize, node: NodeId, error: PlatformError) -> PlatformError {
        let host = &self.pool.servers[at].host;
        match self.carry_out(host, &scripts::remove(node, true), LIMIT).await {
            Ok(output) if output.succeeded() => info!(%node, server = %host, "the server was given back"),
            // Another apply of this cluster has found it by its claim, and brought its agent up.
            Ok(output) if output.status == Some(status::OURS) => info!(%node, server = %host, "the server is in use"),
            // By its claim it is found again, by the next apply or a removal.
            Ok(output) => info!(%node, server = %host, why = output.last_words(), "the server could not be given back"),
            Err(also) => info!(%node, server = %host, why = also.to_string(), "the server could not be given back"),
        }
        error
    }

    /// Removes a node and everything of ours from a server; nothing where it is not there any more.
    pub(crate) async fn vacate(&self, host: &Host, node: NodeId) -> Result<(), PlatformError> {
        let output = self.carry_out(host, &scripts::remove(node, false), LIMIT).await?;
        match output.status {
            Some(0) => Ok(()),
            _ => Err(refused(host, "removing the node", &output).into()),
        }
    }
}

/// An order as it stands on its server.
fn text_of(order: &NodeOrder) -> Result<String, PlatformError> {
    serde_json::to_string(order).map_err(|error| PlatformError::Failed {
        what: format!("the order of {} cannot be written: {error}", order.claim.node),
        hint: "This is a fault of the provider; please report it.".into(),
    })
}

/// What became of an agent.
enum Installed {
    /// It answers.
    Running(Box<AgentInfo>),
    /// It does not come up.
    Down(Trouble),
    /// The server is another node's by now, or nobody's.
    Lost,
}

/// From when on a look is recent.
pub(crate) fn recent() -> Instant {
    let now = Instant::now();
    now.checked_sub(RECENT).unwrap_or(now)
}

/// What an agent said that has come up.
pub(crate) fn answered(host: &Host, output: &Output) -> Result<Box<AgentInfo>, PlatformError> {
    let said = String::from_utf8_lossy(&output.stdout);
    let line = said.lines().rev().find_map(|line| line.strip_prefix("status "));
    let status = line.and_then(|line| serde_json::from_str::<NodeStatus>(line).ok());
    let agent = status.and_then(|status| status.agent);
    agent.map(Box::new).ok_or_else(|| {
        let trouble = Trouble {
            kind: Kind::Failed,
            what: format!("{host}: the agent answers in a way that this provider does not read"),
            hint: "It is of another build, perhaps a newer one: use the provider that it came with, or a newer one."
                .into(),
        };
        trouble.into()
    })
}
