//! The proof that an operation lost nothing: a probe writes to each shard while nodes are disturbed, and what it counted becomes
//! part of the operation's report.
//!
//! | module | what it holds |
//! |---|---|
//! | [`course`] | the operation, as every agent sees it in the Record |
//! | [`probe`] | the client that writes; one for each shard |
//! | [`judge`] | what its answers prove |
//! | [`key`] | the key that it writes to, for whoever goes on with it |
//! | [`told`] | what it tells, and how often |
//! | [`access`] | how it gets in |
//!
//! The agent in a shard's first seat probes it. Every agent follows the operation, and keeps what it knows of it on disk; so
//! whoever leads when it is over can tell all of it, whoever led before. A probe that ended with its agent is gone on with: what it had
//! acknowledged is looked for, and counts as proven only when it was found.

mod access;
mod course;
mod judge;
mod key;
mod probe;
mod told;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use jiff::SignedDuration;
use justmanage_model::{Member, NodeId, Observation, OperationReport, ProbeTally, Record, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tracing::warn;

use crate::directory::Directory;
use crate::secrets::ClusterSecrets;
use access::Access;
use course::{Course, Quiet, disturbs};
use key::Key;
use probe::Wish;
use told::Told;

/// How long it is probed on when nothing is granted any more. The next grant of a rolling restart comes within a second or two, when
/// links are open again; a longer rest is not worth the writes, and the probe begins anew after it.
const AFTERWARDS: SignedDuration = SignedDuration::from_secs(5);
/// How long the report waits for a member that is not seen. Whoever leads anew has asked all others within a second.
const MEMBERS_PATIENCE: SignedDuration = SignedDuration::from_secs(10);
/// How long it waits for the probes to say that all is there, when all is as it is wanted. They write hundreds of times a second.
const CHECK_PATIENCE: SignedDuration = SignedDuration::from_secs(10);
/// A report of an operation that was over longer ago was written down by whoever led then.
const NEWS: SignedDuration = SignedDuration::from_secs(60);

/// What the agent knows of the operation that goes on, and of the last one.
#[derive(Debug)]
pub(crate) struct Proving {
    directory: Directory,
    kept: Kept,
    written: Kept,
    last: Option<Arc<OperationReport>>,
    leads_since: Option<Timestamp>,
    /// This agent has looked at the Record since it began.
    looked: bool,
    wishes: watch::Sender<Option<Arc<Wish>>>,
    tallies: watch::Receiver<Option<Told>>,
}

/// `operation.json`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize)]
struct Kept {
    /// The servers' configuration before whatever goes on.
    config: Option<BTreeMap<String, String>>,
    course: Option<Course>,
    tally: Option<ProbeTally>,
    /// The key in which that was counted; an older agent did not keep it.
    #[serde(default)]
    key: Option<Key>,
    report: Option<OperationReport>,
}

impl Kept {
    /// What the probe told last.
    fn told(&self) -> Option<Told> {
        self.tally.map(|tally| Told { tally, key: self.key.clone() })
    }
}

/// What a turn knows.
pub(crate) struct Look<'a> {
    pub(crate) own: NodeId,
    pub(crate) record: &'a Record,
    pub(crate) observation: &'a Observation,
    /// Whoever leads sees everything as it is wanted.
    pub(crate) converged: bool,
    pub(crate) leads: bool,
    /// `None` as long as nobody has sealed them for this node.
    pub(crate) secrets: Option<ClusterSecrets>,
    pub(crate) now: Timestamp,
}

