//! What the turn writes into the journal: what is different from the last look.

use justmanage_model::journal::{Event, Outcome, Who};
use justmanage_model::{
    MoveTally, NodeId, NodeObservation, NodeStep, Record, RecordChange, Role, ServerState, Step, Timestamp, User,
};

use super::Turn;
use crate::journal::{Draft, sections};

/// What was seen last.
#[derive(Debug, Default)]
pub(super) struct Chronicle {
    server: Option<Being>,
    leader: Option<Option<NodeId>>,
    record: Option<Record>,
    moving: Option<MoveTally>,
}

/// A server in one word.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Being {
    Up(Part),
    Down(String),
    Stopped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Primary,
    Replica,
    None,
}

impl Turn {
    /// Writes down what is different from the last look.
    pub(super) fn chronicle(&mut self, record: &Record, node: &NodeObservation, leader: Option<NodeId>) {
        self.chronicle_server(record, node);
        self.chronicle_moves(record, node);
        if self.chronicle.leader != Some(leader) {
            let why = leader.map_or("no majority can be reached", |_| "");
            self.write(record, Who::Agent(self.tools.info.claim.node), Event::Leader(leader), why, true);
            self.chronicle.leader = Some(leader);
        }
        let sections = self.chronicle.record.as_ref().map(|before| sections(Some(before), record)).unwrap_or_default();
        if !sections.is_empty() {
            let who = Who::Agent(self.tools.info.claim.node);
            self.write(record, who, Event::RecordChanged(sections), "this node has heard of it", true);
        }
        if self.chronicle.record.as_ref() != Some(record) {
            self.chronicle.record = Some(record.clone());
        }
    }

    fn chronicle_server(&mut self, record: &Record, node: &NodeObservation) {
        let Some(now) = being(node) else { return };
        let before = self.chronicle.server.replace(now.clone());
        if before.as_ref() == Some(&now) {
            return;
        }
        let part_before = match &before {
            Some(Being::Up(part)) => Some(*part),
            _ => None,
        };
        match (&now, part_before) {
            (Being::Up(_), None) => self.write(record, Who::Server, Event::Up, "", true),
            (Being::Up(Part::Primary), Some(Part::Replica)) => {
                self.write(record, Who::Server, Event::Promoted, "", false)
            }
            (Being::Up(Part::Replica), Some(Part::Primary)) => {
                self.write(
                    record,
                    Who::Server,
                    Event::Demoted,
                    "another server of its shard is the primary now",
                    false,
                );
            }
            (Being::Up(_), Some(_)) => {}
            (Being::Down(why), _) => self.write(record, Who::Server, Event::Down, why, false),
            (Being::Stopped, Some(_)) => self.write(record, Who::Server, Event::Down, "it was stopped", true),
            (Being::Stopped, None) => {}
        }
    }

    /// Writes down what a move of slots came to. That it began is a step ([`Turn::chronicle_step`]).
    fn chronicle_moves(&mut self, record: &Record, node: &NodeObservation) {
        let before = std::mem::replace(&mut self.chronicle.moving, node.moving.clone());
        let Some(tally) = node.moving.as_ref().filter(|tally| !tally.active && tally.slots > 0) else { return };
        // One that the last look did not see began and ended since.
        if before.is_none_or(|before| before.given != tally.given || before.active) {
            let MoveTally { slots, keys, bytes, .. } = tally;
            let keys = if *keys == 0 { String::new() } else { format!(" with {keys} keys ({} bytes)", bytes.get()) };
            let who = Who::Agent(self.tools.info.claim.node);
            self.write(record, who, Event::Step(format!("{slots} slots{keys} have moved to other shards")), "", true);
        }
    }

    /// Writes down that a primary whose data are gone is started: as a replica if another one is the primary, and otherwise empty.
    pub(super) fn chronicle_empty(&mut self, record: &Record) {
        let who = Who::Agent(self.tools.info.claim.node);
        let why = "its data are not on disk, or in a snapshot alone: it gets them from another node of its shard, if one has them";
        self.write(record, who, Event::StartedEmpty, why, false);
    }

