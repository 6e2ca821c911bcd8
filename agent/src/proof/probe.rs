//! The probe: one client that counts up a key of its shard, in a closed loop, wherever the shard's primary is.
//!
//! It asks the servers of its shard alone, and follows where they send it. A key whose slot is another shard's is given up for the
//! next one; so it finds a slot of its own shard, and finds one again when slots move, without knowing any.
//!
//! What it costs a shard is some 400 small writes a second (some 25 KB a second in the append-only file, and as much to each
//! replica), for as long as an operation lasts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use justmanage_engine::probe::key;
use justmanage_engine::{CallError, Connection, ProbeAnswer};
use justmanage_model::{Generation, ProbeTally, Proof, Timestamp};
use tokio::sync::watch;

use super::access::Access;
use super::judge::Judge;

/// Rest after an acknowledgement. A handover holds writers back for 25 to 70 ms: two milliseconds more or less do not matter there,
/// and without them the probe would take a processor for itself.
const PAUSE: Duration = Duration::from_millis(2);
/// Rest after nobody took a write: servers that come back do so within tens of milliseconds, and refuse at once until then.
const AGAIN: Duration = Duration::from_millis(5);
/// Rest after a refusal that has nothing to do with the operation.
const REFUSED: Duration = Duration::from_millis(100);
/// How many keys in a row that belong to other shards are tried without a rest. One is found among as many as there are shards, most
/// times; a shard that has no slots yet, or none any more, has none at all.
const TRIED_AT_ONCE: u32 = 16;
/// Rest between further ones.
const NONE_FOUND: Duration = Duration::from_millis(20);
/// How long the key outlives a probe that cannot remove it. It is renewed once a minute.
const LIFE_S: u32 = 600;
/// How often that is.
const RENEWAL: Duration = Duration::from_secs(60);
/// How often the new owner of a slot is asked for what was written to the old one.
const CHECKS: u32 = 10;
/// How soon after the begin the count is told for the first time; then ever more slowly, up to [`TELL_LAST`].
const TELL_FIRST: Duration = Duration::from_millis(100);
/// How often the count is told in a long operation. What matters (a loss, the end of a pause) is told at once.
const TELL_LAST: Duration = Duration::from_secs(1);
/// A pause is told at once when it is so long, as the shortest handover is, and whenever it has doubled since.
const TELL_PAUSE_MS: u64 = 20;

/// What is to be probed.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wish {
    /// Which operation: when it began.
    pub(super) began: Timestamp,
    /// The Record's generation.
    pub(super) generation: Generation,
    /// The servers of the shard.
    pub(super) ours: BTreeSet<SocketAddr>,
    /// The servers of other shards.
    pub(super) others: BTreeSet<SocketAddr>,
    /// Whose keys these are.
    pub(super) by: String,
    /// How to get in.
    pub(super) access: Access,
}

/// Probes as long as it is wished, and tells what it has counted. `tallies` holds what was counted before.
pub(super) async fn run(
    mut wishes: watch::Receiver<Option<Arc<Wish>>>,
    tallies: watch::Sender<Option<ProbeTally>>,
    clock: fn() -> Timestamp,
) {
    let mut work: Option<Work> = None;
    loop {
        let wish = wishes.borrow_and_update().clone();
        let Some(wish) = wish else {
            if let Some(work) = work.take() {
                work.end(&tallies, clock()).await;
            }
            match wishes.changed().await {
                Ok(()) => continue,
                Err(_) => return,
            }
        };
        let goes_on = work.take().filter(|work| work.wish.began == wish.began);
        let mut now = goes_on.unwrap_or_else(|| Work::begin(wish.clone(), *tallies.borrow()));
        now.wish = wish;
        let rest = now.once().await;
        now.tell(&tallies);
        work = Some(now);
        // Nobody wants it any more; the key vanishes by itself.
        if wishes.has_changed().is_err() {
            return;
        }
        tokio::time::sleep(rest).await;
    }
}

