//! All data of a server as one stream: the file of data (RDB) that it makes for a new replica.
//!
//! The connection poses as a replica that wants everything (`PSYNC ? -1`). The server forks, and the child writes the data as they
//! are at that moment into the connection: nothing is written to the server's disk ("diskless"), and whoever reads slowly slows down
//! the child, not the server. So the one who logs in needs what a replica needs and no more: [`REPLICATION_USER`] has it, and the
//! agent's own user, who may look at no key, has not.
//!
//! [`REPLICATION_USER`]: crate::acl::REPLICATION_USER

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncBufRead, AsyncRead, BufReader, ReadBuf};
use tokio::time::Sleep;

use crate::connection::{CallError, Connection, Wire, refusal, unreachable};
use crate::resp::{Calls, send};

/// How long nothing may come of a snapshot, usually. A server that is about to fork, or waits for another child of its own, says so every
/// few seconds; what it lets go of a replica after is its own `repl-timeout`, of 60 s as well.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Longest line that a server writes before its data. The real ones have less than a hundred bytes.
const LINE_MAX: usize = 4 << 10;
/// How much is taken from the wire at once: a call of the kernel for each 8 KiB would cost as much as the copying.
const BUFFER: usize = 128 << 10;
/// Length of the mark behind data whose length the server does not know before: 40 hexadecimal digits that it draws by lot.
const MARK: usize = 40;

