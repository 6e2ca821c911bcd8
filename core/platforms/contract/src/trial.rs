//! A platform at its place, with clusters to be made there.
//!
//! Every call is made by a process of its own, if nothing else is said: whoever made the one before was killed.

use std::collections::BTreeSet;
use std::sync::Arc;

use justmanage_model::{Claim, ClusterId, ClusterName, NodeId, Seat};
use justmanage_platforms::{ClaimQuery, Machine, MachineOrder, Platform, PlatformError};

use crate::cut::{self, Moment, Work};
use crate::{Contents, Fault, Place};

/// The names that clusters have here.
pub(crate) const NAMES: [&str; 2] = ["cache", "queue"];

/// A node of the cluster with this number.
pub(crate) fn claim(name: &str, cluster: u8, node: u8) -> Claim {
    let mut entropy = [cluster; 10];
    entropy[9] = node;
    Claim {
        cluster: ClusterId::from_entropy([cluster; 10]),
        name: cluster_name(name),
        node: NodeId::from_entropy(entropy),
        seat: Some(Seat { shard: 0, ordinal: node.into() }),
    }
}

pub(crate) fn cluster_name(name: &str) -> ClusterName {
    name.parse().expect("a name")
}

/// All machines of this name.
pub(crate) fn named(name: &str) -> ClaimQuery {
    ClaimQuery { name: cluster_name(name), cluster: None }
}

/// The machines of the cluster of this claim.
pub(crate) fn of_cluster(claim: &Claim) -> ClaimQuery {
    ClaimQuery { name: claim.name.clone(), cluster: Some(claim.cluster) }
}

/// A platform at its place.
pub(crate) struct Trial<P: Place> {
    pub(crate) place: Arc<P>,
}

impl<P: Place> Trial<P> {
    /// Tries a case at a place with room for so many machines, beside foreign things, which have to be as they were in the end.
    pub(crate) async fn run(room: usize, case: impl AsyncFnOnce(&Self)) {
        let trial = Self { place: Arc::new(P::new(room).await) };
        trial.place.put_foreign().await;
        let before = trial.place.foreign().await;
        assert!(!before.is_empty(), "there are foreign things");
        case(&trial).await;
        assert_eq!(trial.place.foreign().await, before, "foreign things are touched by nobody");
    }

    /// The same where there is nothing else, with what is there of nothing.
    pub(crate) async fn alone(room: usize, case: impl AsyncFnOnce(&Self, &Contents)) {
        let trial = Self { place: Arc::new(P::new(room).await) };
        let nothing = trial.place.contents().await;
        case(&trial, &nothing).await;
    }

    /// An order for a node of the cluster with this number.
    pub(crate) fn order(&self, name: &str, cluster: u8, node: u8) -> MachineOrder {
        self.place.order(claim(name, cluster, node))
    }

    /// The platform as a new process has it.
    pub(crate) fn platform(&self) -> Arc<dyn Platform> {
        self.place.platform()
    }

    pub(crate) async fn ensure(&self, order: &MachineOrder) -> Machine {
        let made = self.try_ensure(order).await.expect("ensure");
        assert_eq!(made.claim, order.claim, "the machine of the order");
        made
    }

    pub(crate) async fn try_ensure(&self, order: &MachineOrder) -> Result<Machine, PlatformError> {
        self.platform().ensure(order).await
    }

    pub(crate) async fn remove(&self, machine: &Machine) {
        self.try_remove(machine).await.expect("remove");
    }

    pub(crate) async fn try_remove(&self, machine: &Machine) -> Result<(), PlatformError> {
        self.platform().remove(&machine.reference).await
    }

    /// What is found, in the order of its references.
    pub(crate) async fn find(&self, query: &ClaimQuery) -> Vec<Machine> {
        sorted(self.platform().find(query).await.expect("find"))
    }

    /// That just the machines of these orders are there: really, and as the platform says.
    pub(crate) async fn has(&self, orders: &[&MachineOrder]) {
        let nodes = |of: Option<&str>| {
            let of_name = |order: &&&MachineOrder| of.is_none_or(|name| order.claim.name.as_str() == name);
            let mut nodes: Vec<_> = orders.iter().filter(of_name).map(|order| Some(order.claim.node)).collect();
            nodes.sort_unstable();
            nodes
        };
        let mut there = self.place.machines().await;
        there.sort_unstable();
        assert_eq!(there, nodes(None), "what is really there");
        for name in NAMES {
            let mut found: Vec<_> = self.find(&named(name)).await.iter().map(|found| Some(found.claim.node)).collect();
            found.sort_unstable();
            assert_eq!(found, nodes(Some(name)), "what is found of the name {name}");
        }
    }

    /// That every machine which is really there is found, each once.
    pub(crate) async fn forgets_nothing(&self) {
        let mut found = BTreeSet::new();
        for name in NAMES {
            found.extend(self.find(&named(name)).await.into_iter().map(|machine| machine.claim.node));
        }
        let mut there = BTreeSet::new();
        for machine in self.place.machines().await {
            let node = machine.expect("a machine that says whose it is");
            assert!(found.contains(&node), "{node} is there, and nobody finds it");
            assert!(there.insert(node), "{node} is there twice");
        }
    }

    /// Removes what is found of a cluster, as a destroy does.
    pub(crate) async fn destroy(&self, claim: &Claim) {
        for machine in self.find(&of_cluster(claim)).await {
            self.remove(&machine).await;
        }
        // Whoever destroys looks until nothing is found any more.
        assert_eq!(self.find(&of_cluster(claim)).await, [], "what was removed is gone");
    }

    /// Ensures as a process that is killed at this moment.
    pub(crate) async fn ensure_until(
        &self,
        moment: Moment,
        order: &MachineOrder,
    ) -> Option<Result<Machine, PlatformError>> {
        let order = order.clone();
        self.until(moment, move |platform| Box::pin(async move { platform.ensure(&order).await })).await
    }

    /// Removes as a process that is killed at this moment.
    pub(crate) async fn remove_until(&self, moment: Moment, machine: &Machine) -> Option<Result<(), PlatformError>> {
        let reference = machine.reference.clone();
        self.until(moment, move |platform| Box::pin(async move { platform.remove(&reference).await })).await
    }

    async fn until<T: Send + 'static>(
        &self,
        moment: Moment,
        work: impl FnOnce(Arc<dyn Platform>) -> Work<T> + Send + 'static,
    ) -> Option<T> {
        let place = self.place.clone();
        let ended = cut::killed_at(moment, move || place.platform(), work).await;
        self.place.settle().await;
        ended
    }

    /// Does something while this goes wrong, and says how often it did.
    pub(crate) async fn with<T>(&self, fault: Fault, number: usize, work: impl Future<Output = T>) -> (T, usize) {
        self.place.inject(fault, number).await;
        let done = work.await;
        let struck = self.place.heal().await;
        self.place.settle().await;
        (done, struck)
    }
}

pub(crate) fn sorted(mut machines: Vec<Machine>) -> Vec<Machine> {
    machines.sort_by(|one, other| one.reference.cmp(&other.reference));
    machines
}
