//! Clients that count keys of all slots up, each answer against the one before, and follow slots wherever they go.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, ServerErrorKind};
use tokio::task::JoinHandle;

use crate::cluster::Cluster;
use crate::writer::open;

/// How many keys each client counts up, one after the other.
const KEYS: u64 = 100;
/// How many calls are sent at once where data are written or read.
const AT_ONCE: usize = 100;
/// How often they are sent at most: on a busy machine an answer may come too late.
const TRIES: usize = 20;

/// The way to every server.
#[derive(Clone)]
pub(crate) struct Ways {
    endpoints: Vec<String>,
    ca: Vec<u8>,
}

impl Ways {
    pub(crate) fn to(cluster: &Cluster) -> Self {
        let endpoints = cluster.agents.keys().map(|node| cluster.endpoint(*node)).collect();
        Self { endpoints, ca: cluster.authority() }
    }

    /// The endpoint of a server, by the address that others send clients to.
    fn position(&self, address: &str) -> Option<usize> {
        self.endpoints.iter().position(|endpoint| endpoint.contains(&format!("@{address}/")))
    }

    /// Writes keys, or reads what is in them, by asking every server; whoever is not the owner says so.
    async fn each(&self, count: usize, call: impl Fn(usize) -> redis::Cmd) -> Vec<Option<String>> {
        let mut said = vec![None; count];
        for _ in 0..TRIES {
            for endpoint in &self.endpoints {
                let left: Vec<usize> = (0..count).filter(|number| said[*number].is_none()).collect();
                let Ok(connection) = open(endpoint, &self.ca).await else { continue };
                for numbers in left.chunks(AT_ONCE) {
                    let calls = numbers.iter().map(|number| {
                        let (mut connection, call) = (connection.clone(), call(*number));
                        async move { call.query_async::<Option<String>>(&mut connection).await.ok().flatten() }
                    });
                    for (number, answer) in numbers.iter().zip(join_all(calls).await) {
                        said[*number] = answer;
                    }
                }
            }
            if said.iter().all(Option::is_some) {
                break;
            }
        }
        said
    }
}

/// Data that nobody touches.
pub(crate) struct Data(usize);

impl Data {
    pub(crate) async fn write(ways: &Ways, count: usize) -> Self {
        let put = |number| redis::cmd("SET").arg(format!("data:{number}")).arg(value(number)).to_owned();
        let said = ways.each(count, put).await;
        assert!(said.iter().all(Option::is_some), "not every key was taken");
        Self(count)
    }

    pub(crate) async fn check(&self, ways: &Ways) {
        let get = |number| redis::cmd("GET").arg(format!("data:{number}")).to_owned();
        let said = ways.each(self.0, get).await;
        let wrong = said.iter().enumerate().filter(|(number, said)| **said != Some(value(*number))).count();
        assert_eq!(wrong, 0, "keys that are gone, or another, of {}", self.0);
    }
}

fn value(number: usize) -> String {
    format!("{number}-{}", "x".repeat(100))
}

/// The slot of a key without braces: CRC16 (XMODEM) modulo 16384 (<https://redis.io/docs/latest/operate/oss_and_stack/reference/cluster-spec/>).
fn slot_of(key: &str) -> u16 {
    let shift = |crc: u16| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 };
    let byte = |crc: u16, byte: u8| (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| shift(crc));
    key.bytes().fold(0, byte) % 16384
}

/// How many keys there are in each run of slots, and bytes in each of them.
const HEAVY: (usize, usize) = (60, 64 << 10);

/// Large values in runs of slots.
pub(crate) struct Heavy(Vec<String>);

impl Heavy {
    /// Writes them: each to a slot of its own, spread over each run.
    pub(crate) async fn write(ways: &Ways, runs: &[Range<u16>]) -> Self {
        let (count, size) = HEAVY;
        let mut keys = Vec::new();
        for run in runs {
            let every = run.len() / count;
            let wanted: BTreeSet<u16> = run.clone().step_by(every).take(count).collect();
            let mut found = BTreeMap::new();
            for number in 0.. {
                let key = format!("heavy:{number}");
                let slot = slot_of(&key);
                if wanted.contains(&slot) {
                    found.insert(slot, key);
                }
                if found.len() == wanted.len() {
                    break;
                }
            }
            keys.extend(found.into_values());
        }
        let value = "x".repeat(size);
        let put = |number: usize| redis::cmd("SET").arg(&keys[number]).arg(&value).to_owned();
        let said = ways.each(keys.len(), put).await;
        assert!(said.iter().all(Option::is_some), "not every key was taken");
        Self(keys)
    }

    /// How many bytes of them each server has that serves some, by its own word; the others have none.
    pub(crate) async fn at_each(&self, ways: &Ways, cluster: &Cluster) -> Vec<usize> {
        let mut bytes = Vec::new();
        for node in cluster.agents.keys() {
            // A node that is no member yet has no server.
            let Ok(mut connection) = open(&cluster.endpoint(*node), &ways.ca).await else {
                bytes.push(0);
                continue;
            };
            let mut sum = 0;
            for key in &self.0 {
                // Whoever does not serve it sends its clients elsewhere.
                let said = redis::cmd("STRLEN").arg(key).query_async::<usize>(&mut connection).await;
                sum += said.unwrap_or_default();
            }
            bytes.push(sum);
        }
        bytes
    }
}

