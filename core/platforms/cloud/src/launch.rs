//! The creating call: in which zone, of which type, and what next.

use std::collections::BTreeSet;
use std::net::IpAddr;

use justmanage_model::Claim;
use justmanage_platforms::{MachineOrder, PlatformError};
use tracing::{debug, info};

use crate::api::{ApiError, Firewall, Instance, Launch, Stage};
use crate::boot::Boot;
use crate::choice::{Candidate, choose};
use crate::cloud::{Cloud, no_agent_for};
use crate::look::Look;
use crate::tags::Tags;
use crate::token::Token;
use crate::trouble::while_doing;

/// Most machines of one claim that were taken away before: nodes are replaced by others, and a claim is hardly ever made again.
const GONE_MAX: u32 = 512;

/// What became of making an instance.
#[derive(Debug)]
pub(crate) enum Made {
    /// It is there.
    Instance(Box<Instance>),
    /// Something was in the way that may be gone at the next look.
    LookAgain(&'static str),
}

impl Cloud {
    /// The firewall of a claim's cluster: the one that is there, made right, or a new one.
    pub(crate) async fn firewall(&self, look: &Look, claim: &Claim) -> Result<Option<Firewall>, PlatformError> {
        let doing = |error| while_doing("making the cluster's firewall", error);
        let who = claim.node.to_string();
        let firewall = match look.firewall(&claim.name) {
            Some((_, owner)) if owner.cluster != claim.cluster => return Err(taken(claim, &owner)),
            Some((firewall, _)) => firewall.clone(),
            None => {
                let tags = Tags::of(claim);
                match self.patience.call(&who, || self.api.make_firewall(&tags)).await {
                    Ok(id) => Firewall { id, tags, is_right: false },
                    // Somebody was first, perhaps we ourselves, whose answer was lost: whose it is a look will tell.
                    Err(ApiError::Taken(why)) => {
                        debug!(%why, "the firewall is there and not visible yet");
                        return Ok(None);
                    }
                    Err(error) => return Err(doing(error)),
                }
            }
        };
        if !firewall.is_right {
            match self.patience.call(&who, || self.api.open(&firewall)).await {
                Ok(()) => {}
                Err(ApiError::NotFound(_)) => return Ok(None),
                Err(error) => return Err(doing(error)),
            }
        }
        Ok(Some(firewall))
    }

    /// Makes the instance of an order, in the first zone and of the first type for which there is room.
    pub(crate) async fn launch(
        &self,
        look: &Look,
        order: &MachineOrder,
        gone: &BTreeSet<String>,
    ) -> Result<Made, PlatformError> {
        let claim = &order.claim;
        let runs_on = |machine: &str| self.settings.agent_for(machine).is_some();
        let candidates = choose(self.room().await?, &order.needs, claim, runs_on)?;
        let Some(firewall) = self.firewall(look, claim).await? else {
            return Ok(Made::LookAgain("its firewall is there, and cannot be seen yet"));
        };
        let mut full = Vec::new();
        for candidate in candidates {
            match self.launch_there(look, order, &candidate, &firewall, gone).await {
                Err(ApiError::NoCapacity(why)) => {
                    info!(node = %claim.node, kind = candidate.offer.name, zone = candidate.zone, why, "there is no room");
                    full.push(format!("{} in {}: {}", candidate.offer.name, candidate.zone, why.trim_end_matches('.')));
                }
                Err(ApiError::NotFound(why)) => {
                    debug!(%why, "the firewall cannot be seen yet, or was taken away");
                    return Ok(Made::LookAgain("its firewall cannot be used yet"));
                }
                Err(ApiError::Mismatch(why)) => {
                    debug!(%why, "the machine is there, and not visible yet");
                    return Ok(Made::LookAgain("it was made before, and cannot be seen yet"));
                }
                Err(error) => return Err(while_doing(&format!("making the machine of {}", claim.node), error)),
                Ok(instance) => return Ok(Made::Instance(Box::new(instance))),
            }
        }
        Err(PlatformError::Quota {
            what: format!("there is no room for the machine of {}: {}", claim.node, full.join("; ")),
            hint: "Allow other zones or other types of machine, or apply again later.".into(),
        })
    }

    /// One that was made for this claim before, and taken away, is what a cloud answers with for as long as it remembers its token: then
    /// it is the next token's turn.
    async fn launch_there(
        &self,
        look: &Look,
        order: &MachineOrder,
        candidate: &Candidate,
        firewall: &Firewall,
        gone: &BTreeSet<String>,
    ) -> Result<Instance, ApiError> {
        let claim = &order.claim;
        let who = claim.node.to_string();
        let disk = self.settings.disk.max(order.needs.disk);
        let toward = self.patience.call(&who, || self.api.toward()).await?.unwrap_or(self.settings.toward);
        let first_boot =
            self.first_boot(order, candidate, toward).map_err(|error| ApiError::Invalid(error.to_string()))?;
        let spent: BTreeSet<&str> =
            look.instances.iter().filter(|seen| seen.stage == Stage::Gone).filter_map(token_of).collect();
        for number in 0..GONE_MAX {
            let token = Token::of(claim, candidate, number);
            if spent.contains(token.to_string().as_str()) {
                continue;
            }
            let launch = Launch {
                token,
                tags: Tags::of(claim),
                candidate: candidate.clone(),
                firewall: firewall.id.clone(),
                first_boot: first_boot.clone(),
                disk,
            };
            match self.patience.call(&who, || self.api.launch(&launch)).await {
                Ok(made) => {
                    let is_gone = made.stage == Stage::Gone || gone.contains(&made.id);
                    let was_seen_gone = look.instance(&made.id).is_some_and(|seen| seen.stage == Stage::Gone);
                    if !is_gone && !was_seen_gone {
                        info!(node = %claim.node, id = made.id, kind = candidate.offer.name, zone = candidate.zone, "made");
                        return Ok(made);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Err(ApiError::Other(format!("{GONE_MAX} machines of {} were made and taken away before", claim.node)))
    }

    fn first_boot(&self, order: &MachineOrder, candidate: &Candidate, toward: IpAddr) -> Result<String, PlatformError> {
        let machine = &candidate.offer.machine;
        let agent = self.settings.agent_for(machine).ok_or_else(|| no_agent_for(machine))?;
        let program = self.settings.fetched(order);
        let boot = Boot {
            claim: &order.claim,
            operators: &order.operators,
            token: self.operator.token(&order.claim)?,
            agent: &agent,
            programs: program.iter().collect(),
            disk: Some(self.settings.disk.max(order.needs.disk)),
            toward,
        };
        boot.script()
    }
}

fn token_of(instance: &Instance) -> Option<&str> {
    instance.token.as_deref()
}

/// The name is another cluster's.
fn taken(claim: &Claim, owner: &Claim) -> PlatformError {
    PlatformError::Conflict {
        what: format!("the name {} belongs to another cluster here, {}", claim.name, owner.cluster),
        hint: "Choose another name, import that cluster, or destroy it.".into(),
    }
}
