//! The servers that are measured: on loopback, without TLS, persistence or users.

use std::io::{BufRead, BufReader, BufWriter, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use justmanage_engine::{Connection, Login};
use justmanage_model::{BusId, Secret, SlotSet};

pub(crate) struct Field {
    nodes: Vec<(Child, u16)>,
    primaries: usize,
    _directory: tempfile::TempDir,
}

/// There are no users: the one who is everybody has no password, and takes any.
pub(crate) fn login() -> Login {
    Login { user: "default".to_owned(), password: Secret::new("any".to_owned()) }
}

pub(crate) fn cli() -> PathBuf {
    std::env::home_dir().unwrap().join(".cache/justmanage/servers/redis-7.0.15/bin/redis-cli")
}

impl Field {
    /// So many primaries that share all slots, and so many without any.
    pub(crate) async fn formed(server: &Path, primaries: usize, empty: usize) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let start = |number: usize| {
            let port = free_port();
            let data = directory.path().join(number.to_string());
            std::fs::create_dir(&data).unwrap();
            let name = server.file_name().unwrap().to_string_lossy().into_owned();
            let program = server.join("bin").join(format!("{}-server", name.split('-').next().unwrap()));
            let node = Command::new(program)
                .args(["--port", &port.to_string(), "--cluster-enabled", "yes", "--save", "", "--bind", "127.0.0.1"])
                .args(["--cluster-node-timeout", "5000", "--cluster-allow-replica-migration", "no"])
                .args(std::env::var("SERVER_ARGS").unwrap_or_default().split_whitespace())
                .current_dir(data)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn();
            (node.unwrap(), port)
        };
        let nodes = (0..primaries + empty).map(start).collect();
        let field = Self { nodes, primaries, _directory: directory };
        field.form().await;
        field
    }

    async fn form(&self) {
        for number in 0..self.nodes.len() {
            let mut node = self.connect(number).await;
            node.cluster_set_config_epoch(number as u64 + 1).await.unwrap();
            if number < self.primaries {
                let share = SlotSet::share(u16::try_from(number).unwrap(), u16::try_from(self.primaries).unwrap());
                node.assign_slots(&share).await.unwrap();
            }
            for (_, port) in &self.nodes[..number] {
                node.cluster_meet(SocketAddr::from(([127, 0, 0, 1], *port)), port + 10000).await.unwrap();
            }
        }
        for number in 0..self.nodes.len() {
            let (mut node, begun) = (self.connect(number).await, Instant::now());
            loop {
                let view = node.bus_view().await.unwrap();
                let known = view.peers.iter().filter(|peer| peer.linked_to && peer.linked_from && !peer.handshake);
                if view.ok && known.count() == self.nodes.len() - 1 {
                    break;
                }
                assert!(begun.elapsed() < Duration::from_secs(30), "{view:?}");
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }

    pub(crate) fn address(&self, number: usize) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.nodes[number].1))
    }

    pub(crate) async fn connect(&self, number: usize) -> Connection {
        let begun = Instant::now();
        loop {
            match Connection::open_plaintext(self.address(number), &login(), Duration::from_secs(10)).await {
                Ok(connection) => return connection,
                Err(error) => assert!(begun.elapsed() < Duration::from_secs(10), "{error:?}"),
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    pub(crate) async fn id(&self, number: usize) -> BusId {
        self.connect(number).await.myself().await.unwrap().id
    }

    /// How many slots a node has, and how many keys.
    pub(crate) async fn at(&self, number: usize) -> (u16, u64) {
        let slots = self.connect(number).await.myself().await.unwrap().slots.len();
        (slots, self.cli(number, &["DBSIZE"]).parse().unwrap())
    }

    pub(crate) fn cli(&self, number: usize, words: &[&str]) -> String {
        let said = Command::new(cli()).args(["-p", &self.nodes[number].1.to_string()]).args(words).output().unwrap();
        String::from_utf8_lossy(&said.stdout).trim().to_owned()
    }

    /// Writes so many keys to the nodes that have their slots.
    pub(crate) fn load(&self, keys: u64, value: usize) {
        let value = "v".repeat(value);
        let mut wires: Vec<(BufWriter<TcpStream>, u64)> = (0..self.primaries)
            .map(|number| (BufWriter::with_capacity(1 << 16, TcpStream::connect(self.address(number)).unwrap()), 0))
            .collect();
        let shares: Vec<SlotSet> =
            (0..self.primaries as u16).map(|number| SlotSet::share(number, self.primaries as u16)).collect();
        for number in 0..keys {
            let key = format!("key:{number:09}");
            let slot = justmanage_model::Slot::new(slot(key.as_bytes())).unwrap();
            let (wire, sent) = &mut wires[shares.iter().position(|share| share.contains(slot)).unwrap()];
            write!(wire, "*3\r\n$3\r\nSET\r\n${}\r\n{key}\r\n${}\r\n{value}\r\n", key.len(), value.len()).unwrap();
            *sent += 1;
        }
        for (wire, sent) in wires {
            let mut answers = BufReader::new(wire.into_inner().unwrap()).lines();
            assert!((0..sent).all(|_| answers.next().unwrap().unwrap() == "+OK"));
        }
    }
}

impl Drop for Field {
    fn drop(&mut self) {
        for (node, _) in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

/// With the one 10000 above it, for the bus.
fn free_port() -> u16 {
    let free = |port: &u16| [*port, *port + 10000].iter().all(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    static NEXT: std::sync::atomic::AtomicU16 = std::sync::atomic::AtomicU16::new(12000);
    std::iter::repeat_with(|| NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)).find(free).unwrap()
}

/// The slot of a key without a tag: CRC-16/XMODEM.
fn slot(key: &[u8]) -> u16 {
    let crc = key.iter().fold(0_u16, |crc, byte| {
        (0..8).fold(
            crc ^ (u16::from(*byte) << 8),
            |crc, _| if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 },
        )
    });
    crc % 16384
}
