//! Machines for the seats of a cluster: many at once, each found again by its claim.

use justmanage_model::node::AgentInfo;
use justmanage_model::{Artefact, Claim, Failure, NodeId, Pin};
use justmanage_platforms::{Limits, MachineOrder, MachineRef, MachineState};
use tokio_util::sync::CancellationToken;

use super::converge::cancelled;
use super::{Manager, from_platform, together};

impl Manager {
    /// Makes the machines of these claims exist and their agents run, side by side, for servers that are to be this program and keep
    /// to these limits. After a stop no further one is begun.
    ///
    /// # Errors
    /// The first that was met; what was made by then is found again by its claim.
    pub(super) async fn ensure(
        &self,
        claims: Vec<Claim>,
        program: &Artefact,
        limits: Limits,
        operator: Pin,
        cancel: &CancellationToken,
    ) -> Result<Vec<AgentInfo>, Failure> {
        let all = &claims;
        let made = together(claims.clone(), |claim| async move {
            if cancel.is_cancelled() {
                return Err(cancelled());
            }
            let order = MachineOrder {
                needs: self.needs.clone(),
                along: all.clone(),
                program: Some(program.clone()),
                ..MachineOrder::new(claim, [operator].into())
            };
            let machine = self.platform.ensure(&order).await.map_err(|error| from_platform(&error))?;
            match machine.state {
                MachineState::Running(_) => {
                    self.limit_one(&machine, limits).await?;
                    self.reach(&machine).await.map_err(|error| from_platform(&error))
                }
                MachineState::Stopped => {
                    let node = order.claim.node;
                    Err(Failure::new("Machine not running", format!("{node} was made but its agent does not run."))
                        .next("It is found again by its claim: apply again to go on."))
                }
            }
        });
        made.await.into_iter().collect()
    }

    /// Removes machines, side by side.
    ///
    /// # Errors
    /// The first that was met, after every machine was tried; calling again continues.
    pub(super) async fn remove(&self, machines: Vec<MachineRef>) -> Result<(), Failure> {
        let removed = together(machines, |machine| async move { self.platform.remove(&machine).await });
        removed.await.into_iter().collect::<Result<_, _>>().map_err(|error| from_platform(&error))
    }
}

/// A new node's id.
pub(super) fn new_node() -> Result<NodeId, Failure> {
    Ok(NodeId::from_entropy(entropy()?))
}

/// Random bytes from the operating system.
pub(super) fn entropy<const N: usize>() -> Result<[u8; N], Failure> {
    use ring::rand::SecureRandom;
    let mut bytes = [0; N];
    ring::rand::SystemRandom::new()
        .fill(&mut bytes)
        .map_err(|_| Failure::new("No randomness", "The operating system gave no random numbers."))?;
    Ok(bytes)
}
