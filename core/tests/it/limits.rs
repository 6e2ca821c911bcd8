//! What servers may use, where the platform limits them: by what the cluster asks for, and never below what they hold.

use justmanage_model::spec::process_limit;
use justmanage_model::{Bytes, ClusterSpec, Io, Resources};
use justmanage_platforms::Limits;
use tokio_util::sync::CancellationToken;

use crate::shape::made;
use crate::world::{World, shape};

fn of(memory: Bytes, cpu: Option<&str>) -> Limits {
    let cpu = cpu.map(|text| text.parse().expect("processors"));
    Limits { memory: Some(process_limit(memory)), data: Some(memory), cpu, io: Io::NOTHING }
}

/// What each node's server was limited to since it was asked last.
fn limits(world: &World) -> Vec<Vec<Limits>> {
    std::mem::take(&mut world.inside().limits).into_values().collect()
}

#[tokio::test]
async fn servers_are_limited_before_they_can_hold_more_and_after_they_can_only_hold_less() {
    let (world, home) = (World::default(), tempfile::tempdir().expect("home"));
    let (manager, view) = made(&world, &home, 3, 1).await;
    let usual = shape(3, 1);
    assert_eq!(limits(&world), vec![vec![of(usual.memory, None)]; 6], "a new one, before it has anything");

    let update =
        async |spec: &ClusterSpec| manager.update(&view.id, spec, &CancellationToken::new()).await.expect("update");
    let (more, less) = (Bytes::mib(256), Bytes::mib(32));
    let resources = Resources { cpu: "1.5".parse().ok(), ..Resources::NOTHING };
    let wide = ClusterSpec { memory: more, resources, ..usual.clone() };
    update(&wide).await;
    // No limit is wider than any.
    let both = vec![of(more, None), of(more, Some("1.5"))];
    assert_eq!(limits(&world), vec![both; 6]);
    update(&ClusterSpec { memory: less, ..wide.clone() }).await;
    assert_eq!(limits(&world), vec![vec![of(more, Some("1.5")), of(less, Some("1.5"))]; 6]);

    // What is asked for takes the place of what follows from the memory; a disk is given free before it is limited.
    let io = Io { read_bandwidth: Some(Bytes::mib(20)), write_iops: Some(100), weight: Some(50), ..Io::NOTHING };
    let asked = Resources { memory: Some(Bytes::mib(512)), io, ..resources };
    update(&ClusterSpec { memory: less, resources: asked, ..wide.clone() }).await;
    let large = Limits { memory: Some(Bytes::mib(512)), ..of(less, Some("1.5")) };
    let first = Limits { io: Io { weight: Some(50), ..Io::NOTHING }, ..large };
    assert_eq!(limits(&world), vec![vec![first, Limits { io, ..large }]; 6]);
    update(&ClusterSpec { memory: less, ..wide.clone() }).await;
    assert_eq!(limits(&world), vec![vec![large, of(less, Some("1.5"))]; 6]);

    let more_nodes = ClusterSpec { shards: 4, memory: less, ..wide };
    update(&more_nodes).await;
    let all = limits(&world);
    assert_eq!((all.len(), all.iter().all(|one| *one == [of(less, Some("1.5"))])), (8, true), "{all:?}");
}
