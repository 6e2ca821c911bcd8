//! Releases that the cluster takes by itself: the catalog is read where the agent leads, and the program fetched at every node before
//! anybody waits for it. What follows from that is the planner's.
//!
//! The one invariant: **nothing is offered that no signature covers.** The catalog is signed; it names each program by its SHA-256; and a
//! program that arrives is looked at before it counts.
//!
//! | module | what it does |
//! |---|---|
//! | `catalog` | fetches a catalog with its signature, and verifies it |
//! | `program` | fetches the program of the upcoming release |

mod catalog;
mod program;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::SignedDuration;
use justmanage_model::window::CatalogSource;
use justmanage_model::{Artefact, Fetched, Offer, Program, Record, Release, Timestamp, Upcoming};
use justmanage_releases::Published;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tracing::{info, warn};

use crate::programs::Programs;

/// How long a catalog that was read is good for.
const CHECK_EVERY: SignedDuration = SignedDuration::from_hours(1);
/// How long after a catalog could not be read it is tried again.
const CHECK_AGAIN: SignedDuration = SignedDuration::from_mins(5);

/// A catalog that was read, or why it was not.
#[derive(Clone, Debug)]
struct Reading {
    source: CatalogSource,
    at: Timestamp,
    what: Result<Published, String>,
}

/// What is known of releases to come.
pub(crate) struct Forthcoming {
    programs: Programs,
    clock: fn() -> Timestamp,
    reading: Arc<Mutex<Option<Reading>>>,
    checking: Option<Task>,
    fetched: Arc<Mutex<Option<Fetched>>>,
    fetching: Option<(Upcoming, Task)>,
    news: watch::Sender<()>,
}

/// A task that ends with its handle.
struct Task(JoinHandle<()>);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Forthcoming {
    /// Nothing is known yet.
    pub(crate) fn new(programs: Programs, clock: fn() -> Timestamp) -> Self {
        let (reading, fetched) = Default::default();
        Self { programs, clock, reading, checking: None, fetched, fetching: None, news: watch::Sender::new(()) }
    }

    /// Changes whenever something new is known.
    pub(crate) fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// Goes on as the Record says: who leads reads the catalog, and everybody fetches what is to come.
    pub(crate) fn follow(&mut self, record: Option<&Record>, leads: bool) {
        let source = record.filter(|_| leads).and_then(|record| record.spec.maintenance_window.as_ref()?.source());
        self.check(source, record.map_or(0, |record| record.catalog_serial));
        self.fetch(record.and_then(|record| record.upcoming.as_ref()), record);
    }

    fn check(&mut self, source: Option<&CatalogSource>, seen: u64) {
        let Some(source) = source else {
            self.checking = None;
            *locked(&self.reading) = None;
            return;
        };
        if self.checking.as_ref().is_some_and(|task| !task.0.is_finished()) {
            return;
        }
        let now = (self.clock)();
        let fresh = locked(&self.reading).as_ref().is_some_and(|reading| {
            let good_for = if reading.what.is_ok() { CHECK_EVERY } else { CHECK_AGAIN };
            reading.source == *source && now.duration_since(reading.at).abs() < good_for
        });
        if fresh {
            return;
        }
        let (source, reading, news) = (source.clone(), self.reading.clone(), self.news.clone());
        self.checking = Some(Task(tokio::spawn(async move {
            let what = catalog::read(&source, seen, now).await;
            match &what {
                Ok(catalog) => info!(serial = catalog.serial, url = source.url(), "read the release catalog"),
                Err(why) => warn!(url = source.url(), why, "the release catalog is of no use"),
            }
            *locked(&reading) = Some(Reading { source, at: now, what });
            news.send_replace(());
        })));
    }

    fn fetch(&mut self, upcoming: Option<&Upcoming>, record: Option<&Record>) {
        let Some((upcoming, record)) = upcoming.zip(record) else {
            self.fetching = None;
            *locked(&self.fetched) = None;
            return;
        };
        if self.fetching.as_ref().is_some_and(|(fetching, _)| fetching == upcoming) {
            return;
        }
        let sha256 = upcoming.program.artefact.sha256().to_owned();
        *locked(&self.fetched) = Some(Fetched { sha256, ready: false, trouble: None });
        let work = program::Work {
            programs: self.programs.clone(),
            upcoming: upcoming.clone(),
            plaintext: record.spec.testing.plaintext,
            told: self.fetched.clone(),
            news: self.news.clone(),
        };
        self.fetching = Some((upcoming.clone(), Task(tokio::spawn(program::fetch(work)))));
    }

    /// What the catalog has for the cluster, or why it is of no use; `None` where it is not read.
    pub(crate) fn offer(&self, record: Option<&Record>) -> Option<Result<Offer, String>> {
        let record = record?;
        let window = record.spec.maintenance_window.as_ref()?;
        let (now, source) = ((self.clock)(), window.source()?);
        let reading = locked(&self.reading);
        let reading = reading.as_ref().filter(|reading| reading.source == *source)?;
        let believed = reading.what.as_ref().map_err(Clone::clone).and_then(|catalog| {
            catalog.believed(record.catalog_serial, now).map_err(|why| why.to_string()).map(|()| catalog)
        });
        Some(believed.map(|catalog| {
            let arch = std::env::consts::ARCH;
            let candidate = catalog.candidate(window, &record.release, arch, now);
            let upcoming = candidate.and_then(|found| {
                let release = Release::new(found.release.engine, found.release.version);
                let path = self.programs.path(release.engine.server_binary(), &found.program.sha256);
                let artefact = Artefact::new(path, found.program.sha256.clone());
                let artefact = artefact.inspect_err(|why| warn!(%why, "the catalog's program cannot be taken")).ok()?;
                Some(Upcoming {
                    program: Program { release, artefact },
                    url: source.beside(&found.program.url),
                    published: found.release.date,
                    security: found.security,
                    closes: found.closes,
                })
            });
            Offer { serial: catalog.serial, upcoming }
        }))
    }

    /// How far the upcoming release's program is.
    pub(crate) fn fetched(&self) -> Option<Fetched> {
        locked(&self.fetched).clone()
    }
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
