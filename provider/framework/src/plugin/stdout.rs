//! Standard output: the handshake line first, and whatever is printed later to Terraform's log.

use std::{
    io::{self, Write},
    os::fd::OwnedFd,
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::AsyncReadExt,
    net::unix::pipe,
    sync::{Mutex, mpsc},
};
use tokio_util::sync::CancellationToken;

/// Prints and flushes.
pub(super) fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Redirects standard output to a pipe and returns its reading end.
///
/// Children that keep standard output write into the pipe too; it ends with this process, so one that outlives it needs an
/// output of its own (as it does for standard error, whose end Terraform waits for).
///
/// After the handshake the host throws away what comes over the real one; by way of GRPCStdio it becomes a warning in
/// Terraform's log, so that a forgotten `println!` is found.
pub(super) fn capture() -> io::Result<OwnedFd> {
    let (reader, writer) = io::pipe()?;
    rustix::stdio::dup2_stdout(writer)?;
    Ok(reader.into())
}

/// Printed text that waits for the host.
pub(super) struct Stray(Mutex<mpsc::Receiver<Bytes>>);

/// Pieces that wait for a host that does not read: with [`PIECE`], 64 KiB. More is dropped, because nobody may wait for
/// a log line.
const WAITING: usize = 64;

/// Bytes of one piece, as go-plugin sends them.
const PIECE: usize = 1024;

impl Stray {
    /// Reads the pipe from now on, and at the end what is left in it.
    pub(super) fn read(pipe: OwnedFd, ending: CancellationToken) -> io::Result<Self> {
        let mut pipe = pipe::Receiver::from_owned_fd(pipe)?;
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(async move {
            let mut piece = BytesMut::with_capacity(PIECE);
            while let Some(Ok(1..)) = ending.run_until_cancelled(pipe.read_buf(&mut piece)).await {
                let _ = sender.try_send(std::mem::replace(&mut piece, BytesMut::with_capacity(PIECE)).freeze());
            }
            // A child may hold the other end for longer than this process lives, so nobody waits for the end of file.
            while let Ok(1..) = pipe.try_read_buf(&mut piece) {
                let _ = sender.try_send(std::mem::replace(&mut piece, BytesMut::with_capacity(PIECE)).freeze());
            }
        });
        Ok(Self(Mutex::new(receiver)))
    }

    /// The next piece, for one caller at a time; none: the process ends.
    pub(super) async fn next(&self) -> Option<Bytes> {
        self.0.lock().await.recv().await
    }
}
