//! A client of one server: as much of the protocol RESP2 as is needed here, over TCP on this machine.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Longest wait for one answer.
const ANSWER: Duration = Duration::from_secs(10);

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reply {
    Bytes(Vec<u8>),
    Error(String),
    Number(i64),
    Nil,
    List(Vec<Reply>),
}

impl Reply {
    /// The answers of a list; of anything else, none.
    pub(super) fn list(self) -> Vec<Self> {
        if let Self::List(list) = self { list } else { Vec::new() }
    }

    /// As text; bytes that are none are replaced.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Self::Error(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Nil => String::new(),
            Self::List(list) => list.iter().map(Self::text).collect::<Vec<_>>().join(" "),
        }
    }
}

/// A connection.
pub(super) struct Client(BufReader<TcpStream>);

impl Client {
    /// To a server of this machine.
    pub(super) fn connect(port: u16) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        stream.set_nodelay(true)?;
        Ok(Self(BufReader::new(stream)))
    }

    /// Sends one command and waits for its answer, which may be an error.
    pub(super) fn call<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Result<Reply> {
        let mut request = format!("*{}\r\n", words.len()).into_bytes();
        for word in words.iter().map(AsRef::as_ref) {
            request.extend(format!("${}\r\n", word.len()).into_bytes());
            request.extend(word);
            request.extend(b"\r\n");
        }
        self.0.get_mut().write_all(&request)?;
        read(&mut self.0)
    }

    /// Sends a command whose words are between spaces; an error that is answered is one here.
    pub(super) fn ask(&mut self, command: &str) -> Result<Reply> {
        self.send(&command.split_whitespace().collect::<Vec<_>>())
    }

    /// Sends a command; an error that is answered is one here.
    pub(super) fn send<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Result<Reply> {
        match self.call(words)? {
            Reply::Error(error) => {
                let command = words.first().map(|word| String::from_utf8_lossy(word.as_ref()).into_owned());
                bail!("{}: {error}", command.unwrap_or_default())
            }
            reply => Ok(reply),
        }
    }
}

fn read(from: &mut impl BufRead) -> Result<Reply> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    let line = line.trim_end_matches("\r\n");
    let Some(kind) = line.chars().next() else { bail!("the server closed the connection") };
    let rest = &line[kind.len_utf8()..];
    let length = || rest.parse::<i64>().with_context(|| format!("{rest:?} is no number"));
    Ok(match kind {
        '+' => Reply::Bytes(rest.into()),
        '-' => Reply::Error(rest.into()),
        ':' => Reply::Number(length()?),
        '$' | '*' if length()? < 0 => Reply::Nil,
        '$' => {
            let mut bytes = vec![0; usize::try_from(length()?)? + 2];
            from.read_exact(&mut bytes)?;
            bytes.truncate(bytes.len() - 2);
            Reply::Bytes(bytes)
        }
        '*' => Reply::List((0..length()?).map(|_| read(from)).collect::<Result<_>>()?),
        other => bail!("a reply begins with {other:?}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_reply_is_read() {
        let bytes = |text: &str| Reply::Bytes(text.into());
        for (said, reply) in [
            ("+OK\r\n", bytes("OK")),
            ("-ERR no\r\n", Reply::Error("ERR no".into())),
            (":-3\r\n", Reply::Number(-3)),
            ("$-1\r\n", Reply::Nil),
            ("*-1\r\n", Reply::Nil),
            ("$4\r\na\r\nb\r\n", bytes("a\r\nb")),
            ("*2\r\n$0\r\n\r\n*1\r\n:1\r\n", Reply::List(vec![bytes(""), Reply::List(vec![Reply::Number(1)])])),
        ] {
            let mut rest = said.as_bytes();
            assert_eq!(read(&mut rest).unwrap(), reply, "{said:?}");
            assert!(rest.is_empty(), "{said:?}");
        }
        for broken in ["", "?\r\n", "$x\r\n", "$5\r\nab"] {
            assert!(read(&mut broken.as_bytes()).is_err(), "{broken:?}");
        }
    }
}
