//! A client that writes to one shard all the time, follows it wherever it goes, and knows what was acknowledged.

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
    work: JoinHandle<Report>,
    endpoints: Vec<String>,
    ca: Vec<u8>,
    key: String,
}

/// What it saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Report {
    /// The last number that was acknowledged.
    pub(crate) acknowledged: u64,
    /// The longest time between two acknowledgements.
    pub(crate) gap: Duration,
    /// When that time ended.
    pub(crate) resumed: Option<Instant>,
    /// How many servers took its writes, one after the other.
    pub(crate) servers: u32,
}

impl Writer {
    /// Writes rising numbers to a key of the shard that these nodes serve.
    pub(crate) async fn begin(cluster: &Cluster, shard: u16) -> Self {
        let (endpoints, ca) = (cluster.endpoints(shard), cluster.authority());
        let key = key_of(&endpoints, &ca).await;
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let work = tokio::spawn(write(endpoints.clone(), ca.clone(), key.clone(), stop.clone(), acknowledged.clone()));
        let writer = Self { stop, acknowledged, work, endpoints, ca, key };
        writer.goes_on(10).await;
        writer
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

    /// Stops writing; what it saw, and the number that the shard holds now.
    pub(crate) async fn end(self) -> (Report, u64) {
        let ca = self.ca.clone();
        self.end_trusting(&ca).await
    }

    /// The same where the servers' authority is another one by now.
    pub(crate) async fn end_trusting(self, ca: &[u8]) -> (Report, u64) {
        self.stop.store(true, Ordering::SeqCst);
        let report = self.work.await.expect("the writer");
        let begun = Instant::now();
        loop {
            for endpoint in &self.endpoints {
                if let Ok(mut connection) = open(endpoint, ca).await
                    && let Ok(number) = redis::cmd("GET").arg(&self.key).query_async::<u64>(&mut connection).await
                {
                    return (report, number);
                }
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "nobody serves the key");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub(crate) async fn open(endpoint: &str, ca: &[u8]) -> Result<MultiplexedConnection, RedisError> {
    let certificates = TlsCertificates { client_tls: None::<ClientTlsConfig>, root_cert: Some(ca.to_vec()) };
    let client = match endpoint.starts_with("rediss:") {
        true => redis::Client::build_with_tls(endpoint, certificates)?,
        false => redis::Client::open(endpoint)?,
    };
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(ANSWER)).set_response_timeout(Some(ANSWER));
    client.get_multiplexed_async_connection_with_config(&config).await
}

/// A key that the servers of this shard take.
pub(crate) async fn key_of(endpoints: &[String], ca: &[u8]) -> String {
    let begun = Instant::now();
    loop {
        for endpoint in endpoints {
            let Ok(mut connection) = open(endpoint, ca).await else { continue };
            for number in 0..100 {
                let key = format!("counter-{number}");
                if redis::cmd("SET").arg(&key).arg(0).query_async::<()>(&mut connection).await.is_ok() {
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
) -> Report {
    let mut report = Report::default();
    let (mut last, mut by) = (Instant::now(), None);
    let (mut next, mut connection, mut at) = (1_u64, None, 0);
    while !stop.load(Ordering::SeqCst) {
        let endpoint = &endpoints[at % endpoints.len()];
        let mut open_now = match connection.take() {
            Some(connection) => connection,
            None => match open(endpoint, &ca).await {
                Ok(connection) => connection,
                Err(_) => {
                    at += 1;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                    continue;
                }
            },
        };
        match redis::cmd("SET").arg(&key).arg(next).query_async::<()>(&mut open_now).await {
            Ok(()) => {
                if last.elapsed() > report.gap {
                    (report.gap, report.resumed) = (last.elapsed(), Some(Instant::now()));
                }
                if by != Some(at % endpoints.len()) {
                    (report.servers, by) = (report.servers + 1, Some(at % endpoints.len()));
                }
                last = Instant::now();
                (report.acknowledged, next) = (next, next + 1);
                acknowledged.store(report.acknowledged, Ordering::SeqCst);
                connection = Some(open_now);
            }
            Err(_) => {
                at += 1;
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        }
    }
    report
}
