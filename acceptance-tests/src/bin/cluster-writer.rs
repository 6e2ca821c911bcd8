//! Fills a cluster, writes to all of it, and counts what is left; for `cargo xtask bench`, which has it do the same to clusters that agents
//! run and to bare servers.
//!
//! `cluster-writer CA-FILE USER KEYS ENDPOINT...`, the password in `WRITER_PASSWORD`; with `-` for CA and user, without TLS and users. It
//! writes so many keys and prints a line. After a line on its input it writes, closed loop, to keys in all slots, and prints a second line
//! when it does. After a further line it stops, reads everything back from the primaries, and prints
//! `{"gap_s": ..., "acknowledged": ..., "lost": ..., "missing": ...}`: the longest time without a write, writes that were acknowledged, how
//! many of these are not there, and how many of the keys that lay there are gone or are others.
#![allow(clippy::print_stdout, reason = "its answers are for the program that started it")]

use std::collections::HashMap;
use std::io::{BufRead, stdin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use acceptance_tests::Login;
use redis::cluster::{ClusterClient, ClusterConnection, cluster_pipe};
use redis::{Client, Cmd, Connection, RedisError, RedisResult, ServerErrorKind, TlsCertificates};

/// Keys that are sent, or asked for, at once.
const BATCH: u64 = 5000;
/// Keys that are written to while slots move: some of them in most slots.
const WRITTEN: u64 = 4096;
/// Writes before it says that it writes: a connection to each server is open by then.
const ENOUGH: u64 = WRITTEN;
/// Its rest between two writes: it is to feel what others do, and not to take a processor of two.
const REST: Duration = Duration::from_micros(500);
/// Before it tries again what a server refused for the moment.
const BACK_OFF: Duration = Duration::from_millis(1);
/// Longest wait for an answer.
const ANSWER: Duration = Duration::from_secs(5);

static TOLD: AtomicBool = AtomicBool::new(false);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().expect("CA-FILE USER KEYS ENDPOINT...");
    let (ca, user, keys): (String, String, u64) = (next(), next(), next().parse().expect("a number of keys"));
    let way = Way::new(&ca, user);
    let endpoints: Vec<String> = arguments.collect();
    let client = way.cluster(&endpoints);
    fill(&mut client.get_connection().expect("the cluster"), keys);
    println!("filled");
    let mut lines = stdin().lock().lines();
    lines.next().expect("a line").expect("a line");
    let writing = {
        let (way, first) = (way.clone(), endpoints[0].clone());
        thread::spawn(move || write(way, first))
    };
    lines.next().expect("a line").expect("a line");
    TOLD.store(true, Ordering::SeqCst);
    let Written { gap, acknowledged } = writing.join().expect("the writer");
    let mut connection = way.cluster(&endpoints).get_connection().expect("the cluster");
    let (lost, missing) = (lost(&mut connection, &acknowledged), missing(&mut connection, keys));
    let (gap, sum) = (gap.as_secs_f64(), acknowledged.iter().map(Vec::len).sum::<usize>());
    println!("{{\"gap_s\": {gap}, \"acknowledged\": {sum}, \"lost\": {lost}, \"missing\": {missing}}}");
}

/// How servers are reached.
#[derive(Clone)]
struct Way {
    /// CA, user and password; `None` where there are none.
    login: Option<Login>,
}

impl Way {
    fn new(ca: &str, user: String) -> Self {
        let login = (ca != "-").then(|| Login {
            endpoint: String::new(),
            ca: std::fs::read_to_string(ca).expect("the CA file"),
            user,
            password: std::env::var("WRITER_PASSWORD").expect("WRITER_PASSWORD"),
        });
        Self { login }
    }

    fn url(&self, endpoint: &str) -> String {
        let login = self.login.clone().map(|login| Login { endpoint: endpoint.to_owned(), ..login });
        login.map_or_else(|| format!("redis://{endpoint}"), |login| login.url())
    }

    fn trusted(&self) -> Option<TlsCertificates> {
        let login = self.login.as_ref()?;
        Some(TlsCertificates { client_tls: None, root_cert: Some(login.ca.clone().into_bytes()) })
    }

    fn cluster(&self, endpoints: &[String]) -> ClusterClient {
        let builder = ClusterClient::builder(endpoints.iter().map(|endpoint| self.url(endpoint)));
        let builder = self.trusted().into_iter().fold(builder, |builder, trusted| builder.certs(trusted));
        builder.connection_timeout(ANSWER).response_timeout(ANSWER).build().expect("a client")
    }

    fn server(&self, endpoint: &str) -> RedisResult<Connection> {
        let client = match self.trusted() {
            Some(trusted) => Client::build_with_tls(self.url(endpoint), trusted)?,
            None => Client::open(self.url(endpoint))?,
        };
        let connection = client.get_connection_with_timeout(ANSWER)?;
        connection.set_read_timeout(Some(ANSWER))?;
        Ok(connection)
    }
}

