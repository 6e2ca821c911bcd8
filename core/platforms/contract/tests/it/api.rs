//! A cloud as its API shows it: instances with tokens and tags, lists that come late, and calls that fail on the way there or back.

use std::sync::{Mutex, MutexGuard};

use justmanage_model::Claim;
use justmanage_platform_contract::{Fault, Wrong};
use tokio::task::yield_now;

/// An instance, with what lists show of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Instance {
    pub(crate) number: u32,
    /// Drawn by whoever made it: making with it again gives the same instance.
    pub(crate) token: String,
    /// Its tags.
    pub(crate) claim: Option<Claim>,
    pub(crate) runs: bool,
    /// In so many looks it is missing.
    late: usize,
}

/// Why a call has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Nobody knows whether it was carried out.
    Broken,
    /// Too many calls.
    Throttled,
    /// Nothing can be had.
    NoCapacity,
    /// Nothing more may be had.
    Quota,
    /// There is no such instance.
    NotFound,
}

#[derive(Debug, Default)]
struct Inside {
    instances: Vec<Instance>,
    made: u32,
    drawn: u32,
    wrong: Option<Wrong>,
}

/// The cloud.
#[derive(Debug, Default)]
pub(crate) struct Api(Mutex<Inside>);

impl Api {
    /// An instance for a token. Tags may come with it.
    pub(crate) async fn create(&self, token: &str, claim: Option<Claim>) -> Result<u32, Refusal> {
        let token = token.to_owned();
        self.call(|inside| {
            if let Some(there) = inside.instances.iter().find(|there| there.token == token) {
                return Ok(there.number);
            }
            match inside.wrong.as_ref().map(|wrong| wrong.fault) {
                Some(Fault::NoCapacity) => return Err(Refusal::NoCapacity),
                Some(Fault::Quota) => return Err(Refusal::Quota),
                _ => {}
            }
            Ok(inside.add(token, claim))
        })
        .await
    }

    /// Tags an instance.
    pub(crate) async fn tag(&self, number: u32, claim: Option<Claim>) -> Result<(), Refusal> {
        self.call(|inside| inside.of(number).map(|instance| instance.claim = claim)).await
    }

    /// Starts an instance, or leaves it as it runs.
    pub(crate) async fn start(&self, number: u32) -> Result<(), Refusal> {
        self.call(|inside| inside.of(number).map(|instance| instance.runs = true)).await
    }

    /// Takes an instance away.
    pub(crate) async fn delete(&self, number: u32) -> Result<(), Refusal> {
        self.call(|inside| {
            inside.of(number)?;
            inside.instances.retain(|instance| instance.number != number);
            Ok(())
        })
        .await
    }

    /// What there is, as far as it is in lists by now.
    pub(crate) async fn list(&self) -> Result<Vec<Instance>, Refusal> {
        self.call(|inside| {
            let mut missing = 0;
            for instance in inside.instances.iter_mut().filter(|instance| instance.late > 0) {
                instance.late -= 1;
                missing += 1;
            }
            if let Some(wrong) = &mut inside.wrong {
                wrong.struck += missing;
            }
            Ok(inside.instances.iter().filter(|instance| instance.late == 0).cloned().collect())
        })
        .await
    }

    /// What is really there.
    pub(crate) fn instances(&self) -> Vec<Instance> {
        self.inside().instances.clone()
    }

    /// A number that nobody has drawn before.
    pub(crate) fn drawn(&self) -> u32 {
        let mut inside = self.inside();
        inside.drawn += 1;
        inside.drawn
    }

    /// Somebody else's instance.
    pub(crate) fn put(&self, token: &str) -> u32 {
        self.inside().add(token.to_owned(), None)
    }

    /// An instance ends.
    pub(crate) fn stop(&self, number: u32) {
        self.inside().of(number).expect("an instance").runs = false;
    }

    /// From now on this goes wrong.
    pub(crate) fn inject(&self, fault: Fault, number: usize) {
        self.inside().wrong = Some(Wrong::new(fault, number));
    }

    /// From now on nothing does any more, and every list shows everything.
    pub(crate) fn heal(&self) -> usize {
        let mut inside = self.inside();
        inside.instances.iter_mut().for_each(|instance| instance.late = 0);
        inside.wrong.take().map_or(0, |wrong| wrong.struck)
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().expect("nobody panics inside")
    }

    /// A call: on its way there, carried out, on its way back.
    async fn call<T>(&self, act: impl FnOnce(&mut Inside) -> Result<T, Refusal>) -> Result<T, Refusal> {
        yield_now().await;
        let (answer, is_lost) = {
            let mut inside = self.inside();
            match inside.meets() {
                Some(Fault::Throttled) => (Err(Refusal::Throttled), false),
                Some(Fault::Killed) => (Err(Refusal::Broken), false),
                Some(Fault::AnswerLost) => (act(&mut inside), true),
                _ => (act(&mut inside), false),
            }
        };
        yield_now().await;
        if is_lost { Err(Refusal::Broken) } else { answer }
    }
}

impl Inside {
    fn of(&mut self, number: u32) -> Result<&mut Instance, Refusal> {
        self.instances.iter_mut().find(|instance| instance.number == number).ok_or(Refusal::NotFound)
    }

    fn add(&mut self, token: String, claim: Option<Claim>) -> u32 {
        self.made += 1;
        let late = self.wrong.filter(|wrong| wrong.fault == Fault::NotVisible).map_or(0, |wrong| wrong.number);
        self.instances.push(Instance { number: self.made, token, claim, runs: true, late });
        self.made
    }

    /// What goes wrong with the call that comes now.
    fn meets(&mut self) -> Option<Fault> {
        self.wrong.as_mut()?.meets()
    }
}
