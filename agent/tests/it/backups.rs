//! Which backups there are, as operators are told; and who is not told.

use justmanage_agent_proto::v1::BackupsRequest;
use justmanage_identity::KeyPair;
use justmanage_model::backup::{BackupEntry, BackupStatus};
use tonic::{Code, Status};

use crate::cluster::Cluster;
use crate::metrics::get_1;
use crate::node::Node;
use crate::operator::{Operator, serving};
use crate::servers::redis;
use crate::wait::DEADLINE;

const LEFT: &str = "20261129T033000Z-50";

async fn backups(operator: &mut Operator, before: &str) -> Result<Vec<BackupEntry>, Status> {
    let request = BackupsRequest { before: before.to_owned(), limit: 0 };
    let reply = operator.client.backups(request).await?.into_inner();
    Ok(serde_json::from_slice(&reply.backups).expect("backups"))
}

#[tokio::test]
async fn operators_are_told_which_backups_there_are_and_nobody_else() {
    let node = Node::new(&redis());
    let store = tempfile::tempdir().expect("a directory");
    let (agent, mut operator) = serving(&node).await;
    assert_eq!(backups(&mut operator, "").await.expect("a list"), [], "there is no policy");
    let policy = format!("1st Sat 00:00 UTC; destination file://{}; retention last 2", store.path().display());
    let reader = KeyPair::generate().expect("a key");
    let record = operator
        .change(|record| {
            record.spec.backup_policy = Some(policy.parse().expect("a policy"));
            record.spec.metrics_readers = [reader.pin()].into();
        })
        .await;
    assert_eq!(backups(&mut operator, "").await.expect("a list"), [], "none was made");
    let place = store.path().join(record.name.to_string()).join(record.cluster.to_string());
    std::fs::create_dir_all(place.join(LEFT)).expect("a folder");
    let [left] = backups(&mut operator, "").await.expect("a list").try_into().expect("one");
    assert_eq!((left.id.as_str(), left.status()), (LEFT, BackupStatus::Unfinished));
    assert_eq!(backups(&mut operator, LEFT).await.expect("a list"), [], "none is older");
    let wrong = backups(&mut operator, "yesterday").await.expect_err("no name");
    assert_eq!(wrong.code(), Code::InvalidArgument, "{wrong}");

    // Readers of metrics are let in, and this is none of theirs.
    let begun = std::time::Instant::now();
    while get_1(&agent, &reader, "/metrics").await.is_err() {
        assert!(begun.elapsed() < DEADLINE, "the reader is not let in");
    }
    let refused = backups(&mut Operator::with(&reader, &agent), "").await.expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");

    // What cannot be looked at is not empty.
    std::fs::remove_dir_all(&place).expect("removed");
    std::fs::write(&place, "a file").expect("a file");
    let failed = backups(&mut operator, "").await.expect_err("a file is in the way");
    assert_eq!(failed.code(), Code::FailedPrecondition, "{failed}");
    assert!(failed.message().contains("Not a directory"), "{failed}");
}

#[tokio::test]
async fn agents_of_the_cluster_are_not_told() {
    let cluster = Cluster::formed(&redis(), 1, 1, |_| {}).await;
    let member = KeyPair::load(&cluster.nodes[1].file("agent.key")).expect("a key");
    let agent = &cluster.agents[&cluster.nodes[0].order.claim.node];
    let mut member = Operator::with(&member, agent);
    member.status().await.expect("a member is let in");
    let refused = backups(&mut member, "").await.expect_err("refused");
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused}");
}
