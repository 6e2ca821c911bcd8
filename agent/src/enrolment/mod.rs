//! Enrolment: how an agent on a machine that nobody can log in to comes to know its operator (docs/decisions/0028-enrolment.md).
//!
//! Its order has a one-time token, and it has never met anybody. The first to prove that they know the token are its operator, and get
//! the agent's proof of the same in return; from then on the token is worth nothing, and both know each other by their keys.
//!
//! Everything else is served to known keys alone. Strangers come in by a door of their own, behind which there is this service and
//! nothing else, and only as long as the agent knows nobody.

mod first;
mod judge;

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use justmanage_agent_proto::v1::enrolment_server::{Enrolment as Calls, EnrolmentServer};
use justmanage_agent_proto::v1::{EnrolReply, EnrolRequest};
use justmanage_identity::enrol::Ends;
use justmanage_identity::{Allowed, Incoming, Peer};
use justmanage_model::node::AgentInfo;
use justmanage_model::{EnrolmentToken, Pin};
use justmanage_steps::step;
use tokio::sync::{Semaphore, watch};
use tonic::{Request, Response, Status};
use tracing::{info, warn};

use crate::directory::Directory;
use judge::{Verdict, judge};

pub use first::FirstOperators;

/// How late a wrong proof is answered. Nobody guesses 256 bits; this is for the log, which gets a line for each, and for the processor of
/// a machine that has a database to run.
const PENALTY: Duration = Duration::from_secs(1);
/// Wrong proofs that wait at the same time; further ones wait for those. So there are at most four lines a second, from however many.
const PENALTIES: usize = 4;
/// Longest request: a proof is 32 bytes, and a stranger has nothing else to say.
const MESSAGE_LIMIT: usize = 1024;

/// What enrolment works with.
pub struct Tools {
    /// What the agent was born with.
    pub token: EnrolmentToken,
    /// Who we are.
    pub info: AgentInfo,
    /// Who has enrolled the agent, if anybody has.
    pub first_operators: FirstOperators,
    /// Where that is kept.
    pub directory: Directory,
    /// Whom the agent's port lets in.
    pub allowed: Allowed,
    /// Learns when an operator was last here.
    pub contact: watch::Sender<Instant>,
}

/// The enrolment of one agent.
pub struct Enrolment {
    tools: Tools,
    /// Held while it is decided: of two who know the token one is first.
    deciding: Mutex<()>,
    /// Wrong proofs since this process began.
    wrong: AtomicU64,
    penalties: Arc<Semaphore>,
}

impl Enrolment {
    /// The enrolment of an agent that has a token.
    pub fn new(tools: Tools) -> Arc<Self> {
        let penalties = Arc::new(Semaphore::new(PENALTIES));
        Arc::new(Self { tools, deciding: Mutex::default(), wrong: AtomicU64::new(0), penalties })
    }

    /// As a service for a tonic server.
    pub fn service(self: &Arc<Self>) -> EnrolmentServer<Self> {
        EnrolmentServer::from_arc(self.clone()).max_decoding_message_size(MESSAGE_LIMIT)
    }

    /// Serves strangers, and nothing else than this, one call at a time for each; until it is over.
    pub async fn serve_strangers(self: Arc<Self>, strangers: Incoming, over: impl Future<Output = ()> + Send) {
        let server = tonic::transport::Server::builder().max_concurrent_streams(1_u32).add_service(self.service());
        if let Err(error) = server.serve_with_incoming_shutdown(strangers, over).await {
            warn!(error = error.to_string(), "strangers are no longer answered, so nobody can enrol this agent");
        }
    }

    /// Decides about a proof. Who enrols the agent is its operator when this returns, also after a loss of power.
    fn decide(&self, ends: Ends, proof: &[u8]) -> io::Result<Verdict> {
        let Tools { token, first_operators, directory, .. } = &self.tools;
        let _one_at_a_time = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = judge(first_operators.named(), first_operators.enrolled_by(), token, ends, proof);
        if verdict == Verdict::Enrols {
            first_operators.enrol(directory, ends.operator)?;
        }
        Ok(verdict)
    }

    /// What an operator hears who has enrolled the agent.
    async fn welcome(&self, ends: Ends) -> Result<Response<EnrolReply>, Status> {
        // They will come again at once, over a connection for those who are known.
        self.tools.allowed.admitted(&ends.operator).await;
        self.tools.contact.send_replace(Instant::now());
        let agent = serde_json::to_vec(&self.tools.info).map_err(|error| Status::internal(error.to_string()))?;
        let proof = ends.agent_proof(&self.tools.token).to_vec();
        Ok(Response::new(EnrolReply { proof, agent }))
    }

    /// Lets somebody wait who does not know the token. Whoever is right never waits for them; whoever hangs up does not shorten it
    /// for the next.
    async fn let_wait(&self, caller: Pin) -> Status {
        // Never closed, so there is a place sooner or later.
        let place = self.penalties.clone().acquire_owned().await;
        let wrong = self.wrong.fetch_add(1, Ordering::Relaxed) + 1;
        warn!(%caller, wrong, "somebody who does not know its token tried to enrol this agent");
        let over = tokio::spawn(async move {
            tokio::time::sleep(PENALTY).await;
            drop(place);
        });
        let _ = over.await;
        Status::unauthenticated("this proof is wrong")
    }
}

#[tonic::async_trait]
impl Calls for Enrolment {
    async fn enrol(&self, request: Request<EnrolRequest>) -> Result<Response<EnrolReply>, Status> {
        let peer = request.extensions().get::<Peer>();
        let caller = peer.ok_or_else(|| Status::unauthenticated("this call needs a key"))?.pin;
        let ends = Ends { operator: caller, agent: self.tools.info.pin };
        let verdict = self.decide(ends, &request.into_inner().proof);
        match verdict.map_err(|error| Status::internal(format!("who enrols this agent cannot be kept: {error}")))? {
            Verdict::Enrols => {
                info!(operator = %caller, "an operator has enrolled this agent; its token is used");
                step!("agent told: enrolled");
                self.welcome(ends).await
            }
            Verdict::HasEnrolled => self.welcome(ends).await,
            Verdict::Used => {
                warn!(%caller, "somebody who knows its token came after it was used");
                Err(Status::failed_precondition("another operator has enrolled this agent; its token is used"))
            }
            Verdict::NotNamed => {
                warn!(%caller, "somebody who knows its token is none of the operators whom its order names");
                Err(Status::failed_precondition("this agent's order names other operators"))
            }
            Verdict::Wrong => Err(self.let_wait(caller).await),
        }
    }
}
