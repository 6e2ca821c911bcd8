//! Slots that a person has begun to move by hand, and left half-way.

use justmanage_model::{NodeId, Record};
use redis::aio::MultiplexedConnection;

use crate::cluster::{Cluster, primary, server};
use crate::operator::Said;
use crate::servers::find;
use crate::writer::open;

/// Its user may do whatever an administrator does.
fn with_rights(record: &mut Record) {
    record.users.values_mut().for_each(|user| user.acl = "~* +@all".parse().expect("rules"));
}

/// A hash tag, and its slot, of which this server says that the other one has it.
async fn tag_of(server: &mut MultiplexedConnection, other: &str) -> (String, u16) {
    for number in 0..100 {
        let tag = format!("{{left-{number}}}");
        let answer = redis::cmd("GET").arg(&tag).query_async::<Option<String>>(server).await;
        if let Some((at, slot)) = answer.as_ref().err().and_then(redis::RedisError::redirect_node)
            && at == other
        {
            return (tag, slot);
        }
    }
    panic!("a third of all keys are the other one's");
}

/// One key lies where its slot is, another, written in the meantime, where the slot was to go.
async fn a_slot_is_left_half_way(line: &str) {
    let cluster = Cluster::formed(&find(line), 3, 1, with_rights).await;
    let said = cluster.operator(0).converged().await;
    let [source, target] = [0, 1].map(|shard| primary(&said, shard).expect("a primary"));
    let id = |node| server(&said, node).and_then(|server| server.bus.as_ref()).expect("its part").id.to_string();
    let connect = async |node| open(&cluster.endpoint(node), &cluster.authority()).await.expect("a connection");
    let (mut from, mut to) = (connect(source).await, connect(target).await);
    let (tag, slot) = tag_of(&mut to, &cluster.agents[&source].client.to_string()).await;
    let keys = ["old", "new"].map(|name| format!("{tag}:{name}"));
    redis::cmd("SET").arg(&keys[0]).arg("1").exec_async(&mut from).await.expect("a key");
    let set_slot = |what: &str, node| {
        let mut command = redis::cmd("CLUSTER");
        command.arg("SETSLOT").arg(slot).arg(what).arg(id(node));
        command
    };
    set_slot("IMPORTING", source).exec_async(&mut to).await.expect("marked");
    set_slot("MIGRATING", target).exec_async(&mut from).await.expect("marked");
    let mut new = redis::pipe();
    new.cmd("ASKING").ignore().cmd("SET").arg(&keys[1]).arg("2").ignore();
    new.exec_async(&mut to).await.expect("a key of a slot that is on its way");

    let owns = |said: &Said, node: NodeId| {
        let bus = server(said, node).and_then(|server| server.bus.as_ref());
        bus.is_some_and(|bus| bus.slots.slots().any(|one| one.get() == slot))
    };
    let put_right = |said: &Said| said.converged && owns(said, target) && !owns(said, source);
    // As long as a person may be at it, nobody meddles: half a minute.
    let begun = |said: &Said| said.record().grant.is_some() || put_right(said);
    cluster.operator(0).until("it is seen to be left", begun).await;
    let said = cluster.operator(0).until("what has begun to go over has arrived", put_right).await;
    assert!(said.record().grant.is_none() && said.record().halt.is_none());
    for (key, value) in keys.iter().zip(["1", "2"]) {
        let held: Option<String> = redis::cmd("GET").arg(key).query_async(&mut to).await.expect("an answer");
        assert_eq!(held.as_deref(), Some(value), "{key}");
    }
    for server in [&mut from, &mut to] {
        let nodes: String = redis::cmd("CLUSTER").arg("NODES").query_async(server).await.expect("its view");
        assert!(nodes.contains("myself") && !nodes.contains("->-") && !nodes.contains("-<-"), "no marks: {nodes}");
    }
}

#[tokio::test]
async fn a_slot_that_somebody_left_half_way_is_put_right_redis() {
    a_slot_is_left_half_way("redis-7.2.").await;
}

#[tokio::test]
async fn a_slot_that_somebody_left_half_way_is_put_right_valkey() {
    a_slot_is_left_half_way("valkey-9.1.").await;
}
