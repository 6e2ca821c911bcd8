//! Machines that have other addresses than the cluster knows.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use justmanage_model::NodeId;
use justmanage_platforms::MachineState;
use tokio_util::sync::CancellationToken;

use crate::world::{World, name, shape};

#[tokio::test]
async fn agents_are_told_where_others_have_gone_and_the_record_says_so() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let manager = world.manager(&home);
    let made = manager.create(&name(), &shape(3, 1), &CancellationToken::new()).await.expect("create");
    let before = world.record();
    let moved: BTreeMap<NodeId, SocketAddr> = world.nodes().into_iter().take(2).zip(world.move_away(2)).collect();
    let after = manager.update(&made.id, &shape(3, 1), &CancellationToken::new()).await.expect("update");
    assert!(after.converged);
    let record = world.record();
    for (node, member) in &record.members {
        let was = &before.members[node];
        match moved.get(node) {
            Some(to) => assert_eq!((member.agent, member.client.ip(), member.pin), (*to, to.ip(), was.pin)),
            None => assert_eq!(member, was),
        }
    }
    let told = world.inside().relocated.clone();
    assert_eq!(told.len(), 6, "everybody: {told:?}");
    assert!(told.values().all(|places| *places == moved), "{told:?}");

    // Once it is known, nobody is told again.
    world.inside().relocated.clear();
    manager.update(&made.id, &shape(3, 1), &CancellationToken::new()).await.expect("update");
    assert!(world.inside().relocated.is_empty());
    assert!(world.inside().machines.values().all(|machine| machine.state != MachineState::Stopped));
}
