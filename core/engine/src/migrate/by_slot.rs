//! Our own way to move slots, for every release: the two servers mark a slot, its keys go over in parcels, and then the slot has
//! its new owner ([how](https://valkey.io/commands/cluster-setslot/)).
//!
//! Many slots are open at once, so that empty ones cost next to nothing, and yet so few that none is open for long: a call that
//! needs several keys of an open slot has to be tried again by the client.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use justmanage_model::{BusId, Bytes, Slot, SlotSet};

use super::pace::Pacer;
use super::parcels::{Item, LARGEST_KEY, next_burst, patience};
use super::target::Target;
use super::{MoveError, MoveOrder, Moved};
use crate::bus::BusNode;
use crate::calls::slots::{Key, Mail, Mark, Parcel};
use crate::connection::Connection;
use crate::info::Fields;

/// Most keys of the slots that are open at once, for each of them; of a single slot any number.
const KEYS_PER_SLOT: u64 = 8;
/// Most keys of one slot that are asked for at once.
const LISTED: usize = 1024;
/// How much longer a turn may take to finish the slots that are open.
const FINISH: Duration = Duration::from_millis(500);

/// See [`super::Mover::turn`].
pub(super) async fn turn<T: Target>(
    pacer: &mut Pacer,
    source: &mut Connection,
    target: &mut T,
    order: &MoveOrder<'_>,
    until: Instant,
    progress: &mut (impl FnMut(&Moved) + Send),
) -> Result<Moved, MoveError> {
    let nodes = source.cluster_nodes().await?;
    let Some(myself) = nodes.iter().find(|node| node.myself) else { return Ok(Moved::default()) };
    let open = open_ones(&nodes, myself, order)?;
    let todo = order.slots.intersection(&myself.slots);
    let counts = source.count_keys(&todo).await?;
    let room = target.room().await?;
    check_room(source, &counts, room).await?;
    let (me, moved) = (myself.id, Moved::default());
    let marked = myself.leaving.iter().filter(|(_, to)| **to == order.to).map(|(slot, _)| *slot).collect();
    let mut work = Work { pacer, source, target, order, me, marked, room, until, moved, progress };
    // Those that are open already come first.
    let mut rest: VecDeque<Slot> = open.slots().chain(todo.difference(&open).slots()).collect();
    while !rest.is_empty() {
        let window = next_window(&mut rest, &counts, work.pacer.slots());
        if Instant::now() >= until || !work.window(&window, &counts).await? {
            return Ok(work.moved);
        }
    }
    work.moved.done = true;
    Ok(work.moved)
}

/// The slots that are open towards the target already, or towards a server that is no primary any more: its successor has the keys.
fn open_ones(nodes: &[BusNode], myself: &BusNode, order: &MoveOrder<'_>) -> Result<SlotSet, MoveError> {
    let marked =
        myself.leaving.iter().filter(|(slot, _)| order.slots.contains(**slot) && myself.slots.contains(**slot));
    let mut open = Vec::new();
    for (slot, to) in marked {
        let elsewhere = |node: &BusNode| node.id == *to && !node.replica && !node.failed;
        if *to != order.to && nodes.iter().any(elsewhere) {
            return Err(MoveError::Elsewhere { slot: *slot, to: *to });
        }
        open.push(*slot);
    }
    Ok(open.into_iter().collect())
}

/// Refuses before anything is opened when the target cannot hold it, as far as the average key tells.
async fn check_room(
    source: &mut Connection,
    counts: &BTreeMap<Slot, u64>,
    room: Option<Bytes>,
) -> Result<(), MoveError> {
    let Some(free) = room else { return Ok(()) };
    let need = average_key(&source.info().await?).saturating_mul(counts.values().sum());
    if need > free.get() { Err(MoveError::NoRoom { need: Bytes::new(need), free }) } else { Ok(()) }
}

