//! Compare-and-set and reading: from any agent, answered by the one that leads.

use std::time::Duration;

use justmanage_agent_proto::v1::change_reply::Outcome;
use justmanage_agent_proto::v1::refusal::Kind;
use justmanage_agent_proto::v1::{ChangeReply, ChangeRequest, ReadRequest, Refusal};
use justmanage_model::{Epoch, Generation, NodeId, Record};
use openraft::error::{CheckIsLeaderError, ClientWriteError, RaftError};
use tokio::time::Instant;

use crate::StoreError;
use crate::calls::CallError;
use crate::disk::random;
use crate::group::{Group, lock};
use crate::judge::{PROOF_LIMIT, confirmed};
use crate::lead::Lead;
use crate::types::{Command, Raft, Verdict, Voter};

/// Longest time for a change or a linearizable read. A leader that is lost in the middle of it is replaced in 2 to 3 s; the
/// change is then proposed again, with the same nonce, and happens once.
pub(crate) const LIMIT: Duration = Duration::from_secs(5);
/// Longest time for one attempt. A leader that does not answer for so long is asleep or cut off, and another one is there or
/// about to be; a disk that takes so long for two syncs is none to vote with.
pub(crate) const ATTEMPT: Duration = Duration::from_secs(2);
/// Between two attempts: a leader that is being elected is there within a few of these.
pub(crate) const AGAIN: Duration = Duration::from_millis(50);
/// Before the one who is said to lead is asked: enough to do no harm if two say so of each other.
pub(crate) const AT_ONCE: Duration = Duration::from_millis(2);

/// A change as it is proposed.
#[derive(Clone)]
pub(crate) struct Proposal {
    /// The Record that was changed; `None`: there was none.
    pub(crate) expected: Option<(Epoch, Generation)>,
    pub(crate) next: Record,
    pub(crate) nonce: u64,
}

/// What became of one attempt.
#[derive(Debug)]
pub(crate) enum Attempt<T> {
    /// This is the answer.
    Settled(Result<T, StoreError>),
    /// Nothing came of it; another attempt may do better.
    Nothing(String),
    /// Nothing will come of any.
    Never(String),
    /// Another agent leads; whoever knows says which.
    Elsewhere(Option<NodeId>),
    /// Something may come of it yet.
    Doubt(String),
}

impl Group {
    /// Proposes a change, until it is known what became of it or the time is up.
    pub(crate) async fn change(&self, expected: Option<(Epoch, Generation)>, next: Record) -> Result<(), StoreError> {
        if let Some((epoch, _)) = expected
            && self.calls.epoch().is_some_and(|ours| ours != epoch)
        {
            return Err(StoreError::OtherEpoch);
        }
        next.check().map_err(|fault| StoreError::Invalid(fault.to_string()))?;
        let nonce = random().map_err(|fault| StoreError::NoMajority(fault.to_string()))?;
        let proposal = Proposal { expected, next, nonce };
        let deadline = Instant::now() + LIMIT;
        let mut doubt = false;
        let mut why = String::new();
        while Instant::now() < deadline {
            let mut pause = AGAIN;
            match self.attempt(&proposal, deadline.min(Instant::now() + ATTEMPT)).await {
                Attempt::Settled(result) => return result,
                Attempt::Elsewhere(leader) => pause = self.learn(leader),
                Attempt::Nothing(text) => why = text,
                Attempt::Doubt(text) => (why, doubt) = (text, true),
                Attempt::Never(text) => {
                    why = text;
                    break;
                }
            }
            tokio::time::sleep_until(deadline.min(Instant::now() + pause)).await;
        }
        Err(if doubt { StoreError::Unknown(why) } else { StoreError::NoMajority(why) })
    }