/// Why a server gives no snapshot.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// It is a replica that has no link to its primary, and so no data that are worth keeping: take another one.
    #[error("the server is a replica that is not in step with its primary")]
    OutOfSync,
    /// Nothing came for so long.
    #[error("the server sent nothing for {} s", .0.as_secs())]
    Stalled(Duration),
    /// It ended the connection before its data.
    #[error("the server ended the connection before it sent its data")]
    Ended(#[source] io::Error),
    /// As every call.
    #[error(transparent)]
    Call(#[from] CallError),
}

impl Connection {
    /// Begins to read all data of the server as they are now. Returns when it has made up its mind; the data come from then on.
    ///
    /// `patience` is how long nothing may come (usually [`PATIENCE`]), here and while the data are read; while it forks, the server sends a line break
    /// each second.
    ///
    /// # Errors
    /// [`SnapshotError::OutOfSync`] for a replica without its primary; otherwise as every call.
    pub async fn snapshot(mut self, patience: Duration) -> Result<Snapshot, SnapshotError> {
        // The form with a mark, which takes no file on the server's disk.
        self.call_named("REPLCONF", &["REPLCONF", "capa", "eof", "capa", "psync2"]).await?;
        // Nothing of what is written meanwhile: it would be kept for us in the server's memory. Servers before 7.0 do not know it,
        // and keep it as far as `client-output-buffer-limit replica` goes.
        match self.call_named("REPLCONF", &["REPLCONF", "rdb-only", "1"]).await {
            Ok(_) | Err(CallError::Refused { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        let (address, mut stream) = self.into_stream()?;
        let call = Calls::one(&["PSYNC", "?", "-1"]);
        send(&mut stream, &call).await.map_err(|source| unreachable(address, source))?;
        // Each call had its answer, so nothing is left in the small buffer.
        let stream = BufReader::with_capacity(BUFFER, stream.into_inner());
        let mut incoming = Incoming::new(stream, patience);
        let answer = incoming.line().await.map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => SnapshotError::Stalled(patience),
            _ => SnapshotError::Ended(error),
        })?;
        let (replid, offset) = position(&answer)?;
        Ok(Snapshot { incoming, replid, offset, state: State::Heading(Vec::new()), read: 0 })
    }
}

/// What `+FULLRESYNC <replid> <offset>` says.
fn position(answer: &str) -> Result<(String, u64), SnapshotError> {
    if let Some(said) = answer.strip_prefix('-') {
        return Err(match said.split(' ').next() {
            Some("NOMASTERLINK") => SnapshotError::OutOfSync,
            _ => refusal("PSYNC", said.to_owned()).into(),
        });
    }
    let mut words = answer.split(' ');
    match (words.next(), words.next(), words.next().and_then(|offset| offset.parse().ok())) {
        (Some("+FULLRESYNC"), Some(replid), Some(offset)) => Ok((replid.to_owned(), offset)),
        _ => Err(CallError::Unexpected { call: "PSYNC".to_owned(), said: answer.to_owned() }.into()),
    }
}

/// All data of a server as they were at one moment. As a reader, it gives exactly the file (RDB) and then ends; what is broken off
/// before is an error of kind [`io::ErrorKind::UnexpectedEof`], and a server from which nothing comes one of kind
/// [`io::ErrorKind::TimedOut`]. The server forgets this replica when it is dropped.
pub struct Snapshot {
    incoming: Incoming,
    replid: String,
    offset: u64,
    state: State,
    read: u64,
}

enum State {
    /// The line that says how the data end has come so far.
    Heading(Vec<u8>),
    /// So many bytes are to come.
    Counted(u64),
    /// They end with this mark. What could be it is held back.
    Marked { mark: [u8; MARK], held: Vec<u8> },
    /// All were given.
    Whole,
}

impl Snapshot {
    /// Of which history of writes (`master_replid`).
    #[must_use]
    pub fn replid(&self) -> &str {
        &self.replid
    }

    /// How much of that history is in it (`master_repl_offset`).
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// How many bytes of it were given.
    #[must_use]
    pub const fn given(&self) -> u64 {
        self.read
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("replid", &self.replid).field("offset", &self.offset).finish_non_exhaustive()
    }
}

impl AsyncRead for Snapshot {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Self { incoming, state, read, .. } = &mut *self;
        loop {
            match state {
                State::Whole => return Poll::Ready(Ok(())),
                _ if into.remaining() == 0 => return Poll::Ready(Ok(())),
                State::Counted(0) => *state = State::Whole,
                State::Heading(line) => {
                    let bytes = ready!(incoming.poll_fill(context))?;
                    if bytes.is_empty() {
                        return Poll::Ready(Err(broken(*read)));
                    }
                    let taken = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
                    line.extend_from_slice(&bytes[..taken]);
                    incoming.consume(taken);
                    if let Some(next) = heading(line)? {
                        *state = next;
                    }
                }
                State::Counted(left) => {
                    let bytes = ready!(incoming.poll_fill(context))?;
                    if bytes.is_empty() {
                        return Poll::Ready(Err(broken(*read)));
                    }
                    let taken = bytes.len().min(into.remaining()).min(usize::try_from(*left).unwrap_or(usize::MAX));
                    into.put_slice(&bytes[..taken]);
                    incoming.consume(taken);
                    *left -= taken as u64;
                    *read += taken as u64;
                    return Poll::Ready(Ok(()));
                }
                State::Marked { mark, held } => {
                    let bytes = ready!(incoming.poll_fill(context))?;
                    if bytes.is_empty() {
                        return Poll::Ready(Err(broken(*read)));
                    }
                    // At most so much that what is given fits: all but what is held back.
                    let taken = bytes.len().min(into.remaining());
                    let given = (held.len() + taken).saturating_sub(MARK);
                    let old = given.min(held.len());
                    into.put_slice(&held[..old]);
                    into.put_slice(&bytes[..given - old]);
                    held.drain(..old);
                    held.extend_from_slice(&bytes[given - old..taken]);
                    incoming.consume(taken);
                    *read += given as u64;
                    // The server sends nothing behind the mark, so it ends where the mark is the last that came.
                    if held == mark {
                        *state = State::Whole;
                    }
                    if given > 0 {
                        return Poll::Ready(Ok(()));
                    }
                }
            }
        }
    }
}

/// How the data end, once the line that says it is whole. Line breaks before it only say that the server lives.
fn heading(line: &mut Vec<u8>) -> io::Result<Option<State>> {
    if line.len() > LINE_MAX {
        return Err(invalid("a line that is too long before its data"));
    }
    let Some(text) = line.strip_suffix(b"\n") else { return Ok(None) };
    let text = String::from_utf8_lossy(text);
    let text = text.trim_end_matches('\r');
    if text.is_empty() {
        line.clear();
        return Ok(None);
    }
    if let Some(said) = text.strip_prefix('-') {
        return Err(io::Error::other(format!("the server gives no data: {said}")));
    }
    let how = text.strip_prefix('$').ok_or_else(|| invalid("something else instead of its data"))?;
    match how.strip_prefix("EOF:") {
        Some(mark) => {
            let mark = mark.as_bytes().try_into().map_err(|_| invalid("a mark of another length before its data"))?;
            Ok(Some(State::Marked { mark, held: Vec::with_capacity(2 * MARK) }))
        }
        None => how.parse().map(|length| Some(State::Counted(length))).map_err(|_| invalid("a length that is none")),
    }
}

fn broken(read: u64) -> io::Error {
    let what = format!("the server ended the connection after {read} bytes of its data, before their end");
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the server sent {what}"))
}

/// What comes from the server, and for how long nothing has.
struct Incoming {
    stream: BufReader<Box<dyn Wire>>,
    patience: Duration,
    /// Since when it is waited for; nobody waits while what has come is worked on.
    waiting: Option<Pin<Box<Sleep>>>,
    failed: Option<Failed>,
}

/// Reading has failed: so, and with this that had come before.
///
/// Since Redis 8 the child writes to the replica itself, with a copy of the server's keys for TLS, and the server then ends the connection with
/// a message that is encrypted as if nothing had been written since: it cannot be read. The data before it can, and are whole if
/// they end with their mark.
struct Failed {
    error: io::Error,
    before: Vec<u8>,
    given: usize,
}

impl Incoming {
    const fn new(stream: BufReader<Box<dyn Wire>>, patience: Duration) -> Self {
        Self { stream, patience, waiting: None, failed: None }
    }

    /// What has come; nothing once the connection has ended.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let filled = match &self.failed {
            None => Pin::new(&mut self.stream).poll_fill_buf(context).map_ok(|_| ()),
            Some(_) => Poll::Ready(Ok(())),
        };
        if let Poll::Ready(Err(error)) = filled {
            let before = self.stream.get_mut().good_rest();
            self.failed = Some(Failed { error, before, given: 0 });
        } else if filled.is_pending() {
            let waiting = self.waiting.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience)));
            ready!(waiting.as_mut().poll(context));
            let what = format!("the server sent nothing for {} s", self.patience.as_secs());
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, what)));
        }
        self.waiting = None;
        if let Some(failed) = &self.failed {
            return Poll::Ready(match &failed.before[failed.given..] {
                [] => Err(io::Error::new(failed.error.kind(), failed.error.to_string())),
                rest => Ok(rest),
            });
        }
        // What was just filled is given again.
        Pin::new(&mut self.stream).poll_fill_buf(context)
    }

    fn consume(&mut self, count: usize) {
        match &mut self.failed {
            Some(failed) => failed.given += count,
            None => Pin::new(&mut self.stream).consume(count),
        }
    }

    /// The next line that is not empty, without its end.
    async fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            let taken = std::future::poll_fn(|context| {
                let bytes = ready!(self.poll_fill(context))?;
                let taken = bytes.iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |end| end + 1);
                line.extend_from_slice(&bytes[..taken]);
                Poll::Ready(io::Result::Ok(taken))
            });
            let taken = taken.await?;
            if taken == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            self.consume(taken);
            if line.len() > LINE_MAX {
                return Err(invalid("a line that is too long"));
            }
            if line.ends_with(b"\n") {
                let text = String::from_utf8_lossy(&line);
                match text.trim_end() {
                    "" => line.clear(),
                    text => return Ok(text.to_owned()),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    const MARKED: &str = "$EOF:0123456789012345678901234567890123456789\r\n";
    const END: &str = "0123456789012345678901234567890123456789";

    /// What a server sends in these pieces, then silent or gone, as a reader of so many bytes at a time gets it.
    async fn read(pieces: &[&[u8]], goes: bool, at_once: usize) -> io::Result<Vec<u8>> {
        let (near, mut far) = duplex(1 << 20);
        let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
        let sender = tokio::spawn(async move {
            for piece in pieces {
                far.write_all(&piece).await.unwrap();
                // So that each is read by itself.
                tokio::task::yield_now().await;
            }
            if !goes {
                std::future::pending::<()>().await;
            }
        });
        let stream = BufReader::new(Box::new(near) as Box<dyn Wire>);
        let incoming = Incoming::new(stream, Duration::from_millis(50));
        let (state, replid) = (State::Heading(Vec::new()), String::new());
        let mut snapshot = Snapshot { incoming, replid, offset: 0, state, read: 0 };
        let (mut all, mut some) = (Vec::new(), vec![0; at_once]);
        let ended = loop {
            match snapshot.read(&mut some).await {
                Ok(0) => break Ok(all),
                Ok(count) => all.extend_from_slice(&some[..count]),
                Err(error) => break Err(error),
            }
        };
        assert!(ended.as_ref().map_or(true, |all| all.len() as u64 == snapshot.given()));
        sender.abort();
        ended
    }

    #[tokio::test]
    async fn exactly_the_data_are_given_wherever_they_are_cut() {
        let data: Vec<u8> = (0..200_u8).chain(END.bytes().take(39)).chain(*b"\n\r\n$").collect();
        for goes in [true, false] {
            for at_once in [1, 7, 39, 40, 41, 4096] {
                let counted = [format!("\n\n${}\r\n", data.len()).as_bytes(), &data].concat();
                let marked = [b"\n", MARKED.as_bytes(), &data, END.as_bytes()].concat();
                for cut in [0, 1, 2, 5, 30, 47, 48, 49, 60, 100, 200, 250, 285, marked.len() - 41, marked.len() - 1] {
                    for whole in [&counted, &marked] {
                        let (one, other) = whole.split_at(cut.min(whole.len()));
                        assert_eq!(read(&[one, other], goes, at_once).await.unwrap(), data, "{goes} {at_once} {cut}");
                    }
                }
            }
        }
    }

    #[tokio::test]
    async fn what_breaks_off_is_never_whole() {
        let all = [MARKED.as_bytes(), &[7; 300], END.as_bytes()].concat();
        for end in 0..all.len() {
            let error = read(&[&all[..end]], true, 64).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{end}");
        }
        let error = read(&[b"$10\r\n123456789"], true, 64).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn a_silent_server_is_waited_for_no_longer_than_that() {
        for sent in ["", "\n", "$10\r\n123", MARKED] {
            let error = read(&[sent.as_bytes()], false, 64).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut, "{sent:?}");
        }
    }

    #[tokio::test]
    async fn what_is_no_data_is_an_error() {
        let long = "x".repeat(LINE_MAX + 1);
        for sent in ["-ERR no\r\n", "$x\r\n", "$EOF:short\r\n", "+OK\r\n", &long] {
            let error = read(&[sent.as_bytes()], false, 64).await.unwrap_err();
            assert!(!matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::UnexpectedEof), "{sent:?}");
        }
    }

    /// What a server sends over TLS, and then something that is not encrypted as it should be, all of it at once.
    async fn read_before_nonsense(sent: &[u8]) -> io::Result<Vec<u8>> {
        use std::sync::Arc;

        use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
        use rustls::{ClientConfig, RootCertStore, ServerConfig};

        let issued = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = CertificateDer::from(issued.cert.der().to_vec());
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(issued.signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(Arc::clone(&provider)).with_safe_default_protocol_versions();
        let server = server.unwrap().with_no_client_auth().with_single_cert(vec![certificate.clone()], key).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let client = client.unwrap().with_root_certificates(roots).with_no_client_auth();
        let (near, far) = duplex(1 << 20);
        let connector = tokio_rustls::TlsConnector::from(Arc::new(client));
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let name = ServerName::try_from("localhost").unwrap();
        let (near, far) = tokio::join!(connector.connect(name, near), acceptor.accept(far));
        let mut far = far.unwrap();
        far.write_all(sent).await.unwrap();
        far.flush().await.unwrap();
        let nonsense = [&[0x17, 3, 3, 0, 32][..], &[0x5a; 32]].concat();
        far.get_mut().0.write_all(&nonsense).await.unwrap();

        let stream = BufReader::with_capacity(BUFFER, Box::new(near.unwrap()) as Box<dyn Wire>);
        let incoming = Incoming::new(stream, Duration::from_secs(30));
        let (state, replid) = (State::Heading(Vec::new()), String::new());
        let mut snapshot = Snapshot { incoming, replid, offset: 0, state, read: 0 };
        let mut all = Vec::new();
        snapshot.read_to_end(&mut all).await.map(|_| all)
    }

    #[tokio::test]
    async fn what_is_whole_is_whole_whatever_comes_after() {
        for size in [0, 100, 100_000] {
            let data = vec![7; size];
            let sent = [MARKED.as_bytes(), &data, END.as_bytes()].concat();
            assert_eq!(read_before_nonsense(&sent).await.unwrap(), data);
            let counted = [format!("${size}\r\n").as_bytes(), &data].concat();
            assert_eq!(read_before_nonsense(&counted).await.unwrap(), data);
            let error = read_before_nonsense(&sent[..sent.len() - 1]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{error}");
        }
    }

    #[test]
    fn where_a_server_is_in_its_history_is_read() {
        let id = "8de1787ba490483314a4d30f1c628bc5025eb761";
        assert_eq!(position(&format!("+FULLRESYNC {id} 123")).unwrap(), (id.to_owned(), 123));
        let refused = |answer: &str| position(answer).unwrap_err();
        assert!(matches!(
            refused("-NOMASTERLINK Can't SYNC while not connected with my master"),
            SnapshotError::OutOfSync
        ));
        let denied = refused("-NOPERM User a has no permissions to run the 'psync' command");
        assert!(matches!(denied, SnapshotError::Call(CallError::Denied { .. })), "{denied}");
        for odd in ["+CONTINUE", "+FULLRESYNC x", "", "+FULLRESYNC x -1"] {
            assert!(matches!(refused(odd), SnapshotError::Call(CallError::Unexpected { .. })), "{odd}");
        }
    }
}
