//! What the planner answers: steps to take, or reasons to wait.

use std::fmt;

use serde::{Deserialize, Serialize};

use std::collections::BTreeMap;

use crate::backup::{BackupDone, BackupFailure, BackupId, BackupRun};
use crate::{BusId, Fence, Grant, Halt, NodeAddresses, NodeId, Offer, SlotSet, Takeover, Timestamp};

/// What is to happen next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// Everything is as it is wanted.
    Converged,
    /// Do these; each is safe to run twice, and after a crash at any point. Beside them stands what is waited for meanwhile.
    Act(Vec<Step>, Vec<Waiting>),
    /// Nothing can be done now, for these reasons.
    Wait(Vec<Waiting>),
}

/// One thing to do. Whoever has the hands for it does it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// By the agent of that node.
    Node(NodeId, NodeStep),
    /// A change of the Record.
    Record(RecordChange),
}

/// What an agent does to its own node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NodeStep {
    /// Write configuration, users and certificates, and start the server.
    StartServer,
    /// Remove the data of a server that does not run, and then [start it](NodeStep::StartServer): it copies everything anew from
    /// its primary.
    StartEmpty,
    /// Stop the server, saving its data.
    StopServer,
    /// Take these slots, which nobody owns.
    AssignSlots(SlotSet),
    /// Begin with this configuration epoch; possible only while the server knows nobody.
    SetConfigEpoch(u64),
    /// Get to know the servers of these members.
    Meet(Vec<NodeId>),
    /// Become a replica of this member's server.
    Replicate(NodeId),
    /// Forget these servers, which are no members' any more.
    Forget(Vec<BusId>),
    /// Take the shard over from its primary by the servers' own planned failover, which loses nothing.
    TakeTurn,
    /// Ask this member to take over from the node's own server, whose process is dead.
    AskFailover(NodeId),
    /// Cut the link to the primary, so that it notices at once that nobody copies it.
    Sever,
    /// Take the shard over without a vote: the majority of agents has decided it.
    TakeOver,
    /// Take writes again at once: another shard was taken over, and all that is left is the server's own pause after that.
    ServeAgain,
    /// Make the server's live configuration and its files as the Record wants them.
    ApplyConfig,
    /// Make the server's users and its ACL file as the Record wants them.
    ApplyUsers,
    /// Make the server trust the authorities of the Record, and no others.
    ApplyAuthorities,
    /// Make the server use and accept the replication passwords of the Record, and no others.
    ApplyPasswords,
    /// Issue the server's certificate anew and make the server use it.
    RenewCertificate,
    /// Look what the slots of this primary weigh.
    WeighSlots,
    /// Begin to give away the slots of this primary that the grant says, and to put right what somebody left half-way; or go on
    /// with that. It goes on by itself as long as the grant is out ([`crate::MoveTally`]).
    MoveSlots,
}

/// A change of the Record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordChange {
    /// The cluster has its authority; whoever proposes this makes the key first.
    FoundAuthority,
    /// Every server has its own epoch, and these are their ids: they may get to know each other.
    Introduce(BTreeMap<NodeId, BusId>),
    /// The cluster serves, and its members' servers have these ids.
    Formed(BTreeMap<NodeId, BusId>),
    /// A member that came later has joined.
    Joined(NodeId, BusId),
    /// Every server is to have a new certificate.
    RenewCertificates,
    /// A new authority is trusted beside the old one, since this moment; whoever proposes this makes its key first. Where one is
    /// announced already, that is the one.
    AnnounceAuthority(Timestamp),
    /// Certificates come from the new authority.
    SucceedAuthority,
    /// Every server has a certificate of the new authority: the old one is trusted no more.
    DropAuthority,
    /// Servers are to accept a new replication password, too; whoever proposes this makes it.
    AcceptPassword,
    /// Servers are to use it.
    UsePassword,
    /// Servers are to accept no other.
    DropPassword,
    /// The secrets are sealed for every member; whoever proposes this seals them.
    SealSecrets,
    /// These members are elsewhere than the Record says.
    Moved(BTreeMap<NodeId, NodeAddresses>),
    /// A shard's fence.
    SetFence(u16, Fence),
    /// A replica takes a shard over.
    TakeOver(u16, Takeover),
    /// That has been done, or is no longer needed.
    EndTakeover(u16),
    /// One operation may begin.
    Give(Grant),
    /// The operation that it allowed is done.
    ClearGrant,
    /// The operation that was allowed has failed: nothing is begun that disturbs nodes until an operator changes something.
    Halt(Halt),
    /// The same, while what is under way goes on.
    HaltAfter(Halt),
    /// A server that went over to the new release is not fit: it is put back, and nothing else is begun.
    PutBack(NodeId, Halt),
    /// Every server has gone over to the new release.
    ForgetPrevious(Timestamp),
    /// The release that all have gone over to has proved to be fit ([`Record::trial`](crate::Record::trial)).
    EndTrial,
    /// A spare takes the place of a member that is lost, whose machine is to go.
    Replace {
        /// The member.
        lost: NodeId,
        /// The spare.
        by: NodeId,
    },
    /// The cluster has the shape that is asked for.
    EndReshaping,
    /// The time of the passwords that end at this moment or before is over.
    EndPasswords(Timestamp),
    /// Times of the schedule of backups count from this moment on.
    CountBackupsFrom(Timestamp),
    /// A backup is made.
    BeginBackup(BackupRun),
    /// All its parts are in the store.
    CompleteBackup,
    /// It is whole.
    KeepBackup(Box<BackupDone>),
    /// It came to nothing.
    GiveUpBackup(Box<BackupFailure>),
    /// The catalog of the maintenance window has this now.
    NoteOffer(Box<Offer>),
    /// Servers go over to the upcoming release.
    TakeUp,
    /// They stay, or go back: the upcoming release is not wanted any more.
    Withdraw,
}

