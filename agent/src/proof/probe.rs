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

use justmanage_engine::probe::Target;
use justmanage_engine::{CallError, Connection, ProbeAnswer};
use justmanage_model::{Generation, ProbeTally, Proof, Timestamp};
use tokio::sync::watch;

use super::access::Access;
use super::judge::Judge;
use super::key::{self, Key, LIFE_S};
use super::told::{Teller, Told};

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
/// How often the new owner of a slot is asked for what was written to the old one.
const CHECKS: u32 = 10;
/// How often what was written last is looked for at the end. Everybody is well then; the first to be asked may send on to another.
const LAST_LOOKS: u32 = 2;
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
    /// What their servers are called for clients, where that is not by their addresses.
    pub(super) names: BTreeMap<String, SocketAddr>,
    /// Whose keys these are.
    pub(super) by: String,
    /// How to get in.
    pub(super) access: Access,
}

impl Wish {
    /// Where a server sends to; `None`: to nobody who is known.
    fn place(&self, target: &Target) -> Option<SocketAddr> {
        target.address().or_else(|| self.names.get(&format!("{}:{}", target.host, target.port)).copied())
    }
}

/// Probes as long as it is wished, and tells what it has counted. `tallies` holds what was counted before.
pub(super) async fn run(
    mut wishes: watch::Receiver<Option<Arc<Wish>>>,
    tallies: watch::Sender<Option<Told>>,
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
        let mut now = goes_on.unwrap_or_else(|| Work::begin(wish.clone(), tallies.borrow().as_ref(), clock));
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
    clock: fn() -> Timestamp,
    /// Who is asked next.
    at: SocketAddr,
    /// Who acknowledged last, as long as nothing says that its process or its role is another since: what is sent there stands
    /// behind what was acknowledged.
    steady: Option<SocketAddr>,
    tag: u32,
    /// In which replication stream the last acknowledgement was.
    stream: Option<String>,
    /// When the key's life was last renewed. By the clock, which goes on while a machine is suspended, as servers' clocks do.
    renewed: Option<Timestamp>,
    /// How often servers had been flushed when they first took a write.
    flushes: BTreeMap<SocketAddr, u64>,
    /// Somebody has answered.
    ready: bool,
    /// The generation under which all that was acknowledged was there: a write was acknowledged, or nothing is left to look for.
    checked: Option<Generation>,
    /// How many keys in a row were other shards'.
    strange: u32,
    teller: Teller,
}

