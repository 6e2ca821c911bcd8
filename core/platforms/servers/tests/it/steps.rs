//! Killed before each of its steps, and done again: everything is as if it had not been.

use std::fs;
use std::path::Path;

use justmanage_model::Version;
use justmanage_platforms::{Machine, MachineState, Platform, PlatformError};

use crate::{Place, order, tree};

/// What is done once, whole and in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doing {
    Ensure,
    Upgrade,
    /// To an agent that does not come up.
    UpgradeInVain,
    Remove,
}

/// A place in which it can be done.
async fn before(doing: Doing) -> (Place, Option<Machine>) {
    let place = Place::new();
    let servers = place.servers("db1");
    if doing == Doing::Ensure {
        return (place, None);
    }
    let machine = servers.ensure(&order(1)).await.expect("a node");
    match doing {
        Doing::Upgrade => place.install_newer(""),
        Doing::UpgradeInVain => place.install_newer("# does not come up\n"),
        Doing::Ensure | Doing::Remove => {}
    }
    (place, Some(machine))
}

/// Does it, as a process of its own would.
async fn act(place: &Place, doing: Doing, machine: Option<&Machine>) -> Result<(), PlatformError> {
    let servers = place.servers_of("db1", if doing == Doing::Ensure { "0.1.0" } else { "0.2.0" });
    match (doing, machine) {
        (Doing::Upgrade | Doing::UpgradeInVain, Some(machine)) => servers.upgrade(machine).await.map(drop),
        (Doing::Remove, Some(machine)) => servers.remove(&machine.reference).await,
        _ => servers.ensure(&order(1)).await.map(drop),
    }
}

async fn killed_at_every_step(doing: Doing) {
    let well = doing != Doing::UpgradeInVain;
    let (place, machine) = before(doing).await;
    // Counted, and killed nowhere.
    stop(&place, Some(usize::MAX));
    assert_eq!(act(&place, doing, machine.as_ref()).await.is_ok(), well, "{doing:?}");
    let steps: usize = count(place.directory.path());
    let expected = below(&place);
    assert!(steps > 5, "{steps} steps");
    for step in 1..=steps {
        let (place, machine) = before(doing).await;
        stop(&place, Some(step));
        let cut = act(&place, doing, machine.as_ref()).await;
        assert!(cut.is_err(), "{doing:?} is killed before step {step} of {steps}");
        stop(&place, None);
        place.cut_off("db1", false);
        let again = act(&place, doing, machine.as_ref()).await;
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

fn stop(place: &Place, step: Option<usize>) {
    fs::write(place.directory.path().join("count"), "0\n").expect("a count");
    *place.hosts.stop_after.lock().expect("a number") = step;
}

fn count(directory: &Path) -> usize {
    fs::read_to_string(directory.join("count")).expect("a count").trim().parse().expect("a number")
}

#[tokio::test]
async fn a_node_that_is_made() {
    killed_at_every_step(Doing::Ensure).await;
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
async fn a_node_that_is_removed() {
    killed_at_every_step(Doing::Remove).await;
}

#[tokio::test]
async fn an_older_provider_leaves_a_newer_agent_alone() {
    let (place, machine) = before(Doing::Upgrade).await;
    let machine = machine.expect("a node");
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
