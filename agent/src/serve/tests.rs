//! When an agent takes itself away, and when never.

use async_trait::async_trait;
use justmanage_model::{Bytes, ClusterId, Epoch, Generation, Record};
use justmanage_record::{Standing, StoreError};

use super::*;

/// A store that has this Record for ever.
struct Fixed(watch::Sender<Option<Record>>);

#[async_trait]
impl RecordStore for Fixed {
    fn get(&self) -> Option<Record> {
        self.0.borrow().clone()
    }

    async fn read(&self) -> Result<Option<Record>, StoreError> {
        Ok(self.get())
    }

    async fn compare_and_set(&self, _: (Epoch, Generation), _: Record) -> Result<(), StoreError> {
        Err(StoreError::OtherEpoch)
    }

    fn watch(&self) -> watch::Receiver<Option<Record>> {
        self.0.subscribe()
    }

    fn standing(&self) -> watch::Receiver<Standing> {
        watch::Sender::new(Standing::Uninvited).subscribe()
    }
}

fn record(phase: Phase) -> Record {
    let record = serde_json::json!({
        "layout": 1, "epoch": "0101010101010101", "generation": 1, "cluster": ClusterId::from_entropy([1; 10]),
        "name": "cache", "phase": phase, "unclaimed": true,
        "spec": {
            "engine": "redis", "version": "7.0", "shards": 1, "replicas_per_shard": 0, "memory": Bytes::mib(64),
            "config": {}, "place": "local",
        },
        "release": { "engine": "redis", "version": "7.0.15", "package": null },
        "artefact": { "server": "/usr/bin/redis-server", "sha256": "0".repeat(64) },
        "operators": [], "members": {}, "users": {}, "ca_certificate": null, "grant": null,
    });
    serde_json::from_value(record).expect("a Record")
}

const LIMIT: Duration = Duration::from_millis(300);

/// How it ended within ten times the limit, and after how long.
async fn end_with(record: Option<Record>, contact: &watch::Sender<Instant>) -> Option<(End, Duration)> {
    let store = Fixed(watch::Sender::new(record));
    let begun = Instant::now();
    let mut signals = Signals::listen().expect("signals");
    let ended = ended(&store, contact.subscribe(), LIMIT, &mut signals);
    let end = tokio::time::timeout(LIMIT * 10, ended).await.ok()?;
    Some((end, begun.elapsed()))
}

#[tokio::test]
async fn a_node_that_nobody_founded_goes_when_nobody_comes() {
    let contact = watch::Sender::new(Instant::now());
    let (end, after) = end_with(None, &contact).await.expect("an end");
    assert_eq!(end, End::Forsaken);
    assert!(after >= LIMIT, "{after:?}");
}

#[tokio::test]
async fn so_does_one_that_never_was_formed() {
    let contact = watch::Sender::new(Instant::now());
    assert_eq!(end_with(Some(record(Phase::Forming)), &contact).await.expect("an end").0, End::Forsaken);
}

#[tokio::test]
async fn one_that_holds_data_stays() {
    let contact = watch::Sender::new(Instant::now());
    assert_eq!(end_with(Some(record(Phase::Formed)), &contact).await, None);
}

#[tokio::test]
async fn every_contact_counts_anew() {
    let contact = watch::Sender::new(Instant::now());
    let calls = async {
        for _ in 0..6 {
            tokio::time::sleep(LIMIT / 2).await;
            contact.send_replace(Instant::now());
        }
    };
    let ((), end) = tokio::join!(calls, end_with(None, &contact));
    let (end, after) = end.expect("an end");
    assert_eq!(end, End::Forsaken);
    assert!(after >= LIMIT * 4, "{after:?}: contacts were not heard");
}
