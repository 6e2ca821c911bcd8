//! The server, as a test has it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use justmanage_played_http::{self as http, Message};
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::answer::Answer;
use crate::routes::{Call, answer};
use crate::world::World;
use crate::wrong::{Fate, Wrong};

/// The token that it takes.
pub const TOKEN: &str = "dop_v1_played";
/// Its region.
pub const REGION: &str = "fra1";

/// DigitalOcean of one test's own. It ends with the value.
#[derive(Debug)]
pub struct Fake {
    inside: Arc<Inside>,
    port: u16,
    serving: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Inside {
    world: Mutex<World>,
    /// The calls that came: method, path with its query, body.
    calls: Mutex<Vec<(String, String, Value)>>,
}

impl Fake {
    /// A new one, with nothing in it.
    ///
    /// # Panics
    /// There is no port.
    pub async fn start() -> Self {
        let inside = Arc::new(Inside::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let serving = tokio::spawn(serve(listener, port, inside.clone()));
        Self { inside, port, serving }
    }

    /// Where it answers.
    #[must_use]
    pub fn endpoint(&self) -> String {
        endpoint(self.port)
    }

    /// What is really there.
    ///
    /// # Panics
    /// Somebody has panicked with it.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.inside.world()
    }

    /// From now on this goes wrong.
    pub fn inject(&self, wrong: Wrong) {
        self.world().inject(wrong);
    }

    /// From now on nothing does any more. How often something did.
    #[must_use]
    pub fn heal(&self) -> usize {
        self.world().heal()
    }

    /// The calls so far: method, path with its query, body; and forgets them.
    ///
    /// # Panics
    /// Somebody has panicked with them.
    #[must_use]
    pub fn calls(&self) -> Vec<(String, String, Value)> {
        std::mem::take(&mut self.inside.calls.lock().expect("nobody panics inside"))
    }

    /// Asks it, past whatever goes wrong, as somebody who may do anything. No time passes.
    ///
    /// # Panics
    /// It refuses.
    pub fn ask(&self, method: &str, path: &str, body: Value) -> Value {
        let mut world = self.world();
        let (wrong, scopes) = (world.wrong.take(), world.scopes.take());
        let call = Call::new(method, path, body, endpoint(self.port));
        let answer = answer(&mut world, &call);
        (world.wrong, world.scopes) = (wrong, scopes);
        assert!(answer.status < 300, "{method} {path}: {:?}", answer.body);
        answer.body.unwrap_or_default()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

fn endpoint(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

async fn serve(listener: TcpListener, port: u16, inside: Arc<Inside>) {
    while let Ok((stream, _)) = listener.accept().await {
        let inside = inside.clone();
        tokio::spawn(async move {
            // Whoever asks may be gone when the answer comes.
            let _ = inside.serve(stream, port).await;
        });
    }
}

impl Inside {
    fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().expect("nobody panics inside")
    }

    async fn serve(&self, mut stream: TcpStream, port: u16) -> io::Result<()> {
        let Some(question) = http::read(&mut stream).await? else { return Ok(()) };
        match self.answer(&question, port) {
            Some(answer) => http::write(&mut stream, &answer).await,
            None => Ok(()),
        }
    }

    /// The answer to a question; `None`: none gets back.
    fn answer(&self, question: &Message, port: u16) -> Option<Message> {
        let mut words = question.first.split(' ');
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let body: Value = serde_json::from_slice(&question.body).unwrap_or_default();
        self.calls.lock().expect("nobody panics inside").push((method.to_owned(), path.to_owned(), body.clone()));
        let mut world = self.world();
        let fate = world.fate();
        let is_known = question.header("authorization") == Some(&format!("Bearer {TOKEN}"));
        let answer = match fate {
            Fate::Cut => return None,
            Fate::TurnedAway => Answer::too_many(Some(2)),
            _ if !is_known => Answer::refused(401, "Unauthorized", "Unable to authenticate you"),
            Fate::Carried | Fate::Unanswered => answer(&mut world, &Call::new(method, path, body, endpoint(port))),
        };
        (fate != Fate::Unanswered).then(|| answer.message(world.now))
    }
}
