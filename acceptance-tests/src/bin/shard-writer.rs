//! A client that writes to one shard all the time and follows it wherever it goes; for `cargo xtask bench`.
//!
//! `shard-writer CA-FILE USER ENDPOINT...`, the password in `WRITER_PASSWORD`. It prints a line when its first writes are
//! acknowledged. To a line on its input it answers, once writes have gone on after the longest gap since then, with
//! `{"gap_s": ..., "lost": ...}`, and ends.
#![allow(clippy::print_stdout, reason = "its answers are for the program that started it")]

use std::io::BufRead;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use acceptance_tests::Login;
use redis::{Commands, Connection};

/// A gap is over when so many writes in a row were acknowledged after it.
const ENOUGH: u64 = 200;
/// Shorter times without a write are not what is looked for.
const NOISE: Duration = Duration::from_millis(20);
/// Longest wait for one answer: a server that stands still gives none.
const ANSWER: Duration = Duration::from_millis(500);

static ASKED: AtomicBool = AtomicBool::new(false);

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
    });
    let (gap, acknowledged, key) = write(&logins);
    let held: u64 =
        logins.iter().find_map(|login| login.connect().ok()?.get(&key).ok()).expect("the shard holds the key");
    println!("{{\"gap_s\": {}, \"lost\": {}}}", gap.as_secs_f64(), acknowledged.saturating_sub(held));
}

/// Writes until it was asked and has gone on after the longest gap.
fn write(logins: &[Login]) -> (Duration, u64, String) {
    let (key, mut number, mut at) = (key(logins), 0_u64, 0);
    let (mut last, mut gap, mut since_gap) = (Instant::now(), Duration::ZERO, 0);
    let mut connection: Option<Connection> = None;
    loop {
        let mut open = match connection.take().map_or_else(|| connect(&logins[at % logins.len()]), Some) {
            Some(open) => open,
            None => {
                at += 1;
                continue;
            }
        };
        match open.set::<_, _, ()>(&key, number + 1) {
            Ok(()) => {
                number += 1;
                since_gap += 1;
                if last.elapsed() > gap.max(NOISE) && ASKED.load(Ordering::SeqCst) {
                    (gap, since_gap) = (last.elapsed(), 0);
                }
                last = Instant::now();
                connection = Some(open);
            }
            Err(_) => at += 1,
        }
        if number == ENOUGH {
            println!("writing");
        }
        if gap > Duration::ZERO && since_gap > ENOUGH {
            return (gap, number, key);
        }
    }
}

fn connect(login: &Login) -> Option<Connection> {
    let connection = login.connect().ok()?;
    connection.set_read_timeout(Some(ANSWER)).ok()?;
    Some(connection)
}

/// A key that the shard of these servers takes.
fn key(logins: &[Login]) -> String {
    let mut keys = (0..1000).map(|number| format!("counter-{number}"));
    let mut connections: Vec<Connection> = logins.iter().filter_map(connect).collect();
    keys.find(|key| connections.iter_mut().any(|open| open.set::<_, _, ()>(key, 0).is_ok()))
        .expect("a key of the shard")
}
