//! Agents are reached, or do not run.

use justmanage_platforms::{Machine, MachineState, PlatformError};

use crate::Place;
use crate::trial::{Trial, named};

/// Who looks for a machine and reaches it is told where its agent listens and by what key it is known; each machine has its own agent.
pub async fn reach_leads_to_the_agents_address_and_key<P: Place>() {
    Trial::<P>::run(2, async |trial| {
        for order in [trial.order("cache", 1, 0), trial.order("cache", 1, 1)] {
            let made = trial.ensure(&order).await;
            let found = trial.find(&named("cache")).await.into_iter().find(|found| found.reference == made.reference);
            let found = found.expect("it is found");
            let MachineState::Running(info) = &found.state else { panic!("{found:?}") };
            assert_eq!(info.claim, order.claim, "the agent of this machine");
            for machine in [&made, &found] {
                let reached = trial.platform().reach(machine).await.expect("reach");
                assert_eq!((reached.agent.agent, reached.agent.pin), (info.agent, info.pin));
                assert_eq!(reached.agent, **info);
            }
        }
    })
    .await;
}

/// An agent that does not run is a machine that is stopped: nobody is reached there, and ensure starts the same agent.
pub async fn a_stopped_agent_is_found_stopped_and_ensure_starts_it<P: Place>() {
    Trial::<P>::run(2, async |trial| {
        let (order, other) = (trial.order("cache", 1, 0), trial.order("queue", 2, 0));
        let (made, untouched) = (trial.ensure(&order).await, trial.ensure(&other).await);
        trial.place.stop(&made).await;
        let found = trial.find(&named("cache")).await;
        assert_eq!(found, [Machine { state: MachineState::Stopped, ..made.clone() }]);
        let refused = trial.platform().reach(&found[0]).await.expect_err("nobody is there");
        assert!(matches!(refused, PlatformError::Unreachable { .. }), "{refused:?}");
        assert_eq!(trial.find(&named("queue")).await, [untouched]);

        let again = trial.ensure(&order).await;
        let key = |machine: &Machine| match &machine.state {
            MachineState::Running(info) => info.pin,
            MachineState::Stopped => panic!("{machine:?}"),
        };
        assert_eq!((&again.reference, key(&again)), (&made.reference, key(&made)), "the same machine");
        assert_eq!(trial.find(&named("cache")).await, [again]);
        trial.place.stop(&made).await;
        trial.remove(&made).await;
        trial.has(&[&other]).await;
    })
    .await;
}
