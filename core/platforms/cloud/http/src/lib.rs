//! HTTP/1.1, as much of it as clouds that are played, and whoever calls them, need: one call for each connection, bodies with a length.
//!
//! The one invariant: **it brings nothing but tokio.** A web framework would turn on features of libraries that a cloud's SDK uses, and
//! that is built for minutes each time they change.

use std::io;

use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A message: its first line, its headers, its body.
#[derive(Clone, Debug, Default)]
pub struct Message {
    /// `GET /v2/droplets HTTP/1.1`, or `HTTP/1.1 200 OK`.
    pub first: String,
    /// In the order in which they came.
    pub headers: Vec<(String, String)>,
    /// Whole.
    pub body: Vec<u8>,
}

impl Message {
    /// An answer.
    #[must_use]
    pub fn answer(status: u16, content_type: &str, body: String) -> Self {
        Self {
            first: format!("HTTP/1.1 {status} {}", if status < 300 { "OK" } else { "Refused" }),
            headers: vec![("content-type".to_owned(), content_type.to_owned())],
            body: body.into_bytes(),
        }
    }

    /// The status of an answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.first.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// A header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(of, _)| of.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Reads a message; `None`: there is none any more.
///
/// # Errors
/// The connection broke.
pub async fn read(stream: impl AsyncRead + Unpin) -> io::Result<Option<Message>> {
    let mut reader = BufReader::new(stream);
    let mut message = Message::default();
    let mut line = String::new();
    while reader.read_line(&mut line).await? > 0 {
        match line.trim_end() {
            "" => break,
            first if message.first.is_empty() => message.first = first.to_owned(),
            header => {
                let (name, value) = header.split_once(':').unwrap_or((header, ""));
                message.headers.push((name.trim().to_owned(), value.trim().to_owned()));
            }
        }
        line.clear();
    }
    if message.first.is_empty() {
        return Ok(None);
    }
    let length = message.header("content-length").and_then(|length| length.parse().ok());
    match length {
        Some(length) => {
            message.body.resize(length, 0);
            reader.read_exact(&mut message.body).await?;
        }
        // An answer without a length goes on to the end; a question without one has no body.
        None if message.first.starts_with("HTTP/") => {
            reader.read_to_end(&mut message.body).await?;
        }
        None => {}
    }
    Ok(Some(message))
}

/// Writes a message, after which nothing comes.
///
/// # Errors
/// The connection broke.
pub async fn write(stream: &mut (impl AsyncWrite + Unpin), message: &Message) -> io::Result<()> {
    let mut text = format!("{}\r\n", message.first);
    for (name, value) in &message.headers {
        let is_ours = ["content-length", "connection", "transfer-encoding", "expect"];
        if !is_ours.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            text += &format!("{name}: {value}\r\n");
        }
    }
    text += &format!("content-length: {}\r\nconnection: close\r\n\r\n", message.body.len());
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(&message.body);
    stream.write_all(&bytes).await?;
    stream.flush().await
}

/// A call to a port of this machine.
///
/// # Errors
/// Nobody answers there, or the connection broke.
pub async fn call(port: u16, message: &Message) -> io::Result<Message> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    write(&mut stream, message).await?;
    read(stream).await?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}