struct Work {
    wish: Arc<Wish>,
    judge: Judge,
    links: BTreeMap<SocketAddr, Connection>,
    /// Who is asked next.
    at: SocketAddr,
    tag: u32,
    /// When the key's life was last renewed.
    renewed: Option<Instant>,
    /// How often servers had been flushed when they first took a write.
    flushes: BTreeMap<SocketAddr, u64>,
    /// Somebody has answered.
    ready: bool,
    /// The generation under which all that was acknowledged was there: a write was acknowledged, or nothing is left to look for.
    checked: Option<Generation>,
    /// All that was counted before this work began was looked for, or there was nothing.
    complete: bool,
    /// How many keys in a row were other shards'.
    strange: u32,
    told: Option<(ProbeTally, Instant)>,
    tell_after: Duration,
}

impl Work {
    fn begin(wish: Arc<Wish>, before: Option<ProbeTally>) -> Self {
        let before = before.filter(|tally| tally.began == wish.began).map_or_else(Proof::default, |tally| tally.proof);
        let at = wish.ours.first().copied().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        let complete = before.acknowledged == 0;
        Self {
            wish,
            judge: Judge::after(before),
            links: BTreeMap::new(),
            at,
            tag: 0,
            renewed: None,
            flushes: BTreeMap::new(),
            ready: false,
            checked: None,
            complete,
            strange: 0,
            told: None,
            tell_after: TELL_FIRST,
        }
    }

    /// One write, and how long to rest after it.
    async fn once(&mut self) -> Duration {
        if !self.wish.ours.contains(&self.at) {
            self.turn_away();
        }
        let (at, key) = (self.at, self.key());
        let answer = match self.link(at).await {
            Ok(link) => link.probe(&key, false).await,
            // Nothing was written.
            Err(error @ (CallError::Denied { .. } | CallError::Loading)) => Err(error),
            Err(_) => return self.turn_away(),
        };
        match answer {
            Ok(ProbeAnswer::Number(number)) => {
                self.acknowledged(at, number, Instant::now()).await;
                PAUSE
            }
            Ok(ProbeAnswer::Moved(to)) if self.wish.ours.contains(&to) && to != at => {
                self.judge.turned_away();
                self.at = to;
                Duration::from_millis(1)
            }
            Ok(ProbeAnswer::Moved(to)) if self.wish.others.contains(&to) => self.leave(to, false).await,
            Ok(ProbeAnswer::Ask(to)) => self.leave(to, true).await,
            Ok(ProbeAnswer::Moved(_) | ProbeAnswer::NotNow(_)) => self.turn_away(),
            Ok(ProbeAnswer::Full) | Err(CallError::Denied { .. }) => {
                self.judge.refused();
                self.ready = true;
                REFUSED
            }
            Err(CallError::TimedOut { .. } | CallError::Unreachable { .. }) => {
                self.links.remove(&at);
                self.judge.unanswered();
                self.turn_away()
            }
            Err(_) => {
                self.links.remove(&at);
                self.turn_away()
            }
        }
    }

    async fn acknowledged(&mut self, at: SocketAddr, number: u64, now: Instant) {
        let explained = self.judge.doubts(number) && self.explained(at).await;
        self.judge.acknowledged(number, explained, now);
        (self.ready, self.checked) = (true, Some(self.wish.generation));
        (self.complete, self.strange) = (true, 0);
        if self.renewed.is_none_or(|renewed| renewed.elapsed() >= RENEWAL) {
            self.renew(at, LIFE_S).await;
        }
        if !self.flushes.contains_key(&at)
            && let Ok(link) = self.link(at).await
            && let Ok(emptying) = link.emptying().await
        {
            self.flushes.insert(at, emptying.flushes);
        }
    }

    /// Whether a server can explain that the key is gone. One that does not say anything proves nothing.
    async fn explained(&mut self, at: SocketAddr) -> bool {
        let before = self.flushes.get(&at).copied().unwrap_or_default();
        let Ok(link) = self.link(at).await else { return true };
        link.emptying().await.map_or(true, |now| now.evicts || now.flushes > before)
    }

