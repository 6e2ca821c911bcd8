//! The server program of the upcoming release: fetched, verified and looked at, long before a server is started with it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use justmanage_model::node::ServerProgram;
use justmanage_model::{Fetched, Upcoming};
use tokio::sync::watch;
use tracing::{info, warn};

use super::locked;
use crate::programs::{ArrivalError, Programs, Progress, SourceUrl};

/// Rest after it could not be had: the first time, the second, and from then on.
const PAUSES: [Duration; 3] = [Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(300)];
/// Rest while another agent of the same machine fetches it.
const BUSY: Duration = Duration::from_millis(500);

pub(super) struct Work {
    pub(super) programs: Programs,
    pub(super) upcoming: Upcoming,
    /// A program without TLS will do.
    pub(super) plaintext: bool,
    pub(super) told: Arc<Mutex<Option<Fetched>>>,
    pub(super) news: watch::Sender<()>,
}

/// Tries until it is there.
pub(super) async fn fetch(work: Work) {
    let mut tries = 0;
    loop {
        let pause = match once(&work).await {
            Ok(()) => {
                info!(release = %work.upcoming.program.release, "the upcoming release's program is here");
                return work.tell(true, None);
            }
            Err(Failed::Busy) => BUSY,
            Err(Failed::Because(why)) => {
                warn!(release = %work.upcoming.program.release, why, "the upcoming release's program is not here yet");
                work.tell(false, Some(why));
                tries += 1;
                PAUSES[(tries - 1).min(PAUSES.len() - 1)]
            }
        };
        tokio::time::sleep(pause).await;
    }
}

enum Failed {
    /// Somebody else is at it.
    Busy,
    Because(String),
}

impl From<ArrivalError> for Failed {
    fn from(error: ArrivalError) -> Self {
        match error {
            ArrivalError::Busy => Self::Busy,
            error => Self::Because(error.to_string()),
        }
    }
}

async fn once(work: &Work) -> Result<(), Failed> {
    let program = &work.upcoming.program;
    let (file_name, sha256) = (program.release.engine.server_binary(), program.artefact.sha256());
    let kept = match work.programs.kept(file_name, sha256).await {
        Some(kept) => kept,
        None => arrive(work, file_name, sha256).await?,
    };
    why_not(work, &kept).map_or(Ok(()), |why| Err(Failed::Because(why)))
}

async fn arrive(work: &Work, file_name: &str, sha256: &str) -> Result<ServerProgram, Failed> {
    let url: SourceUrl = work.upcoming.url.parse()?;
    let reserved = work.programs.reserve()?;
    let (programs, file_name, sha256) = (work.programs.clone(), file_name.to_owned(), sha256.to_owned());
    let arrive = move || {
        let _reserved = reserved;
        let mut content = programs.fetch(&url)?;
        programs.keep((&file_name, &sha256), content.as_mut(), &Progress::default())
    };
    let arrived = tokio::task::spawn_blocking(arrive).await.map_err(|error| Failed::Because(error.to_string()))?;
    Ok(arrived?)
}

/// Why a program that is there is not the one.
fn why_not(work: &Work, kept: &ServerProgram) -> Option<String> {
    let wanted = &work.upcoming.program;
    match () {
        () if !kept.release.agrees_with(&wanted.release) => {
            Some(format!("{} is {} and not {}", work.upcoming.url, kept.release, wanted.release))
        }
        () if !kept.tls && !work.plaintext => Some(format!("{} was built without TLS", work.upcoming.url)),
        () if kept.path != wanted.artefact.server() => Some(format!(
            "this agent keeps programs at {}, and the leader at {}: apply once, so that all agents are of one release",
            kept.path.display(),
            wanted.artefact.server().display()
        )),
        () => None,
    }
}

impl Work {
    fn tell(&self, ready: bool, trouble: Option<String>) {
        let sha256 = self.upcoming.program.artefact.sha256().to_owned();
        *locked(&self.told) = Some(Fetched { sha256, ready, trouble });
        self.news.send_replace(());
    }
}
