//! Authenticated connections for a tonic server.

use std::io;
use std::pin::Pin as StdPin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use justmanage_model::Pin;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;
use tracing::debug;

use crate::{Allowed, IdentityError, KeyPair, tls};

/// Longest time for a handshake. One that stalls must not hold its memory for long; an honest one takes milliseconds.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(3);
/// Handshakes at the same time. More than that is not an operator: further ones wait in the queue of the socket.
const HANDSHAKES: usize = 64;
/// Strangers at the same time. One is meant; each of the others costs some memory for as long as it may stay.
const STRANGERS: usize = 16;
/// How long a stranger may stay: a first meeting is one call, which takes milliseconds, and seconds where its proof is wrong. So
/// whoever does nothing but keep places taken has to come again and again.
const STRANGER_LIMIT: Duration = Duration::from_secs(15);

/// Who is at the other end; a handler finds it among the request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The key that they proved.
    pub pin: Pin,
}

/// The connections of those who are allowed, each handshake in a task of its own.
pub struct Incoming {
    connections: mpsc::Receiver<Connection>,
}

impl Incoming {
    /// Serves a socket: shows `key`, lets in who is `allowed`. Ends when the returned value is dropped.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`].
    pub fn new(listener: TcpListener, key: &KeyPair, allowed: Allowed) -> Result<Self, IdentityError> {
        let config = tls::server(key, allowed.clone())?;
        let (http2, connections) = mpsc::channel(1);
        let takers = Takers { http2, http1: None, strangers: None };
        tokio::spawn(accept(listener, Entrance::new(config, allowed, takers)));
        Ok(Self { connections })
    }
}

/// The connections of one socket, apart: by whether their key is known, and by what they speak. So what is served to one of them
/// cannot be reached by another, whatever a service forgets to ask.
pub struct Doors {
    /// Of those who are allowed, over HTTP/2.
    pub known: Incoming,
    /// Of those who are allowed, over HTTP/1.1: readers of metrics.
    pub readers: Incoming,
    /// Of those who are let in although nobody knows them ([`Allowed::set_with_strangers`]), over HTTP/2.
    pub strangers: Incoming,
}

impl Doors {
    /// Serves a socket: shows `key`, lets in who is `allowed`. Ends when `known` is dropped.
    ///
    /// Each caller says in its handshake what it speaks (ALPN), and who says nothing speaks HTTP/1.1. They come apart because an
    /// HTTP/2 server has to speak first, so that a caller who is refused hears why; a server that does not know yet what is
    /// spoken would wait for the caller, who waits for it.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`].
    pub fn open(listener: TcpListener, key: &KeyPair, allowed: Allowed) -> Result<Self, IdentityError> {
        let mut config = tls::server(key, allowed.clone())?;
        config.alpn_protocols.push(tls::HTTP1.to_vec());
        let (http2, known) = mpsc::channel(1);
        let (http1, readers) = mpsc::channel(1);
        let (unknown, strangers) = mpsc::channel(1);
        let takers = Takers { http2, http1: Some(http1), strangers: Some(unknown) };
        tokio::spawn(accept(listener, Entrance::new(config, allowed, takers)));
        let [known, readers, strangers] = [known, readers, strangers].map(|connections| Incoming { connections });
        Ok(Self { known, readers, strangers })
    }
}

/// Who takes which connections.
#[derive(Clone)]
struct Takers {
    http2: mpsc::Sender<Connection>,
    http1: Option<mpsc::Sender<Connection>>,
    strangers: Option<mpsc::Sender<Connection>>,
}

impl Takers {
    async fn give(&self, connection: Connection) {
        let speaks_http2 = connection.stream.get_ref().1.alpn_protocol().is_some_and(|protocol| protocol != tls::HTTP1);
        let taker = match connection.strangers_place {
            Some(_) => self.strangers.as_ref().filter(|_| speaks_http2),
            None => self.http1.as_ref().filter(|_| !speaks_http2).or(Some(&self.http2)),
        };
        // Nobody takes it, or not any more: it is closed.
        if let Some(taker) = taker {
            let _ = taker.send(connection).await;
        }
    }
}

/// What decides who comes in, and where to.
#[derive(Clone)]
struct Entrance {
    acceptor: TlsAcceptor,
    allowed: Allowed,
    takers: Takers,
    strangers_places: Arc<Semaphore>,
}

impl Entrance {
    fn new(config: ServerConfig, allowed: Allowed, takers: Takers) -> Self {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Self { acceptor, allowed, takers, strangers_places: Arc::new(Semaphore::new(STRANGERS)) }
    }
}

impl tokio_stream::Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: StdPin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.connections.poll_recv(cx).map(|next| next.map(Ok))
    }
}

async fn accept(listener: TcpListener, entrance: Entrance) {
    let places = Arc::new(Semaphore::new(HANDSHAKES));
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        let tcp = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((tcp, _)) => tcp,
                // Out of file descriptors, or the other side was gone already: neither is a reason to stop serving.
                Err(error) => {
                    debug!(%error, "accept failed");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = entrance.takers.http2.closed() => return,
        };
        let entrance = entrance.clone();
        tokio::spawn(async move {
            match tokio::time::timeout(HANDSHAKE_LIMIT, handshake(tcp, &entrance)).await {
                Ok(Ok(connection)) => entrance.takers.give(connection).await,
                Ok(Err(error)) => debug!(%error, "refused a connection"),
                Err(_) => debug!("refused a connection: its handshake did not come to an end"),
            }
            drop(place);
        });
    }
}

async fn handshake(tcp: TcpStream, entrance: &Entrance) -> io::Result<Connection> {
    tcp.set_nodelay(true)?;
    let stream = entrance.acceptor.accept(tcp).await?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.ok_or_else(|| io::Error::from(io::ErrorKind::PermissionDenied))?;
    let pin = tls::pin_of_certificate(certificate).map_err(io::Error::other)?;
    let (strangers_place, leave) = match entrance.allowed.contains(&pin) {
        true => (None, leave(entrance.allowed.clone(), pin)),
        false => {
            let place = entrance.strangers_places.clone().try_acquire_owned();
            let place = place.map_err(|_| io::Error::from(io::ErrorKind::ResourceBusy))?;
            (Some(place), leave_as_stranger(entrance.allowed.clone(), pin))
        }
    };
    Ok(Connection { stream, peer: Peer { pin }, leave, strangers_place })
}

/// Ends when whoever it is has to leave.
type Leave = StdPin<Box<dyn Future<Output = ()> + Send>>;

fn leave(allowed: Allowed, pin: Pin) -> Leave {
    Box::pin(async move { allowed.withdrawn(&pin).await })
}

fn leave_as_stranger(allowed: Allowed, pin: Pin) -> Leave {
    Box::pin(async move {
        let _ = tokio::time::timeout(STRANGER_LIMIT, allowed.turned_away(&pin)).await;
    })
}

/// A connection of somebody who is let in; it breaks when they no longer are.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    leave: Leave,
    /// Held by a stranger for as long as the connection lasts.
    strangers_place: Option<OwnedSemaphorePermit>,
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(mut self: StdPin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        // A server of HTTP/2 always has a read pending, and one of HTTP/1.1 between two requests, so this is where a
        // withdrawal is noticed.
        if self.leave.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Err(io::ErrorKind::PermissionDenied.into()));
        }
        StdPin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: StdPin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        StdPin::new(&mut self.stream).poll_write(cx, data)
    }

    fn poll_flush(mut self: StdPin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        StdPin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: StdPin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        StdPin::new(&mut self.stream).poll_shutdown(cx)
    }
}
