//! The servers' own way to move slots as a whole, where both have it: the source forks, sends a snapshot and then what is written
//! meanwhile, holds its writes for some milliseconds, and all slots of the job have their new owner at one moment. A job that
//! fails leaves everything where it was.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use justmanage_model::{BusId, Bytes, Slot, SlotSet};

use super::room::average_key;
use super::target::{Target, TargetError};
use super::{MoveError, MoveOrder, Moved, Mover};
use crate::connection::{CallError, Connection};

/// How servers move slots as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The source is told to give them (`CLUSTER MIGRATESLOTS`, Valkey since 9.0).
    Push,
    /// The target is told to get them (`CLUSTER MIGRATION IMPORT`, Redis since 8.4).
    Pull,
}

impl Way {
    /// The one that a server knows; it is asked for its commands, not for its version.
    pub(super) async fn of(server: &mut Connection) -> Result<Option<Self>, CallError> {
        let known = server.knows(&["cluster|migrateslots", "cluster|migration"]).await?;
        Ok(match known[..] {
            [true, _] => Some(Self::Push),
            [_, true] => Some(Self::Pull),
            _ => None,
        })
    }

    /// The one that both know: while a cluster is upgraded, one of the two may be older.
    pub(super) async fn both_have<T: Target>(
        source: &mut Connection,
        target: &mut T,
    ) -> Result<Option<Self>, MoveError> {
        let Some(way) = Self::of(source).await? else { return Ok(None) };
        Ok((target.way().await? == Some(way)).then_some(way))
    }
}

/// A move of slots as a whole, as the servers tell of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// The servers' name for it.
    pub id: String,
    /// Its slots.
    pub slots: SlotSet,
    /// The server that was asked is the one that gives.
    pub gives: bool,
    /// Who gives.
    pub from: Option<BusId>,
    /// Who gets.
    pub to: Option<BusId>,
    /// How far it is.
    pub state: JobState,
    /// How often the servers have begun anew by themselves.
    pub tries: u32,
    /// The servers' words; empty unless something went wrong.
    pub said: String,
}

/// How far a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobState {
    /// Under way.
    Running,
    /// The slots have their new owner.
    Done,
    /// Failed, or cancelled; the slots are where they were.
    GivenUp,
}

/// How often the servers are asked how far a job is.
const LOOK: Duration = Duration::from_millis(10);
/// Most bytes of one job: what is written while its snapshot is on the way is kept in memory, and the larger the snapshot the
/// longer that lasts.
const JOB_BYTES: u64 = 1 << 30;
/// Most keys of one job, unless a single slot has more. When its slots have their new owner, the one that gave them removes its copies
/// before it does anything else: about a microsecond each, and two where it writes them to its append-only file as well. A cluster with
/// two million keys, of which it gave half a million to a fourth primary, had its clients wait for 160 ms (Valkey 9.1.2, bare); with this
/// many at once it is some tens, however many keys there are. A job of few keys takes 0.3 s, so a smaller number would cost time for nothing.
const JOB_KEYS: u64 = 1 << 15;
/// Of the target's room, a job takes a quarter at most: what is written meanwhile needs room as well.
const PART_OF_ROOM: u64 = 4;
/// After how many beginnings of their own the servers are stopped.
const TRIES: u32 = 3;

