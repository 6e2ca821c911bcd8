//! Watching until everything is as it is wanted.

mod progress;

use std::time::{Duration, Instant};

use justmanage_model::backup::Occasion;
use justmanage_model::node::AgentInfo;
use justmanage_model::{Failure, FieldPath, Generation};
use tokio_util::sync::CancellationToken;
use tracing::info;

use progress::Progress;

use super::retire::Surplus;
use super::{Manager, Unfinished};
use crate::agents::{AgentError, ClusterStatus};
use crate::{ClusterView, Locator};

/// Longest wait of one look. Short, so that an agent that falls silent in the middle of it is soon given up for another.
const LOOK: Duration = Duration::from_secs(5);
/// Pause before the next agent is asked when one could not answer, or knows of no leader.
const PAUSE: Duration = Duration::from_millis(100);

fn spare_used() -> Failure {
    Failure::new(
        "Spare was used",
        "A node was lost while the cluster was changed, and a spare has its place. Everything else is as it was asked for.",
    )
    .next("Apply again: the lost node's machine is removed, if it is still there, and another spare is made.")
}

/// A watch over a cluster through its agents, one at a time.
pub(super) struct Watch<'a> {
    manager: &'a Manager,
    cancel: &'a CancellationToken,
    agents: Vec<AgentInfo>,
    /// Whom to ask.
    at: usize,
    /// What was said last.
    pub(super) last: Option<ClusterStatus>,
    /// Why the last one who was asked did not answer.
    silence: Option<Failure>,
    progress: Progress,
    progressed: Instant,
}

impl<'a> Watch<'a> {
    pub(super) fn new(manager: &'a Manager, agents: Vec<AgentInfo>, cancel: &'a CancellationToken) -> Self {
        let (progress, progressed) = (Progress::default(), Instant::now());
        Self { manager, cancel, agents, at: 0, last: None, silence: None, progress, progressed }
    }

    /// Waits for news, or for a while. Another agent is asked when one does not answer, or knows of no leader.
    ///
    /// # Errors
    /// Stopped by the user; or nothing has moved for the manager's patience, or nobody has answered for so long.
    pub(super) async fn next(&mut self) -> Result<ClusterStatus, Failure> {
        loop {
            let count = self.agents.len().max(1);
            let Some(agent) = self.agents.get(self.at % count) else { return Err(super::ask::no_majority()) };
            let within = LOOK.min(self.manager.patience / 2);
            let look = self.manager.agents.observe(agent, self.last.as_ref(), within);
            let answer = tokio::select! {
                answer = look => answer,
                () = self.cancel.cancelled() => return Err(cancelled()),
            };
            let stuck = self.progressed.elapsed() >= self.manager.patience;
            match answer {
                Ok(status) => {
                    let alone = status.leader.is_none() && count > 1;
                    let moved = self.progress.made(&status);
                    if moved {
                        self.progressed = Instant::now();
                    }
                    self.silence = None;
                    self.last = Some(status.clone());
                    if !moved && stuck {
                        return Err(no_progress(&status));
                    }
                    if alone {
                        self.turn().await;
                    }
                    return Ok(status);
                }
                Err(error @ (AgentError::Denied | AgentError::Refused(_))) if count == 1 => {
                    return Err(error.failure(agent));
                }
                Err(error) => {
                    self.silence = Some(error.failure(agent));
                    if stuck {
                        return Err(self.silence.take().unwrap_or_else(super::ask::no_answer));
                    }
                    self.turn().await;
                }
            }
        }
    }

    /// Turns to the next agent, after a pause.
    async fn turn(&mut self) {
        self.at += 1;
        tokio::time::sleep(PAUSE.min(self.manager.patience)).await;
    }
}

impl Manager {
    /// Waits until the agents have made the Record of `generation`, or a later one, so; nodes that nobody needs any more are removed
    /// as soon as they hold nothing.
    ///
    /// # Errors
    /// [`Unfinished`] with the cluster as it is: no progress for [`super::PATIENCE`], cancelled, or nobody answers any more.
    pub(super) async fn converge(
        &self,
        locator: &Locator,
        mut generation: Generation,
        mut agents: Vec<AgentInfo>,
        cancel: &CancellationToken,
    ) -> Result<ClusterView, Unfinished> {
        loop {
            let (view, surplus) = self.watched(locator, generation, &agents, cancel).await?;
            let retired = view.record.as_ref().filter(|record| !record.retired.is_empty());
            let changed = match (&surplus, retired) {
                (Some(surplus), _) => self.retire(&agents, surplus).await,
                (None, Some(record)) => self.remove_retired(record, &agents).await,
                (None, None) if view.converged => return Ok(view),
                // Only an apply counts spares, and this one has.
                (None, None) => return Err(Unfinished { failure: spare_used(), view: Some(view) }),
            };
            let record = changed.map_err(|failure| Unfinished { failure, view: Some(view) })?;
            agents.retain(|agent| !record.retired.contains(&agent.claim.node));
            generation = record.generation;
        }
    }