    /// Writes down what our hands did, or could not do.
    pub(super) fn chronicle_step(&mut self, record: &Record, step: &Step, outcome: Result<(), String>) {
        let (text, planned) = match step {
            Step::Node(node, NodeStep::MoveSlots) => (moves(record, *node), true),
            Step::Node(_, step) => (format!("{step:?}"), !heals(step)),
            Step::Record(RecordChange::Formed(_)) => ("the cluster is formed".to_owned(), true),
            Step::Record(RecordChange::EndPasswords(by)) => (ended(record, *by), true),
            Step::Record(RecordChange::PutBack(_, halt) | RecordChange::HaltAfter(halt) | RecordChange::Halt(halt)) => {
                (halt.what.clone(), false)
            }
            Step::Record(RecordChange::ForgetPrevious(_)) => (format!("all nodes run {}", record.release), true),
            Step::Record(RecordChange::EndTrial) => (format!("{} has proved to be fit", record.release), true),
            Step::Record(change) if let Some(text) = backup(change) => {
                (text, !matches!(change, RecordChange::GiveUpBackup(_)))
            }
            Step::Record(change) => (format!("{change:?}"), !matches!(change, RecordChange::TakeOver(..))),
        };
        let outcome = outcome.map_or_else(Outcome::Failed, |()| Outcome::Done);
        let who = Who::Agent(self.tools.info.claim.node);
        self.put(
            record,
            Draft { who, what: Event::Step(text), why: String::new(), outcome, planned, ..Draft::default() },
        );
    }

    fn write(&mut self, record: &Record, who: Who, what: Event, why: &str, planned: bool) {
        let why = why.to_owned();
        self.put(record, Draft { who, what, why, outcome: Outcome::Done, planned, ..Draft::default() });
    }

    pub(super) fn put(&mut self, record: &Record, draft: Draft) {
        let draft = Draft { generation: Some(record.generation), ..draft };
        self.tools.journal.write((self.tools.clock)(), draft);
    }
}

/// What a node is to give away: "MoveSlots 0-99 to shard 3".
fn moves(record: &Record, node: NodeId) -> String {
    let moves = record.grant.iter().flat_map(|grant| &grant.moves);
    let ours = moves.filter(|one| Some(one.from) == record.shard_of(node));
    let told: Vec<String> = ours.map(|one| format!("{} to shard {}", one.slots, one.to)).collect();
    match told.is_empty() {
        true => "MoveSlots: nothing but what was left half-way".to_owned(),
        false => format!("MoveSlots {}", told.join("; ")),
    }
}

/// What becomes of a backup.
fn backup(change: &RecordChange) -> Option<String> {
    Some(match change {
        RecordChange::BeginBackup(run) => {
            let of = |(shard, node): (&u16, &NodeId)| format!("shard {shard} of node {node}");
            let parts: Vec<String> = run.parts.iter().map(of).collect();
            format!("backup {} begins, {}: {}", run.id, run.occasion, parts.join(", "))
        }
        RecordChange::CompleteBackup => "all parts of the backup are in the store".to_owned(),
        RecordChange::KeepBackup(done) => {
            let verified = if done.verified { "verified" } else { "not verified" };
            format!("backup {} is whole: {} keys, {}, {verified}", done.id, done.keys, done.stored)
        }
        RecordChange::GiveUpBackup(failure) => format!("backup {} came to nothing: {}", failure.id, failure.why),
        _ => return None,
    })
}

/// Whose passwords end by then, and who goes with the last of them.
fn ended(record: &Record, by: Timestamp) -> String {
    let ends = |user: &User| user.passwords.iter().filter(|one| one.until.is_some_and(|until| until <= by)).count();
    let told = record.users.iter().filter_map(|(name, user)| match ends(user) {
        0 => None,
        count if count == user.passwords.len() => Some(format!("user {name} is gone")),
        _ => Some(format!("an earlier password of user {name} is valid no more")),
    });
    told.collect::<Vec<_>>().join("; ")
}

/// Steps that answer what befell the cluster.
const fn heals(step: &NodeStep) -> bool {
    matches!(
        step,
        NodeStep::AskFailover(_) | NodeStep::TakeOver | NodeStep::ServeAgain | NodeStep::Sever | NodeStep::Forget(_)
    )
}

/// What a server is, if that can be said.
fn being(node: &NodeObservation) -> Option<Being> {
    match &node.server {
        ServerState::Running(server) => {
            let bus = server.bus.as_ref()?;
            Some(Being::Up(match &bus.role {
                Role::Replica { .. } => Part::Replica,
                Role::Primary { .. } if bus.slots.is_empty() => Part::None,
                Role::Primary { .. } => Part::Primary,
            }))
        }
        ServerState::Down { why, .. } => Some(Being::Down(why.clone())),
        ServerState::Hung { .. } => Some(Being::Down("it does not answer".to_owned())),
        ServerState::Stopped => Some(Being::Stopped),
        ServerState::Starting { .. } => None,
    }
}