fn key(number: u64) -> String {
    format!("key:{number:09}")
}

fn value(number: u64) -> String {
    format!("value-{number:010}")
}

fn written(number: u64) -> String {
    format!("written:{number}")
}

fn fill(connection: &mut ClusterConnection, keys: u64) {
    batches(keys, |numbers| {
        let mut pipe = cluster_pipe();
        for number in numbers {
            pipe.cmd("SET").arg(key(number)).arg(value(number)).ignore();
        }
        pipe.exec(connection).expect("writes");
    });
}

/// How many keys are not as they were filled.
fn missing(connection: &mut ClusterConnection, keys: u64) -> usize {
    let mut missing = 0;
    batches(keys, |numbers| {
        let held = read(connection, numbers.clone().map(key));
        missing += held.iter().zip(numbers).filter(|(held, number)| **held != value(*number).into_bytes()).count();
    });
    missing
}

/// How many of the bits that were acknowledged, by their keys, are not set.
fn lost(connection: &mut ClusterConnection, acknowledged: &[Vec<u64>]) -> usize {
    let held = read(connection, (0..WRITTEN).map(written));
    let is_set =
        |held: &[u8], bit: u64| held.get((bit / 8) as usize).is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0);
    held.iter().zip(acknowledged).map(|(held, bits)| bits.iter().filter(|bit| !is_set(held, **bit)).count()).sum()
}

fn read(connection: &mut ClusterConnection, keys: impl Iterator<Item = String>) -> Vec<Vec<u8>> {
    let mut pipe = cluster_pipe();
    for key in keys {
        pipe.cmd("GET").arg(key);
    }
    let held: Vec<Option<Vec<u8>>> = pipe.query(connection).expect("answers");
    held.into_iter().map(Option::unwrap_or_default).collect()
}

fn batches(keys: u64, mut batch: impl FnMut(std::ops::Range<u64>)) {
    (0..keys).step_by(BATCH as usize).for_each(|from| batch(from..keys.min(from + BATCH)));
}

/// What was written.
struct Written {
    gap: Duration,
    /// The bits of each key that were acknowledged.
    acknowledged: Vec<Vec<u64>>,
}

/// Sets one bit after the other, each of another key than the one before, until it is told to end.
///
/// It goes where the servers send it, and nowhere else: of a library's own way through a cluster, its rests would be measured with it.
fn write(way: Way, first: String) -> Written {
    let mut client = Follower { way, connections: HashMap::new(), owners: HashMap::new(), first };
    let mut acknowledged = vec![Vec::new(); WRITTEN as usize];
    let (mut gap, mut last) = (Duration::ZERO, Instant::now());
    for number in 0.. {
        if TOLD.load(Ordering::SeqCst) {
            break;
        }
        let (of, bit) = (number % WRITTEN, number / WRITTEN);
        while !client.write(of, bit) {}
        acknowledged[of as usize].push(bit);
        // Until it says that it writes, it finds out who owns what.
        if number > ENOUGH {
            gap = gap.max(last.elapsed());
        }
        last = Instant::now();
        if number == ENOUGH {
            println!("writing");
        }
        thread::sleep(REST);
    }
    Written { gap, acknowledged }
}

/// A client that follows redirections.
struct Follower {
    way: Way,
    connections: HashMap<String, Connection>,
    /// Who has a key, as far as is known.
    owners: HashMap<u64, String>,
    first: String,
}

impl Follower {
    /// Sets a bit; whether it was acknowledged.
    fn write(&mut self, number: u64, bit: u64) -> bool {
        let mut command = redis::cmd("SETBIT");
        command.arg(written(number)).arg(bit).arg(1);
        let owner = self.owners.get(&number).unwrap_or(&self.first).clone();
        let Err(error) = self.say(&owner, &[&command]) else { return true };
        let there = error.redirect_node().map(|(there, _)| there.to_owned());
        match (error.kind(), there) {
            (redis::ErrorKind::Server(ServerErrorKind::Ask), Some(there)) => {
                self.say(&there, &[&redis::cmd("ASKING"), &command]).is_ok()
            }
            (_, Some(there)) => {
                self.owners.insert(number, there);
                false
            }
            _ => {
                thread::sleep(BACK_OFF);
                false
            }
        }
    }

    fn say(&mut self, endpoint: &str, commands: &[&Cmd]) -> Result<(), RedisError> {
        let mut connection = match self.connections.remove(endpoint) {
            Some(connection) => connection,
            None => self.way.server(endpoint)?,
        };
        let said = commands.iter().try_for_each(|command| command.exec(&mut connection));
        // A server that has an answer has a connection, too.
        if said.as_ref().err().is_none_or(|error| error.code().is_some()) {
            self.connections.insert(endpoint.to_owned(), connection);
        }
        said
    }
}