/// Why nothing is done now. The reason goes unchanged to log, status, diagnostics and console.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
// Not tagged from inside: serde buffers such an enum, and with serde_json's `arbitrary_precision` a buffered number no
// longer reads as one.
#[serde(rename_all = "snake_case")]
pub enum Waiting {
    /// A node cannot be seen.
    NodeUnknown {
        /// Which.
        node: NodeId,
        /// Since when.
        since: Timestamp,
        /// Why.
        why: String,
    },
    /// A server is starting or reading its data.
    ServerStarting {
        /// Which.
        node: NodeId,
        /// Since when.
        since: Timestamp,
    },
    /// A server ended and will be started again later.
    RestartBackoff {
        /// Which.
        node: NodeId,
        /// When.
        retry_at: Timestamp,
        /// Why it ended.
        why: String,
    },
    /// A server does not answer.
    ServerHung {
        /// Which.
        node: NodeId,
        /// Since when.
        since: Timestamp,
    },
    /// A server runs another release than the Record's.
    OtherRelease {
        /// Which.
        node: NodeId,
        /// What runs.
        running: String,
        /// What is wanted.
        wanted: String,
    },
    /// The server does not say `cluster_state:ok` yet.
    ClusterNotOk {
        /// Which.
        node: NodeId,
    },
    /// The agents have no majority, so nothing can be decided. Servers run on.
    NoMajority {
        /// What is known of it: one sentence.
        why: String,
    },
    /// A replica does not have its primary's data yet.
    ReplicaNotInSync {
        /// Which.
        node: NodeId,
        /// It is receiving its first copy.
        syncing: bool,
    },
    /// The servers do not agree yet on who is what.
    ViewsDiffer,
    /// Two servers are not linked over the bus.
    LinkMissing {
        /// From which.
        from: NodeId,
        /// To which.
        to: NodeId,
    },
    /// A server has not heard yet of another.
    NotIntroduced {
        /// Which.
        node: NodeId,
        /// Of which.
        to: NodeId,
    },
    /// A dead server is not started, because a replica is taking over, and would lose what it has to an old primary.
    HeldBack {
        /// Whose.
        node: NodeId,
        /// Why: one sentence.
        why: String,
    },
    /// A shard has no primary.
    NoPrimary {
        /// Which shard.
        shard: u16,
    },
    /// A replica is about to take its shard over.
    TakingOver {
        /// Which shard.
        shard: u16,
        /// Which node.
        by: NodeId,
    },
    /// A replica takes its shard over from its primary, which is well, so that the next step disturbs no writer.
    HandingOver {
        /// Which shard.
        shard: u16,
        /// Which node takes over.
        to: NodeId,
    },
    /// A replica is not handed over to yet: its server would count the votes of an election that it won before.
    VotesStale {
        /// Which node.
        node: NodeId,
        /// Until when.
        until: Timestamp,
    },
    /// A node goes back to the release that it comes from.
    PuttingBack {
        /// Which.
        node: NodeId,
    },
    /// A member has not joined the cluster yet.
    Joining {
        /// Which.
        node: NodeId,
    },
    /// Members that the spec asks for are missing; only an apply can make machines.
    MembersMissing {
        /// How many there are.
        have: u32,
        /// How many the spec asks for.
        want: u32,
    },
    /// Slots are on their way from one shard to another.
    MovingSlots {
        /// From which shard.
        from: u16,
        /// To which.
        to: u16,
        /// How many are still to go.
        left: u16,
    },
    /// A primary sees to it that no slot is left half-way.
    ClosingSlots {
        /// Whose.
        node: NodeId,
    },
    /// These members have no place in the shape that is asked for, and hold nothing any more; only an apply can remove them.
    MembersSurplus {
        /// Which.
        nodes: Vec<NodeId>,
    },
    /// A member is lost, and a spare takes its place unless it comes back.
    SpareStandsBy {
        /// The spare.
        spare: NodeId,
        /// The member.
        node: NodeId,
        /// When.
        at: Timestamp,
    },
    /// A backup is being made, and what is to be done next waits for it.
    BackingUp {
        /// Its name.
        id: BackupId,
    },
    /// A change waits for its maintenance window, or for what it needs before. Nobody has to do anything.
    Pending {
        /// Which change: `upgrade 8.0.2 -> 8.0.6`.
        what: String,
        /// What it waits for: `window opens 2026-11-29T02:00+05:30`.
        why: String,
    },
    /// No progress for longer than this step ever takes.
    Stuck {
        /// What.
        what: String,
        /// Since when.
        since: Timestamp,
        /// What to do.
        hint: String,
    },
}

