//! Clients that write to a whole cluster all the time, as an application's own library does: they find their way by the servers'
//! redirections and try again by themselves, and every error that gets through to the application counts.

use std::ops::RangeInclusive;
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
    /// Which writes were acknowledged, and when.
    acknowledged: Vec<(usize, Instant)>,
    gap: Duration,
    errors: Vec<String>,
}

impl Client {
    /// Of its acknowledged writes, when those were acknowledged that are not there.
    fn missing(&self, held: &[u8]) -> impl Iterator<Item = Instant> {
        let there = |number: usize| held.get(number / 8).is_some_and(|byte| byte & (0x80 >> (number % 8)) != 0);
        self.acknowledged.iter().filter(move |(number, _)| !there(*number)).map(|(_, at)| *at)
    }
}

/// What they saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Writes that were acknowledged.
    pub acknowledged: u64,
    /// Of these, how many are not there.
    pub lost: u64,
    /// When those were acknowledged, where that is known.
    pub missing: Vec<Instant>,
    /// The longest time that a client had to wait.
    pub gap: Duration,
    /// What was more than the library's own patience.
    pub errors: Vec<String>,
}

impl Seen {
    /// That nothing is lost but what was acknowledged in one of these spans.
    ///
    /// # Panics
    /// Something else is.
    pub fn lost_only_in(&self, spans: &[RangeInclusive<Instant>], case: &str) {
        let unexcused = self.missing.iter().filter(|at| !spans.iter().any(|span| span.contains(at))).count();
        assert_eq!(unexcused, 0, "{case}: acknowledged writes are lost that nobody may lose: {self:?}");
    }
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
        let mut connection = runtime.block_on(connect(login, endpoints)).expect("the cluster");
        // To each its own (docs/guides/clients.md).
        let clients = (0..clients).map(|number| {
            let key = format!("{prefix}load-{number}");
            // What others before have written is not to pass for what these will write.
            runtime.block_on(redis::cmd("DEL").arg(&key).exec_async(&mut connection)).expect("the key is free");
            let own = runtime.block_on(connect(login, endpoints)).expect("the cluster");
            runtime.spawn(work(own, key, over.clone(), acknowledged.clone()))
        });
        let clients = clients.collect::<Vec<_>>();
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
                let held: RedisResult<Option<Vec<u8>>> =
                    redis::cmd("GET").arg(&client.key).query_async(&mut connection).await;
                seen.acknowledged += client.acknowledged.len() as u64;
                seen.missing.extend(client.missing(&held.expect("an answer").unwrap_or_default()));
                seen.gap = seen.gap.max(client.gap);
                seen.errors.extend(client.errors);
            }
            seen.lost = seen.missing.len() as u64;
            seen
        })
    }
}

/// What a primary that ends may have acknowledged and its replica not have: nothing older. It is the oldest report of a replica that is
/// asked to take over (`LAST_REPORT_MAX`, promise 1 of docs/guarantees.md).
pub const OLDEST_LOSS: Duration = Duration::from_secs(5);
/// How long after a kill a client may read an answer that was sent before it, on a busy machine.
pub const IN_FLIGHT: Duration = Duration::from_secs(1);
/// Longest wait for a connection. The library's own second is too short for a machine that is busy with twelve clients' handshakes at once:
/// all fail, and all begin anew.
const CONNECTED: Duration = Duration::from_secs(5);
/// Longest wait for an answer to one attempt.
const ANSWER: Duration = Duration::from_secs(2);
/// Longest wait for a command with all its attempts. Unless it is said, this library takes [`ANSWER`] for that as well, and waits 1.28 s at
/// least before it tries again: then most second attempts would come too late.
const PATIENCE: Duration = Duration::from_secs(30);
/// Shortest and longest rest between two attempts, in ms. By itself the library doubles it with each attempt, redirections included: after a
/// dozen of those, which take milliseconds, it would rest for minutes.
const RESTS: [u64; 2] = [100, 1000];
/// More attempts than there is patience for.
const ATTEMPTS: u32 = 300;

/// The library as an application has it that means to live through a failover (docs/guides/clients.md).
async fn connect(login: &Login, endpoints: &[String]) -> RedisResult<ClusterConnection> {
    let urls = endpoints.iter().map(|endpoint| Login { endpoint: endpoint.clone(), ..login.clone() }.url());
    let trusted = TlsCertificates { client_tls: None, root_cert: Some(login.ca.clone().into_bytes()) };
    let [least, most] = RESTS;
    let builder = ClusterClient::builder(urls).certs(trusted).connection_timeout(CONNECTED).response_timeout(ANSWER);
    let builder = builder.retries(ATTEMPTS).min_retry_wait(least).retry_wait_formula(most, 1);
    let client = builder.overall_response_timeout(Some(PATIENCE)).build()?;
    client.get_async_connection().await
}

/// Writes one number after the other, each to a bit of its own: a write that the library repeats changes nothing, and one that is lost
/// is not made up for by another.
async fn work(
    mut connection: ClusterConnection,
    key: String,
    over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
) -> Client {
    let mut client = Client { key, acknowledged: Vec::new(), gap: Duration::ZERO, errors: Vec::new() };
    let begun = Instant::now();
    let mut last = begun;
    for number in 0.. {
        if over.load(Ordering::SeqCst) {
            break;
        }
        match redis::cmd("SETBIT").arg(&client.key).arg(number).arg(1).query_async::<u8>(&mut connection).await {
            Ok(_) => {
                acknowledged.fetch_add(1, Ordering::SeqCst);
                client.gap = client.gap.max(last.elapsed());
                last = Instant::now();
                client.acknowledged.push((number, last));
            }
            Err(error) => client.errors.push(format!("after {:.1} s: {error}", begun.elapsed().as_secs_f32())),
        }
        // An application has something else to do, too; clients that never rest take a small machine for themselves.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    client
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_from_what_was_never_acknowledged() {
        let at = Instant::now();
        let acknowledged = [0, 2, 7, 8, 15].map(|number| (number, at)).into();
        let client = Client { key: String::new(), acknowledged, gap: Duration::ZERO, errors: Vec::new() };
        assert_eq!(client.missing(&[0b1010_0001, 0b1000_0001]).count(), 0);
        assert_eq!(client.missing(&[0b1110_0001, 0b1000_0000]).count(), 1, "15, and 1 was not acknowledged");
        assert_eq!(client.missing(&[0b0010_0000]).count(), 4);
        assert_eq!(client.missing(&[]).count(), 5);
    }
}
