//! Looking at what exists: machines by their claims, and what their agents know.

use justmanage_model::node::AgentInfo;
use justmanage_model::{Failure, Pin};
use justmanage_platforms::{ClaimQuery, Machine, MachineOrder, MachineState};
use tracing::debug;

use super::{Manager, from_platform};
use crate::agents::{AgentError, AgentStatus};
use crate::classify::{Found, FoundAgent};

/// A machine and what its agent answered.
pub(super) struct Looked {
    pub(super) machine: Machine,
    pub(super) answer: Answer,
}

/// What an agent answered.
pub(super) enum Answer {
    Stopped,
    Status(AgentInfo, Box<AgentStatus>),
    Failed(AgentError),
}

impl Looked {
    /// As the pure decision wants it.
    pub(super) fn found(&self) -> Found {
        let agent = match &self.answer {
            Answer::Stopped => FoundAgent::Stopped,
            Answer::Status(_, status) => match &status.record {
                Some(record) => FoundAgent::Founded(Box::new(record.clone())),
                None => FoundAgent::Unfounded,
            },
            Answer::Failed(AgentError::Denied) => FoundAgent::Denied,
            Answer::Failed(error) => FoundAgent::Silent(error.to_string()),
        };
        Found {
            machine: self.machine.reference.clone(),
            cluster: self.machine.claim.cluster,
            node: self.machine.claim.node,
            agent,
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
        let mut looked = Vec::with_capacity(machines.len());
        for machine in machines {
            let answer = self.ask(&machine).await;
            debug!(node = %machine.claim.node, stopped = matches!(answer, Answer::Stopped), "looked at a machine");
            looked.push(Looked { machine, answer });
        }
        Ok(looked)
    }

    async fn ask(&self, machine: &Machine) -> Answer {
        if machine.state == MachineState::Stopped {
            return Answer::Stopped;
        }
        let info = match self.platform.reach(machine).await {
            Ok(connector) => connector.agent,
            Err(error) => return Answer::Failed(AgentError::Unreachable(error.to_string())),
        };
        match self.agents.status(&info).await {
            Ok(status) => Answer::Status(info, Box::new(status)),
            Err(error) => Answer::Failed(error),
        }
    }

    /// Makes a machine's agent run, with this operator among those that it obeys if it is new.
    pub(super) async fn wake(&self, machine: &Machine, operator: Pin) -> Result<Machine, Failure> {
        let order = MachineOrder { claim: machine.claim.clone(), operators: [operator].into() };
        self.platform.ensure(&order).await.map_err(|error| from_platform(&error))
    }
}
