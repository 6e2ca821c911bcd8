//! A mirror of a user's: plain HTTP, and as slow as a test wants it.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// How it answers.
#[derive(Clone)]
pub(crate) enum Manner {
    /// With this.
    Gives(Vec<u8>),
    /// With the half of it, and then with nothing more, for as long as the mirror is there.
    Stalls(Vec<u8>),
    /// With the half of it, and then no more.
    BreaksOff(Vec<u8>),
    /// With this status.
    Refuses(u16),
    /// It sends whoever asks to another address.
    Leads(String),
}

/// A mirror, until it is dropped.
pub(crate) struct Mirror {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    over: Arc<Mutex<(bool, Vec<TcpStream>)>>,
    thread: Option<JoinHandle<()>>,
}

impl Mirror {
    pub(crate) fn open(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (asked, over) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new((false, Vec::new()))));
        let (heard, seen) = (asked.clone(), over.clone());
        let thread = std::thread::spawn(move || {
            for connection in listener.incoming() {
                let connection = connection.expect("a connection");
                let mut over = seen.lock().expect("no panic");
                if over.0 {
                    return;
                }
                heard.lock().expect("no panic").push(head(&connection));
                answer(connection, &manner, &mut over.1);
            }
        });
        Self { address, asked, over, thread: Some(thread) }
    }

    /// Where the file is.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/redis-server", self.address)
    }

    /// What it was asked, each with its headers.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().expect("no panic").clone()
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        *self.over.lock().expect("no panic") = (true, Vec::new());
        // Wakes it.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn head(connection: &TcpStream) -> String {
    let lines = BufReader::new(connection).lines().map_while(Result::ok);
    lines.take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn answer(mut connection: TcpStream, manner: &Manner, held: &mut Vec<TcpStream>) {
    let begin = |length: usize| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    let (head, body) = match manner {
        Manner::Gives(content) => (begin(content.len()), &content[..]),
        Manner::Stalls(content) | Manner::BreaksOff(content) => (begin(content.len()), &content[..content.len() / 2]),
        Manner::Refuses(status) => {
            (format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), &[][..])
        }
        Manner::Leads(to) => {
            (format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"), &[][..])
        }
    };
    // Whoever has heard enough goes away.
    let _ = connection.write_all(head.as_bytes()).and_then(|()| connection.write_all(body));
    if matches!(manner, Manner::Stalls(_)) {
        held.push(connection);
    }
}