impl Proving {
    /// Goes on from what is on disk. A damaged file says nothing.
    pub(crate) fn open(directory: &Directory, clock: fn() -> Timestamp) -> Self {
        let kept: Option<Kept> = directory.read(&directory.operation()).unwrap_or_else(|error| {
            warn!(error = error.to_string(), "what was known of the last operation cannot be read");
            None
        });
        let kept = kept.unwrap_or_default();
        let wishes = watch::Sender::new(None);
        let (told, tallies) = watch::channel(kept.told());
        if let Err(error) = on_its_own(probe::run(wishes.subscribe(), told, clock)) {
            warn!(%error, "nothing can be probed");
        }
        let last = kept.report.clone().map(Arc::new);
        let written = kept.clone();
        Self { directory: directory.clone(), kept, written, last, leads_since: None, looked: false, wishes, tallies }
    }

    /// What the probe of this agent has counted, now and from now on.
    pub(crate) fn tallies(&self) -> watch::Receiver<Option<Told>> {
        self.tallies.clone()
    }

    /// What the probe of this agent has counted.
    pub(crate) fn tally(&self) -> Option<ProbeTally> {
        self.tallies.borrow().as_ref().map(|told| told.tally)
    }

    /// The report of the last operation.
    pub(crate) fn last(&self) -> Option<Arc<OperationReport>> {
        self.last.clone()
    }

    /// Follows the operation, and has it probed. The report when it is over and this agent leads; `true`: it is news, and to be
    /// written down.
    pub(crate) fn look(&mut self, look: &Look<'_>) -> Option<(Arc<OperationReport>, bool)> {
        let (record, now) = (look.record, look.now);
        self.leads_since = look.leads.then(|| self.leads_since.unwrap_or(now));
        let Kept { course, config, .. } = &mut self.kept;
        // It ended while this agent did not run, and nobody here knows when.
        if !std::mem::replace(&mut self.looked, true) && !disturbs(record) {
            course.take_if(|course| course.quiet.is_none());
        }
        let past = course.as_mut().is_some_and(|course| {
            let past = course.is_past(record);
            match past {
                true => course.close(now),
                false => {
                    course.see(record, look.observation);
                    course.follow(record, config.as_ref(), look.converged, now);
                }
            }
            if course.over.is_some() && record.halt.is_none() {
                *config = Some(course.config().clone());
            }
            past
        });
        let report = self.report(look, past);
        let Kept { course, config, .. } = &mut self.kept;
        if disturbs(record) {
            if past || course.is_none() {
                *course = Some(Course::begin(record, config.as_ref(), now));
            }
        } else {
            // What is wanted of a cluster that is seen for the first time is what it has.
            config.get_or_insert_with(|| record.spec.config.clone());
        }
        self.wish(look);
        self.keep();
        report
    }

    /// Whether an operation is over, and this agent is to tell of it, and cannot yet.
    pub(crate) fn is_pending(&self) -> bool {
        self.leads_since.is_some() && self.kept.course.as_ref().is_some_and(|course| course.over.is_some())
    }

    /// Waits until the probe of this agent has had its first answer.
    pub(crate) async fn ready(&self, limit: Duration) {
        let mut tallies = self.tallies();
        let answered = tallies.wait_for(|told| told.as_ref().is_some_and(|told| is_ready(&told.tally)));
        let _ = tokio::time::timeout(limit, answered).await;
    }

    /// Tells what came of an operation that is over, if that is for this agent to do. `at_once`: whether all are seen or not.
    fn report(&mut self, look: &Look<'_>, at_once: bool) -> Option<(Arc<OperationReport>, bool)> {
        let since = self.leads_since?;
        let course = self.kept.course.as_ref()?;
        let ended = course.over.as_ref()?.at;
        let (record, observation) = (look.record, look.observation);
        let waited = |patience: SignedDuration| look.now.duration_since(ended.max(since)) > patience;
        let checked = || course.is_checked(record, observation) || waited(CHECK_PATIENCE);
        let all = || record.members.keys().all(|member| observation.known(*member).is_some());
        if !(at_once || all() && checked() || waited(MEMBERS_PATIENCE)) {
            return None;
        }
        let report = course.report(record, observation)?;
        self.kept.course = None;
        self.kept.report = Some(report.clone());
        let report = Arc::new(report);
        self.last = Some(report.clone());
        Some((report, look.now.duration_since(ended) < NEWS))
    }