    /// What the majority holds now.
    pub(crate) async fn read_from_leader(&self) -> Result<Option<Record>, StoreError> {
        let deadline = Instant::now() + LIMIT;
        let mut why = String::new();
        while Instant::now() < deadline {
            let mut pause = AGAIN;
            let attempt = match self.lead() {
                Lead::Here(raft) => self.read_here(&raft).await,
                Lead::There(leader) => self.read_there(&leader).await,
                Lead::Nowhere(why) => Attempt::Nothing(why),
                Lead::Never(why) => Attempt::Never(why),
            };
            match attempt {
                Attempt::Settled(result) => return result,
                Attempt::Elsewhere(leader) => pause = self.learn(leader),
                Attempt::Nothing(text) | Attempt::Doubt(text) => why = text,
                Attempt::Never(text) => return Err(StoreError::NoMajority(text)),
            }
            tokio::time::sleep_until(deadline.min(Instant::now() + pause)).await;
        }
        Err(StoreError::NoMajority(why))
    }

    async fn attempt(&self, proposal: &Proposal, deadline: Instant) -> Attempt<()> {
        match self.lead() {
            Lead::Here(_) => self.propose_here(proposal, deadline).await,
            Lead::There(leader) => self.propose_there(&leader, proposal, deadline).await,
            Lead::Nowhere(why) => Attempt::Nothing(why),
            Lead::Never(why) => Attempt::Never(why),
        }
    }

    /// Proposes a change as the leader.
    pub(crate) async fn propose_here(&self, proposal: &Proposal, deadline: Instant) -> Attempt<()> {
        let Some((raft, metrics)) = self.leading_core() else { return Attempt::Elsewhere(None) };
        // Nothing is put into the log that may stay there for hours, and be taken then.
        if !confirmed(&metrics) {
            return Attempt::Nothing("the agents that vote do not answer the one that leads".to_owned());
        }
        // An agent that has just begun to lead may not have applied yet what was agreed on before.
        let ahead = |(_, expected): (Epoch, Generation)| self.state_generation() < Some(expected);
        if proposal.expected.is_some_and(ahead) {
            match self.read_here(&raft).await {
                Attempt::Settled(Ok(_)) => {}
                Attempt::Settled(Err(error)) => return Attempt::Settled(Err(error)),
                Attempt::Elsewhere(leader) => return Attempt::Elsewhere(leader),
                Attempt::Nothing(why) | Attempt::Doubt(why) | Attempt::Never(why) => return Attempt::Nothing(why),
            }
        }
        if let Some(answer) = self.known_answer(proposal) {
            return answer;
        }
        let (next, nonce) = (Box::new(proposal.next.clone()), proposal.nonce);
        let command = match proposal.expected {
            Some((epoch, expected)) => Command::Change { epoch, expected, next, nonce },
            None => Command::Found { record: next, nonce },
        };
        match tokio::time::timeout_at(deadline, raft.client_write(command)).await {
            Err(_) => Attempt::Doubt("the majority did not confirm it in time".to_owned()),
            Ok(Ok(written)) => self.judged(written.data),
            Ok(Err(RaftError::APIError(ClientWriteError::ForwardToLeader(_)))) => {
                Attempt::Doubt("the agent that led does not any more".to_owned())
            }
            Ok(Err(error)) => Attempt::Doubt(error.to_string()),
        }
    }

    fn state_generation(&self) -> Option<Generation> {
        self.machine.state().record.as_ref().map(|record| record.generation)
    }

    /// The answer to a proposal that need not be made, or must not be; `None`: it follows the Record that is there now.
    fn known_answer(&self, proposal: &Proposal) -> Option<Attempt<()>> {
        let state = self.machine.state();
        let verdict = match (&state.record, proposal.expected) {
            (None, None) => return None,
            (Some(current), Some((epoch, _))) if current.epoch != epoch => Verdict::OtherEpoch,
            (Some(current), Some((_, expected))) if current.generation == expected => {
                let fault = current.check_next(&proposal.next).err()?;
                return Some(Attempt::Settled(Err(StoreError::Invalid(fault.to_string()))));
            }
            (_, expected) => {
                let made = expected.map_or(Generation::FIRST, |(_, expected)| expected.next());
                state.made_by(made, proposal.nonce)
            }
        };
        drop(state);
        Some(self.judged(verdict))
    }

