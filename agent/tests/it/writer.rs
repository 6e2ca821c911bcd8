//! A client that writes to one shard all the time, follows it wherever it goes, and knows what was acknowledged.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ClientTlsConfig, RedisError, TlsCertificates};
use tokio::task::JoinHandle;

use crate::cluster::Cluster;

/// Longest wait for one answer: a server that is stopped gives none.
const ANSWER: Duration = Duration::from_millis(500);

/// The writer, at work until it is stopped.
pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    work: JoinHandle<Written>,
    endpoints: Vec<String>,
    ca: Vec<u8>,
    key: String,
}

/// What it saw.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// How many writes were acknowledged.
    pub(crate) acknowledged: usize,
    /// When each of those was acknowledged that the shard does not hold any more.
    pub(crate) lost: Vec<Instant>,
    /// The longest time between two acknowledgements.
    pub(crate) gap: Duration,
    /// When that time ended.
    pub(crate) resumed: Option<Instant>,
    /// How many servers took its writes, one after the other.
    pub(crate) servers: u32,
    /// How often a primary took none for want of replicas.
    pub(crate) refused: u64,
}

impl Report {
    /// That everything that was acknowledged is there.
    pub(crate) fn lost_nothing(&self) {
        assert!(self.lost.is_empty(), "lost {} of {}", self.lost.len(), self.acknowledged);
    }

    /// That nothing is missing but what was acknowledged in one of these spans.
    pub(crate) fn lost_only_in(&self, spans: &[Range<Instant>]) {
        let beyond = |at: &&Instant| !spans.iter().any(|span| span.contains(*at));
        let beyond = self.lost.iter().filter(beyond).count();
        eprintln!("lost {} of {}", self.lost.len(), self.acknowledged);
        assert_eq!(beyond, 0, "of {} lost writes so many were acknowledged outside of {spans:?}", self.lost.len());
    }
}

/// The same where the server comes back with its own file. While a disk is busy, a server hands it what it has acknowledged up to two
/// seconds later (`appendfsync everysec`).
pub(crate) fn unsynced(end: Instant) -> Range<Instant> {
    end - Duration::from_secs(3)..around(end).end
}

/// The time around the end of a server, which was over at this moment, of which writes may be lost: what it has acknowledged and not yet
/// sent to its replicas, or to its file, on a busy machine.
pub(crate) fn around(end: Instant) -> Range<Instant> {
    end - Duration::from_secs(1)..end + Duration::from_millis(50)
}

/// What the work comes to.
#[derive(Default)]
struct Written {
    /// When each write was acknowledged.
    acknowledged: Vec<Instant>,
    gap: Duration,
    resumed: Option<Instant>,
    servers: u32,
    refused: u64,
}

impl Writer {
    /// Sets one bit after the other of a key of the shard that these nodes serve: each write shows for itself, and is not made up for by
    /// the next.
    pub(crate) async fn begin(cluster: &Cluster, shard: u16) -> Self {
        let (endpoints, ca) = (cluster.endpoints(shard), cluster.authority());
        let key = key_of(&endpoints, &ca).await;
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let work = tokio::spawn(write(endpoints.clone(), ca.clone(), key.clone(), stop.clone(), acknowledged.clone()));
        let writer = Self { stop, acknowledged, work, endpoints, ca, key };
        writer.goes_on(10).await;
        writer
    }

    /// One at each shard, in their order.
    pub(crate) async fn at_each(cluster: &Cluster, shards: u16) -> Vec<Self> {
        let mut writers = Vec::new();
        for shard in 0..shards {
            writers.push(Self::begin(cluster, shard).await);
        }
        writers
    }

    /// The key that it writes.
    pub(crate) fn key(&self) -> &str {
        &self.key
    }

