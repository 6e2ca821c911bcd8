//! Where a platform is tried.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use justmanage_model::{Claim, NodeId, Pin};
use justmanage_platforms::{Machine, MachineOrder, MachineRef, Platform};

use crate::{Can, Fault};

/// What is somewhere, by its name: equal where the same is there.
pub type Contents = BTreeMap<String, String>;

/// A place where a platform can make machines, seen from behind: what is really there, and what goes wrong.
#[async_trait]
pub trait Place: Sized + Send + Sync + 'static {
    /// What it is called in the table.
    const NAME: &'static str;

    /// Whether whoever waits is killed at each of their waits; otherwise at the first dozen, and then at fewer and fewer of them: where each
    /// try takes a second, and there are hundreds.
    const AT_EACH_WAIT: bool = true;

    /// A place for one test, with room for so many machines.
    async fn new(room: usize) -> Self;

    /// The platform, as a process has it that knows nothing of those before it.
    fn platform(&self) -> Arc<dyn Platform>;

    /// An order for the machine of a claim.
    fn order(&self, claim: Claim) -> MachineOrder {
        MachineOrder::new(claim, [Pin::from_digest([7; 32])].into())
    }

    /// The machines that are really there: whatever takes up room or costs money, with whose it is if that can be told. A machine that
    /// is being removed counts for as long as it is not out of everybody's way.
    async fn machines(&self) -> Vec<Option<NodeId>>;

    /// Everything that is there. Where nothing of ours is, it is the same before and after.
    async fn contents(&self) -> Contents;

    /// Puts things beside ours that are not ours, the likest to ours that can be.
    async fn put_foreign(&self);

    /// What has become of those things.
    async fn foreign(&self) -> Contents;

    /// References like those of our machines that lead to none, when this one is the only one that is there: to another's things, to
    /// nothing, to nowhere on this platform.
    fn leading_elsewhere(&self, only: &Machine) -> Vec<MachineRef>;

    /// Ends the agent of a machine, as it ends when the machine is started again without it.
    async fn stop(&self, machine: &Machine);

    /// Whether this can be made to go wrong here. A `match` of all there is, so that nobody forgets what comes to be.
    fn can(fault: Fault) -> Can;

    /// Whether two clusters can have one name here, if neither of their makers knows of the other; or what locks a name.
    fn namesakes() -> Can {
        Can::Yes
    }

    /// From now on this goes wrong, for whoever asks. Only what can ([`Place::can`]) is asked for.
    async fn inject(&self, fault: Fault, number: usize);

    /// From now on nothing goes wrong any more. Answers how often something did since the last [`Place::inject`]; where only an
    /// error can tell that (no room, a quota), 0.
    async fn heal(&self) -> usize;

    /// Waits for the end of what was begun for somebody who was killed.
    async fn settle(&self) {}
}