/// What a key takes, from `INFO`: the memory that no buffer accounts for, by the number of keys.
pub(super) fn average_key(info: &Fields) -> u64 {
    let other = [
        "used_memory_startup",
        "mem_clients_normal",
        "mem_clients_slaves",
        "mem_replication_backlog",
        "mem_aof_buffer",
    ];
    let other: u64 = other.iter().filter_map(|field| info.number(field)).sum();
    let keys = |text: &str| text.split(',').find_map(|part| part.strip_prefix("keys=")?.parse::<u64>().ok());
    let keys: u64 = info.beginning("db").filter_map(|(_, text)| keys(text)).sum();
    info.number("used_memory").unwrap_or_default().saturating_sub(other).checked_div(keys).unwrap_or_default()
}

/// Takes the slots that are open at the same time next, from the front: so many at most, and fewer where they hold many keys.
fn next_window(rest: &mut VecDeque<Slot>, counts: &BTreeMap<Slot, u64>, most: usize) -> SlotSet {
    let (mut window, mut keys) = (Vec::new(), 0_u64);
    while let Some(slot) = rest.front() {
        keys += counts.get(slot).copied().unwrap_or_default();
        if !window.is_empty() && (keys > KEYS_PER_SLOT * most as u64 || window.len() == most) {
            break;
        }
        window.extend(rest.pop_front());
    }
    window.into_iter().collect()
}

/// Keys that the source still holds, in the order of their slots.
struct Listing {
    keys: Vec<Key>,
    items: Vec<Item>,
    /// Slots that may hold more.
    more: Vec<Slot>,
}

/// A turn under way.
struct Work<'a, T, P> {
    pacer: &'a mut Pacer,
    source: &'a mut Connection,
    target: &'a mut T,
    order: &'a MoveOrder<'a>,
    me: BusId,
    /// The slots that the source has marked as on their way to it when the turn began.
    marked: SlotSet,
    /// What the target could still hold when it was asked last, less what was sent since.
    room: Option<Bytes>,
    until: Instant,
    moved: Moved,
    progress: P,
}