    /// Waits until so many further writes are acknowledged.
    pub(crate) async fn goes_on(&self, writes: u64) {
        let from = self.acknowledged.load(Ordering::SeqCst);
        let begun = Instant::now();
        while self.acknowledged.load(Ordering::SeqCst) < from + writes {
            assert!(begun.elapsed() < Duration::from_secs(60), "no write is acknowledged any more");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Stops writing, and looks what the shard holds now.
    pub(crate) async fn end(self) -> Report {
        let ca = self.ca.clone();
        self.end_trusting(&ca).await
    }

    /// The same where the servers' authority is another one by now.
    pub(crate) async fn end_trusting(self, ca: &[u8]) -> Report {
        self.stop.store(true, Ordering::SeqCst);
        let Written { acknowledged, gap, resumed, servers, refused } = self.work.await.expect("the writer");
        let begun = Instant::now();
        loop {
            for endpoint in &self.endpoints {
                if let Ok(mut connection) = open_within(endpoint, ca, ANSWER).await
                    && let Ok(held) = redis::cmd("GET").arg(&self.key).query_async::<Vec<u8>>(&mut connection).await
                {
                    let is_set = |bit: usize| held.get(bit / 8).is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0);
                    let missing = acknowledged.iter().enumerate().filter(|(bit, _)| !is_set(*bit));
                    let lost = missing.map(|(_, at)| *at).collect();
                    return Report { acknowledged: acknowledged.len(), lost, gap, resumed, servers, refused };
                }
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "nobody serves the key");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// A connection for whoever has time.
pub(crate) async fn open(endpoint: &str, ca: &[u8]) -> Result<MultiplexedConnection, RedisError> {
    open_within(endpoint, ca, Duration::from_secs(10)).await
}

async fn open_within(endpoint: &str, ca: &[u8], limit: Duration) -> Result<MultiplexedConnection, RedisError> {
    let certificates = TlsCertificates { client_tls: None::<ClientTlsConfig>, root_cert: Some(ca.to_vec()) };
    let client = match endpoint.starts_with("rediss:") {
        true => redis::Client::build_with_tls(endpoint, certificates)?,
        false => redis::Client::open(endpoint)?,
    };
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(limit)).set_response_timeout(Some(limit));
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// A key that the servers of this shard take.
pub(crate) async fn key_of(endpoints: &[String], ca: &[u8]) -> String {
    let begun = Instant::now();
    loop {
        for endpoint in endpoints {
            let Ok(mut connection) = open_within(endpoint, ca, ANSWER).await else { continue };
            for number in 0..100 {
                let key = format!("counter-{number}");
                if redis::cmd("SET").arg(&key).arg("").query_async::<()>(&mut connection).await.is_ok() {
                    return key;
                }
            }
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "the shard takes no writes");
    }
}

async fn write(
    endpoints: Vec<String>,
    ca: Vec<u8>,
    key: String,
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
) -> Written {
    let mut written = Written::default();
    let (mut last, mut by) = (Instant::now(), None);
    let (mut connection, mut at) = (None, 0);
    while !stop.load(Ordering::SeqCst) {
        let endpoint = &endpoints[at % endpoints.len()];
        let mut open_now = match connection.take() {
            Some(connection) => connection,
            None => match open_within(endpoint, &ca, ANSWER).await {
                Ok(connection) => connection,
                Err(_) => {
                    at += 1;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    continue;
                }
            },
        };
        let bit = written.acknowledged.len();
        match redis::cmd("SETBIT").arg(&key).arg(bit).arg(1).query_async::<u8>(&mut open_now).await {
            Ok(_) => {
                if last.elapsed() > written.gap {
                    (written.gap, written.resumed) = (last.elapsed(), Some(Instant::now()));
                }
                if by != Some(at % endpoints.len()) {
                    (written.servers, by) = (written.servers + 1, Some(at % endpoints.len()));
                }
                last = Instant::now();
                written.acknowledged.push(last);
                acknowledged.fetch_add(1, Ordering::SeqCst);
                connection = Some(open_now);
            }
            Err(error) => {
                written.refused += u64::from(error.code() == Some("NOREPLICAS"));
                at += 1;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }
    written
}
