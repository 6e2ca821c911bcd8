//! Figures for Prometheus: `GET /metrics` at the agent's own port, over the same mutual TLS, for operators and
//! `metrics_readers`.
//!
//! One reading costs the server three short calls over a connection of its own, so that it neither waits for the agent's turn
//! nor holds it up. A server that does not answer is a figure too (`redis_up 0`): reading never fails.
//!
//! Names of what the server says are those of [redis_exporter](https://github.com/oliver006/redis_exporter), which dashboards
//! know; names of the process are [Prometheus' own](https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics);
//! ours begin with `justmanage_`. docs/monitoring.md says what to do with them.

mod agent;
mod commands;
mod disk;
mod page;
mod process;
mod replication;
mod server;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use justmanage_identity::{Incoming, Peer};
use justmanage_model::node::AgentInfo;
use justmanage_model::{Pin, Record};
use justmanage_record::RecordStore;
use tokio::sync::{Semaphore, watch};
use tonic::service::Routes;
use tracing::warn;

use crate::directory::Directory;
use crate::enrolment::FirstOperators;
use crate::journal::Journal;
use crate::server::{Process, ServerAccess};
use crate::status::{ClusterStatus, NodeStatus, Numbered};
use page::Page;
use server::Answers;

/// The path.
pub const PATH: &str = "/metrics";
/// What the text is: <https://prometheus.io/docs/instrumenting/exposition_formats/>.
const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";
/// How long a server may take for all of its answers. Prometheus gives up after ten seconds by default, and then has nothing
/// at all: a hung server must be seen as down before that.
const SERVER_LIMIT: Duration = Duration::from_secs(5);
/// Readings at the same time. Two Prometheus servers beside each other are usual; with more than four, somebody measures the
/// measuring, and waits.
const AT_ONCE: usize = 4;

/// What the turn counts.
#[derive(Debug, Default)]
pub struct Counts {
    turns: AtomicU64,
}

impl Counts {
    /// A turn begins.
    pub fn turn(&self) {
        self.turns.fetch_add(1, Ordering::Relaxed);
    }
}

/// Where figures come from.
pub struct Sources {
    /// Who we are.
    pub info: AgentInfo,
    /// The operators before there is a Record.
    pub first_operators: FirstOperators,
    /// The node's files.
    pub directory: Directory,
    /// The Record.
    pub store: Arc<dyn RecordStore>,
    /// How the node is.
    pub node: watch::Receiver<Option<Numbered<NodeStatus>>>,
    /// How the cluster is.
    pub cluster: watch::Receiver<Option<Numbered<ClusterStatus>>>,
    /// The server's process.
    pub process: watch::Receiver<Process>,
    /// How to call the server.
    pub access: ServerAccess,
    /// What happened here.
    pub journal: Arc<Journal>,
    /// What the turn counts.
    pub counts: Arc<Counts>,
}

/// The figures of one agent and its server. Clones are the same.
#[derive(Clone)]
pub struct Metrics {
    sources: Arc<Sources>,
    places: Arc<Semaphore>,
}

impl Metrics {
    /// From these sources.
    pub fn new(sources: Sources) -> Self {
        Self { sources: Arc::new(sources), places: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The route, for servers whose connections know their [`Peer`].
    pub fn router(&self) -> Router {
        Router::new().route(PATH, get(answer)).with_state(self.clone())
    }

    /// Serves those who speak HTTP/1.1, and nothing else than this; until it is over.
    pub async fn serve_http1(self, incoming: Incoming, over: impl Future<Output = ()> + Send) {
        let routes = Routes::from(self.router());
        let server = tonic::transport::Server::builder().accept_http1(true).add_routes(routes);
        if let Err(error) = server.serve_with_incoming_shutdown(incoming, over).await {
            warn!(error = error.to_string(), "metrics are no longer served over HTTP/1.1");
        }
    }

    /// Who may read: operators, and whom the Record names for it.
    fn may_read(&self, pin: &Pin) -> bool {
        match self.sources.store.get() {
            Some(record) => record.operators.contains(pin) || record.spec.metrics_readers.contains(pin),
            None => self.sources.first_operators.contains(pin),
        }
    }

    /// All figures, now.
    pub async fn text(&self) -> String {
        // Never closed, so there is always a place sooner or later.
        let _place = self.places.acquire().await;
        let sources = &self.sources;
        let record = sources.store.get();
        let answers = self.answers(record.as_ref());
        let (folder, process) = (sources.directory.data(), sources.process.borrow().clone());
        let local = tokio::task::spawn_blocking(move || (disk::Disk::of(&folder), process::of_server(&process)));
        let (answers, local) = tokio::join!(answers, local);
        let (disk, server_process) = local.unwrap_or_default();

        let claim = &sources.info.claim;
        let shard = record.as_ref().and_then(|record| record.shard_of(claim.node));
        let shard = shard.map(|shard| shard.to_string()).unwrap_or_default();
        let labels = [("cluster", claim.name.as_str()), ("node", &claim.node.to_string()), ("shard", &shard)];
        let mut page = Page::new(&labels);
        agent::put(&mut page, sources, record.as_ref());
        process::put(&mut page, server_process.as_ref());
        disk::put(&mut page, disk.as_ref());
        server::put(&mut page, record.as_ref(), answers.as_ref());
        page.finish()
    }

    /// What the server says; `None` if it does not answer.
    async fn answers(&self, record: Option<&Record>) -> Option<Answers> {
        let asked = server::ask(&self.sources.access, record?);
        tokio::time::timeout(SERVER_LIMIT, asked).await.ok()?.ok()
    }
}

async fn answer(State(metrics): State<Metrics>, request: Request) -> Response {
    let peer = request.extensions().get::<Peer>();
    if !peer.is_some_and(|peer| metrics.may_read(&peer.pin)) {
        let why = "this key may not read metrics: name it in the cluster's metrics_readers\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], metrics.text().await).into_response()
}
