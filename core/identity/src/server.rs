//! Authenticated connections for a tonic server.

use std::io;
use std::pin::Pin as StdPin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use justmanage_model::Pin;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;
use tracing::debug;

use crate::{Allowed, IdentityError, KeyPair, tls};

/// Longest time for a handshake. One that stalls must not hold its memory for long; an honest one takes milliseconds.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(3);
/// Handshakes at the same time. More than that is not an operator: further ones wait in the queue of the socket.
const HANDSHAKES: usize = 64;

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
        let acceptor = TlsAcceptor::from(Arc::new(tls::server(key, allowed.clone())?));
        let (http2, connections) = mpsc::channel(1);
        tokio::spawn(accept(listener, acceptor, allowed, Takers { http2, http1: None }));
        Ok(Self { connections })
    }

    /// The same for HTTP/2 (first) and HTTP/1.1 (second) on one socket: each caller says in its handshake what it speaks
    /// (ALPN), and who says nothing speaks HTTP/1.1.
    ///
    /// They come apart because an HTTP/2 server has to speak first, so that a caller who is refused hears why; a server
    /// that does not know yet what is spoken would wait for the caller, who waits for it.
    ///
    /// # Errors
    /// [`IdentityError::Crypto`].
    pub fn with_http1(listener: TcpListener, key: &KeyPair, allowed: Allowed) -> Result<(Self, Self), IdentityError> {
        let mut config = tls::server(key, allowed.clone())?;
        config.alpn_protocols.push(tls::HTTP1.to_vec());
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (http2, connections) = mpsc::channel(1);
        let (http1, others) = mpsc::channel(1);
        tokio::spawn(accept(listener, acceptor, allowed, Takers { http2, http1: Some(http1) }));
        Ok((Self { connections }, Self { connections: others }))
    }
}

/// Who takes which connections.
#[derive(Clone)]
struct Takers {
    http2: mpsc::Sender<Connection>,
    http1: Option<mpsc::Sender<Connection>>,
}

impl Takers {
    async fn give(&self, connection: Connection) {
        let speaks_http2 = connection.stream.get_ref().1.alpn_protocol().is_some_and(|protocol| protocol != tls::HTTP1);
        let taker = self.http1.as_ref().filter(|_| !speaks_http2).unwrap_or(&self.http2);
        // Nobody takes it any more: it is closed.
        let _ = taker.send(connection).await;
    }
}

impl tokio_stream::Stream for Incoming {
    type Item = io::Result<Connection>;

    fn poll_next(mut self: StdPin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.connections.poll_recv(cx).map(|next| next.map(Ok))
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, allowed: Allowed, takers: Takers) {
    let places = Arc::new(tokio::sync::Semaphore::new(HANDSHAKES));
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
            () = takers.http2.closed() => return,
        };
        let (acceptor, allowed, takers) = (acceptor.clone(), allowed.clone(), takers.clone());
        tokio::spawn(async move {
            let handshake = handshake(tcp, acceptor, allowed);
            match tokio::time::timeout(HANDSHAKE_LIMIT, handshake).await {
                Ok(Ok(connection)) => takers.give(connection).await,
                Ok(Err(error)) => debug!(%error, "refused a connection"),
                Err(_) => debug!("refused a connection: its handshake did not come to an end"),
            }
            drop(place);
        });
    }
}

async fn handshake(tcp: TcpStream, acceptor: TlsAcceptor, allowed: Allowed) -> io::Result<Connection> {
    tcp.set_nodelay(true)?;
    let stream = acceptor.accept(tcp).await?;
    let certificate = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
    let certificate = certificate.ok_or_else(|| io::Error::from(io::ErrorKind::PermissionDenied))?;
    let pin = tls::pin_of_certificate(certificate).map_err(io::Error::other)?;
    let leave = Box::pin(async move { allowed.withdrawn(&pin).await });
    Ok(Connection { stream, peer: Peer { pin }, leave })
}

/// A connection of somebody who is allowed; it breaks when they no longer are.
pub struct Connection {
    stream: TlsStream<TcpStream>,
    peer: Peer,
    leave: StdPin<Box<dyn Future<Output = ()> + Send>>,
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
