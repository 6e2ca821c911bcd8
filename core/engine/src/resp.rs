//! RESP2, the servers' wire format: one call out, one reply in ([protocol](https://valkey.io/topics/protocol/)).

use std::io;

use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Longest text of a reply, in bytes. `INFO` has 6 KiB and `CLUSTER NODES` of 100 nodes 20 KiB; more than this is not an
/// answer to any question that is asked here, and must not fill the agent's memory.
const TEXT_MAX: usize = 8 << 20;
/// Most elements of a list.
const LIST_MAX: usize = 100_000;
/// Longest line: a status, an error or a number.
const LINE_MAX: u64 = 64 << 10;
/// Deepest list of lists.
const DEPTH_MAX: u8 = 8;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// `+OK`, or a text.
    Text(String),
    /// A text that is not UTF-8: names of keys can be any bytes.
    Bytes(Vec<u8>),
    /// A number.
    Number(i64),
    /// No value.
    Nil,
    /// A list.
    List(Vec<Reply>),
    /// The server refuses; the text begins with a code in capitals.
    Error(String),
}

/// Calls that are sent together, as they go over the wire: their arguments are counted strings, so that nothing in them is ever
/// read as anything else.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    bytes: Vec<u8>,
    count: usize,
}

impl Calls {
    /// A single one.
    pub(crate) fn one<A: AsRef<[u8]>>(arguments: &[A]) -> Self {
        let mut calls = Self::default();
        calls.push(arguments);
        calls
    }

    /// One more.
    pub(crate) fn push<A: AsRef<[u8]>>(&mut self, arguments: &[A]) {
        self.bytes.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
        for argument in arguments.iter().map(AsRef::as_ref) {
            self.bytes.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
            self.bytes.extend_from_slice(argument);
            self.bytes.extend_from_slice(b"\r\n");
        }
        self.count += 1;
    }

    /// How many.
    pub(crate) const fn len(&self) -> usize {
        self.count
    }
}

/// Sends calls.
pub(crate) async fn send(stream: &mut (impl AsyncWrite + Unpin), calls: &Calls) -> io::Result<()> {
    stream.write_all(&calls.bytes).await?;
    stream.flush().await
}

/// Receives one reply.
pub(crate) async fn receive(stream: &mut (impl AsyncBufRead + Unpin + Send)) -> io::Result<Reply> {
    receive_at(stream, 0).await
}

async fn receive_at(stream: &mut (impl AsyncBufRead + Unpin + Send), depth: u8) -> io::Result<Reply> {
    let line = line(stream).await?;
    let (kind, rest) = line.split_at_checked(1).ok_or_else(|| invalid("an empty line"))?;
    match kind {
        "+" => Ok(Reply::Text(rest.to_owned())),
        "-" => Ok(Reply::Error(rest.to_owned())),
        ":" => rest.parse().map(Reply::Number).map_err(|_| invalid("a number that is none")),
        "$" => match length(rest, TEXT_MAX)? {
            None => Ok(Reply::Nil),
            Some(length) => text(stream, length).await,
        },
        "*" => match length(rest, LIST_MAX)? {
            None => Ok(Reply::Nil),
            Some(_) if depth == DEPTH_MAX => Err(invalid("lists that are nested too deeply")),
            Some(length) => {
                let mut list = Vec::new();
                for _ in 0..length {
                    list.push(Box::pin(receive_at(stream, depth + 1)).await?);
                }
                Ok(Reply::List(list))
            }
        },
        _ => Err(invalid("a reply of unknown kind")),
    }
}

async fn line(stream: &mut (impl AsyncBufRead + Unpin)) -> io::Result<String> {
    let mut bytes = Vec::new();
    stream.take(LINE_MAX).read_until(b'\n', &mut bytes).await?;
    if bytes.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let line = bytes.strip_suffix(b"\r\n").ok_or_else(|| invalid("a line without an end"))?;
    Ok(String::from_utf8_lossy(line).into_owned())
}

async fn text(stream: &mut (impl AsyncBufRead + Unpin), length: usize) -> io::Result<Reply> {
    let mut bytes = vec![0; length + 2];
    stream.read_exact(&mut bytes).await?;
    if !bytes.ends_with(b"\r\n") {
        return Err(invalid("a text without an end"));
    }
    bytes.truncate(length);
    Ok(String::from_utf8(bytes).map_or_else(|error| Reply::Bytes(error.into_bytes()), Reply::Text))
}

fn length(text: &str, most: usize) -> io::Result<Option<usize>> {
    if text == "-1" {
        return Ok(None);
    }
    match text.parse() {
        Ok(length) if length <= most => Ok(Some(length)),
        Ok(_) => Err(invalid("a reply that is too long")),
        Err(_) => Err(invalid("a length that is none")),
    }
}

fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the server sent {what}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    async fn read(mut bytes: &[u8]) -> io::Result<Reply> {
        receive(&mut bytes).await
    }

    #[tokio::test]
    async fn every_kind_of_reply_is_read() {
        let text = |text: &str| Reply::Text(text.to_owned());
        for (bytes, reply) in [
            ("+OK\r\n", text("OK")),
            ("-ERR no\r\n", Reply::Error("ERR no".to_owned())),
            (":-42\r\n", Reply::Number(-42)),
            ("$5\r\na\r\nb!\r\n", text("a\r\nb!")),
            ("$0\r\n\r\n", text("")),
            ("$-1\r\n", Reply::Nil),
            ("*-1\r\n", Reply::Nil),
            ("*0\r\n", Reply::List(vec![])),
            ("*2\r\n:1\r\n*1\r\n+x\r\n", Reply::List(vec![Reply::Number(1), Reply::List(vec![text("x")])])),
        ] {
            assert_eq!(read(bytes.as_bytes()).await.unwrap(), reply, "{bytes:?}");
        }
        assert_eq!(read(b"$2\r\n\xff\x00\r\n").await.unwrap(), Reply::Bytes(vec![0xff, 0]));
    }

    #[tokio::test]
    async fn what_is_no_reply_is_an_error() {
        let deep = "*1\r\n".repeat(20) + ":1\r\n";
        for bytes in
            ["", "\r\n", "+OK", "$5\r\nab", "$2\r\nabXX", "$99999999999\r\n", ":x\r\n", "?\r\n", "*x\r\n", &deep]
        {
            assert!(read(bytes.as_bytes()).await.is_err(), "{bytes:?}");
        }
    }

    #[tokio::test]
    async fn calls_are_counted() {
        let (mut bytes, mut calls) = (Vec::new(), Calls::one(&["SET", "a\r\nb", "ü"]));
        calls.push(&[&b"GET"[..], b"\xff"]);
        assert_eq!(calls.len(), 2);
        send(&mut bytes, &calls).await.unwrap();
        let expected = b"*3\r\n$3\r\nSET\r\n$4\r\na\r\nb\r\n$2\r\n\xc3\xbc\r\n*2\r\n$3\r\nGET\r\n$1\r\n\xff\r\n";
        assert_eq!(bytes, expected);
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            let _ = runtime.block_on(read(&bytes));
        }
    }
}
