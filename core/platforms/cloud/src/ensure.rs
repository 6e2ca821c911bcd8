//! A node on a machine of its own: made once, running, its agent enrolled, and found by whoever looks next.

use std::collections::BTreeSet;
use std::time::Duration;

use justmanage_model::Claim;
use justmanage_model::node::AgentInfo;
use justmanage_platforms::{Machine, MachineOrder, MachineRef, MachineState, PlatformError};
use tracing::{debug, info};

use crate::api::{ApiError, Instance, Stage};
use crate::cloud::{AGENT_PORT, Cloud};
use crate::launch::Made;
use crate::look::Look;
use crate::operator::NotEnrolled;
use crate::remembered;
use crate::tags::Tags;
use crate::trouble::while_doing;

/// Longest time for a machine to come to be, boot, fetch its agent and be enrolled. Clouds take half a minute to boot one; one whose
/// system is updated first, or whose mirror is slow, takes minutes.
const LIMIT: Duration = Duration::from_secs(900);
/// An agent answers nobody while its machine boots. When it has been running for so long, its console is looked at as well.
const CONSOLE: Duration = Duration::from_secs(120);
/// What was tagged wrongly, or not at all, is tagged after so many looks that did not show it: clouds show what was made within seconds.
const LATE: u32 = 20;

/// What whoever makes one machine knows of it.
#[derive(Debug, Default)]
struct Course {
    /// The instance that was made in this call.
    made: Option<String>,
    /// It was seen to live: if it is gone after that, it ended by itself.
    lived: bool,
    /// It was started in this call: what was remembered of its agent is of before.
    started: bool,
    /// What its agent has said in this call.
    agent: Option<AgentInfo>,
    /// Machines of this claim that were seen to be gone.
    gone: BTreeSet<String>,
    /// Since when it runs.
    runs: Option<Duration>,
    /// Looks that did not show what was made.
    unseen: u32,
    /// Why it is not ready.
    waits_for: String,
}

impl Cloud {
    /// As [`justmanage_platforms::Platform::ensure`].
    pub(crate) async fn make(&self, order: &MachineOrder) -> Result<Machine, PlatformError> {
        let claim = &order.claim;
        if let Some(label) = order.needs.labels.keys().next() {
            return Err(PlatformError::Invalid {
                field: "labels".into(),
                what: format!("machines of a cloud bear no label {label:?}"),
                hint: "Labels choose among servers of a pool. Take them out.".into(),
            });
        }
        let end = self.clock.now() + LIMIT;
        let mut course = Course::default();
        for looks in 0.. {
            let look = self.look().await?;
            if let Some((machine, agent)) = self.advance(&look, order, &mut course).await? {
                match self.deliver(&look, order, &agent).await {
                    // Whoever else brings it something is through soon.
                    Err(PlatformError::Conflict { what, .. }) => course.waits_for = what,
                    delivered => return delivered.map(|()| machine),
                }
            }
            if self.clock.now() > end {
                return Err(self.late(claim, &course).await);
            }
            self.wait(looks).await;
        }
        Err(self.late(claim, &course).await)
    }

    /// One step on; `None`: look again.
    async fn advance(
        &self,
        look: &Look,
        order: &MachineOrder,
        course: &mut Course,
    ) -> Result<Option<(Machine, AgentInfo)>, PlatformError> {
        let claim = &order.claim;
        let Some(instance) = self.chosen(look, claim, course).await? else {
            return self.begin(look, order, course).await.map(|()| None);
        };
        let id = instance.id.as_str();
        course.lived |= instance.stage.lives();
        let wait = |course: &mut Course, why: &str| {
            course.waits_for = why.to_owned();
            Ok(None)
        };
        match instance.stage {
            Stage::Gone | Stage::Ending if course.lived && course.made.as_deref() == Some(id) => {
                Err(ended(claim, &instance))
            }
            Stage::Gone => {
                course.gone.insert(instance.id.clone());
                course.made = None;
                Ok(None)
            }
            Stage::Broken if self.remembers(&instance).is_some() => Err(without_its_disk(claim, &instance)),
            Stage::Broken => {
                self.surplus(&instance, "its disk is another's").await?;
                wait(course, "one without its disk is being taken away")
            }
            Stage::Ending => wait(course, "the one before it is being taken away"),
            Stage::Starting => wait(course, "it starts"),
            Stage::Stopping => wait(course, "it is being stopped"),
            Stage::Stopped => {
                let start = || self.api.start(id);
                let started = self.patience.call(id, start).await;
                started.map_err(|error| while_doing(&format!("starting the machine of {}", claim.node), error))?;
                course.started = true;
                wait(course, "it starts")
            }
            Stage::Running => {
                // Also of what was there already: it may have been edited since.
                let Some(_) = self.firewall(look, claim).await? else {
                    return wait(course, "its firewall cannot be seen yet");
                };
                self.settle(look, &instance, claim, course).await
            }
        }
    }

