//! The calls that move slots and their keys ([how](https://valkey.io/commands/cluster-setslot/)); [`crate::migrate`] puts them
//! together.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use justmanage_model::{BusId, Bytes, Engine, Slot, SlotSet, Version};
use tokio::task::JoinSet;

use super::{not_now, unexpected};
use crate::connection::{CallError, Connection, answered};
use crate::resp::{Calls, Reply};

/// The name of a key: any bytes.
pub(crate) type Key = Vec<u8>;

/// How a slot is marked, or whose it is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mark {
    /// On its way in; the server answers for it to whoever says `ASKING`.
    Importing(BusId),
    /// On its way out: for keys that are not there any more, or not yet, the server sends clients to the other one.
    Migrating(BusId),
    /// Not on its way.
    Stable,
    /// It belongs to this server from now on.
    Node(BusId),
}

/// How slots are marked, as words of a call.
#[derive(Clone)]
struct Marking {
    name: String,
    how: &'static str,
    id: Option<String>,
}

/// So many slots are marked over one connection to see how long that takes.
const TRIED: usize = 16;
/// A mark that takes longer waits for something: the server's work for one takes some microseconds.
const WAITS: Duration = Duration::from_millis(1);
/// So many wait at the same time.
const LANES: usize = 128;

/// Keys that go together in one `MIGRATE`. All are of one slot.
#[derive(Clone, Copy)]
pub(crate) struct Parcel<'a> {
    pub(crate) keys: &'a [Key],
    /// How long the other server may be silent.
    pub(crate) patience: Duration,
}

/// Where `MIGRATE` goes to, and as whom it logs in there.
pub(crate) struct Mail<'a> {
    pub(crate) host: &'a str,
    pub(crate) port: &'a str,
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
}

impl Connection {
    /// Marks slots, or says whose they are. Each by itself: of those before the first that is refused all are as wanted, and of
    /// those after it any.
    ///
    /// # Errors
    /// [`CallError::NotNow`] if a slot is not (or already) the server's own, or it does not know the other one.
    /// [`CallError::Refused`] if it is to give a slot away of which it still holds keys.
    pub(crate) async fn set_slots(&mut self, slots: &SlotSet, mark: Mark) -> Result<(), CallError> {
        let (how, id) = match mark {
            Mark::Importing(from) => ("IMPORTING", Some(from)),
            Mark::Migrating(to) => ("MIGRATING", Some(to)),
            Mark::Stable => ("STABLE", None),
            Mark::Node(of) => ("NODE", Some(of)),
        };
        let (name, id) = (format!("CLUSTER SETSLOT {how}"), id.map(|id| id.to_string()));
        let marking = Marking { name, how, id };
        for chunk in chunks(slots) {
            let (first, rest) = chunk.split_at(chunk.len().min(TRIED));
            let begun = Instant::now();
            self.mark(first, &marking).await?;
            let slow = begun.elapsed() > WAITS * u32::try_from(first.len()).unwrap_or(u32::MAX);
            // A server that has much else to do is slow, too; a hundred connections would make it slower.
            match slow && !rest.is_empty() && self.marks_wait().await? {
                true => self.mark_side_by_side(rest, &marking).await?,
                false => self.mark(rest, &marking).await?,
            }
        }
        Ok(())
    }

    /// Whether the server has each mark written down by its replicas before it answers, as Valkey does since 8.0.
    async fn marks_wait(&mut self) -> Result<bool, CallError> {
        let release = self.info().await?.release();
        Ok(release.is_some_and(|release| release.engine == Engine::Valkey && release.version >= Version::new(8, 0, 0)))
    }

    async fn mark(&mut self, slots: &[Slot], marking: &Marking) -> Result<(), CallError> {
        let Marking { name, how, id } = marking;
        let mut calls = Calls::default();
        for slot in slots {
            let slot = slot.to_string();
            let words = ["CLUSTER", "SETSLOT", &slot, how].into_iter().chain(id.as_deref());
            calls.push(&words.collect::<Vec<_>>());
        }
        for reply in self.pipeline(name, &calls, Some(marks_limit(slots.len()))).await? {
            answered(name, reply).map_err(|error| not_now(error, &WRONG_SIDE))?;
        }
        Ok(())
    }

    /// The same over many connections: a server that waits for its replicas with each mark lets nobody else wait for that.
    async fn mark_side_by_side(&mut self, slots: &[Slot], marking: &Marking) -> Result<(), CallError> {
        while self.lanes.len() < LANES.min(slots.len()) {
            let lane = self.another().await?;
            self.lanes.push(lane);
        }
        let mut work = JoinSet::new();
        for (mut lane, part) in self.lanes.drain(..).zip(slots.chunks(slots.len().div_ceil(LANES).max(1))) {
            let (part, marking) = (part.to_vec(), marking.clone());
            work.spawn(async move { lane.mark(&part, &marking).await.map(|()| lane) });
        }
        while let Some(done) = work.join_next().await {
            let lane = done.map_err(|_| unexpected(&marking.name, "it was given up".to_owned()))??;
            self.lanes.push(lane);
        }
        Ok(())
    }

    /// How many keys it holds of each of these slots, whoever owns them; expired ones that were not swept yet count.
    ///
    /// # Errors
    /// As every call.
    pub async fn count_keys(&mut self, slots: &SlotSet) -> Result<BTreeMap<Slot, u64>, CallError> {
        let mut counts = BTreeMap::new();
        for chunk in chunks(slots) {
            let mut calls = Calls::default();
            for slot in &chunk {
                calls.push(&["CLUSTER", "COUNTKEYSINSLOT", &slot.to_string()]);
            }
            let replies = self.pipeline("CLUSTER COUNTKEYSINSLOT", &calls, None).await?;
            for (slot, reply) in chunk.into_iter().zip(replies) {
                counts.insert(slot, number("CLUSTER COUNTKEYSINSLOT", reply)?);
            }
        }
        Ok(counts)
    }

