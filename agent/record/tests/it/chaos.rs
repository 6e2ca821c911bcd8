//! Processes that are killed, stopped and started at random, while others write and read: nothing acknowledged is lost, no
//! generation forks, and nobody reads the past.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use justmanage_model::{Generation, Record, User};
use justmanage_record::{Group, RecordStore, StoreError};

use crate::process::Process;
use crate::world::{Agent, record, until};

/// Generations whose writers a Record names. Those who look more seldom than once in so many could miss one.
const HISTORY: usize = 150;

/// A random number generator (xorshift); its seed is printed.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What everybody saw.
#[derive(Default)]
struct Ledger {
    /// Who made which generation, by every Record that anybody has read.
    made: Mutex<BTreeMap<u64, String>>,
    /// What was acknowledged.
    taken: Mutex<BTreeMap<u64, String>>,
    /// The highest generation that was acknowledged or read.
    known: AtomicU64,
    reads: AtomicU64,
    unknown: AtomicU64,
    over: AtomicBool,
}

impl Ledger {
    /// Compares a Record with what is known. `floor`: what was known before it was asked for.
    fn read(&self, record: &Record, floor: u64) {
        let generation = record.generation.get();
        assert!(generation >= floor, "read generation {generation} after {floor} was known");
        self.known.fetch_max(generation, Ordering::SeqCst);
        let mut made = lock(&self.made);
        for (name, user) in &record.users {
            let number = name.as_str().trim_start_matches('g').parse::<u64>().expect("a generation");
            assert!(number <= generation);
            let who = user.acl.as_str().to_owned();
            let before = made.entry(number).or_insert_with(|| who.clone());
            assert_eq!(*before, who, "two made generation {number}");
        }
    }

    fn acknowledged(&self, generation: u64, who: &str) {
        let before = lock(&self.taken).insert(generation, who.to_owned());
        assert_eq!(before, None, "generation {generation} was acknowledged twice");
        self.known.fetch_max(generation, Ordering::SeqCst);
    }