    /// The slot is another shard's: the key is looked for there once more, and another one is taken.
    async fn leave(&mut self, to: SocketAddr, asking: bool) -> Duration {
        if self.judge.holds() {
            let checked = self.check(to, asking).await;
            self.judge.leave_key(checked);
        } else {
            self.judge.leave_key(true);
        }
        self.tag = self.tag.wrapping_add(1);
        self.renewed = None;
        // Of no key is anything left to look for.
        if self.complete {
            self.checked = Some(self.wish.generation);
        }
        self.strange += 1;
        if self.strange < TRIED_AT_ONCE {
            return Duration::ZERO;
        }
        // Nobody writes where there is nothing to write to, so there is no pause, either.
        self.judge.idles();
        NONE_FOUND
    }

    async fn check(&mut self, to: SocketAddr, asking: bool) -> bool {
        let key = self.key();
        for _ in 0..CHECKS {
            self.judge.turned_away();
            let answer = match self.link(to).await {
                Ok(link) => link.probe(&key, asking).await,
                Err(_) => return false,
            };
            match answer {
                Ok(ProbeAnswer::Number(number)) => {
                    let explained = self.judge.doubts(number) && self.explained(to).await;
                    self.judge.acknowledged(number, explained, Instant::now());
                    if let Ok(link) = self.link(to).await {
                        let _ = link.let_probe_go(&key, 0).await;
                    }
                    return true;
                }
                Ok(_) => tokio::time::sleep(AGAIN).await,
                Err(_) => {
                    self.links.remove(&to);
                    self.judge.unanswered();
                }
            }
        }
        false
    }

    /// The next server is asked next time.
    fn turn_away(&mut self) -> Duration {
        self.judge.turned_away();
        let after = self.wish.ours.iter().find(|server| **server > self.at);
        if let Some(next) = after.or_else(|| self.wish.ours.first()) {
            self.at = *next;
        }
        AGAIN
    }

    fn key(&self) -> String {
        key(self.tag, &self.wish.by)
    }

    async fn link(&mut self, at: SocketAddr) -> Result<&mut Connection, CallError> {
        if !self.links.contains_key(&at) {
            let link = self.wish.access.connect(at).await?;
            self.links.insert(at, link);
        }
        self.links.get_mut(&at).ok_or(CallError::Loading)
    }

    async fn renew(&mut self, at: SocketAddr, life_s: u32) {
        let key = self.key();
        if let Ok(link) = self.link(at).await
            && link.let_probe_go(&key, life_s).await.is_ok()
        {
            self.renewed = Some(Instant::now());
        }
    }

    /// Says what was counted, where that is worth saying.
    fn tell(&mut self, tallies: &watch::Sender<Option<ProbeTally>>) {
        let now = Instant::now();
        let proof = self.judge.proof(now);
        let tally = ProbeTally { ended: None, ready: self.ready, ..self.tally(proof) };
        let worth = self.told.as_ref().is_none_or(|(told, at)| {
            let before = &told.proof;
            told.ready != tally.ready
                || told.checked != tally.checked
                || (before.lost, before.unproven) != (proof.lost, proof.unproven)
                || proof.longest_pause_ms >= before.longest_pause_ms * 2 + TELL_PAUSE_MS
                || told.proof != proof && now.duration_since(*at) >= self.tell_after
        });
        if worth {
            if self.told.is_some() {
                self.tell_after = (self.tell_after * 2).min(TELL_LAST);
            }
            self.told = Some((tally, now));
            tallies.send_replace(Some(tally));
        }
    }

    /// Ends it: what was written last is looked for, and the key removed.
    async fn end(mut self, tallies: &watch::Sender<Option<ProbeTally>>, now: Timestamp) {
        if self.judge.holds() {
            self.once().await;
            self.renew(self.at, 0).await;
        }
        let proof = self.judge.proof(Instant::now());
        tallies.send_replace(Some(ProbeTally { ended: Some(now), ..self.tally(proof) }));
    }

    fn tally(&self, proof: Proof) -> ProbeTally {
        ProbeTally { began: self.wish.began, ended: None, ready: false, checked: self.checked, proof }
    }
}