    /// Keys that it holds of these slots, at most so many of each.
    pub(crate) async fn keys_in_slots(
        &mut self,
        slots: &[Slot],
        most: usize,
    ) -> Result<Vec<(Slot, Vec<Key>)>, CallError> {
        let (mut calls, most) = (Calls::default(), most.to_string());
        for slot in slots {
            calls.push(&["CLUSTER", "GETKEYSINSLOT", &slot.to_string(), &most]);
        }
        let replies = self.pipeline("CLUSTER GETKEYSINSLOT", &calls, None).await?;
        slots.iter().copied().zip(replies).map(|(slot, reply)| Ok((slot, keys(reply)?))).collect()
    }

    /// What each of these keys takes in memory, estimated from five of its elements; nothing for one that is gone.
    pub(crate) async fn memory_of(&mut self, keys: &[&Key]) -> Result<Vec<Bytes>, CallError> {
        let mut calls = Calls::default();
        for key in keys {
            calls.push(&[b"MEMORY".as_slice(), b"USAGE", key.as_slice()]);
        }
        let replies = self.pipeline("MEMORY USAGE", &calls, None).await?;
        let memory = |reply| match reply {
            Reply::Nil => Ok(Bytes::new(0)),
            reply => number("MEMORY USAGE", reply).map(Bytes::new),
        };
        replies.into_iter().map(memory).collect()
    }

    /// Sends keys to another server, which has them from then on, and this one no longer ([`MIGRATE`][1]; over TLS if the bus is).
    /// A key that is gone already is no error; a copy that the other one has from an earlier try is replaced.
    ///
    /// The server does nothing else meanwhile: all parcels together are one standstill. What became of each of them, in their order;
    /// where one failed is not known: its keys may be on both sides, and the owner's are the ones that count.
    ///
    /// # Errors
    /// The server itself does not answer.
    ///
    /// [1]: https://valkey.io/commands/migrate/
    pub(crate) async fn migrate(
        &mut self,
        mail: &Mail<'_>,
        parcels: &[Parcel<'_>],
    ) -> Result<Vec<Result<(), CallError>>, CallError> {
        let mut calls = Calls::default();
        for parcel in parcels {
            let patience = parcel.patience.as_millis().to_string();
            let head =
                ["MIGRATE", mail.host, mail.port, "", "0", &patience, "REPLACE", "AUTH2", mail.user, mail.password];
            let words = head.into_iter().chain(["KEYS"]).map(str::as_bytes);
            calls.push(&words.chain(parcel.keys.iter().map(Vec::as_slice)).collect::<Vec<_>>());
        }
        // Each may wait once for the connection to the other server, and once for its answer; and some time to do it.
        let patience: Duration = parcels.iter().map(|parcel| parcel.patience * 2).sum();
        let limit = Duration::from_secs(5) + patience;
        let replies = self.pipeline("MIGRATE", &calls, Some(limit)).await?;
        Ok(replies.into_iter().map(|reply| answered("MIGRATE", reply).map(|_| ())).collect())
    }

    /// Which of these commands it knows, such as `cluster|migrateslots`.
    ///
    /// # Errors
    /// As every call.
    pub(crate) async fn knows(&mut self, commands: &[&str]) -> Result<Vec<bool>, CallError> {
        let words: Vec<&str> = ["COMMAND", "INFO"].iter().chain(commands).copied().collect();
        match self.call_named("COMMAND INFO", &words).await? {
            Reply::List(list) if list.len() == commands.len() => {
                Ok(list.into_iter().map(|entry| matches!(entry, Reply::List(fields) if !fields.is_empty())).collect())
            }
            other => Err(unexpected("COMMAND INFO", format!("{other:?}"))),
        }
    }
}

/// How long marking may take. Since Valkey 8.0 a primary tells its replicas of each mark before it is made, and waits for them: a
/// few milliseconds each, and two seconds where one does not answer.
const MARK_PATIENCE: Duration = Duration::from_secs(5);
/// And so much longer for each slot.
const MARK_PATIENCE_EACH: Duration = Duration::from_millis(20);

/// How long it may take to mark so many slots.
pub(crate) fn marks_limit(slots: usize) -> Duration {
    MARK_PATIENCE + MARK_PATIENCE_EACH * u32::try_from(slots).unwrap_or(u32::MAX)
}

/// Words of refusals that come from what the server thinks of a slot or of the other server now.
const WRONG_SIDE: [&str; 5] =
    ["not the owner", "already the owner", "know about node", "nknown node", "Target node is not a master"];

/// Slots in pieces that go over the wire at once.
fn chunks(slots: &SlotSet) -> Vec<Vec<Slot>> {
    let all: Vec<Slot> = slots.slots().collect();
    all.chunks(4096).map(<[Slot]>::to_vec).collect()
}

fn number(name: &str, reply: Reply) -> Result<u64, CallError> {
    let reply = answered(name, reply)?;
    let number = if let Reply::Number(number) = reply { u64::try_from(number).ok() } else { None };
    number.ok_or_else(|| unexpected(name, format!("{reply:?}")))
}

fn keys(reply: Reply) -> Result<Vec<Key>, CallError> {
    let name = "CLUSTER GETKEYSINSLOT";
    let Reply::List(list) = answered(name, reply)? else { return Err(unexpected(name, "no list".to_owned())) };
    list.into_iter()
        .map(|key| match key {
            Reply::Text(text) => Ok(text.into_bytes()),
            Reply::Bytes(bytes) => Ok(bytes),
            other => Err(unexpected(name, format!("{other:?}"))),
        })
        .collect()
}