impl<T: Target, P: FnMut(&Moved)> Work<'_, T, P> {
    /// Moves the slots of a window; whether it was finished.
    async fn window(&mut self, window: &SlotSet, counts: &BTreeMap<Slot, u64>) -> Result<bool, MoveError> {
        // The target first: nobody is sent to it before it is ready.
        self.target.import(window, self.me).await?;
        self.source.set_slots(&window.difference(&self.marked), Mark::Migrating(self.order.to)).await?;
        let opened = Instant::now();
        // To open them may have taken longer than the turn: whatever is open gets its time all the same.
        self.until = self.until.max(opened);
        let mut full: Vec<Slot> =
            window.slots().filter(|slot| counts.get(slot).is_some_and(|count| *count > 0)).collect();
        loop {
            while !full.is_empty() {
                let listing = self.list(&full).await?;
                if !self.send(&listing).await? {
                    self.pacer.opened(window.len().into(), opened.elapsed());
                    return Ok(false);
                }
                // Of the others nothing is left: no key can appear in a slot that is on its way out.
                full = listing.more;
            }
            // And still: whoever has become the owner, the former one throws away what it has left.
            full = self
                .source
                .count_keys(window)
                .await?
                .into_iter()
                .filter(|(_, left)| *left > 0)
                .map(|(slot, _)| slot)
                .collect();
            if full.is_empty() {
                break;
            }
        }
        // The target first again: in between both send clients to it. The other way round nobody would own the slot.
        self.target.own(window).await?;
        self.source.set_slots(window, Mark::Node(self.order.to)).await?;
        self.pacer.opened(window.len().into(), opened.elapsed());
        self.moved.slots += u64::from(window.len());
        (self.progress)(&self.moved);
        Ok(true)
    }

    async fn list(&mut self, slots: &[Slot]) -> Result<Listing, MoveError> {
        let listed = self.source.keys_in_slots(slots, LISTED).await?;
        let more = listed.iter().filter(|(_, names)| names.len() >= LISTED).map(|(slot, _)| *slot).collect();
        let (mut keys, mut of) = (Vec::new(), Vec::new());
        for (slot, names) in listed {
            of.extend(std::iter::repeat_n(slot, names.len()));
            keys.extend(names);
        }
        let sizes = self.source.memory_of(&keys.iter().collect::<Vec<_>>()).await?;
        let items: Vec<Item> = of.into_iter().zip(sizes).collect();
        match items.iter().find(|(_, bytes)| *bytes > LARGEST_KEY) {
            Some(&(slot, bytes)) => Err(MoveError::KeyTooLarge { slot, bytes }),
            None => Ok(Listing { keys, items, more }),
        }
    }

    /// Sends keys in bursts; whether all of them are gone.
    async fn send(&mut self, listing: &Listing) -> Result<bool, MoveError> {
        let (mut keys, mut items) = (&listing.keys[..], &listing.items[..]);
        while !items.is_empty() {
            let parcels = next_burst(items, self.pacer.keys());
            let count = parcels.last().map_or(0, |last| last.end);
            let bytes = Bytes::new(items[..count].iter().map(|(_, bytes)| bytes.get()).sum());
            self.reserve(bytes).await?;
            let parcel = |range: &std::ops::Range<usize>| Parcel {
                keys: &keys[range.clone()],
                patience: patience(items, range, parcels.len()),
            };
            self.burst(&parcels.iter().map(parcel).collect::<Vec<_>>(), count).await?;
            self.moved.keys += count as u64;
            self.moved.bytes = Bytes::new(self.moved.bytes.get() + bytes.get());
            (self.progress)(&self.moved);
            (keys, items) = (&keys[count..], &items[count..]);
            // After a burst, so that every turn comes further, however slow the servers are.
            if !items.is_empty() && Instant::now() >= self.until + FINISH {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends parcels, and then leaves the server alone if its clients have to wait too long.
    async fn burst(&mut self, parcels: &[Parcel<'_>], keys: usize) -> Result<(), MoveError> {
        let (host, port) = (self.order.at.ip().to_string(), self.order.at.port().to_string());
        let (user, password) = (self.order.login.user.as_str(), self.order.login.password.expose().as_str());
        let mail = Mail { host: &host, port: &port, user, password };
        let begun = Instant::now();
        self.source.migrate(&mail, parcels).await.map_err(MoveError::from_migrate)?;
        self.pacer.held(keys, begun.elapsed());
        let begun = Instant::now();
        self.source.ping().await?;
        if let Some(pause) = self.pacer.waited(begun.elapsed()) {
            self.moved.paused += pause;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Takes so much of the target's room; it is asked again when what it said last is used up.
    async fn reserve(&mut self, need: Bytes) -> Result<(), MoveError> {
        if self.room.is_some_and(|room| room < need) {
            self.room = self.target.room().await?;
        }
        match self.room {
            Some(free) if free < need => Err(MoveError::NoRoom { need, free }),
            Some(free) => {
                self.room = Some(Bytes::new(free.get() - need.get()));
                Ok(())
            }
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_slots_are_open_at_once_and_the_open_ones_first() {
        let slots = |text: &str| text.parse::<SlotSet>().unwrap();
        let slot = |number| Slot::new(number).unwrap();
        let said = |open: &str, todo: &str, counts: &[(u16, u64)]| {
            let counts = counts.iter().map(|(number, keys)| (slot(*number), *keys)).collect();
            let (open, todo) = (slots(open), slots(todo));
            let mut rest = open.slots().chain(todo.difference(&open).slots()).collect();
            std::iter::from_fn(|| Some(next_window(&mut rest, &counts, 512)).filter(|window| !window.is_empty()))
                .map(|window| window.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(said("", "", &[]), [""; 0]);
        assert_eq!(said("", "0-1023", &[]), ["0-511", "512-1023"]);
        assert_eq!(said("700", "0-1023", &[]), ["0-510 700", "511-699 701-1023"]);
        assert_eq!(said("", "0-9", &[(3, 4000), (4, 97), (5, 9999)]), ["0-3", "4", "5", "6-9"]);
    }

    #[test]
    fn a_key_takes_what_buffers_do_not() {
        let info = "used_memory:10000\r\nused_memory_startup:1000\r\nmem_replication_backlog:4000\r\ndb0:keys=50,expires=0\r\n";
        assert_eq!(average_key(&Fields::parse(info)), 100);
        assert_eq!(average_key(&Fields::parse("used_memory:10000\r\n")), 0);
    }
}