    fn judged(&self, verdict: Verdict) -> Attempt<()> {
        Attempt::Settled(match verdict {
            Verdict::Taken | Verdict::Nothing => Ok(()),
            Verdict::Conflict => Err(StoreError::Conflict(self.machine.state().record.clone().map(Box::new))),
            Verdict::OtherEpoch => Err(StoreError::OtherEpoch),
            Verdict::Forgotten => {
                Err(StoreError::Unknown("so many changes were made since that nobody remembers this one".to_owned()))
            }
        })
    }

    async fn propose_there(&self, leader: &Voter, proposal: &Proposal, deadline: Instant) -> Attempt<()> {
        let record = match serde_json::to_vec(&proposal.next) {
            Ok(record) => record,
            Err(error) => return Attempt::Settled(Err(StoreError::Invalid(error.to_string()))),
        };
        let (epoch, expected_generation) = match proposal.expected {
            Some((epoch, generation)) => (epoch.to_string(), generation.get()),
            None => (self.calls.epoch_text(), 0),
        };
        let request = ChangeRequest { epoch, expected_generation, record, nonce: proposal.nonce };
        let limit = deadline.saturating_duration_since(Instant::now());
        match self.calls.ask(leader, limit, |mut client| async move { client.change(request).await }).await {
            Ok(reply) => answered(&reply),
            Err(error) => self.unanswered(leader, error),
        }
    }

    /// Reads as the leader.
    pub(crate) async fn read_here(&self, raft: &Raft) -> Attempt<Option<Record>> {
        match tokio::time::timeout(PROOF_LIMIT, self.prove(raft)).await {
            Ok(Ok(())) => Attempt::Settled(Ok(self.machine.state().record.clone())),
            Ok(Err(RaftError::APIError(CheckIsLeaderError::ForwardToLeader(other)))) => {
                Attempt::Elsewhere(other.leader_node.map(|leader| leader.node))
            }
            Ok(Err(error)) => Attempt::Nothing(error.to_string()),
            Err(_) => Attempt::Nothing("the agents that vote do not answer the one that leads".to_owned()),
        }
    }

    async fn read_there(&self, leader: &Voter) -> Attempt<Option<Record>> {
        let request = ReadRequest { epoch: self.calls.epoch_text() };
        match self.calls.ask(leader, PROOF_LIMIT * 2, |mut client| async move { client.read(request).await }).await {
            Ok(reply) if reply.record.is_empty() => Attempt::Settled(Ok(None)),
            Ok(reply) => match serde_json::from_slice(&reply.record) {
                Ok(record) => Attempt::Settled(Ok(Some(record))),
                Err(error) => Attempt::Nothing(format!("the Record that it has makes no sense here: {error}")),
            },
            Err(error) => self.unanswered(leader, error),
        }
    }

    /// What it means that another agent gave no answer.
    fn unanswered<T>(&self, asked: &Voter, error: CallError) -> Attempt<T> {
        let why = format!("agent of {} at {}: {}", asked.node, asked.agent, error.why());
        // Another one may know better next time.
        *lock(&self.hint) = None;
        match error {
            CallError::Refused(Refusal { kind, leader, .. }) if kind == Kind::NotLeader as i32 => {
                Attempt::Elsewhere(leader.parse().ok())
            }
            CallError::Refused(Refusal { kind, .. }) if kind == Kind::FormerMember as i32 => {
                Attempt::Never("this agent was removed from the cluster".to_owned())
            }
            // Also one that has founded another group meanwhile: ours goes on without it.
            CallError::Refused(_) | CallError::NotSent(_) => Attempt::Nothing(why),
            CallError::NoAnswer(_) => Attempt::Doubt(why),
        }
    }
}

/// What a reply says.
fn answered(reply: &ChangeReply) -> Attempt<()> {
    match reply.outcome() {
        Outcome::Taken => Attempt::Settled(Ok(())),
        Outcome::Conflict => {
            let theirs = serde_json::from_slice::<Record>(&reply.record).ok().map(Box::new);
            Attempt::Settled(Err(StoreError::Conflict(theirs)))
        }
        Outcome::Invalid => Attempt::Settled(Err(StoreError::Invalid(reply.why.clone()))),
        Outcome::Unknown | Outcome::Unspecified => Attempt::Doubt(reply.why.clone()),
    }
}
