//! From the server through digests and compression into the store, in bounded memory.
//!
//! Three go on at once, and hand over pieces of [`PIECE`] bytes, of which at most [`WAITING`] wait in each of two places: one reads from
//! the server, one digests and compresses, one writes into the store. Who is too fast waits; at the end of that chain is the server's
//! child, which then writes more slowly. All of it takes 2 * ([`WAITING`] + 2) pieces of a quarter of a MiB, and what zstd needs at its
//! usual level, some 5 MiB.

use std::io::{self, Write};

use bytes::{Bytes as Piece, BytesMut};
use justmanage_model::Bytes;
use justmanage_model::backup::Compression;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::{mpsc, watch};
use tokio::task::spawn_blocking;

use crate::digest::Digest;
use crate::error::{BackupError, StoreError};
use crate::head::{HEAD_MAX, Head};
use crate::store::Upload;

/// Size of what is handed over at once, in bytes: large enough that the handing over costs nothing beside the work on it.
const PIECE: usize = 256 << 10;
/// How many may wait.
const WAITING: usize = 8;
/// zstd's own choice, 3: the packer keeps up with what a server's child writes.
const LEVEL: i32 = zstd::DEFAULT_COMPRESSION_LEVEL;

/// What was packed.
pub(crate) struct Packed {
    /// Size and digest of the file of data.
    pub(crate) rdb: (u64, String),
    /// Size and digest of what is in the store.
    pub(crate) stored: (u64, String),
    /// What the file says of itself.
    pub(crate) head: Head,
}

/// Packs all that a source gives. The object is in the store if that was all well, and is not otherwise.
pub(crate) async fn pack(
    source: impl AsyncRead + Unpin,
    mut upload: Upload,
    compression: Compression,
    progress: &watch::Sender<Bytes>,
) -> Result<Packed, BackupError> {
    let (raw, to_pack) = mpsc::channel(WAITING);
    let (packed, mut to_write) = mpsc::channel(WAITING);
    let packer = spawn_blocking(move || match compression {
        Compression::Zstd => Packer::new(to_pack).compressed(&packed),
        Compression::None => Packer::new(to_pack).plain(&packed),
    });
    let write = async {
        let mut written = Ok(());
        while let Some(piece) = to_write.recv().await {
            written = upload.write(piece).await;
            if written.is_err() {
                // The packer then finds nobody to give anything to, and ends; and so the reader.
                break;
            }
        }
        drop(to_write);
        written
    };
    let (read, written, packed): (io::Result<()>, Result<(), StoreError>, _) =
        tokio::join!(feed(source, raw, progress), write, packer);
    // Whoever failed first made the others stop, which is no failure of theirs.
    written?;
    read.map_err(BackupError::Source)?;
    let packed = packed.map_err(io::Error::other).and_then(|packed| packed);
    let packed = packed.map_err(|source| BackupError::Local { doing: "compress the data", source })?;
    upload.finish().await?;
    Ok(packed)
}

/// Reads all that a source gives, and hands it over in pieces. It ends early, without an error, if nobody takes them.
pub(crate) async fn feed(
    mut source: impl AsyncRead + Unpin,
    to: mpsc::Sender<Piece>,
    progress: &watch::Sender<Bytes>,
) -> io::Result<()> {
    let mut total = 0;
    loop {
        let mut piece = BytesMut::with_capacity(PIECE);
        while piece.len() < PIECE {
            let count = source.read_buf(&mut piece).await?;
            if count == 0 {
                break;
            }
            total += count as u64;
            progress.send_replace(Bytes::new(total));
        }
        if piece.is_empty() {
            return Ok(());
        }
        if to.send(piece.freeze()).await.is_err() {
            return Ok(());
        }
    }
}

/// What works on the pieces, on a thread of its own.
struct Packer {
    from: mpsc::Receiver<Piece>,
    rdb: Digest,
    beginning: Vec<u8>,
}

impl Packer {
    fn new(from: mpsc::Receiver<Piece>) -> Self {
        Self { from, rdb: Digest::new(), beginning: Vec::new() }
    }

    fn next(&mut self) -> Option<Piece> {
        let piece = self.from.blocking_recv()?;
        self.rdb.update(&piece);
        let missing = HEAD_MAX - self.beginning.len();
        self.beginning.extend_from_slice(&piece[..missing.min(piece.len())]);
        Some(piece)
    }

    fn plain(mut self, to: &mpsc::Sender<Piece>) -> io::Result<Packed> {
        while let Some(piece) = self.next() {
            give(to, piece)?;
        }
        Ok(self.packed(None))
    }

    fn compressed(mut self, to: &mpsc::Sender<Piece>) -> io::Result<Packed> {
        let mut stored = Digest::new();
        let mut encoder = zstd::Encoder::new(Vec::with_capacity(PIECE), LEVEL)?;
        // So that who has no more than the file and zstd finds out that it is whole.
        encoder.include_checksum(true)?;
        while let Some(piece) = self.next() {
            encoder.write_all(&piece)?;
            if encoder.get_ref().len() >= PIECE {
                let full = std::mem::replace(encoder.get_mut(), Vec::with_capacity(PIECE));
                stored.update(&full);
                give(to, full.into())?;
            }
        }
        let last = encoder.finish()?;
        stored.update(&last);
        give(to, last.into())?;
        Ok(self.packed(Some(stored)))
    }

    /// What is stored is the file itself if nothing else was.
    fn packed(self, stored: Option<Digest>) -> Packed {
        let rdb = self.rdb.finish();
        let stored = stored.map_or_else(|| rdb.clone(), Digest::finish);
        Packed { rdb, stored, head: Head::read(&self.beginning).unwrap_or_default() }
    }
}

fn give(to: &mpsc::Sender<Piece>, piece: Piece) -> io::Result<()> {
    to.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
}
