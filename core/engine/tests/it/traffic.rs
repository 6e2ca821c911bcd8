//! Data of every kind, clients that write all the time, and what was lost of either.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::client::{Client, Said};
use crate::cluster::Cluster;

/// Keys of every type, with and without an end, named by any bytes; spread over all slots.
pub(crate) fn write_all_kinds(client: &mut Client, count: usize) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    for number in 0..count {
        let name = |kind: &str| {
            let mut name = format!("{kind}:{number}:").into_bytes();
            name.extend([0xff, b'\r', b'\n', u8::try_from(number % 256).unwrap()]);
            name
        };
        let text = format!("value of {number}");
        let many: Vec<Vec<u8>> = (0..number % 90).map(|at| format!("{text} {at}").into_bytes()).collect();
        let mut put = |verb: &str, kind: &str, words: &[Vec<u8>]| {
            let key = name(kind);
            let mut call = vec![verb.as_bytes().to_vec(), key.clone()];
            call.extend_from_slice(words);
            client.ok(&call);
            keys.push(key);
        };
        put("SET", "string", &[text.clone().into_bytes()]);
        match number % 8 {
            0 => put("RPUSH", "list", &[&[text.clone().into_bytes()][..], &many].concat()),
            1 => put("SADD", "set", &[&[b"1".to_vec(), b"2".to_vec()][..], &many].concat()),
            2 => put("HSET", "hash", &[b"field".to_vec(), text.clone().into_bytes()]),
            3 => put("ZADD", "zset", &[b"1.5".to_vec(), b"a".to_vec(), b"-7".to_vec(), text.clone().into_bytes()]),
            4 => put("XADD", "stream", &[b"5-1".to_vec(), b"field".to_vec(), text.clone().into_bytes()]),
            5 => put("PFADD", "count", &many),
            6 => put("SETBIT", "bits", &[b"700".to_vec(), b"1".to_vec()]),
            _ => put("SETEX", "ends", &[b"100000".to_vec(), text.clone().into_bytes()]),
        }
    }
    keys
}

/// A list and a hash of so many bytes each, whose slots a tag chooses.
pub(crate) fn write_large(client: &mut Client, tag: &str, bytes: usize) -> Vec<Vec<u8>> {
    let part = vec![b'x'; 10_000];
    let (list, hash) = (format!("{{{tag}}}:large-list").into_bytes(), format!("{{{tag}}}:large-hash").into_bytes());
    for number in 0..bytes / part.len() {
        client.ok(&[b"RPUSH", list.as_slice(), &part]);
        client.ok(&[b"HSET", hash.as_slice(), number.to_string().as_bytes(), &part]);
    }
    vec![list, hash]
}

/// What is in keys, and when they end, in milliseconds since 1970 (-1: never).
pub(crate) type Data = BTreeMap<Vec<u8>, (Said, i64)>;

/// The keys are the same, and end at the same time: a key that is sent takes its remaining time with it, not its end, so that
/// shifts by how long it was on the way.
pub(crate) fn assert_same(before: &Data, after: &Data) {
    assert_eq!(before.len(), after.len());
    for (key, (content, ends)) in before {
        let name = String::from_utf8_lossy(key);
        let (now, end) = &after[key];
        assert!(content == now, "{name} is another");
        assert!((end - ends).abs() < 5000, "{name} ends at {end} instead of {ends}");
    }
}

/// Everything that is in these keys.
pub(crate) fn read_all(client: &mut Client, keys: &[Vec<u8>]) -> Data {
    let mut all = BTreeMap::new();
    for key in keys {
        let Said::Text(kind) = client.ok(&[b"TYPE", key.as_slice()]) else { panic!("no type") };
        let call: Vec<&[u8]> = match kind.as_slice() {
            b"string" => vec![b"GET", key],
            b"list" => vec![b"LRANGE", key, b"0", b"-1"],
            b"set" => vec![b"SMEMBERS", key],
            b"hash" => vec![b"HGETALL", key],
            b"zset" => vec![b"ZRANGE", key, b"0", b"-1", b"WITHSCORES"],
            b"stream" => vec![b"XRANGE", key, b"-", b"+"],
            _ => panic!("{} is gone", String::from_utf8_lossy(key)),
        };
        let mut content = client.ok(&call);
        if let Said::List(list) = &mut content {
            // The order in a hash and a set is the server's.
            list.sort_by_cached_key(|said| format!("{said:?}"));
        }
        let Said::Number(end) = client.ok(&[b"PEXPIRETIME", key.as_slice()]) else { panic!("no number") };
        all.insert(key.clone(), (content, end));
    }
    all
}

/// Clients that count, each its own keys up, as fast as they can.
pub(crate) struct Writers {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<Count>>,
    pub(crate) acknowledged: Arc<AtomicU64>,
}

/// What one writer did.
pub(crate) struct Count {
    client: Client,
    /// The last answer for each key.
    last: BTreeMap<String, i64>,
    /// The longest time between two answers.
    gap: Duration,
}

impl Writers {
    pub(crate) fn start(cluster: &Cluster, count: usize) -> Self {
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let spawn = |number| {
            let (client, stop, acknowledged) = (Client::of(cluster), Arc::clone(&stop), Arc::clone(&acknowledged));
            std::thread::spawn(move || write(client, number, &stop, &acknowledged))
        };
        let threads = (0..count).map(spawn).collect();
        Self { stop, threads, acknowledged }
    }

    /// Stops them, and looks whether every write that was acknowledged is there. The longest gap between two answers.
    pub(crate) fn stop_and_check(self) -> Duration {
        self.stop.store(true, Ordering::Relaxed);
        let mut longest = Duration::ZERO;
        for thread in self.threads {
            let Count { mut client, last, gap } = thread.join().unwrap();
            longest = longest.max(gap);
            for (key, last) in last {
                let Said::Text(value) = client.ok(&["GET", &key]) else { panic!("{key} is gone, with {last} writes") };
                let value: i64 = String::from_utf8(value).unwrap().parse().unwrap();
                assert_eq!(value, last, "{key}: acknowledged writes are lost");
            }
        }
        longest
    }
}

fn write(mut client: Client, number: usize, stop: &AtomicBool, acknowledged: &AtomicU64) -> Count {
    let (mut last, mut gap) = (BTreeMap::<String, i64>::new(), Duration::ZERO);
    for turn in 0.. {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        let key = format!("counter:{number}:{}", turn * 7 % 500);
        let (unsure, begun) = (client.unsure, Instant::now());
        let Said::Number(value) = client.ok(&["INCR", &key]) else { panic!("no number") };
        gap = gap.max(begun.elapsed());
        // A call that was made anew because nobody answered may have been done as well.
        let (least, most) = (last.get(&key).unwrap_or(&0) + 1, last.get(&key).unwrap_or(&0) + 1);
        let most = most + i64::try_from(client.unsure - unsure).unwrap();
        assert!((least..=most).contains(&value), "{key} is {value}, and not {least} to {most}: writes are lost");
        last.insert(key, value);
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
    Count { client, last, gap }
}
