//! Looking at what exists: machines by their claims, and what their agents say of themselves.

use justmanage_model::node::AgentInfo;
use justmanage_model::{ClusterId, Failure, Pin};
use justmanage_platforms::{ClaimQuery, Connector, Machine, MachineOrder, MachineState, PlatformError, Visible};
use tracing::debug;

use super::{Manager, from_platform, together};
use crate::Locator;
use crate::agents::{AgentError, NodeReply};
use crate::classify::{Found, FoundAgent};

/// A machine and what its agent answered.
pub(super) struct Looked {
    pub(super) machine: Machine,
    pub(super) answer: Answer,
}

/// What an agent answered.
pub(super) enum Answer {
    Stopped,
    Reply(Box<(AgentInfo, NodeReply)>),
    Failed(AgentError),
}

impl Looked {
    /// As the pure decision wants it.
    pub(super) fn found(&self) -> Found {
        let agent = match &self.answer {
            Answer::Stopped => FoundAgent::Stopped,
            Answer::Reply(reply) => match (&reply.1.record, reply.1.founded) {
                (Some(record), true) => FoundAgent::Founded(Box::new(record.clone())),
                (Some(record), false) => FoundAgent::Invited(Box::new(record.clone())),
                (None, _) => FoundAgent::Uninvited,
            },
            Answer::Failed(AgentError::Denied) => FoundAgent::Denied,
            Answer::Failed(error) => FoundAgent::Silent(error.to_string()),
        };
        let claim = &self.machine.claim;
        let machine = self.machine.reference.clone();
        Found { machine, cluster: claim.cluster, node: claim.node, seat: claim.seat, agent }
    }

    /// Why its agent did not answer, if it runs and did not.
    pub(super) fn failure(&self) -> Option<Failure> {
        match &self.answer {
            Answer::Failed(error) => Some(error.failure_of(&self.machine.claim.node)),
            Answer::Stopped | Answer::Reply(..) => None,
        }
    }

    /// Its agent and what that said, if it said something.
    pub(super) fn reply(&self) -> Option<(&AgentInfo, &NodeReply)> {
        match &self.answer {
            Answer::Reply(reply) => Some((&reply.0, &reply.1)),
            Answer::Stopped | Answer::Failed(_) => None,
        }
    }
}

impl Manager {
    /// All machines that are meant, each with its agent's answer.
    pub(super) async fn look(&self, query: &ClaimQuery) -> Result<Vec<Looked>, Failure> {
        let machines = self.platform.find(query).await.map_err(|error| from_platform(&error))?;
        if machines.iter().any(|machine| machine.state != MachineState::Stopped) {
            // Without a key nobody can be asked, and that is no fault of theirs.
            self.operator.existing()?;
        }
        Ok(together(machines, |machine| self.look_at(machine)).await)
    }

    /// A machine with its agent's answer.
    pub(super) async fn look_at(&self, machine: Machine) -> Looked {
        let answer = match self.door(&machine).await {
            None => Answer::Stopped,
            Some(Err(error)) => Answer::Failed(error),
            Some(Ok(info)) => match self.agents.status(&info).await {
                Ok(reply) => Answer::Reply(Box::new((info, reply))),
                Err(error) => Answer::Failed(error),
            },
        };
        debug!(node = %machine.claim.node, stopped = matches!(answer, Answer::Stopped), "looked at a machine");
        Looked { machine, answer }
    }

    /// How to reach a machine's agent; `None`: it does not run.
    async fn door(&self, machine: &Machine) -> Option<Result<AgentInfo, AgentError>> {
        if machine.state == MachineState::Stopped {
            return None;
        }
        Some(self.reach(machine).await.map_err(|error| AgentError::Unreachable(error.to_string())))
    }

    /// A machine's agent, which is called by the way that leads to it from now on.
    pub(super) async fn reach(&self, machine: &Machine) -> Result<AgentInfo, PlatformError> {
        let Connector { agent, way } = self.platform.reach(machine).await?;
        if let Some(way) = way {
            self.agents.lead(&agent, way);
        }
        Ok(agent)
    }

    /// The machines of one cluster that can be seen, in the order of their seats, and the agents among them that run. Where the locator names no
    /// cluster, there must be one of that name and no more.
    pub(super) async fn machines_of(&self, locator: &Locator) -> Result<(Visible, Vec<AgentInfo>), Failure> {
        self.machines_seen(locator).await?.map_err(|error| from_platform(&error))
    }

    /// The same; what the platform itself cannot say is told apart.
    pub(super) async fn machines_seen(
        &self,
        locator: &Locator,
    ) -> Result<Result<(Visible, Vec<AgentInfo>), PlatformError>, Failure> {
        let mut found = match self.platform.find_seen(&self.query(locator)?).await {
            Ok(found) => found,
            Err(error) => return Ok(Err(error)),
        };
        let machines = &mut found.machines;
        if let Some(other) =
            machines.iter().map(|machine| machine.claim.cluster).find(|c| *c != machines[0].claim.cluster)
        {
            return Err(ambiguous(locator, [machines[0].claim.cluster, other]));
        }
        machines.sort_by_key(|machine| (machine.claim.seat.is_none(), machine.claim.seat, machine.claim.node));
        let mut agents = Vec::new();
        for machine in machines.iter() {
            if let Some(Ok(info)) = self.door(machine).await {
                agents.push(info);
            }
        }
        if !agents.is_empty() {
            self.operator.existing()?;
        }
        Ok(Ok((found, agents)))
    }

    /// Makes machines' agents run, with this operator among those that they obey if they are new. What is there stays.
    pub(super) async fn wake(&self, machines: Vec<Machine>, operator: Pin) -> Vec<Result<Machine, Failure>> {
        let woken = together(machines, |machine| async move {
            let order = MachineOrder::new(machine.claim, [operator].into());
            self.platform.ensure(&order).await.map_err(|error| from_platform(&error))
        });
        woken.await
    }
}

fn ambiguous(locator: &Locator, clusters: [ClusterId; 2]) -> Failure {
    let [one, other] = clusters;
    Failure::new("Name not unique", format!("There are two clusters {locator}: {one} and {other}."))
        .hint(format!("Name the one that you mean by its whole id: {locator}/{one}."))
}
