//! An agent from its start to its end: what is put together, in which order, and who is told when it ends.

mod door;

use std::collections::BTreeSet;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use justmanage_engine::Login;
use justmanage_engine::acl::AGENT_USER;
use justmanage_identity::{Doors, IdentityError, KeyPair};
use justmanage_model::node::{AgentInfo, NodeOrder};
use justmanage_model::{Phase, Pin};
use justmanage_record::{Group, GroupConfig, RecordStore};
use justmanage_steps::step;
use ring::rand::{SecureRandom, SystemRandom};
use tokio::sync::watch;
use tonic::service::Routes;
use tracing::{info, warn};

use crate::api::{self, Api, MachineApi};
use crate::clock;
use crate::directory::Directory;
use crate::enrolment::{self, Enrolment, FirstOperators};
use crate::journal::Journal;
use crate::limits::Limits;
use crate::metrics::{self, Counts, Metrics};
use crate::moving::Reception;
use crate::node::Berth;
use crate::peers::Peers;
use crate::place::{self, Signals};
use crate::process::{self, Launcher};
use crate::programs::Programs;
use crate::root;
use crate::secrets::{self, Secrets};
use crate::server::{ServerAccess, Supervisor, SupervisorError};
use crate::status::Publisher;
use crate::turn::{self, Turn};
use door::Door;

/// How long a node that never held data stays without an operator: a create that died will not come back after that, and
/// one that does makes a new node.
const FORSAKEN: Duration = Duration::from_secs(60 * 60);