    /// Makes the machine, if it is not known to be there.
    async fn begin(&self, look: &Look, order: &MachineOrder, course: &mut Course) -> Result<(), PlatformError> {
        match self.launch(look, order, &course.gone).await? {
            Made::LookAgain(why) => course.waits_for = why.to_owned(),
            Made::Instance(made) => {
                course.waits_for = "it cannot be seen yet".to_owned();
                course.made = Some(made.id);
                course.lived = false;
            }
        }
        Ok(())
    }

    /// The instance of a claim: the one that was made, or one that is there; `None`: there is none to be seen.
    ///
    /// There can be two, if somebody made one in another zone and was killed before anybody could see it. The one whose agent an operator
    /// has enrolled stays, otherwise the one with the smaller id: nobody can have spoken to the others, so they go.
    async fn chosen(&self, look: &Look, claim: &Claim, course: &mut Course) -> Result<Option<Instance>, PlatformError> {
        let mut there: Vec<&Instance> = look.of(claim).filter(|instance| instance.stage.lives()).collect();
        there.sort_by_key(|instance| (self.remembers(instance).is_none(), instance.id.clone()));
        if let [first, second, ..] = there.as_slice()
            && self.remembers(first).is_some()
            && self.remembers(second).is_some()
        {
            return Err(PlatformError::Conflict {
                what: format!(
                    "two machines bear the claim of {}, {} and {}, and both have been used",
                    claim.node, first.id, second.id
                ),
                hint: "See which of them is the cluster's, by its status, and take the other one away.".into(),
            });
        }
        for surplus in there.iter().skip(1) {
            self.surplus(surplus, "two machines of one claim").await?;
        }
        if let Some(first) = there.first() {
            return Ok(Some((*first).clone()));
        }
        let Some(id) = course.made.clone() else {
            // One that is on its way out keeps what the next one needs.
            return Ok(look.of(claim).next().cloned());
        };
        // Of a claim that it does not bear it is not seen either, but when it is gone.
        let bears = |of: &Claim| of.cluster == claim.cluster && of.node == claim.node;
        match look.instance(&id) {
            Some(seen) if seen.stage == Stage::Gone || seen.tags.claim().as_ref().is_some_and(bears) => {
                Ok(Some(seen.clone()))
            }
            _ => self.unseen(&id, claim, course).await,
        }
    }

    /// Takes away a machine that was never used.
    async fn surplus(&self, instance: &Instance, why: &str) -> Result<(), PlatformError> {
        info!(id = instance.id, why, "a machine that nobody needs goes");
        match self.patience.call(&instance.id, || self.api.terminate(&instance.id)).await {
            // Somebody was first.
            Ok(()) | Err(ApiError::NotFound(_)) => Ok(()),
            Err(error) => Err(while_doing("taking away a machine that nobody needs", error)),
        }
    }

    /// What was made and is in no look: it comes late, is gone, or its tags are.
    async fn unseen(&self, id: &str, claim: &Claim, course: &mut Course) -> Result<Option<Instance>, PlatformError> {
        course.unseen += 1;
        let doing = |error| while_doing("looking at the machine that was made", error);
        let seen = self.patience.call(id, || self.api.instance(id)).await.map_err(doing)?;
        if let Some(instance) = &seen
            && instance.stage.lives()
            && instance.tags.claim().as_ref() != Some(claim)
            && course.unseen.is_multiple_of(LATE)
        {
            info!(node = %claim.node, id, "its tags are not what it was born with; they are set again");
            let tags = Tags::of(claim);
            self.patience.call(id, || self.api.tag(id, &tags)).await.map_err(doing)?;
        }
        // Whoever goes on with it before everybody can see it leaves somebody in the dark.
        let still = |instance: Instance| {
            if instance.stage.lives() { Instance { stage: Stage::Starting, ..instance } } else { instance }
        };
        let invisible = || Instance {
            id: id.to_owned(),
            tags: Tags::of(claim),
            token: None,
            stage: Stage::Starting,
            address: None,
            why: None,
        };
        Ok(Some(seen.map_or_else(invisible, still)))
    }

