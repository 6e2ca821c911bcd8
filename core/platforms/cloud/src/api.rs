//! What a cloud's own crate implements: calls as the cloud has them, one request each where the cloud allows that.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use justmanage_model::Bytes;
use justmanage_platforms::{MachineRef, PlatformKind};

use crate::choice::{Candidate, Room};
use crate::tags::Tags;
use crate::token::Token;

/// A cloud, at the place that somebody has chosen there: a region and a network.
///
/// Nothing is retried below this trait: whoever calls knows what may be done again, and how long somebody waits for it. Every call is
/// idempotent. What is listed is ours alone, by its tags; instances that are going, or gone, are listed for as long as the cloud does.
#[async_trait]
pub trait Api: Send + Sync {
    /// What leads here again, for the id of a cluster.
    fn kind(&self) -> PlatformKind;

    /// Whether this can be the id of an instance here.
    fn is_instance(&self, reference: &MachineRef) -> bool;

    /// Whether this can be the id of a firewall here.
    fn is_firewall(&self, reference: &MachineRef) -> bool;

    /// All instances of ours.
    async fn instances(&self) -> Result<Vec<Instance>, ApiError>;

    /// An instance, whosever it is; `None`: there is none, or it cannot be seen yet.
    async fn instance(&self, id: &str) -> Result<Option<Instance>, ApiError>;

    /// Types of machines that are allowed here, and zones.
    async fn room(&self) -> Result<Room, ApiError>;

    /// By the way to where machines find the address that [`Instance::address`] is; `None`: by their usual way out.
    async fn toward(&self) -> Result<Option<IpAddr>, ApiError> {
        Ok(None)
    }

    /// Makes an instance, tagged, in its cluster's firewall; or answers with the one that was made with the same token, which may be
    /// gone by now. Never one that the cloud may take away when it likes (spot): any node can come to be a primary.
    ///
    /// # Errors
    /// [`ApiError::NotFound`]: there is no such firewall (any more).
    async fn launch(&self, launch: &Launch) -> Result<Instance, ApiError>;

    /// Starts an instance that is stopped.
    async fn start(&self, id: &str) -> Result<(), ApiError>;

    /// Takes an instance away, with its disks.
    async fn terminate(&self, id: &str) -> Result<(), ApiError>;

    /// Takes away what is left of an instance with these tags that is gone.
    async fn sweep(&self, _tags: &Tags) -> Result<(), ApiError> {
        Ok(())
    }

    /// Sets these tags of an instance; others stay.
    async fn tag(&self, id: &str, tags: &Tags) -> Result<(), ApiError>;

    /// What an instance has written to its console, if the cloud says that.
    async fn console(&self, _id: &str) -> Result<Option<String>, ApiError> {
        Ok(None)
    }

    /// All firewalls of ours.
    async fn firewalls(&self) -> Result<Vec<Firewall>, ApiError>;

    /// Makes the firewall of a cluster, which lets nobody in yet, and answers with its id. It is there once for each name of a cluster:
    /// by it the name is locked.
    ///
    /// # Errors
    /// [`ApiError::Taken`]: there is one of this name.
    async fn make_firewall(&self, tags: &Tags) -> Result<String, ApiError>;

    /// Makes a firewall let in whom it is to, and nobody else.
    async fn open(&self, firewall: &Firewall) -> Result<(), ApiError>;

    /// Takes a firewall away.
    ///
    /// # Errors
    /// [`ApiError::InUse`]: machines are behind it.
    async fn drop_firewall(&self, id: &str) -> Result<(), ApiError>;
}

/// An instance to be made.
#[derive(Clone, Debug)]
pub struct Launch {
    /// By which making it again makes no other.
    pub token: Token,
    /// What it is tagged with from its birth on, and its disks.
    pub tags: Tags,
    /// What it is and where it stands.
    pub candidate: Candidate,
    /// The id of its firewall.
    pub firewall: String,
    /// What it carries out when it boots first.
    pub first_boot: String,
    /// Its disk for data, apart from the one of its system.
    pub disk: Bytes,
}

/// An instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// What the cloud calls it.
    pub id: String,
    /// Its tags of ours.
    pub tags: Tags,
    /// The token that it was made with, where the cloud says that: as text, as it was given.
    pub token: Option<String>,
    /// How far it is.
    pub stage: Stage,
    /// Where operators and other members reach it.
    pub address: Option<IpAddr>,
    /// Why it is stopped or gone, in the cloud's words.
    pub why: Option<String>,
}

/// How far an instance is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It will run.
    Starting,
    /// It runs; whether its system is up nobody knows.
    Running,
    /// It will be stopped.
    Stopping,
    /// It can be started.
    Stopped,
    /// It runs, and cannot become a node: another has its disk for data.
    Broken,
    /// It will be gone.
    Ending,
    /// It is gone, and so are its disks.
    Gone,
}

impl Stage {
    /// Whether it can still run, now or once it was started.
    #[must_use]
    pub const fn lives(self) -> bool {
        matches!(self, Self::Starting | Self::Running | Self::Stopping | Self::Stopped)
    }
}

/// What keeps strangers from the machines of one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Firewall {
    /// What the cloud calls it.
    pub id: String,
    /// Its tags of ours: the claim of the machine that it was made for, the first one.
    pub tags: Tags,
    /// Whether it lets in whom it is to, and nobody else.
    pub is_right: bool,
}

/// Why a call did not do what it was to do, by what can be done about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApiError {
    /// Nobody knows whether it was carried out.
    #[error("{0}")]
    Lost(String),
    /// It was not carried out: there were too many calls.
    #[error("too many calls")]
    Throttled {
        /// When to call again, if the cloud says that.
        after: Option<Duration>,
    },
    /// It was not carried out: what it is about is at something else, which ends by itself.
    #[error("{0}")]
    Busy(String),
    /// What it is about is not there, or cannot be seen yet.
    #[error("{0}")]
    NotFound(String),
    /// There is no room for this type in this zone.
    #[error("{0}")]
    NoCapacity(String),
    /// There is room, but not for us.
    #[error("{0}")]
    Quota(String),
    /// We may not.
    #[error("{0}")]
    Denied(String),
    /// Something else needs it.
    #[error("{0}")]
    InUse(String),
    /// Another of this name is there.
    #[error("{0}")]
    Taken(String),
    /// The token was used for something else before: there is, or was, an instance that was made with it.
    #[error("{0}")]
    Mismatch(String),
    /// The cloud does not take it as it is.
    #[error("{0}")]
    Invalid(String),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}