/// Why an agent could not run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// Its directory.
    #[error("{0}")]
    Disk(#[from] io::Error),
    /// Its key.
    #[error("{0}")]
    Identity(#[from] IdentityError),
    /// Its server's process.
    #[error("{0}")]
    Process(#[from] SupervisorError),
    /// One of its tasks ended by itself: a panic, which the log tells more about.
    #[error("the agent ceased {0}; this is a bug, please report it with the agent's log")]
    Died(&'static str),
}

/// How an agent ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was asked to (SIGTERM). Its server lives on, and the next agent takes it over.
    Asked,
    /// Nobody came for it: the node holds no data and is to be removed.
    Forsaken,
    /// The node has another address now, and its agent is to be run there.
    Moved,
}

/// Runs the agent of a node until it is asked to end. The caller holds the node's lock, and `listener` is bound to the
/// agent's port of `berth`. The launcher starts the node's server.
///
/// # Errors
/// What kept it from running. Nothing is undone: the next start goes on from what is on disk.
pub async fn serve(
    directory: Directory,
    order: NodeOrder,
    berth: Berth,
    listener: TcpListener,
    launcher: Launcher,
    signals: &mut Signals,
) -> Result<End, ServeError> {
    let key = Arc::new(own_key(&directory)?);
    let secrets = Secrets::open(&directory, order.claim.node)?;
    let login = Login { user: AGENT_USER.to_owned(), password: secrets::agent_password(&directory)? };
    let info = info(&order, &berth, &key, &secrets)?;
    let journal = Arc::new(Journal::open(&directory, order.claim.node)?);
    let group = Group::open(GroupConfig {
        directory: directory.record(),
        marker: directory.voted(),
        node: order.claim.node,
        key: key.clone(),
        names: order.peer_names.clone(),
    })
    .await?;
    let limits = match launcher.is_service() {
        true => Limits::of_unit(directory.clone(), order.claim.node),
        false => Limits::new(directory.clone(), order.claim.node),
    };
    // Before anybody is told that the agent is here: the first answer must not say that a server is gone that is only not
    // adopted yet.
    let supervisor = Supervisor::adopt(directory.clone(), clock::now, launcher)?;

    let first_operators = FirstOperators::read(&directory, &order)?;
    let door = Door::new(group.clone(), first_operators.clone());
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let Doors { known, readers, strangers } = Doors::open(listener, &key, door.allowed())?;

    let (node, cluster) = (Publisher::new(first_number()?), Publisher::new(first_number()?));
    let contact = watch::Sender::new(Instant::now());
    let peers = Peers::new(key, order.peer_names.clone());
    let access = ServerAccess::new(info.client, login);
    let reception = Arc::new(Reception::new(access.clone()));
    let api = Api::new(api::Tools {
        info: info.clone(),
        first_operators: first_operators.clone(),
        group: group.clone(),
        node: node.subscribe(),
        cluster: cluster.subscribe(),
        contact: contact.clone(),
        peers: peers.clone(),
        access: access.clone(),
        reception: reception.clone(),
        journal: journal.clone(),
        clock: clock::now,
    });
    let programs = Programs::open(&directory);
    let machine = MachineApi {
        group: group.clone(),
        first_operators: first_operators.clone(),
        contact: contact.clone(),
        programs: programs.clone(),
        root: root::from_environment(),
        replaced: directory.path().parent().map(|base| base.join("bin").join("replaced.json")),
        journal: journal.clone(),
    };
    let enrolment = order.token.clone().map(|token| {
        Enrolment::new(enrolment::Tools {
            token,
            info: info.clone(),
            first_operators: first_operators.clone(),
            directory: directory.clone(),
            allowed: door.allowed(),
            contact: contact.clone(),
        })
    });
    let counts = Arc::new(Counts::default());
    let metrics = Metrics::new(metrics::Sources {
        info: info.clone(),
        first_operators: first_operators.clone(),
        directory: directory.clone(),
        store: group.clone(),
        node: node.subscribe(),
        cluster: cluster.subscribe(),
        process: supervisor.watch(),
        access: access.clone(),
        journal: journal.clone(),
        counts: counts.clone(),
    });
    let tools = turn::Tools {
        info: info.clone(),
        moves: order.peer_names.is_some(),
        directory: directory.clone(),
        store: group.clone(),
        supervisor,
        access,
        reception,
        secrets,
        peers,
        journal,
        counts,
        limits,
        programs,
        clock: clock::now,
    };
    let turn = Turn::new(tools, node, cluster);

    let (finish, finished) = watch::channel(false);
    let mut routes = Routes::new(api.into_server()).add_service(machine.into_server()).add_service(group.service());
    if let Some(enrolment) = enrolment {
        routes = routes.add_service(enrolment.service());
        tokio::spawn(enrolment.serve_strangers(strangers, over(finished.clone())));
    }
    let routes = Routes::from(routes.into_axum_router().merge(metrics.router()));
    let serving = tonic::transport::Server::builder()
        .add_routes(routes)
        .serve_with_incoming_shutdown(known, over(finished.clone()));
    let mut serving = tokio::spawn(serving);
    tokio::spawn(metrics.serve_http1(readers, over(finished.clone())));
    let mut turning = tokio::spawn(turn.run(finished));
    let admitting = tokio::spawn(admit(group.clone(), directory.clone()));
    let guarding = tokio::spawn(door.keep());
    step!("agent: answers");
    note_program(&directory);
    directory.write(&directory.agent_info(), &info)?;
    info!(node = %info.claim.node, agent = %info.agent, client = %info.client, version = info.version, "the agent runs");

    let end = tokio::select! {
        end = ended(group.as_ref(), contact.subscribe(), FORSAKEN, signals) => end,
        () = place::moved(&order) => End::Moved,
        // An agent that answers and no longer acts, or acts and no longer answers, is worse than one that is seen to be gone.
        _ = &mut turning => return Err(ServeError::Died("to look after its node")),
        _ = &mut serving => return Err(ServeError::Died("to answer")),
    };
    info!(?end, "the agent ends; its server runs on");
    step!("agent: about to end");
    finish.send_replace(true);
    guarding.abort();
    admitting.abort();
    let _ = turning.await;
    group.shutdown().await;
    // Streams that wait for a change end with the process: an operator asks again.
    if tokio::time::timeout(Duration::from_millis(500), &mut serving).await.is_err() {
        serving.abort();
    }
    Ok(end)
}

/// Ends when the agent is to end.
async fn over(mut finished: watch::Receiver<bool>) {
    let _ = finished.wait_for(|end| *end).await;
}

/// Has those enter the Record whom the owner of the directory let in: from then on every agent of the cluster obeys them. Whoever
/// owns a node's directory could do as much with the agent's own key.
async fn admit(group: Arc<Group>, directory: Directory) {
    let admitted: BTreeSet<Pin> = match directory.read(&directory.admitted()) {
        Ok(Some(admitted)) => admitted,
        Ok(None) => return,
        Err(error) => return warn!(error = error.to_string(), "whom the owner let in cannot be read"),
    };
    loop {
        if let Ok(Some(record)) = group.read().await {
            if admitted.is_subset(&record.operators) {
                // Once is enough: whoever is withdrawn later stays out.
                let _ = std::fs::remove_file(directory.admitted());
                return info!("those whom the owner of the directory let in are operators now");
            }
            let mut next = record.clone();
            next.operators.extend(&admitted);
            next.generation = record.generation.next();
            if group.compare_and_set((record.epoch, record.generation), next).await.is_ok() {
                continue;
            }
        }
        tokio::time::sleep(ADMISSION_REST).await;
    }
}

/// Rest before those who were let in are proposed again: there is no majority at the moment, or somebody else was first.
const ADMISSION_REST: Duration = Duration::from_millis(500);

/// Waits until the agent is asked to end, or has been forsaken: so long without an operator, and never any data.
async fn ended(
    store: &dyn RecordStore,
    contact: watch::Receiver<Instant>,
    forsaken: Duration,
    signals: &mut Signals,
) -> End {
    loop {
        let last = *contact.borrow();
        tokio::select! {
            () = signals.asked_to_end() => return End::Asked,
            () = tokio::time::sleep_until((last + forsaken).into()) => {
                let holds_data = store.get().is_some_and(|record| record.phase == Phase::Formed);
                if !holds_data && contact.borrow().elapsed() >= forsaken {
                    warn!(after_s = forsaken.as_secs(), "no operator came, and this node never held data: it removes itself");
                    return End::Forsaken;
                }
                if holds_data {
                    // It is somebody's now, and stays.
                    signals.asked_to_end().await;
                    return End::Asked;
                }
            }
        }
    }
}

/// Notes which program this node's agent is: one that has come so far starts. Without the note, whoever starts the agent again
/// chooses a program.
fn note_program(directory: &Directory) {
    let noted = std::env::current_exe().and_then(|program| directory.link(&directory.program(), &program));
    if let Err(error) = noted {
        warn!(error = error.to_string(), "the agent's program could not be noted");
    }
}

/// The agent's own key; made at its first start.
fn own_key(directory: &Directory) -> Result<KeyPair, IdentityError> {
    let path = directory.agent_key();
    if path.exists() { KeyPair::load(&path) } else { KeyPair::create(&path) }
}

fn info(order: &NodeOrder, berth: &Berth, key: &KeyPair, secrets: &Secrets) -> io::Result<AgentInfo> {
    Ok(AgentInfo {
        claim: order.claim.clone(),
        pin: key.pin(),
        sealing: secrets.public(),
        agent: (order.address, berth.agent_port()).into(),
        client: (order.address, berth.client_port()).into(),
        bus_port: berth.bus_port(),
        version: crate::version().to_owned(),
        process: process::identity(std::process::id())?,
    })
}

/// Where this process begins to number its statuses.
fn first_number() -> io::Result<u64> {
    let mut bytes = [0; 8];
    SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("no random numbers"))?;
    Ok(u64::from_be_bytes(bytes) >> 1)
}

#[cfg(test)]
mod tests;
