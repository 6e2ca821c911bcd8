//! A client of a cluster as programs use one: it goes where the servers send it, and tries again while they are not ready.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::cluster::{Cluster, USER};
use crate::node::DEADLINE;

/// What a server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Said {
    Text(Vec<u8>),
    Number(i64),
    Nil,
    List(Vec<Said>),
    Error(String),
}

trait Wire: Read + Write + Send {}
impl<T: Read + Write + Send> Wire for T {}

pub(crate) struct Client {
    nodes: Vec<SocketAddr>,
    tls: Option<Arc<ClientConfig>>,
    wires: HashMap<SocketAddr, BufReader<Box<dyn Wire>>>,
    /// Where a key was last found.
    known: HashMap<Vec<u8>, SocketAddr>,
    /// How often a call had to be made anew because its fate was unknown.
    pub(crate) unsure: u64,
}

impl Client {
    pub(crate) fn of(cluster: &Cluster) -> Self {
        let nodes = cluster.nodes.iter().map(|node| node.address).collect();
        let tls = cluster.nodes[0].tls.then(|| trusting(&cluster.nodes[0].authority.pem));
        Self { nodes, tls, wires: HashMap::new(), known: HashMap::new(), unsure: 0 }
    }

    /// What comes of a call about a key (its second word), wherever that is.
    pub(crate) fn call<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Said {
        let key = words.get(1).map_or(&[][..], AsRef::as_ref).to_vec();
        let started = Instant::now();
        let (mut at, mut asking) = (self.known.get(&key).copied().unwrap_or(self.nodes[0]), false);
        loop {
            assert!(started.elapsed() < DEADLINE, "no answer");
            match self.ask(at, asking, words) {
                Ok(Said::Error(said)) if said.starts_with("MOVED ") || said.starts_with("ASK ") => {
                    asking = said.starts_with("ASK ");
                    at = said.rsplit(' ').next().unwrap().parse().unwrap();
                    if !asking {
                        self.known.insert(key.clone(), at);
                    }
                    continue;
                }
                Ok(Said::Error(said))
                    if ["TRYAGAIN", "CLUSTERDOWN", "LOADING"].iter().any(|word| said.starts_with(word)) => {}
                Ok(said) => return said,
                Err(_) => {
                    self.wires.remove(&at);
                    self.unsure += 1;
                }
            }
            asking = false;
            at = self.known.get(&key).copied().unwrap_or(self.nodes[0]);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The same, and it must be no error.
    pub(crate) fn ok<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Said {
        let said = self.call(words);
        assert!(!matches!(said, Said::Error(_)), "{said:?}");
        said
    }

    fn ask<A: AsRef<[u8]>>(&mut self, at: SocketAddr, asking: bool, words: &[A]) -> io::Result<Said> {
        if !self.wires.contains_key(&at) {
            let mut wire = BufReader::new(self.connect(at)?);
            exchange(&mut wire, &["AUTH", USER.0, USER.1])?;
            self.wires.insert(at, wire);
        }
        let wire = self.wires.get_mut(&at).unwrap();
        if asking {
            exchange(wire, &["ASKING"])?;
        }
        exchange(wire, words)
    }

    fn connect(&self, at: SocketAddr) -> io::Result<Box<dyn Wire>> {
        let stream = TcpStream::connect(at)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let Some(tls) = &self.tls else { return Ok(Box::new(stream)) };
        let connection = ClientConnection::new(Arc::clone(tls), ServerName::from(at.ip())).map_err(io::Error::other)?;
        Ok(Box::new(StreamOwned::new(connection, stream)))
    }
}

fn trusting(authority: &str) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

fn exchange<A: AsRef<[u8]>>(wire: &mut BufReader<Box<dyn Wire>>, words: &[A]) -> io::Result<Said> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words.iter().map(AsRef::as_ref) {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    wire.get_mut().write_all(&bytes)?;
    wire.get_mut().flush()?;
    receive(wire)
}

fn receive(wire: &mut BufReader<Box<dyn Wire>>) -> io::Result<Said> {
    let mut line = String::new();
    if wire.read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let (kind, rest) = line.trim_end().split_at(1);
    let number = || rest.parse::<i64>().map_err(io::Error::other);
    Ok(match kind {
        "+" => Said::Text(rest.as_bytes().to_vec()),
        "-" => Said::Error(rest.to_owned()),
        ":" => Said::Number(number()?),
        "$" | "*" if rest == "-1" => Said::Nil,
        "$" => {
            let mut bytes = vec![0; usize::try_from(number()?).unwrap() + 2];
            wire.read_exact(&mut bytes)?;
            bytes.truncate(bytes.len() - 2);
            Said::Text(bytes)
        }
        "*" => Said::List((0..number()?).map(|_| receive(wire)).collect::<io::Result<_>>()?),
        other => return Err(io::Error::other(other.to_owned())),
    })
}
