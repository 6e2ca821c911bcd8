//! A client that writes one key after the other, over all slots, and notes how long it ever waited.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) struct Writer {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Duration>,
}

impl Writer {
    pub(crate) fn start(first: SocketAddr) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut wires, mut longest) = (HashMap::new(), Duration::ZERO);
            for number in 0_u64.. {
                if stopped.load(Ordering::Relaxed) {
                    break;
                }
                let begun = Instant::now();
                count(&mut wires, first, &format!("counter:{}", number % 50_000));
                longest = longest.max(begun.elapsed());
                // Not as fast as it can: it is to feel what others do, and not to take a processor of the two.
                std::thread::sleep(Duration::from_micros(500));
            }
            longest
        });
        Self { stop, thread }
    }

    /// The longest wait.
    pub(crate) fn stop(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

/// One write, wherever the servers say that it belongs.
fn count(wires: &mut HashMap<SocketAddr, BufReader<TcpStream>>, first: SocketAddr, key: &str) {
    let (mut at, mut asking) = (first, false);
    loop {
        let wire = wires.entry(at).or_insert_with(|| {
            let stream = TcpStream::connect(at).unwrap();
            stream.set_nodelay(true).unwrap();
            BufReader::new(stream)
        });
        let mut say = |words: &str| {
            wire.get_mut().write_all(words.as_bytes()).unwrap();
            let mut line = String::new();
            wire.read_line(&mut line).unwrap();
            line
        };
        if asking {
            say("ASKING\r\n");
        }
        let said = say(&format!("INCR {key}\r\n"));
        let said = said.trim_end();
        match said.split(' ').next().unwrap() {
            "-MOVED" | "-ASK" => {
                asking = said.starts_with("-ASK");
                at = said.rsplit(' ').next().unwrap().parse().unwrap();
            }
            "-TRYAGAIN" | "-CLUSTERDOWN" => {
                (at, asking) = (first, false);
                std::thread::sleep(Duration::from_millis(1));
            }
            _ => {
                assert!(said.starts_with(':'), "{said}");
                return;
            }
        }
    }
}