impl Waiting {
    /// Whether this is a change that waits for its time, and nothing else: everything is as it may be until then.
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Pending { .. })
    }
}

impl fmt::Display for Waiting {
    /// One sentence for a person.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NodeUnknown { node, since, why } => write!(f, "Node {node} has not been seen since {since}: {why}"),
            Self::ServerStarting { node, since } => {
                write!(f, "The server of node {node} has been starting since {since}.")
            }
            Self::RestartBackoff { node, retry_at, why } => {
                write!(f, "The server of node {node} ended and is started again at {retry_at}: {why}")
            }
            Self::ServerHung { node, since } => write!(f, "The server of node {node} has not answered since {since}."),
            Self::OtherRelease { node, running, wanted } => {
                write!(f, "Node {node} runs {running} instead of {wanted}.")
            }
            Self::ClusterNotOk { node } => write!(f, "The server of node {node} does not report cluster_state:ok yet."),
            Self::NoMajority { why } => write!(f, "The agents have no majority: {why}"),
            Self::ReplicaNotInSync { node, syncing: true } => {
                write!(f, "Replica {node} is receiving its primary's data.")
            }
            Self::ReplicaNotInSync { node, syncing: false } => {
                write!(f, "Replica {node} is not linked to its primary.")
            }
            Self::ViewsDiffer => f.write_str("The servers do not agree yet on who is what."),
            Self::LinkMissing { from, to } => write!(f, "Node {from} has no link to node {to} on the cluster bus."),
            Self::NotIntroduced { node, to } => write!(f, "Node {node} has not heard of node {to} yet."),
            Self::HeldBack { node, why } => write!(f, "The server of node {node} is not started: {why}"),
            Self::NoPrimary { shard } => write!(f, "Shard {shard} has no primary."),
            Self::TakingOver { shard, by } => write!(f, "Node {by} is taking shard {shard} over."),
            Self::HandingOver { shard, to } => write!(f, "Shard {shard} is handed over to node {to}."),
            Self::VotesStale { node, until } => {
                write!(f, "Node {node} won an election lately, and can be handed over to from {until} on.")
            }
            Self::PuttingBack { node } => write!(f, "Node {node} is put back to the release that it comes from."),
            Self::Joining { node } => write!(f, "Node {node} is joining the cluster."),
            Self::MembersMissing { have, want } => {
                write!(f, "The cluster has {have} of {want} nodes; an apply makes the missing ones.")
            }
            Self::MovingSlots { from, to, left: 1 } => {
                write!(f, "1 slot is still to move from shard {from} to shard {to}.")
            }
            Self::MovingSlots { from, to, left } => {
                write!(f, "{left} slots are still to move from shard {from} to shard {to}.")
            }
            Self::ClosingSlots { node } => write!(f, "Node {node} sees to it that no slot is left half-way."),
            Self::MembersSurplus { nodes } => {
                let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
                write!(f, "Nobody needs these nodes any more, and an apply removes them: {}.", nodes.join(", "))
            }
            Self::SpareStandsBy { spare, node, at } => {
                write!(f, "Node {node} is lost. Spare {spare} takes its place at {at}, unless it comes back before.")
            }
            Self::BackingUp { id } => write!(f, "Backup {id} is being made."),
            Self::Pending { what, why } => write!(f, "{what}, {why}"),
            Self::Stuck { what, since, hint } => write!(f, "No progress since {since}: {what} {hint}"),
        }
    }
}
