//! Upgrades that are killed before each of their steps, and done again: everything is as if they had not been. What makes and removes
//! nodes is killed by the contract.

use std::fs;
use std::path::Path;

use justmanage_model::Version;
use justmanage_platforms::{Machine, MachineState, Platform, PlatformError};

use crate::{Place, order, tree};

/// What is done once, whole and in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Upgrade,
    /// To an agent that does not come up.
    UpgradeInVain,
}

/// A place in which it can be done, to this machine.
async fn before(doing: Doing) -> (Place, Machine) {
    let place = Place::new();
    let machine = place.servers("db1").ensure(&order(1)).await.expect("a node");
    match doing {
        Doing::Upgrade => place.install_newer(""),
        Doing::UpgradeInVain => place.install_newer("# does not come up\n"),
    }
    (place, machine)
}

/// Does it, as a process of its own would.
async fn act(place: &Place, machine: &Machine) -> Result<(), PlatformError> {
    place.servers_of("db1", "0.2.0").upgrade(machine).await.map(drop)
}

async fn killed_at_every_step(doing: Doing) {
    let well = doing != Doing::UpgradeInVain;
    let (place, machine) = before(doing).await;
    // Counted, and killed nowhere.
    stop(&place, Some(usize::MAX));
    assert_eq!(act(&place, &machine).await.is_ok(), well, "{doing:?}");
    let steps: usize = count(place.directory.path());
    let expected = below(&place);
    assert!(steps > 5, "{steps} steps");
    for step in 1..=steps {
        let (place, machine) = before(doing).await;
        stop(&place, Some(step));
        let cut = act(&place, &machine).await;
        assert!(cut.is_err(), "{doing:?} is killed before step {step} of {steps}");
        stop(&place, None);
        place.cut_off("db1", false);
        let again = act(&place, &machine).await;
        assert_eq!(again.is_ok(), well, "{doing:?}, killed before step {step}: {again:?}");
        assert_eq!(below(&place), expected, "{doing:?}, killed before step {step}");
    }
}

/// The host, by names that are the same in every place.
fn below(place: &Place) -> Vec<(String, String)> {
    let root = place.root("db1");
    let name = |path: &Path| path.strip_prefix(&root).expect("below the root").display().to_string();
    tree(&root).into_iter().map(|(path, what)| (name(&path), what)).collect()
}

pub(crate) fn stop(place: &Place, step: Option<usize>) {
    fs::write(place.directory.path().join("count"), "0\n").expect("a count");
    *place.hosts.stop_after.lock().expect("a number") = step;
}

pub(crate) fn count(directory: &Path) -> usize {
    fs::read_to_string(directory.join("count")).expect("a count").trim().parse().expect("a number")
}

#[tokio::test]
async fn an_agent_that_is_replaced() {
    killed_at_every_step(Doing::Upgrade).await;
}

#[tokio::test]
async fn an_agent_that_is_put_back() {
    killed_at_every_step(Doing::UpgradeInVain).await;
}

#[tokio::test]
async fn an_older_provider_leaves_a_newer_agent_alone() {
    let (place, machine) = before(Doing::Upgrade).await;
    place.servers_of("db1", "0.2.0").upgrade(&machine).await.expect("upgrade");
    let before = below(&place);
    place.install("");
    let left = place.servers("db1").upgrade(&machine).await.expect("nothing to do");
    assert_eq!(place.servers("db1").agent_version().await.expect("ours"), Version::new(0, 1, 0));
    let MachineState::Running(agent) = &left.state else { panic!("{left:?}") };
    assert_eq!(agent.version, "0.2.0");
    place.servers("db1").ensure(&order(1)).await.expect("it runs");
    assert_eq!(below(&place), before);
}