impl Work {
    fn begin(wish: Arc<Wish>, before: Option<&Told>, clock: fn() -> Timestamp) -> Self {
        let before = before.filter(|told| told.tally.began == wish.began);
        let key = before.map_or_else(|| Some(Key::default()), |told| told.key.clone());
        let runs = key.as_ref().map(|key| key.runs.clone());
        let (proof, cut_short) =
            before.map_or_else(Default::default, |told| (told.tally.proof, told.tally.ended.is_none()));
        let Key { tag, stream, renewed, .. } = key.unwrap_or_default();
        let at = wish.ours.first().copied().unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 0)));
        Self {
            wish,
            judge: Judge::after(proof, runs, cut_short),
            links: BTreeMap::new(),
            clock,
            at,
            steady: None,
            tag,
            stream,
            renewed,
            flushes: BTreeMap::new(),
            ready: false,
            checked: None,
            strange: 0,
            teller: Teller::default(),
        }
    }

    /// One write, and how long to rest after it.
    async fn once(&mut self) -> Duration {
        if !self.wish.ours.contains(&self.at) {
            self.turn_away();
        }
        let (at, key) = (self.at, self.key());
        self.refresh(at).await;
        let answer = match self.link(at).await {
            Ok(link) => link.probe(&key, false).await,
            // Nothing was written.
            Err(error @ (CallError::Denied { .. } | CallError::Loading)) => Err(error),
            Err(_) => {
                self.steady.take_if(|steady| *steady == at);
                return self.turn_away();
            }
        };
        let elsewhere = self.steady != Some(at);
        // Held back for long is not gone: a process that ends closes its connections.
        if !matches!(answer, Ok(ProbeAnswer::Number(_) | ProbeAnswer::Full) | Err(CallError::TimedOut { .. })) {
            self.steady.take_if(|steady| *steady == at);
        }
        match answer {
            Ok(ProbeAnswer::Number(number)) => {
                self.acknowledged(at, number, Instant::now()).await;
                PAUSE
            }
            Ok(ProbeAnswer::Moved(to)) => match self.wish.place(&to) {
                Some(to) if self.wish.ours.contains(&to) && to != at => {
                    self.judge.turned_away();
                    self.at = to;
                    Duration::from_millis(1)
                }
                Some(to) if self.wish.others.contains(&to) => self.leave(to, false).await,
                _ => self.turn_away(),
            },
            Ok(ProbeAnswer::Ask(to)) => match self.wish.place(&to) {
                Some(to) => self.leave(to, true).await,
                None => self.turn_away(),
            },
            Ok(ProbeAnswer::NotNow(_)) => self.turn_away(),
            Ok(ProbeAnswer::Full) | Err(CallError::Denied { .. }) => {
                self.judge.refused();
                self.ready = true;
                REFUSED
            }
            Err(CallError::TimedOut { .. } | CallError::Unreachable { .. }) => {
                self.links.remove(&at);
                self.judge.unanswered(elsewhere);
                self.turn_away()
            }
            Err(_) => {
                self.links.remove(&at);
                self.turn_away()
            }
        }
    }

    async fn acknowledged(&mut self, at: SocketAddr, number: u64, now: Instant) {
        if !self.judge.is_unbroken() {
            let stream = self.stream_of(at).await;
            if stream.is_some() && stream == self.stream {
                self.judge.goes_on();
            }
            self.stream = stream;
        }
        let explained = self.judge.doubts(number) && self.explained(at).await;
        self.judge.acknowledged(number, explained, now);
        self.steady = Some(at);
        (self.ready, self.checked) = (true, Some(self.wish.generation));
        self.strange = 0;
        if key::is_due(self.renewed, (self.clock)()) {
            self.renew(at, LIFE_S).await;
        }
        if !self.flushes.contains_key(&at)
            && let Ok(link) = self.link(at).await
            && let Ok(emptying) = link.emptying().await
        {
            self.flushes.insert(at, emptying.flushes);
        }
    }

    /// Which replication stream a primary writes. It begins another one whenever it becomes one, by election or by being started
    /// ([`INFO`](https://valkey.io/commands/info/), `master_replid`). A replica names that of its primary, which says nothing of itself.
    async fn stream_of(&mut self, at: SocketAddr) -> Option<String> {
        let said = self.link(at).await.ok()?.info().await.ok()?;
        said.get("master_replid").filter(|_| said.get("role") == Some("master")).map(str::to_owned)
    }

    /// Whether it can be explained that the key is gone: by its age, or by the server. One that does not say anything proves nothing.
    async fn explained(&mut self, at: SocketAddr) -> bool {
        if key::may_have_ended(self.renewed, (self.clock)()) {
            return true;
        }
        let before = self.flushes.get(&at).copied().unwrap_or_default();
        let Ok(link) = self.link(at).await else { return true };
        link.emptying().await.map_or(true, |now| now.evicts || now.flushes > before)
    }

    /// The slot is another shard's: the key is looked for there once more, and another one is taken.
    async fn leave(&mut self, to: SocketAddr, asking: bool) -> Duration {
        let checked = !self.judge.holds() || self.check(to, asking).await;
        self.leave_key(checked);
        self.tag = self.tag.wrapping_add(1);
        // Of no key is anything left to look for.
        self.checked = Some(self.wish.generation);
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
                    self.judge.unanswered(true);
                }
            }
        }
        false
    }

    fn leave_key(&mut self, checked: bool) {
        self.judge.leave_key(checked);
        (self.stream, self.renewed) = (None, None);
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
        justmanage_engine::probe::key(self.tag, &self.wish.by)
    }

    /// Lets go of a connection that another server's writes have outlived: one that was closed meanwhile would take a write, and nobody would
    /// know what became of it.
    async fn refresh(&mut self, at: SocketAddr) {
        if self.steady == Some(at) {
            return;
        }
        if let Some(link) = self.links.get_mut(&at)
            && link.ping().await.is_err()
        {
            self.links.remove(&at);
        }
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
            self.renewed = Some((self.clock)());
        }
    }

    /// Says what was counted, where that is worth saying.
    fn tell(&mut self, tallies: &watch::Sender<Option<Told>>) {
        let now = Instant::now();
        let tally = ProbeTally { ready: self.ready, ..self.tally(self.judge.proof(now)) };
        if self.teller.is_news(&tally, self.stream.as_deref(), now) {
            let told = Told { tally, key: Some(self.known()) };
            self.teller.note(told.clone(), now);
            tallies.send_replace(Some(told));
        }
    }

    /// Ends it: what was written last is looked for, and the key removed. One that nobody could look at stays, for whoever goes on.
    async fn end(mut self, tallies: &watch::Sender<Option<Told>>, now: Timestamp) {
        for _ in 0..LAST_LOOKS {
            if self.judge.holds() {
                self.once().await;
            }
            if self.judge.is_unbroken() {
                self.renew(self.at, 0).await;
                self.leave_key(true);
            }
        }
        let proof = self.judge.proof(Instant::now());
        let tally = ProbeTally { ended: Some(now), ..self.tally(proof) };
        tallies.send_replace(Some(Told { tally, key: Some(self.known()) }));
    }

    fn tally(&self, proof: Proof) -> ProbeTally {
        ProbeTally { began: self.wish.began, ended: None, ready: false, checked: self.checked, proof }
    }

    /// What is known of the key, for whoever goes on with it.
    fn known(&self) -> Key {
        let (runs, stream) = (self.judge.runs().to_vec(), self.stream.clone());
        Key { tag: self.tag, runs, stream, renewed: self.renewed }
    }
}

#[cfg(test)]
mod tests;
