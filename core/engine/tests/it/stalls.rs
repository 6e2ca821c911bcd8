//! A server that gets slots, and stands still while keys are on their way to it.

use std::process::Command;
use std::time::{Duration, Instant};

use justmanage_engine::Connection;
use justmanage_engine::migrate::{Giver, Job, MoveOrder, Mover, Side, Target, TargetError, Way};
use justmanage_model::{Bytes, SlotSet};

use crate::client::{Client, Said};
use crate::cluster::Cluster;
use crate::moving::{agent, login, slots};
use crate::node::{DEADLINE, REPLICATION_PASSWORD};
use crate::servers::find;

/// Longer than a parcel is waited for, and not as long as two.
const STALL: Duration = Duration::from_secs(3);

/// A target whose server stands still as soon as it was made ready for slots.
struct Stalling {
    server: Connection,
    pid: u32,
}

fn signal(pid: u32, signal: &str) {
    assert!(Command::new("kill").args([signal, &pid.to_string()]).status().unwrap().success());
}

impl Target for Stalling {
    async fn room(&mut self) -> Result<Option<Bytes>, TargetError> {
        self.server.room().await
    }

    async fn import(&mut self, slots: &SlotSet, from: &Giver) -> Result<(), TargetError> {
        self.server.import(slots, from).await?;
        let pid = self.pid;
        signal(pid, "-STOP");
        std::thread::spawn(move || {
            std::thread::sleep(STALL);
            signal(pid, "-CONT");
        });
        Ok(())
    }

    async fn own(&mut self, slots: &SlotSet, from: &Giver) -> Result<(), TargetError> {
        self.server.own(slots, from).await
    }

    async fn release(&mut self, slots: &SlotSet) -> Result<(), TargetError> {
        self.server.release(slots).await
    }

    async fn side(&mut self) -> Result<Side, TargetError> {
        self.server.side().await
    }

    async fn holds(&mut self, slots: &SlotSet) -> Result<SlotSet, TargetError> {
        self.server.holds(slots).await
    }

    async fn way(&mut self) -> Result<Option<Way>, TargetError> {
        self.server.way().await
    }

    async fn pull(&mut self, slots: &SlotSet) -> Result<String, TargetError> {
        self.server.pull(slots).await
    }

    async fn pulls(&mut self) -> Result<Vec<Job>, TargetError> {
        self.server.pulls().await
    }

    async fn cancel_pulls(&mut self) -> Result<(), TargetError> {
        self.server.cancel_pulls().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_acknowledged_is_sent_again_in_the_same_turn() {
    let cluster = Cluster::moving(&find("redis_7_2"), 2).await;
    let mut client = Client::of(&cluster);
    // In slot 5061.
    let keys: Vec<String> = (0..20).map(|number| format!("{{bar}}{number}")).collect();
    for key in &keys {
        client.ok(&["SET", key, "one"]);
    }
    let mut source = agent(&cluster, 0).await.unwrap();
    let mut target = Stalling { server: agent(&cluster, 1).await.unwrap(), pid: cluster.nodes[1].pid() };
    let (all, login) = (slots("5061"), login(REPLICATION_PASSWORD));
    let order = MoveOrder { slots: &all, to: cluster.ids[1], at: cluster.nodes[1].address, login: &login };
    let begun = Instant::now();
    let moved = Mover::default().turn(&mut source, &mut target, &order, begun + DEADLINE, |_| ()).await.unwrap();
    assert!(begun.elapsed() >= STALL, "{:?}", begun.elapsed());
    assert_eq!((moved.slots, moved.keys, moved.done), (1, 20, true));
    for key in &keys {
        assert_eq!(client.ok(&["GET", key]), Said::Text(b"one".to_vec()), "{key}");
    }
}
