//! Clients that write to one shard all the time and follow it wherever it goes; for `cargo xtask bench`.
//!
//! `shard-writer CA-FILE USER ENDPOINT...`, the password in `WRITER_PASSWORD`. It prints a line when its first writes are
//! acknowledged. To a line on its input it answers, once writes have gone on after the longest gap since then, with
//! `{"gap_s": ..., "acknowledged": ..., "lost": ...}`, and ends. The gap is one client's; the others make the load of which something
//! can be lost. With `WRITER_GOES_ON` it goes on until a second line, however many gaps there are, and tells of the longest.
#![allow(clippy::print_stdout, reason = "its answers are for the program that started it")]

use std::io::BufRead;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use acceptance_tests::Login;
use redis::{Commands, Connection, RedisResult};

/// A gap is over when so many writes in a row were acknowledged after it.
const ENOUGH: u64 = 200;
/// Shorter times without a write are not what is looked for, where one gap is waited for.
const NOISE: Duration = Duration::from_millis(20);
/// Longest wait for one answer: a server that stands still gives none.
const ANSWER: Duration = Duration::from_millis(500);

/// Rest of a client before it tries another server: whoever hammers takes the processor that the servers need to recover.
const BACK_OFF: Duration = Duration::from_millis(5);
/// How often connections that were lost are made again.
const MENDED: Duration = Duration::from_millis(50);
/// Longest wait for what is read back, when nothing is measured any more.
const READ_BACK: Duration = Duration::from_secs(30);
/// Clients beside the one whose gap is measured.
const OTHERS: usize = 8;

static ASKED: AtomicBool = AtomicBool::new(false);
static TOLD: AtomicBool = AtomicBool::new(false);
static OVER: AtomicBool = AtomicBool::new(false);

fn main() {
    let mut arguments = std::env::args().skip(1);
    let ca = std::fs::read_to_string(arguments.next().expect("a CA file")).expect("the CA file");
    let user = arguments.next().expect("a user");
    let password = std::env::var("WRITER_PASSWORD").expect("WRITER_PASSWORD");
    let logins: Vec<Login> = arguments
        .map(|endpoint| Login { endpoint, ca: ca.clone(), user: user.clone(), password: password.clone() })
        .collect();
    std::thread::spawn(|| {
        let mut line = String::new();
        let _ = std::io::stdin().lock().read_line(&mut line);
        ASKED.store(true, Ordering::SeqCst);
        let _ = std::io::stdin().lock().read_line(&mut line);
        TOLD.store(true, Ordering::SeqCst);
    });
    let goes_on = std::env::var_os("WRITER_GOES_ON").is_some();
    let key = key(&logins);
    let pools: Vec<Pool<'_>> = (0..=OTHERS).map(|_| Pool::new(&logins)).collect();
    let (gap, acknowledged, lost) = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !OVER.load(Ordering::SeqCst) {
                pools.iter().for_each(Pool::mend);
                std::thread::sleep(MENDED);
            }
        });
        let others: Vec<_> = pools[1..]
            .iter()
            .enumerate()
            .map(|(number, pool)| (format!("{{{key}}}:{number}"), pool))
            .map(|(key, pool)| scope.spawn(move || (write_on(pool, &key), key)))
            .collect();
        let (gap, acknowledged) = write(&pools[0], &key, goes_on);
        OVER.store(true, Ordering::SeqCst);
        let (mut sum, mut lost) = (acknowledged, acknowledged - held(&logins, &key, acknowledged));
        for other in others {
            let (acknowledged, key) = other.join().expect("a writer");
            sum += acknowledged;
            lost += acknowledged - held(&logins, &key, acknowledged);
        }
        (gap, sum, lost)
    });
    println!("{{\"gap_s\": {}, \"acknowledged\": {acknowledged}, \"lost\": {lost}}}", gap.as_secs_f64());
}

/// How many of the first so many bits of the key are set in the shard.
fn held(logins: &[Login], key: &str, bits: u64) -> u64 {
    let begun = Instant::now();
    let held: Vec<u8> = loop {
        // With all the time that a handshake takes beside the writers of other shards.
        let answer = |login: &Login| login.connect()?.get::<_, Option<Vec<u8>>>(key);
        let answers: Vec<RedisResult<Option<Vec<u8>>>> = logins.iter().map(answer).collect();
        if let Some(held) = answers.iter().find_map(|answer| answer.as_ref().ok()) {
            break held.clone().unwrap_or_default();
        }
        assert!(begun.elapsed() < READ_BACK, "nobody of the shard tells of {key}: {answers:?}");
        std::thread::sleep(BACK_OFF);
    };
    let is_set = |bit: &u64| held.get((bit / 8) as usize).is_some_and(|byte| byte & (0x80 >> (bit % 8)) != 0);
    (0..bits).filter(is_set).count() as u64
}

