//! Slots that move from one primary to another while clients read and write, without losing a write.
//!
//! The one invariant: **at any moment the two servers themselves say how far a move is**, so whoever dies - a server, an agent,
//! this program - the next turn goes on from there, and nothing is remembered anywhere else.
//!
//! | module | what it does |
//! |---|---|
//! | [`target`] | what happens at the server that gets the slots |
//! | `by_slot` | our own way, for every release: marks, parcels of keys, the new owner |
//! | `giver` | whether slots are still the giver's, as the one that gets them sees it |
//! | `listing` | the keys that are to go next, and the slots of which nothing can |
//! | `parcels`, [`pace`] | how much goes at once: by bytes, and by how long the server may stand still |
//! | `room` | whether what is to move fits |
//! | `whole` | the server's own way, where it has one: slots move as a whole, at one moment |
//! | [`heal`](mod@heal) | slots that somebody left half-way |
//! | [`weigh`](mod@weigh) | what slots weigh, before it is decided which of them move |
//!
//! A move is driven from the source: its agent calls [`Mover::turn`] again and again, and what is left is derived from who owns
//! what. So several sources give to one target at once, each at its own pace.

mod by_slot;
mod error;
mod giver;
pub mod heal;
mod listing;
pub mod pace;
mod parcels;
mod room;
pub mod target;
pub mod weigh;
mod whole;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use justmanage_model::{BusId, Bytes, SlotSet};

pub use error::MoveError;
pub use giver::Giver;
pub use heal::{Healed, heal};
pub use pace::Pace;
pub use target::{Side, Target, TargetError, marks_limit};
pub use weigh::weigh;
pub use whole::{Job, JobState, Way};

use crate::connection::{Connection, Login};
use pace::Pacer;

/// What is to move where.
#[derive(Clone, Debug)]
pub struct MoveOrder<'a> {
    /// The slots; those that the source does not own (any more) are left alone.
    pub slots: &'a SlotSet,
    /// The server that gets them.
    pub to: BusId,
    /// Where the source's server finds it: its address for clients.
    pub at: SocketAddr,
    /// As whom it logs in there: as the [replication user](crate::acl::REPLICATION_USER).
    pub login: &'a Login,
}

/// What a turn has moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Slots that have their new owner.
    pub slots: u64,
    /// Keys that were sent; none is counted for slots that move as a whole.
    pub keys: u64,
    /// What they took in memory.
    pub bytes: Bytes,
    /// How long the turn has waited for the source's clients.
    pub paused: Duration,
    /// Nothing of the order is left with the source.
    pub done: bool,
}

/// Moves slots away from one source, in turns. Losing it loses nothing but what it has learnt about the server's pace.
#[derive(Debug, Default)]
pub struct Mover {
    pacer: Pacer,
    /// The server's job that was started last.
    job: Option<String>,
    /// What was still to go when a turn looked last, of slots that servers move as a whole.
    left: SlotSet,
}

impl Mover {
    /// With this pace.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self { pacer: Pacer::new(pace), job: None, left: SlotSet::empty() }
    }

    /// Moves as much as fits until a moment, and says how far it came; `progress` hears of every parcel.
    ///
    /// A turn opens no more slots once the moment is there, and ends at most a parcel later than half a second after it; a slot
    /// that is still open then is the first of the next turn. Slots of the order that are already open towards the target are
    /// finished by parcels, whatever else the servers can do. A slot with a key that is too large for a parcel stays, and does not
    /// keep the others: that it is left is said when they have moved.
    ///
    /// # Errors
    /// See [`MoveError`]. What was moved before stays moved.
    pub async fn turn<T: Target>(
        &mut self,
        source: &mut Connection,
        target: &mut T,
        order: &MoveOrder<'_>,
        until: Instant,
        mut progress: impl FnMut(&Moved) + Send,
    ) -> Result<Moved, MoveError> {
        let myself = source.myself().await?;
        let open: SlotSet = myself.leaving.keys().copied().collect::<SlotSet>().intersection(order.slots);
        let way = if open.is_empty() { Way::both_have(source, target).await? } else { None };
        match way {
            Some(way) => whole::turn(self, way, source, target, order, until, &mut progress).await,
            None => by_slot::turn(&mut self.pacer, source, target, order, until, &mut progress).await,
        }
    }

    /// Ends what the servers have begun to move as a whole from the source to the target, unless it is part of `wanted`. (Where one
    /// job is none, all jobs of the server that has them end; those that are wanted are begun anew.) What moves by parcels ends
    /// by not being moved any more, and [`heal`](heal::heal).
    ///
    /// # Errors
    /// Either server cannot be asked.
    pub async fn cancel_unwanted<T: Target>(
        &mut self,
        source: &mut Connection,
        target: &mut T,
        wanted: &SlotSet,
    ) -> Result<(), MoveError> {
        match Way::both_have(source, target).await? {
            Some(way) => whole::cancel_unwanted(self, way, source, target, wanted).await,
            None => Ok(()),
        }
    }
}
