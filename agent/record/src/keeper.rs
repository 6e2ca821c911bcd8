//! The library's core: started, watched, and started again after it died.

use std::sync::Arc;
use std::time::{Duration, Instant};

use justmanage_model::record::LAYOUT;
use justmanage_model::{Epoch, Record};
use openraft::{Config, ServerState};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info, warn};

use crate::disk::{DiskError, key, last_entry};
use crate::group::{Group, lock};
use crate::log::Log;
use crate::network::Network;
use crate::types::{Raft, raft_config};
use crate::{Standing, StoreError};

/// Wait before the core is started again. Whatever killed it (a full disk as a rule) takes a person to cure.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// Longest such wait: an operator who has made room sees the agent back within it.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// A core that lived so long did not die of what killed the one before.
const HEALTHY: Duration = Duration::from_secs(60);

/// What the keeper is asked to do between two lives of the core.
pub(crate) enum Order {
    /// Found the group anew, with this agent as the only voter.
    Refound {
        /// Its new epoch.
        epoch: Epoch,
        /// Hears the result.
        done: oneshot::Sender<Result<(), StoreError>>,
    },
}

/// Why the core does not run any more.
enum End {
    Died,
    Closing,
    Ordered(Order),
}

impl Group {
    /// Keeps the core running until the group is closed.
    pub(crate) async fn keep(self: Arc<Self>, mut orders: mpsc::Receiver<Order>) {
        let mut closing = self.closing.subscribe();
        let mut pause = FIRST_PAUSE;
        // Some room for the day when the disk is full; nothing waits for it.
        let disk = self.disk.clone();
        drop(tokio::task::spawn_blocking(move || disk.keep_ballast()));
        loop {
            let started = Instant::now();
            let raft = self.raft.borrow().clone();
            let end = match &raft {
                Some(raft) => tokio::select! {
                    () = self.tend(raft) => End::Died,
                    _ = closing.wait_for(|closing| *closing) => End::Closing,
                    Some(order) = orders.recv() => End::Ordered(order),
                },
                None => tokio::select! {
                    () = tokio::time::sleep(pause) => End::Died,
                    _ = closing.wait_for(|closing| *closing) => End::Closing,
                    Some(order) = orders.recv() => End::Ordered(order),
                },
            };
            let ran = raft.is_some();
            self.stop(raft).await;
            match end {
                End::Closing => return,
                End::Ordered(Order::Refound { epoch, done }) => {
                    let result = self.rewrite(epoch).await;
                    self.start_or_break().await;
                    // Whoever ordered it may have gone away; it is done all the same.
                    let _ = done.send(result);
                }
                End::Died if ran => {
                    let fault = self.disk.fault();
                    self.break_with(&fault.unwrap_or_else(|| DiskError::Failed("its core ended by itself".to_owned())));
                    pause = if started.elapsed() > HEALTHY { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
                }
                End::Died => {
                    self.start_or_break().await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// Everything that goes on while the core runs. Ends when the core does.
    async fn tend(&self, raft: &Raft) {
        tokio::select! {
            () = self.judge(raft) => {}
            () = self.settle(raft) => {}
            () = self.follow(raft) => {}
        }
    }

    async fn stop(&self, raft: Option<Raft>) {
        self.raft.send_replace(None);
        if let Some(raft) = raft
            && let Err(error) = raft.shutdown().await
        {
            warn!(%error, "the consensus core did not end in order");
        }
        self.disk.close();
    }

    pub(crate) async fn start_or_break(&self) {
        match self.start().await {
            Ok(()) => info!("takes part in agreeing on the Record"),
            Err(fault) => {
                self.disk.close();
                self.break_with(&fault);
            }
        }
    }

    /// Opens the file, and starts the core on it.
    async fn start(&self) -> Result<(), DiskError> {
        self.disk.open()?;
        self.calls.set_epoch(self.disk.get(key::EPOCH)?);
        self.invitation.send_replace(self.disk.record(key::INVITATION)?);
        self.machine.load()?;
        let applied = self.machine.state().record.clone();
        for known in [applied, self.disk.record(key::COPY)?] {
            self.machine.publish(known.filter(|record| Some(record.epoch) == self.calls.epoch()));
        }
        let config = Config::validate(raft_config()).map_err(|error| DiskError::Failed(error.to_string()))?;
        let network = Network { calls: self.calls.clone() };
        let log = Log::new(self.disk.clone());
        let last = self.disk.reading(last_entry)?;
        let raft = Raft::new(self.id, Arc::new(config), network, log, self.machine.clone()).await;
        let raft = raft.map_err(|error| self.disk.fault().unwrap_or_else(|| DiskError::Failed(error.to_string())))?;
        // Once it answers, what it says of itself is true: who votes, who leads.
        let answers = raft.with_raft_state(|_| ()).await;
        answers.map_err(|error| self.disk.fault().unwrap_or_else(|| DiskError::Failed(error.to_string())))?;
        let metrics = raft.metrics().borrow().clone();
        let resumes = metrics.state == ServerState::Leader;
        *lock(&self.resumed) = last.filter(|_| resumes).map(|last| (metrics.current_term, last.index));
        readable(self.record.borrow().as_ref())?;
        self.raft.send_replace(Some(raft));
        self.publish_pins();
        self.stir.notify_one();
        Ok(())
    }

    /// This agent takes no part until it can use its copy again.
    fn break_with(&self, fault: &DiskError) {
        if *fault == DiskError::Full {
            self.disk.release_ballast();
        }
        let why = fault.to_string();
        let news = self.standing.send_if_modified(|standing| {
            let broken = Standing::Broken { why: why.clone() };
            let news = *standing != broken;
            *standing = broken;
            news
        });
        if news {
            error!(%why, "cannot agree on the Record");
        }
        *lock(&self.source) = None;
    }
}

/// A Record of a newer agent is not guessed at.
fn readable(record: Option<&Record>) -> Result<(), DiskError> {
    match record {
        Some(record) if record.layout > LAYOUT => Err(DiskError::NewerLayout(record.layout)),
        _ => Ok(()),
    }
}