    /// What its tags say of its agent, whether it runs or not.
    fn remembers(&self, instance: &Instance) -> Option<AgentInfo> {
        remembered::read(&*self.operator, &instance.id, &instance.tags)
    }

    /// A machine that runs: enrolled, its agent remembered, and both seen.
    async fn settle(
        &self,
        look: &Look,
        instance: &Instance,
        claim: &Claim,
        course: &mut Course,
    ) -> Result<Option<(Machine, AgentInfo)>, PlatformError> {
        let now = self.clock.now();
        let runs = *course.runs.get_or_insert(now);
        let remembered = self.agent_of(instance);
        if let Some(agent) = remembered.clone().filter(|_| !course.started || course.agent == remembered) {
            let reference = MachineRef(instance.id.clone());
            let state = MachineState::Running(Box::new(agent.clone()));
            return Ok(Some((Machine { reference, claim: claim.clone(), state }, agent)));
        }
        course.waits_for = "its agent's key cannot be seen yet in its tags".to_owned();
        if course.agent.is_some() {
            return Ok(None);
        }
        let Some(address) = instance.address else {
            course.waits_for = "it has no address yet".to_owned();
            return Ok(None);
        };
        let agent = match self.operator.enrol((address, AGENT_PORT).into(), claim).await {
            Ok(agent) => agent,
            Err(NotEnrolled::Never(error)) => return Err(error),
            Err(NotEnrolled::NotYet(why)) => {
                debug!(node = %claim.node, why, "not enrolled yet");
                course.waits_for = format!("its agent does not answer at {address}, port {AGENT_PORT}: {why}");
                if now - runs > CONSOLE
                    && let Some(said) = self.said(&instance.id).await
                {
                    course.waits_for = format!("its agent does not answer, and its console says: {said}");
                }
                return Ok(None);
            }
        };
        debug_assert!(look.instance(&instance.id).is_some(), "only what can be seen is enrolled");
        self.remember(&instance.id, &agent).await?;
        info!(node = %claim.node, id = instance.id, pin = %agent.pin, "enrolled");
        course.agent = Some(agent);
        Ok(None)
    }

    /// Writes into the tags of a machine what its agent says of itself.
    pub(crate) async fn remember(&self, id: &str, agent: &AgentInfo) -> Result<(), PlatformError> {
        let tags = remembered::write(&*self.operator, id, agent)?;
        let told = self.patience.call(id, || self.api.tag(id, &tags)).await;
        told.map_err(|error| while_doing(&format!("remembering the agent of {}", agent.claim.node), error))
    }

    /// The last that our script has said on a machine's console.
    async fn said(&self, id: &str) -> Option<String> {
        let console = self.api.console(id).await.ok()??;
        let line = console.lines().rev().find_map(|line| line.split_once("justmanage: "));
        line.map(|(_, said)| said.trim().to_owned())
    }

    async fn late(&self, claim: &Claim, course: &Course) -> PlatformError {
        let id = course.made.as_deref().unwrap_or("its machine");
        PlatformError::Unreachable {
            what: format!("{} ({id}) is not ready after {} s: {}", claim.node, LIMIT.as_secs(), course.waits_for),
            hint: "See that this computer reaches the machine's address, that the machine reaches what it fetches, and what its console \
                   says. Then apply again: it is found as it is."
                .into(),
        }
    }
}

fn without_its_disk(claim: &Claim, instance: &Instance) -> PlatformError {
    PlatformError::Conflict {
        what: format!(
            "the machine of {} ({}) runs, and its disk for data is not at it any more",
            claim.node, instance.id
        ),
        hint: "Attach the disk again, or take the machine away, then apply again.".into(),
    }
}

fn ended(claim: &Claim, instance: &Instance) -> PlatformError {
    let why = instance.why.as_deref().unwrap_or("the cloud does not say why");
    PlatformError::Failed {
        what: format!("the machine of {} ({}) was made, and ended: {why}", claim.node, instance.id),
        hint: "Apply again when the cause is gone; another machine is made then.".into(),
    }
}