    /// Says to the probe what it is to do.
    fn wish(&self, look: &Look<'_>) {
        let wish = self.wanted(look).map(Arc::new);
        self.wishes.send_if_modified(|before| {
            let other = *before != wish;
            if other {
                *before = wish;
            }
            other
        });
    }

    fn wanted(&self, look: &Look<'_>) -> Option<Wish> {
        let course = self.kept.course.as_ref()?;
        let rests = |quiet: Quiet| look.now.duration_since(quiet.since) > AFTERWARDS && !self.is_pending();
        let (record, own) = (look.record, look.own);
        let shard = record.shard_of(own)?;
        if course.quiet.is_some_and(rests) || prober(record, shard).map(|(node, _)| node) != Some(own) {
            return None;
        }
        let secrets = look.secrets.as_ref()?;
        let servers = |ours: bool| {
            let members = record.members.values().filter(move |member| (member.seat.shard == shard) == ours);
            members.map(|member| member.client).collect()
        };
        Some(Wish {
            began: course.began,
            generation: record.generation,
            ours: servers(true),
            others: servers(false),
            names: record.members.iter().map(|(node, one)| (record.endpoint(*node, one.client), one.client)).collect(),
            by: own.to_string(),
            access: Access::to(record, secrets),
        })
    }

    /// Writes down what is known, if it is something else. A full disk must not keep the agent from its work.
    fn keep(&mut self) {
        let told = self.tallies.borrow().clone();
        (self.kept.tally, self.kept.key) = told.map_or((None, None), |told| (Some(told.tally), told.key));
        if self.kept == self.written {
            return;
        }
        if let Err(error) = self.directory.write(&self.directory.operation(), &self.kept) {
            warn!(error = error.to_string(), "what is known of the operation cannot be written");
        }
        self.written = self.kept.clone();
    }
}

/// Runs the probe in a thread of its own, as long as it is wanted: it measures milliseconds, and must not take the agent's other work,
/// which waits for disks, for a pause of the servers.
fn on_its_own(probe: impl Future<Output = ()> + Send + 'static) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    thread::Builder::new().name("probe".to_owned()).spawn(move || runtime.block_on(probe)).map(drop)
}

/// Whose agent probes a shard: that of the first seat that is taken. Its process lives while servers are stopped and started.
pub(crate) fn prober(record: &Record, shard: u16) -> Option<(NodeId, &Member)> {
    let members = record.members.iter().filter(|(_, member)| member.seat.shard == shard);
    members.min_by_key(|(_, member)| member.seat).map(|(node, member)| (*node, member))
}

/// Whether a probe sees what happens from now on.
pub(crate) fn is_ready(tally: &ProbeTally) -> bool {
    tally.ready && tally.ended.is_none()
}

#[cfg(test)]
mod tests {
    use justmanage_model::Proof;

    use super::*;

    #[test]
    fn what_an_older_agent_kept_is_read_and_its_key_is_not_known() {
        let (began, proof) = (Timestamp::UNIX_EPOCH, Proof::default());
        let tally = ProbeTally { began, ended: None, ready: true, checked: None, proof };
        let key = Key { tag: 2, runs: vec![(1, 5), (7, 9)], stream: Some("a".to_owned()), renewed: Some(began) };
        let kept = Kept { tally: Some(tally), key: Some(key), ..Kept::default() };
        let mut text = serde_json::to_value(&kept).expect("JSON");
        assert_eq!(serde_json::from_value::<Kept>(text.clone()).expect("what was kept"), kept);
        text.as_object_mut().expect("an object").remove("key").expect("the key");
        let old: Kept = serde_json::from_value(text).expect("what was kept");
        let told = old.told().expect("a tally");
        assert_eq!((told.tally, told.key), (tally, None));
    }
}
