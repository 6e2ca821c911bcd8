//! Who gives slots is replaced while they are on their way, and has not heard of it.

use std::path::PathBuf;

use justmanage_engine::migrate::{Giver, Target, TargetError, heal};
use justmanage_model::BusView;

use crate::client::{Client, Said};
use crate::cluster::{Cluster, USER};
use crate::moving::{agent, move_all, slots};
use crate::servers::on_servers;
use crate::wait::until;

// Redis leaves the mark of a slot as it is, and the first of these its owner, too; on Valkey both follow who was elected.
on_servers! { [redis_7_0 redis_7_2 valkey_8_1] who_was_replaced_gives_nothing_and_its_successor_goes_on }

// Servers that move slots as a whole.
on_servers! { [redis_8_6 valkey_9_0 valkey_9_1] who_took_over_gives_what_came_while_it_was_a_replica }

fn assert_refused(outcome: &Result<(), TargetError>) {
    assert!(matches!(outcome, Err(TargetError::NotNow { .. })), "{outcome:?}");
}

async fn who_was_replaced_gives_nothing_and_its_successor_goes_on(path: PathBuf) {
    let mut cluster = Cluster::moving_with_replicas(&path, 3).await;
    let (window, successor) = (slots("5000-5099"), cluster.ids[1]);
    let giver = Giver { id: cluster.ids[0], others: [successor].into() };
    let mut target = agent(&cluster, 2).await.unwrap();
    target.import(&window, &giver).await.unwrap();

    // It is frozen, and nobody has missed it yet.
    cluster.nodes[0].signal("-STOP");
    cluster.server(1).cluster_failover_force().await.unwrap();
    until("the target has heard of who was elected", async || {
        let nodes = target.cluster_nodes().await.unwrap();
        nodes.iter().any(|node| node.id == successor && !node.replica)
    })
    .await;
    assert_refused(&target.own(&window, &giver).await);
    // In slot 5061.
    let write = || cluster.nodes[1].client(USER.0, USER.1, &["SET", "bar", "acknowledged"]);
    until("the successor takes writes", async || write() == "OK").await;
    cluster.nodes[0].signal("-CONT");
    assert_refused(&target.own(&window, &giver).await);
    until("it has heard", async || cluster.view(0).await.is_some_and(|view| !view.is_primary())).await;
    assert_refused(&target.own(&window, &giver).await);

    let mut source = agent(&cluster, 1).await.unwrap();
    until("what is on its way is the successor's", async || {
        let healed = heal(&mut source, &mut target, &window).await;
        let side = target.side().await.unwrap();
        healed.is_ok() && side.arriving.len() == 100 && side.arriving.values().all(|from| *from == successor)
    })
    .await;
    cluster.settled(|_| true).await;
    assert_eq!(move_all(&cluster, (1, 2), &window).await.slots, 100);
    let mut client = Client::of(&cluster);
    assert_eq!(client.ok(&["GET", "bar"]), Said::Text(b"acknowledged".to_vec()));
    cluster.settled(|views| views.iter().any(|view| view.slots == slots("5000-5099 5462-10922"))).await;
}

/// A replica hears of a move by its primary's replication alone, and tells of it without the names of the two servers.
async fn who_took_over_gives_what_came_while_it_was_a_replica(path: PathBuf) {
    let mut cluster = Cluster::moving_with_replicas(&path, 3).await;
    let window = slots("5000-5099");
    let mut client = Client::of(&cluster);
    client.ok(&["SET", "bar", "one"]);
    assert_eq!(move_all(&cluster, (0, 2), &window).await.slots, 100);
    cluster.settled(|_| true).await;
    cluster.server(3).cluster_failover().await.unwrap();
    let successor = cluster.ids[3];
    let took_over = |views: &[BusView]| views.iter().any(|view| view.id == successor && view.is_primary());
    cluster.settled(took_over).await;
    assert_eq!(move_all(&cluster, (3, 0), &window).await.slots, 100);
    assert_eq!(client.ok(&["GET", "bar"]), Said::Text(b"one".to_vec()));
}