    /// Watches until all is as the Record of `generation`, or a later one, wants it; or nothing but nodes that hold nothing any more
    /// stands in the way.
    async fn watched(
        &self,
        locator: &Locator,
        generation: Generation,
        agents: &[AgentInfo],
        cancel: &CancellationToken,
    ) -> Result<(ClusterView, Option<Surplus>), Unfinished> {
        let mut watch = Watch::new(self, agents.to_vec(), cancel);
        let mut said = String::new();
        loop {
            let status = match watch.next().await {
                Ok(status) => status,
                Err(failure) => {
                    let view = watch.last.as_ref().map(|status| ClusterView::of(locator.clone(), status));
                    let view = view.unwrap_or_else(|| ClusterView::unseen(locator.clone()));
                    return Err(Unfinished { failure, view: Some(view) });
                }
            };
            let view = ClusterView::of(locator.clone(), &status);
            let ours = status.record.as_ref().is_some_and(|record| record.generation >= generation);
            if status.converged && ours {
                info!(id = %locator, "converged");
                return Ok((view, None));
            }
            if let Some(surplus) = Surplus::said(&status).filter(|_| ours) {
                return Ok((view, Some(surplus)));
            }
            if let Some(failure) = halted(&status, generation) {
                let view = told(&mut watch, locator, view).await;
                return Err(Unfinished { failure, view: Some(view) });
            }
            if let Some(failure) = not_backed_up(&status, generation) {
                return Err(Unfinished { failure, view: Some(view) });
            }
            let waiting_on = view.waiting_on.join(" ");
            if waiting_on != said {
                info!(waiting_on, "not converged yet");
                said = waiting_on;
            }
        }
    }
}

/// The same with what the operation came to, which its leader may not have said yet: the Record is a moment ahead of who leads.
async fn told(watch: &mut Watch<'_>, locator: &Locator, view: ClusterView) -> ClusterView {
    if view.last_operation.as_ref().is_some_and(|report| report.halted.is_some()) {
        return view;
    }
    watch.next().await.map_or(view, |status| ClusterView::of(locator.clone(), &status))
}

/// What the agents have stopped at, once all is at rest. Whoever applies has set them going again, so it is of this time.
fn halted(status: &ClusterStatus, generation: Generation) -> Option<Failure> {
    let record = status.record.as_ref().filter(|record| record.generation >= generation && record.grant.is_none())?;
    let halt = record.halt.as_ref()?;
    let next = match &record.previous {
        Some(previous) => format!(
            "The cluster serves, and no other node is disturbed. Apply again to go on, or set version = \"{}\" to go back.",
            previous.release.version
        ),
        None => "The cluster serves, and no other node is disturbed. Apply again to go on.".to_owned(),
    };
    Some(Failure::new("Agents have stopped", halt.what.clone()).next(next))
}

/// A backup that somebody has asked for, and that has come to nothing since.
fn not_backed_up(status: &ClusterStatus, generation: Generation) -> Option<Failure> {
    let backups = &status.record.as_ref()?.backups;
    let failed = backups.failed.as_ref().filter(|failed| failed.id.by() > generation && backups.run.is_none())?;
    let asked = matches!(failed.occasion, Occasion::Demand { .. });
    asked.then(|| {
        let detail = format!("Backup {}, {}, came to nothing: {}", failed.id, failed.occasion, failed.why);
        Failure::at(FieldPath::of("backup_now"), "No backup was made", detail).next(
            "The agents try it again, ever more rarely, until one is made or backup_now is taken out. Apply again when the cause is \
             gone.",
        )
    })
}

pub(super) fn cancelled() -> Failure {
    Failure::new("Interrupted", "Terraform asked to stop before the cluster was as it is wanted.")
        .next("The agents go on with what is theirs. Apply again to see it through.")
}

fn no_progress(status: &ClusterStatus) -> Failure {
    let mut reasons: Vec<String> = status.waiting.iter().map(ToString::to_string).collect();
    if reasons.is_empty() {
        reasons.push("The agents say that they are at work.".into());
    }
    Failure::new("Cluster makes no progress", format!("Waiting on: {}", reasons.join(" ")))
        .next("What exists stays as it is. Apply again when the cause is gone.")
}