/// See [`super::Mover::turn`].
pub(super) async fn turn<T: Target>(
    mover: &mut Mover,
    way: Way,
    source: &mut Connection,
    target: &mut T,
    order: &MoveOrder<'_>,
    until: Instant,
    progress: &mut (impl FnMut(&Moved) + Send),
) -> Result<Moved, MoveError> {
    let (mut moved, mut before) = (Moved::default(), None);
    loop {
        let myself = source.myself().await?;
        let todo = order.slots.intersection(&myself.slots);
        // What was still there when the last turn ended, and is not any more, has gone over since.
        let begun = *before.get_or_insert_with(|| mover.left.intersection(order.slots).union(&todo).len());
        let gone = u64::from(begun - todo.len());
        mover.left.clone_from(&todo);
        if gone != moved.slots {
            moved.slots = gone;
            progress(&moved);
        }
        if todo.is_empty() {
            moved.done = true;
            return Ok(moved);
        }
        let jobs = match way {
            Way::Push => source.jobs(way).await?,
            Way::Pull => target.pulls().await?,
        };
        let ours = |job: &&Job| {
            job.from == Some(myself.id) && job.to == Some(order.to) && !job.slots.intersection(&todo).is_empty()
        };
        match jobs.iter().find(ours) {
            Some(job) if job.state == JobState::Running && job.tries < TRIES => mover.job = Some(job.id.clone()),
            Some(job) if job.state == JobState::Running => {
                let said = job.said.clone();
                cancel(way, source, target).await?;
                return Err(MoveError::GivenUp { said });
            }
            // The source has not heard of it yet.
            Some(job) if job.state == JobState::Done && mover.job.as_ref() == Some(&job.id) => {}
            Some(job) if job.state == JobState::GivenUp && mover.job.as_ref() == Some(&job.id) => {
                mover.job = None;
                return Err(MoveError::GivenUp { said: job.said.clone() });
            }
            // A server gets slots from one at a time; the others wait for their turn.
            _ if way == Way::Pull && jobs.iter().any(|job| job.state == JobState::Running) => {}
            _ => mover.job = start(way, source, target, order, &todo).await?,
        }
        if Instant::now() >= until {
            return Ok(moved);
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// Starts a job with as many of the slots as the target has room for; its id.
async fn start<T: Target>(
    way: Way,
    source: &mut Connection,
    target: &mut T,
    order: &MoveOrder<'_>,
    todo: &SlotSet,
) -> Result<Option<String>, MoveError> {
    let counts = source.count_keys(todo).await?;
    let slots = part(&counts, average_key(&source.info().await?), target.room().await?)?;
    if way == Way::Pull {
        return match target.pull(&slots).await {
            Ok(id) => Ok(Some(id)),
            // Another source was first, or it cannot be reached, which the next look says.
            Err(TargetError::NotNow { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        };
    }
    source.push_slots(&slots, order.to).await?;
    let jobs = source.jobs(way).await?;
    Ok(jobs.into_iter().find(|job| job.gives && job.slots == slots).map(|job| job.id))
}

/// The first slots that go together in one job, at least one; by what a key takes on average.
fn part(counts: &BTreeMap<Slot, u64>, key: u64, room: Option<Bytes>) -> Result<SlotSet, MoveError> {
    let need = key.saturating_mul(counts.values().sum());
    if let Some(free) = room.filter(|free| free.get() < need) {
        return Err(MoveError::NoRoom { need: Bytes::new(need), free });
    }
    let most = room.map_or(JOB_BYTES, |free| JOB_BYTES.min(free.get() / PART_OF_ROOM));
    let (mut part, mut bytes, mut all) = (Vec::new(), 0_u64, 0_u64);
    for (slot, keys) in counts {
        bytes = bytes.saturating_add(keys.saturating_mul(key));
        all = all.saturating_add(*keys);
        if !part.is_empty() && (bytes > most || all > JOB_KEYS) {
            break;
        }
        part.push(*slot);
    }
    Ok(part.into_iter().collect())
}

/// Ends what servers have begun to move as a whole; slots that are not there yet stay where they are.
async fn cancel<T: Target>(way: Way, source: &mut Connection, target: &mut T) -> Result<(), MoveError> {
    match way {
        Way::Push => source.cancel_jobs(way).await?,
        Way::Pull => target.cancel_pulls().await?,
    }
    Ok(())
}

/// See [`super::Mover::cancel_unwanted`].
pub(super) async fn cancel_unwanted<T: Target>(
    mover: &mut Mover,
    way: Way,
    source: &mut Connection,
    target: &mut T,
    wanted: &SlotSet,
) -> Result<(), MoveError> {
    let (from, to) = (source.myself().await?.id, target.side().await?.id);
    let jobs = match way {
        Way::Push => source.jobs(way).await?,
        Way::Pull => target.pulls().await?,
    };
    let between = |job: &&Job| job.state == JobState::Running && job.from == Some(from) && job.to == Some(to);
    if jobs.iter().filter(between).all(|job| job.slots.difference(wanted).is_empty()) {
        return Ok(());
    }
    mover.job = None;
    cancel(way, source, target).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_has_so_many_keys_that_their_removal_is_no_pause() {
        let slots = |keys: [u64; 4]| {
            let counts = (0..).zip(keys).map(|(slot, keys)| (Slot::new(slot).unwrap(), keys)).collect();
            part(&counts, 100, None).unwrap().to_string()
        };
        assert_eq!(slots([JOB_KEYS / 2; 4]), "0-1");
        assert_eq!(slots([0, JOB_KEYS, 0, 1]), "0-2");
        assert_eq!(slots([JOB_KEYS * 9, 0, 0, 1]), "0", "a slot goes whole");
    }

    #[test]
    fn a_job_takes_a_quarter_of_the_room_and_never_more_than_there_is() {
        let counts: BTreeMap<Slot, u64> = (0..10).map(|slot| (Slot::new(slot).unwrap(), 10)).collect();
        let slots = |key: u64, room: Option<u64>| match part(&counts, key, room.map(Bytes::new)) {
            Ok(slots) => slots.to_string(),
            Err(MoveError::NoRoom { need, free }) => format!("{} of {}", need.get(), free.get()),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(slots(100, None), "0-9");
        assert_eq!(slots(100, Some(40_000)), "0-9");
        assert_eq!(slots(100, Some(20_000)), "0-4");
        assert_eq!(slots(100, Some(10_000)), "0-1");
        assert_eq!(slots(100, Some(9_999)), "10000 of 9999");
        assert_eq!(slots(1 << 28, None), "0", "never none");
    }
}
