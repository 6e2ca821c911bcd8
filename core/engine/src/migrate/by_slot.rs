//! Our own way to move slots, for every release: the two servers mark a slot, its keys go over in parcels, and then the slot has
//! its new owner ([how](https://valkey.io/commands/cluster-setslot/)).
//!
//! Many slots are open at once, so that empty ones cost next to nothing, and yet so few that none is open for long: a call that
//! needs several keys of an open slot has to be tried again by the client.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use justmanage_model::{Bytes, Slot, SlotSet};

use super::error::is_unsure;
use super::giver::Giver;
use super::listing::Listing;
use super::pace::Pacer;
use super::parcels::{next_burst, patience};
use super::room::check_room;
use super::target::Target;
use super::{MoveError, MoveOrder, Moved};
use crate::bus::BusNode;
use crate::calls::slots::{Mail, Mark, Parcel};
use crate::connection::Connection;

/// Most keys of the slots that are open at once, for each of them; of a single slot any number.
const KEYS_PER_SLOT: u64 = 8;
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
    let (me, moved) = (Giver::seen_by_itself(myself.id, &nodes), Moved::default());
    let marked = myself.leaving.iter().filter(|(_, to)| **to == order.to).map(|(slot, _)| *slot).collect();
    let mut work = Work { pacer, source, target, order, me, marked, room, until, moved, stuck: None, progress };
    // Those that are open already come first.
    let mut rest: VecDeque<Slot> = open.slots().chain(todo.difference(&open).slots()).collect();
    while !rest.is_empty() {
        let window = next_window(&mut rest, &counts, work.pacer.slots());
        if Instant::now() >= until || !work.window(&window, &counts).await? {
            return Ok(work.moved);
        }
    }
    if let Some((slot, bytes)) = work.stuck {
        return Err(MoveError::KeyTooLarge { slot, bytes });
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

/// A turn under way.
struct Work<'a, T, P> {
    pacer: &'a mut Pacer,
    source: &'a mut Connection,
    target: &'a mut T,
    order: &'a MoveOrder<'a>,
    me: Giver,
    /// The slots that the source had marked as on their way to it when the turn began, and still has.
    marked: SlotSet,
    /// What the target could still hold when it was asked last, less what was sent since.
    room: Option<Bytes>,
    until: Instant,
    moved: Moved,
    /// The first slot that was set aside, and what its key takes.
    stuck: Option<(Slot, Bytes)>,
    progress: P,
}

impl<T: Target, P: FnMut(&Moved)> Work<'_, T, P> {
    /// Moves the slots of a window; whether it was finished.
    async fn window(&mut self, slots: &SlotSet, counts: &BTreeMap<Slot, u64>) -> Result<bool, MoveError> {
        let full: Vec<Slot> = slots.slots().filter(|slot| counts.get(slot).is_some_and(|count| *count > 0)).collect();
        // Before any is opened: what cannot go over would stay open.
        let mut listing = Listing::of(self.source, &full).await?;
        let mut window = self.set_aside(slots, &listing).await?;
        self.open(&window).await?;
        let opened = Instant::now();
        // To open them may have taken longer than the turn: whatever is open gets its time all the same.
        self.until = self.until.max(opened);
        while !window.is_empty() {
            if !self.send(&listing).await? {
                self.pacer.opened(window.len().into(), opened.elapsed());
                return Ok(false);
            }
            // Of the others nothing is left: no key can appear in a slot that is on its way out.
            let mut full = listing.more;
            if full.is_empty() {
                // It may have before. And still: whoever has become the owner, the former one throws away what it has left.
                let left = self.source.count_keys(&window).await?;
                full.extend(left.into_iter().filter(|(_, left)| *left > 0).map(|(slot, _)| slot));
            }
            if full.is_empty() {
                self.close(&window).await?;
                self.pacer.opened(window.len().into(), opened.elapsed());
                break;
            }
            listing = Listing::of(self.source, &full).await?;
            window = self.set_aside(&window, &listing).await?;
        }
        Ok(true)
    }

    async fn open(&mut self, slots: &SlotSet) -> Result<(), MoveError> {
        if slots.is_empty() {
            return Ok(());
        }
        // The target first: nobody is sent to it before it is ready.
        self.target.import(slots, &self.me).await?;
        Ok(self.source.set_slots(&slots.difference(&self.marked), Mark::Migrating(self.order.to)).await?)
    }

    async fn close(&mut self, slots: &SlotSet) -> Result<(), MoveError> {
        // The target first again: in between both send clients to it. The other way round nobody would own the slot.
        self.target.own(slots, &self.me).await?;
        self.source.set_slots(slots, Mark::Node(self.order.to)).await?;
        self.moved.slots += u64::from(slots.len());
        (self.progress)(&self.moved);
        Ok(())
    }

    /// Those of the slots of which everything can go; the others stay with the source for this turn, so that they do not keep these.
    async fn set_aside(&mut self, slots: &SlotSet, listing: &Listing) -> Result<SlotSet, MoveError> {
        let Some((slot, bytes)) = listing.stuck.first_key_value() else { return Ok(slots.clone()) };
        self.stuck = self.stuck.or(Some((*slot, *bytes)));
        let stuck: SlotSet = listing.stuck.keys().copied().collect();
        self.take_back(&stuck).await?;
        Ok(slots.difference(&stuck))
    }

    /// Takes the marks away of those slots of which the target holds nothing. The others stay open: their keys are on both sides.
    async fn take_back(&mut self, slots: &SlotSet) -> Result<(), MoveError> {
        let back = slots.difference(&self.target.holds(slots).await?);
        if back.is_empty() {
            return Ok(());
        }
        self.marked = self.marked.difference(&back);
        // The source first: as long as it sends clients to the target, that one must answer them.
        self.source.set_slots(&back, Mark::Stable).await?;
        self.target.release(&back).await?;
        // A client that was sent there just before may have written there, and nobody else would find that any more.
        let held = self.target.holds(&back).await?;
        self.open(&held).await
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
                patience: patience(parcels.len()),
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
        self.deliver(&mail, parcels).await?;
        self.pacer.held(keys, begun.elapsed());
        let begun = Instant::now();
        self.source.ping().await?;
        if let Some(pause) = self.pacer.waited(begun.elapsed()) {
            self.moved.paused += pause;
            tokio::time::sleep(pause).await;
        }
        Ok(())
    }

    /// Sends parcels, and once more at once what the target did not acknowledge: it may have it all the same, and a client that
    /// removes a key here would then find it there.
    async fn deliver(&mut self, mail: &Mail<'_>, parcels: &[Parcel<'_>]) -> Result<(), MoveError> {
        let (mut again, mut failed) = (Vec::new(), None);
        for (parcel, answer) in parcels.iter().zip(self.source.migrate(mail, parcels).await?) {
            match answer {
                Ok(()) => {}
                Err(error) if is_unsure(&error) => again.push(*parcel),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        let answers = if again.is_empty() { Vec::new() } else { self.source.migrate(mail, &again).await? };
        let failed = answers.into_iter().filter_map(Result::err).chain(failed).next();
        failed.map_or(Ok(()), |error| Err(MoveError::from_migrate(error)))
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
}