/// A connection to each server, kept as clients of clusters keep theirs: one that is lost is made again beside the writing. What is
/// measured is the pause of the shard, not the handshakes of all its clients.
struct Pool<'a> {
    logins: &'a [Login],
    kept: Vec<Mutex<Option<Connection>>>,
}

impl<'a> Pool<'a> {
    fn new(logins: &'a [Login]) -> Self {
        Self { logins, kept: logins.iter().map(|login| Mutex::new(connect(login))).collect() }
    }

    /// Sets a bit at one server; whether it was acknowledged.
    fn set(&self, at: usize, key: &str, bit: u64) -> bool {
        let mut kept = self.kept[at].lock().expect("nobody panics with it");
        if kept.is_none() {
            *kept = connect(&self.logins[at]);
        }
        let Some(open) = kept.as_mut() else { return false };
        let told = open.setbit::<_, ()>(key, bit as usize, true);
        // A server that has an answer has a connection, too.
        if told.as_ref().is_err_and(|error| error.code().is_none()) {
            *kept = None;
        }
        told.is_ok()
    }

    /// Makes lost connections again, and finds out which ones are. Whoever writes just now holds a good one.
    fn mend(&self) {
        for (slot, login) in self.kept.iter().zip(self.logins) {
            let Ok(mut kept) = slot.try_lock() else { continue };
            let lives = kept.as_mut().is_some_and(|open| redis::cmd("PING").exec(open).is_ok());
            if !lives {
                *kept = None;
                // The handshake holds nobody up.
                drop(kept);
                let open = connect(login);
                *slot.lock().expect("nobody panics with it") = open;
            }
        }
    }
}

/// One client: it sets one bit after the other, so that one that is lost is not made up for by the next, and tries another server when
/// one does not take it.
struct Client<'a> {
    pool: &'a Pool<'a>,
    at: usize,
    /// How many were acknowledged.
    number: u64,
}

impl<'a> Client<'a> {
    const fn new(pool: &'a Pool<'a>) -> Self {
        Self { pool, at: 0, number: 0 }
    }

    /// Sets the next bit; whether it was acknowledged.
    fn write(&mut self, key: &str) -> bool {
        let written = self.pool.set(self.at % self.pool.logins.len(), key, self.number);
        if !written {
            self.at += 1;
            std::thread::sleep(BACK_OFF);
        }
        self.number += u64::from(written);
        written
    }
}

/// Writes until all is over; how many were acknowledged.
fn write_on(pool: &Pool<'_>, key: &str) -> u64 {
    let mut client = Client::new(pool);
    while !OVER.load(Ordering::SeqCst) {
        client.write(key);
    }
    client.number
}

/// Writes until it was asked and has gone on after the longest gap; or until it is told to end.
fn write(pool: &Pool<'_>, key: &str, goes_on: bool) -> (Duration, u64) {
    let mut client = Client::new(pool);
    let (mut last, mut gap, mut since_gap) = (Instant::now(), Duration::ZERO, 0);
    let noise = if goes_on { Duration::ZERO } else { NOISE };
    let over = |gap: Duration, since_gap: u64| match goes_on {
        true => TOLD.load(Ordering::SeqCst),
        false => gap != Duration::ZERO && since_gap > ENOUGH,
    };
    while !over(gap, since_gap) {
        if !client.write(key) {
            continue;
        }
        since_gap += 1;
        if last.elapsed() > gap.max(noise) && ASKED.load(Ordering::SeqCst) {
            (gap, since_gap) = (last.elapsed(), 0);
        }
        last = Instant::now();
        if client.number == ENOUGH {
            println!("writing");
        }
    }
    (gap, client.number)
}

/// A server that stands still takes a connection and never ends the handshake: that is waited for elsewhere.
fn connect(login: &Login) -> Option<Connection> {
    let (login, (done, opened)) = (login.clone(), mpsc::channel());
    std::thread::spawn(move || done.send(login.connect()));
    let connection = opened.recv_timeout(ANSWER).ok()?.ok()?;
    connection.set_read_timeout(Some(ANSWER)).ok()?;
    Some(connection)
}

/// A key that the shard of these servers takes, and that nobody has written to yet.
fn key(logins: &[Login]) -> String {
    let mut keys = (0..1000).map(|number| format!("bits-{}-{number}", std::process::id()));
    let mut connections: Vec<Connection> = logins.iter().filter_map(connect).collect();
    keys.find(|key| connections.iter_mut().any(|open| open.del::<_, ()>(key).is_ok())).expect("a key of the shard")
}