/// The clients, at work until they are stopped.
pub(crate) struct Counters {
    ways: Ways,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    work: Vec<JoinHandle<Counted>>,
}

/// What one of them did.
struct Counted {
    /// The last answer for each key.
    last: BTreeMap<String, u64>,
    /// The longest time without an answer.
    gap: Duration,
}

impl Counters {
    pub(crate) async fn begin(ways: &Ways, count: usize) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let begin = |number| tokio::spawn(work(number, ways.clone(), stop.clone(), acknowledged.clone()));
        let work = (0..count).map(begin).collect();
        let counters = Self { ways: ways.clone(), stop, acknowledged, work };
        counters.go_on(100).await;
        counters
    }

    /// Waits until so many further writes are acknowledged.
    pub(crate) async fn go_on(&self, writes: u64) {
        let (from, begun) = (self.acknowledged.load(Ordering::SeqCst), Instant::now());
        while self.acknowledged.load(Ordering::SeqCst) < from + writes {
            assert!(begun.elapsed() < Duration::from_secs(60), "no write is acknowledged any more");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Stops them, and looks whether everything that was acknowledged is there. The longest time without an answer, and how many
    /// writes there were.
    pub(crate) async fn end(self) -> (Duration, u64) {
        self.stop.store(true, Ordering::SeqCst);
        let mut longest = Duration::ZERO;
        for work in self.work {
            let Counted { last, gap } = work.await.expect("a client that counted right");
            longest = longest.max(gap);
            let names: Vec<&String> = last.keys().collect();
            let get = |number: usize| redis::cmd("GET").arg(names[number]).to_owned();
            let said = self.ways.each(names.len(), get).await;
            for ((key, last), said) in last.iter().zip(said) {
                assert_eq!(said, Some(last.to_string()), "{key}: acknowledged writes are lost");
            }
        }
        (longest, self.acknowledged.load(Ordering::SeqCst))
    }
}

async fn work(number: usize, ways: Ways, stop: Arc<AtomicBool>, acknowledged: Arc<AtomicU64>) -> Counted {
    let mut client = Client { ways, links: BTreeMap::new(), at: number, unsure: 0 };
    let (mut last, mut gap) = (BTreeMap::<String, u64>::new(), Duration::ZERO);
    for turn in 0_u64.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let (key, begun) = (format!("counter:{number}:{}", turn * 7 % KEYS), Instant::now());
        client.unsure = 0;
        let value = client.count(&key).await;
        gap = gap.max(begun.elapsed());
        let least = last.get(&key).unwrap_or(&0) + 1;
        // A call that was made anew because nobody answered may have been done as well.
        let most = least + client.unsure;
        assert!((least..=most).contains(&value), "{key} is {value}, and not {least} to {most}: writes are lost");
        last.insert(key, value);
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
    Counted { last, gap }
}

struct Client {
    ways: Ways,
    links: BTreeMap<usize, MultiplexedConnection>,
    /// Who is asked next.
    at: usize,
    /// Calls without an answer.
    unsure: u64,
}

impl Client {
    /// Counts a key up, however long that takes.
    async fn count(&mut self, key: &str) -> u64 {
        let (begun, mut asking) = (Instant::now(), false);
        loop {
            assert!(begun.elapsed() < Duration::from_secs(60), "nobody takes {key}");
            let at = self.at % self.ways.endpoints.len();
            match self.call(at, key, std::mem::take(&mut asking)).await {
                Ok(Some(value)) => return value,
                Ok(None) => self.elsewhere().await,
                Err(error) => match (error.redirect_node(), error.kind()) {
                    (Some((address, _)), kind) => {
                        asking = kind == ErrorKind::Server(ServerErrorKind::Ask);
                        match self.ways.position(address) {
                            Some(there) => self.at = there,
                            None => self.elsewhere().await,
                        }
                    }
                    (None, ErrorKind::Server(_) | ErrorKind::Extension) => self.elsewhere().await,
                    _ => {
                        self.unsure += 1;
                        self.links.remove(&at);
                        self.elsewhere().await;
                    }
                },
            }
        }
    }

    async fn elsewhere(&mut self) {
        self.at += 1;
        tokio::time::sleep(Duration::from_millis(3)).await;
    }

    /// `None`: nobody is there, and nothing was sent.
    async fn call(&mut self, at: usize, key: &str, asking: bool) -> Result<Option<u64>, RedisError> {
        if !self.links.contains_key(&at) {
            let Ok(link) = open(&self.ways.endpoints[at], &self.ways.ca).await else { return Ok(None) };
            self.links.insert(at, link);
        }
        let Some(link) = self.links.get_mut(&at) else { return Ok(None) };
        if asking {
            redis::cmd("ASKING").query_async::<()>(link).await?;
        }
        redis::cmd("INCR").arg(key).query_async::<u64>(link).await.map(Some)
    }
}
