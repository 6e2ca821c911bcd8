//! Spares: one takes the place of a node that is lost for good, with nobody's help, and who comes back afterwards does not serve.

use std::time::Instant;

use justmanage_model::{Interval, NodeId, Record};

use crate::cluster::{Cluster, primary, server};
use crate::healing::is_replica;
use crate::node::kill;
use crate::operator::Said;
use crate::servers::redis;
use crate::wait::until;
use crate::writer::{Writer, around};

/// As short as it may be.
fn soon(record: &mut Record) {
    record.spec.spare_after = Some(Interval::seconds(10));
}

/// The agent of a node and its server die, and nobody starts them again.
fn lose(cluster: &Cluster, position: usize) {
    let node = &cluster.nodes[position];
    let server = node.noted_server().expect("a server");
    node.kill_agent();
    kill(&server);
}

/// A spare has the place of a node that was lost, and all is at rest.
async fn mended(cluster: &Cluster, asked: usize, lost: NodeId, spare: NodeId) -> Said {
    let failed = |said: &Said| said.waiting.iter().any(|why| why.to_string().contains("takes its place"));
    let taken = |said: &Said| said.record().members.contains_key(&spare);
    cluster.operator(asked).until("a spare stands by", |said| failed(said) || taken(said)).await;
    cluster.operator(asked).until("the spare has the place", taken).await;
    let said = cluster.operator(asked).converged().await;
    assert!(said.record().retired.contains(&lost) && said.record().spares.is_empty());
    assert!(server(&said, spare).is_some_and(|server| server.bus.as_ref().is_some_and(|bus| bus.ok)));
    said
}

#[tokio::test]
async fn a_spare_takes_the_place_of_a_primary_that_is_lost_and_who_comes_back_does_not_serve() {
    let cluster = Cluster::started(&redis(), 3, 1).and_spare().form(3, 1, soon).await;
    let said = cluster.operator(0).converged().await;
    let (lost, spare) = (primary(&said, 0).expect("a primary"), cluster.nodes[6].order.claim.node);
    let place = said.record().members[&lost].seat;
    assert_eq!(cluster.nodes[6].servers(), Vec::<u32>::new(), "a spare runs no server");
    let (position, asked) = (cluster.position(lost), 4);
    let (writer, beside) = (Writer::begin(&cluster, 0).await, Writer::begin(&cluster, 1).await);
    lose(&cluster, position);
    let gone = Instant::now();
    let said = mended(&cluster, asked, lost, spare).await;
    assert_eq!(said.record().members[&spare].seat, place);
    let heir = primary(&said, 0).expect("a primary");
    assert!(heir != lost && is_replica(&said, spare), "the other one serves, and the spare copies it");
    writer.goes_on(20).await;
    beside.goes_on(20).await;

    // It was only switched off: its directory is as it was, and its agent thinks that it has its place.
    let mut cluster = cluster;
    cluster.restart_agent(position);
    let node = &cluster.nodes[position];
    until("it hears that it has no place", || node.log().contains("not the cluster's any more").then_some(()));
    until("its server is down", || node.servers().is_empty().then_some(()));
    let said = cluster.operator(asked).converged().await;
    assert_eq!((primary(&said, 0), said.record().members.contains_key(&lost)), (Some(heir), false));
    assert!(cluster.nodes[position].servers().is_empty(), "and it stays down");
    writer.end().await.lost_only_in(&[around(gone)]);
    beside.end().await.lost_nothing();
}

#[tokio::test]
async fn with_a_spare_two_nodes_survive_the_loss_of_the_first_and_are_two_again() {
    let cluster = Cluster::started(&redis(), 1, 1).and_spare().form(1, 1, soon).await;
    let said = cluster.operator(1).converged().await;
    let (lost, spare) = (primary(&said, 0).expect("a primary"), cluster.nodes[2].order.claim.node);
    let position = cluster.position(lost);
    let other = cluster.nodes[1 - position].order.claim.node;
    lose(&cluster, position);
    let asked = 1 - position;
    let takes_over = |said: &Said| said.leader.is_some() && primary(said, 0) == Some(other);
    cluster.operator(asked).until("the other one takes over", takes_over).await;
    let said = mended(&cluster, asked, lost, spare).await;
    assert!(primary(&said, 0) == Some(other) && is_replica(&said, spare));
}