    /// At the end: everything that was acknowledged is in the history, and the history has no holes. Says how long it is.
    fn check(&self, last: &Record) -> usize {
        let (made, taken) = (lock(&self.made), lock(&self.taken));
        for (generation, who) in taken.iter() {
            assert_eq!(made.get(generation), Some(who), "what was acknowledged as generation {generation} is gone");
        }
        // The first generation was founded, by none of the writers.
        assert!(made.keys().copied().eq(2..=last.generation.get()), "every generation was seen");
        assert!(!taken.is_empty(), "something happened");
        made.len()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("nobody found anything wrong")
}

/// The Record of which this is the next.
fn before(next: &Record) -> Record {
    Record { generation: Generation::new(next.generation.get() - 1), ..next.clone() }
}

/// Puts who made it into the next Record.
fn signed(current: &Record, who: &str) -> Record {
    let mut next = Record { generation: current.generation.next(), ..current.clone() };
    let user = User { acl: who.parse().expect("rules"), passwords: Vec::new(), given: Default::default() };
    next.users.insert(format!("g{:08}", next.generation.get()).parse().expect("a name"), user);
    while next.users.len() > HISTORY {
        next.users.pop_first();
    }
    next
}

async fn write(group: Arc<Group>, ledger: Arc<Ledger>, writer: usize) {
    for number in 0.. {
        if ledger.over.load(Ordering::SeqCst) {
            return;
        }
        let floor = ledger.known.load(Ordering::SeqCst);
        let current = match group.read().await {
            Ok(current) => current.expect("a Record"),
            Err(StoreError::NoMajority(_)) => continue,
            Err(error) => panic!("{error}"),
        };
        ledger.read(&current, floor);
        ledger.reads.fetch_add(1, Ordering::SeqCst);
        let who = format!("~w{writer}.{number}");
        let next = signed(&current, &who);
        let generation = next.generation.get();
        match group.compare_and_set((current.epoch, current.generation), next).await {
            Ok(()) => ledger.acknowledged(generation, &who),
            Err(StoreError::Conflict(Some(theirs))) => ledger.read(&theirs, 0),
            Err(StoreError::NoMajority(_)) => {}
            Err(StoreError::Unknown(_)) => drop(ledger.unknown.fetch_add(1, Ordering::SeqCst)),
            Err(error) => panic!("{error}"),
        }
    }
}

/// How long it may go on.
fn time() -> Duration {
    let seconds = std::env::var("JUSTMANAGE_CHAOS_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(20))
}

/// Something bad happens to the voters, and is over when this returns.
async fn strike(voters: &mut [Process], chance: &mut Chance) -> (u32, u32) {
    let one = chance.below(voters.len() as u64) as usize;
    match chance.below(10) {
        // Everybody at once.
        0 => {
            voters.iter_mut().for_each(Process::kill);
            voters.iter_mut().for_each(Process::start);
            (voters.len() as u32, 0)
        }
        1..=3 => {
            voters[one].sleep();
            tokio::time::sleep(Duration::from_millis(200 + chance.below(900))).await;
            voters[one].wake();
            (0, 1)
        }
        // One after the other, as if by a careless operator; or two that stay away for a while.
        4 | 5 => {
            let other = (one + 1) % voters.len();
            voters[one].kill();
            voters[other].kill();
            tokio::time::sleep(Duration::from_millis(chance.below(1500))).await;
            voters[one].start();
            voters[other].start();
            (2, 0)
        }
        _ => {
            voters[one].kill();
            voters[one].start();
            (1, 0)
        }
    }
}

async fn chaos(count: u16, watchers: u16, time: Duration) {
    let seed = SystemTime::UNIX_EPOCH.elapsed().expect("a clock").as_nanos() as u64 | 1;
    eprintln!("seed {seed}");
    let mut chance = Chance(seed);
    let mut voters = Vec::new();
    for shard in 0..count {
        voters.push(Process::started(shard).await);
    }
    let mut others = Vec::new();
    for shard in count..count + watchers {
        others.push(Agent::started(shard, 0).await);
    }
    let first = record(&voters.iter().map(|voter| &voter.agent).chain(&others).collect::<Vec<_>>());
    assert_eq!(justmanage_record::voters(&first).len(), usize::from(count));
    invite(&mut voters, &first).await;
    for other in &others {
        other.group().invite(first.clone()).await.expect("an invitation");
    }
    others[0].group().found().await.expect("a group");

    let ledger = Arc::new(Ledger::default());
    let writers: Vec<_> = (0..3)
        .map(|writer| tokio::spawn(write(others[writer % others.len()].group().clone(), ledger.clone(), writer)))
        .collect();
    let begun = Instant::now();
    let (mut kills, mut sleeps) = (0, 0);
    while begun.elapsed() < time {
        tokio::time::sleep(Duration::from_millis(chance.below(1500))).await;
        let (killed, slept) = strike(&mut voters, &mut chance).await;
        (kills, sleeps) = (kills + killed, sleeps + slept);
        assert!(!voters.iter_mut().any(Process::has_ended), "a process has ended by itself");
        assert!(writers.iter().all(|writer| !writer.is_finished()), "a writer found something wrong, see above");
    }
    ledger.over.store(true, Ordering::SeqCst);
    for writer in writers {
        writer.await.expect("nothing wrong");
    }

    // One change more: whatever is in some log yet and was not taken cannot be taken any more.
    let last = others[0].change(|record| *record = signed(&before(record), "~last")).await;
    ledger.read(&last, ledger.known.load(Ordering::SeqCst));
    let epoch = last.epoch.to_string();
    for voter in &voters {
        until("everybody has the same copy", async || {
            voter.copy(&others[0], &epoch).await.filter(|copy| *copy == last)
        })
        .await;
    }
    for other in &others {
        until("everybody has the same copy", async || other.get().filter(|copy| *copy == last)).await;
    }
    let generations = ledger.check(&last);
    assert!(kills > 0, "something happened");
    eprintln!(
        "{count} voters, {kills} kills, {sleeps} stops, {} acknowledged of {generations} taken, {} reads, {} unknown",
        lock(&ledger.taken).len(),
        ledger.reads.load(Ordering::SeqCst),
        ledger.unknown.load(Ordering::SeqCst)
    );
    for mut other in others {
        other.stop().await;
    }
}

/// Invites processes: each for a moment by this one, in its place.
async fn invite(voters: &mut [Process], first: &Record) {
    for voter in voters {
        voter.kill();
        voter.agent.start().await;
        voter.agent.group().invite(first.clone()).await.expect("an invitation");
        voter.agent.stop().await;
        voter.start();
    }
}

#[tokio::test]
async fn five_voters_lose_nothing() {
    chaos(5, 3, time() / 2).await;
}

#[tokio::test]
async fn three_voters_lose_nothing() {
    chaos(3, 1, time() / 2).await;
}
