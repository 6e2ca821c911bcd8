//! How an agent that does not vote keeps up: it watches one that does, and keeps a copy.

use std::time::Duration;

use justmanage_agent_proto::v1::refusal::Kind;
use justmanage_agent_proto::v1::{WatchReply, WatchRequest};
use justmanage_model::Record;
use justmanage_model::record::LAYOUT;
use tracing::{debug, warn};

use crate::calls::CallError;
use crate::disk::{Row, key};
use crate::group::{Group, lock};
use crate::types::{Raft, Voter, voter};

/// How long one watch lasts without news. A watched agent whose machine vanished is missed after it.
const WATCH: Duration = Duration::from_secs(20);
/// What the answer may take beyond it.
const GRACE: Duration = Duration::from_secs(2);
/// First wait after a watch that failed; doubled up to [`LONGEST_PAUSE`] while nobody answers.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// See [`FIRST_PAUSE`]: what a hundred agents may ask of one that has just started.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

impl Group {
    /// Follows the Record while this agent does not vote.
    pub(crate) async fn follow(&self, raft: &Raft) {
        let mut core = raft.server_metrics();
        let mut records = self.record.subscribe();
        let mut invitations = self.invitation.subscribe();
        let mut pause = FIRST_PAUSE;
        loop {
            let metrics = raft.metrics().borrow().clone();
            let source = if self.votes(&metrics) { None } else { self.whom_to_watch() };
            let Some(source) = source else {
                *lock(&self.source) = None;
                tokio::select! {
                    changed = core.changed() => if changed.is_err() { return std::future::pending().await },
                    _ = records.changed() => {}
                    _ = invitations.changed() => {}
                    () = self.dismissal.notified() => {}
                }
                continue;
            };
            // One who begins to vote hears everything by that.
            let watched = tokio::select! {
                watched = self.watch_once(&source) => watched,
                _ = invitations.changed() => continue,
                changed = core.changed() => match changed {
                    Ok(()) => continue,
                    Err(_) => return std::future::pending().await,
                },
            };
            match watched {
                Ok(true) => pause = FIRST_PAUSE,
                Ok(false) | Err(_) => {
                    self.heard_from(None);
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    /// The one that is watched already, or the next of those who vote by the Record, or of everybody else.
    fn whom_to_watch(&self) -> Option<Voter> {
        let trusted = self.trusted()?;
        if let Some(source) = lock(&self.source).and_then(|source| voter(&trusted, source)) {
            return Some(source);
        }
        let voting = crate::voters(&trusted);
        let mut others = self.acquaintances();
        // Those who vote have two turns of three.
        let voters: Vec<_> = others.iter().filter(|other| voting.contains(&other.node)).cloned().collect();
        if others.len() > voters.len() {
            others = voters.iter().chain(&voters).chain(&others).cloned().collect();
        }
        self.next_of(&others).cloned()
    }

    /// Waits for news from one agent; `false`: it does not hear from the leader itself.
    async fn watch_once(&self, source: &Voter) -> Result<bool, CallError> {
        let seen = self.generation().map_or(0, |generation| generation.get());
        // The first answer comes at once, so that it is known whom this agent hears from.
        let known = *lock(&self.source) == Some(source.node);
        let wait = if known || seen == 0 { WATCH } else { Duration::ZERO };
        let request = WatchRequest { epoch: self.calls.epoch_text(), seen, wait_ms: wait.as_millis() as u32 };
        let asked = self.calls.ask(source, wait + GRACE, |mut client| async move { client.watch(request).await });
        match asked.await {
            Ok(reply) => Ok(self.copied(source, reply).await),
            Err(error) => {
                debug!(source = %source.node, why = error.why(), "no news");
                if error.refused() == Some(Kind::FormerMember) {
                    self.ask_whether_removed(source).await;
                }
                Err(error)
            }
        }
    }

    async fn copied(&self, source: &Voter, reply: WatchReply) -> bool {
        if !reply.record.is_empty() {
            match serde_json::from_slice::<Record>(&reply.record) {
                Ok(record) if record.layout <= LAYOUT => self.keep_copy(record).await,
                _ => {
                    warn!(source = %source.node, "the Record is of a newer agent, and this one cannot read it; update it");
                    return false;
                }
            }
        }
        if reply.fresh {
            self.heard_from(Some(source.node));
        }
        reply.fresh
    }

    /// Keeps a newer Record: on disk first.
    async fn keep_copy(&self, record: Record) {
        let newer = self.generation() < Some(record.generation);
        if Some(record.epoch) != self.calls.epoch() || !newer {
            return;
        }
        let kept = match Row::put(key::COPY, &record) {
            Ok(row) => self.disk.put(vec![row]).await,
            Err(fault) => Err(fault),
        };
        match kept {
            Ok(()) => self.machine.publish(Some(record)),
            Err(fault) => warn!(%fault, "could not keep a copy of the Record"),
        }
    }

    fn heard_from(&self, source: Option<justmanage_model::NodeId>) {
        let before = std::mem::replace(&mut *lock(&self.source), source);
        if before != source {
            self.stir.notify_one();
        }
    }

    /// One agent says that this one was removed: is it so, by the leader's knowledge, or by what was agreed after all that is known here?
    async fn ask_whether_removed(&self, source: &Voter) {
        if let Ok(answer) = self.ask(source, None).await {
            self.hear_of_removal(&answer);
        }
    }
}
