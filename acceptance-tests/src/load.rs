//! Clients that write to a whole cluster all the time, as an application's own library does: they find their way by the servers'
//! redirections and try again by themselves, and every error that gets through to the application counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{RedisResult, TlsCertificates};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::{DEADLINE, Login, wait_until};

/// Clients at work until they are [stopped](Load::end).
pub struct Load {
    runtime: Runtime,
    over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    clients: Vec<JoinHandle<Client>>,
    connection: ClusterConnection,
}

/// What one client did.
struct Client {
    key: String,
    acknowledged: u64,
    gap: Duration,
    errors: Vec<String>,
}

/// What they saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Of these, how many are not there.
    pub lost: u64,
    /// The longest time that a client had to wait.
    pub gap: Duration,
    /// What was more than the library's own patience.
    pub errors: Vec<String>,
}

impl Load {
    /// Begins with so many clients, each with a key of its own below `prefix`; as soon as they have written.
    ///
    /// # Panics
    /// Nobody can be reached.
    pub fn begin(login: &Login, endpoints: &[String], prefix: &str, clients: usize) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let over = Arc::new(AtomicBool::new(false));
        let acknowledged = Arc::new(AtomicU64::new(0));
        let connection = runtime.block_on(connect(login, endpoints)).expect("the cluster");
        // To each its own: over one that several share, what one of them is sent on with (`ASKING`) may be taken by another's call.
        let clients = (0..clients).map(|number| {
            let key = format!("{prefix}load-{number}");
            let connection = runtime.block_on(connect(login, endpoints)).expect("the cluster");
            runtime.spawn(work(connection, key, over.clone(), acknowledged.clone()))
        });
        let clients = clients.collect();
        let load = Self { runtime, over, acknowledged, clients, connection };
        load.goes_on(100);
        load
    }

    /// Waits until so many further writes are acknowledged.
    pub fn goes_on(&self, writes: u64) {
        let from = self.acknowledged.load(Ordering::SeqCst);
        let enough = || self.acknowledged.load(Ordering::SeqCst) >= from + writes;
        wait_until("clients go on writing", DEADLINE, enough);
    }

    /// Stops them, and counts.
    ///
    /// # Panics
    /// Nobody serves any more.
    pub fn end(self) -> Seen {
        self.goes_on(100);
        self.over.store(true, Ordering::SeqCst);
        let Self { runtime, clients, mut connection, .. } = self;
        runtime.block_on(async move {
            let mut seen = Seen::default();
            for client in clients {
                let client = client.await.expect("a client");
                let held: RedisResult<Option<u64>> =
                    redis::cmd("GET").arg(&client.key).query_async(&mut connection).await;
                seen.acknowledged += client.acknowledged;
                // Whoever tries again may have counted twice, and never too little.
                seen.lost += client.acknowledged.saturating_sub(held.expect("an answer").unwrap_or(0));
                seen.gap = seen.gap.max(client.gap);
                seen.errors.extend(client.errors);
            }
            seen
        })
    }
}

/// The library as an application has it that means to live through a failover: a few more tries than its default, each
/// given up when the servers themselves would give one another up.
async fn connect(login: &Login, endpoints: &[String]) -> RedisResult<ClusterConnection> {
    let urls = endpoints.iter().map(|endpoint| Login { endpoint: endpoint.clone(), ..login.clone() }.url());
    let trusted = TlsCertificates { client_tls: None, root_cert: Some(login.ca.clone().into_bytes()) };
    let client =
        ClusterClient::builder(urls).certs(trusted).retries(16).response_timeout(Duration::from_secs(5)).build()?;
    client.get_async_connection().await
}

async fn work(
    mut connection: ClusterConnection,
    key: String,
    over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
) -> Client {
    let mut client = Client { key, acknowledged: 0, gap: Duration::ZERO, errors: Vec::new() };
    let mut last = Instant::now();
    while !over.load(Ordering::SeqCst) {
        match redis::cmd("INCR").arg(&client.key).query_async::<u64>(&mut connection).await {
            Ok(_) => {
                client.acknowledged += 1;
                acknowledged.fetch_add(1, Ordering::SeqCst);
                client.gap = client.gap.max(last.elapsed());
                last = Instant::now();
            }
            Err(error) => client.errors.push(error.to_string()),
        }
        // An application has something else to do, too; clients that never rest take a small machine for themselves.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    client
}
