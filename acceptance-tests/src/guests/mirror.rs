//! A mirror: files of the test, for guests to fetch.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use justmanage_played_http::{self as http, Message};
use tokio::net::{TcpListener, TcpStream};

use super::network::HOME;
use crate::secrets::sha256;

/// Something that guests can fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mirrored {
    /// Where.
    pub url: String,
    /// Of its content.
    pub sha256: String,
}

/// The mirror of one network.
#[derive(Debug)]
pub(super) struct Mirror {
    address: SocketAddr,
    files: Arc<Mutex<BTreeMap<String, PathBuf>>>,
}

impl Mirror {
    /// Answers from now on, as long as the runtime does that this is called on.
    pub(super) async fn serve() -> Self {
        let listener = TcpListener::bind((HOME, 0)).await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let files: Arc<Mutex<BTreeMap<String, PathBuf>>> = Arc::default();
        let served = files.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let files = served.clone();
                // Whoever fetches may go away, and come again.
                tokio::spawn(async move { drop(send(stream, &files).await) });
            }
        });
        Self { address, files }
    }

    /// From now on guests can fetch this file, which stays as it is.
    ///
    /// # Panics
    /// When it cannot be read.
    pub(super) fn put(&self, file: &Path) -> Mirrored {
        let content = fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let sha256 = sha256(&content);
        let path = format!("/{}/{}", &sha256[..16], file.file_name().expect("a name").to_string_lossy());
        self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(path.clone(), file.to_path_buf());
        Mirrored { url: format!("http://{}{path}", self.address), sha256 }
    }
}

async fn send(mut stream: TcpStream, files: &Mutex<BTreeMap<String, PathBuf>>) -> io::Result<()> {
    let Some(question) = http::read(&mut stream).await? else { return Ok(()) };
    let path = question.first.split(' ').nth(1).unwrap_or_default();
    let file = files.lock().unwrap_or_else(PoisonError::into_inner).get(path).cloned();
    let (first, body) = match file {
        Some(file) => ("HTTP/1.1 200 OK", fs::read(file)?),
        None => ("HTTP/1.1 404 Not Found", Vec::new()),
    };
    http::write(&mut stream, &Message { first: first.to_owned(), headers: Vec::new(), body }).await
}
