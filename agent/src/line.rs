//! One line of JSON, either way, before a deadline.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

/// Longest line: an order with its paths has less than a tenth of it. Whoever sends more sends something else.
const LONGEST: usize = 64 * 1024;

/// Sends a line.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`]; [`io::ErrorKind::BrokenPipe`]: nobody is there any more.
pub(crate) fn send<T: Serialize>(mut connection: &UnixStream, message: &T, deadline: Instant) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    connection.set_write_timeout(Some(left(deadline)?))?;
    connection.write_all(&line).map_err(in_time)
}

/// Waits for a line.
///
/// # Errors
/// [`io::ErrorKind::TimedOut`]; [`io::ErrorKind::UnexpectedEof`]: the connection was closed before; or the line is no such
/// message.
pub(crate) fn receive<T: DeserializeOwned>(mut connection: &UnixStream, deadline: Instant) -> io::Result<T> {
    let (mut line, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        connection.set_read_timeout(Some(left(deadline)?))?;
        let read = match connection.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(in_time)?,
        };
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection was closed without a word"));
        }
        line.extend_from_slice(&buffer[..read]);
        if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            return Ok(serde_json::from_slice(&line[..end])?);
        }
        if line.len() > LONGEST {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line without an end"));
        }
    }
}

/// Waits until the other side lets go of the connection, says something, or the deadline is over.
pub(crate) fn wait_for_end(connection: &UnixStream, deadline: Instant) {
    // Whichever of them it is does not matter.
    let _ = receive::<IgnoredAny>(connection, deadline);
}

/// A time that is over is no timeout to set: it would mean none.
fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
}

/// The kernel calls a timeout of a socket "try again".
fn in_time(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock { io::ErrorKind::TimedOut.into() } else { error }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    fn pair() -> (UnixStream, UnixStream) {
        UnixStream::pair().expect("a pair")
    }

    #[test]
    fn what_is_sent_is_received_however_it_is_cut() {
        let (one, mut other) = pair();
        let message = vec!["a line".to_owned(), "with a\nbreak".to_owned(), "x".repeat(10_000)];
        send(&one, &message, soon()).expect("sent");
        assert_eq!(receive::<Vec<String>>(&other, soon()).expect("received"), message);
        let writer = std::thread::spawn(move || {
            for byte in b"[\"cut\"]\nand more" {
                (&one).write_all(&[*byte]).expect("sent");
            }
        });
        assert_eq!(receive::<Vec<String>>(&other, soon()).expect("received"), ["cut"]);
        writer.join().expect("written");
        // What comes after the line is nobody's.
        other.read_to_end(&mut Vec::new()).expect("the end");
    }

    #[test]
    fn what_is_no_line_is_an_error() {
        let endless = "x".repeat(LONGEST + 4096);
        for (sent, kind) in [
            ("", io::ErrorKind::UnexpectedEof),
            ("[\"half", io::ErrorKind::UnexpectedEof),
            ("[1]\n", io::ErrorKind::InvalidData),
            ("hello\n", io::ErrorKind::InvalidData),
            (endless.as_str(), io::ErrorKind::InvalidData),
        ] {
            let (one, other) = pair();
            let sent = sent.to_owned();
            // A socket does not hold all of it, and the reader may go before the end.
            let writer = std::thread::spawn(move || (&one).write_all(sent.as_bytes()));
            let error = receive::<Vec<String>>(&other, soon()).expect_err("no line");
            assert_eq!(error.kind(), kind, "{error}");
            drop(other);
            let _ = writer.join().expect("no panic");
        }
    }

    #[test]
    fn whoever_says_nothing_is_waited_for_no_longer_than_said() {
        let (one, other) = pair();
        let begun = Instant::now();
        let error = receive::<String>(&one, begun + Duration::from_millis(30)).expect_err("no word");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        let over = receive::<String>(&one, begun).expect_err("no time");
        assert_eq!(over.kind(), io::ErrorKind::TimedOut);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        drop(other);
        assert_eq!(send(&one, &"word", soon()).expect_err("nobody").kind(), io::ErrorKind::BrokenPipe);
        wait_for_end(&one, soon());
    }
}
