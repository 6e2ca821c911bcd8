//! Slots that somebody left half-way: what to do with each is decided by what both servers say of it.
//!
//! A move forward loses nothing at any point, so whatever has begun to go over goes on. Only a slot of which the target holds
//! nothing yet, and that nobody wants there, stays where it is.

use justmanage_model::{BusId, Slot, SlotSet};

use super::MoveError;
use super::giver::Giver;
use super::target::{Side, Target};
use crate::calls::slots::Mark;
use crate::connection::Connection;

/// What was found, and done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Healed {
    /// Keys of these are over there already: they have to go on, and belong into the next order for this target.
    pub go_on: SlotSet,
    /// Marks of these were taken away: nothing had gone over, and nobody wants them there.
    pub undone: SlotSet,
    /// These had their new owner already, and somebody still said otherwise.
    pub closed: SlotSet,
    /// The target holds keys of these, and neither of the two owns them. Nothing was done: whose they are is for people to say.
    pub stranded: SlotSet,
    /// The target had these marked as arriving from a server whose place the source has taken, and has them from the source now.
    pub inherited: SlotSet,
}

/// How a slot looks from both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    /// The source owns it.
    source: bool,
    /// The target owns it.
    target: bool,
    /// The source has marked it as on its way to the target, or to one that is no primary any more.
    leaving: bool,
    /// The target has marked it as on its way in.
    arriving: bool,
    /// The target holds keys of it.
    held: bool,
    /// It is to move to the target.
    wanted: bool,
}

/// What to do with a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cure {
    /// Nothing is wrong, or the move that is wanted puts it right.
    Nothing,
    GoOn,
    Undo,
    /// The target owns it: take the marks away.
    Close,
    Stranded,
}

const fn cure(look: Look) -> Cure {
    let marked = look.leaving || look.arriving;
    match look {
        Look { target: true, .. } if marked => Cure::Close,
        Look { target: true, .. } => Cure::Nothing,
        Look { source: true, held: true, .. } => Cure::GoOn,
        Look { source: true, wanted: false, .. } if marked => Cure::Undo,
        Look { source: true, .. } => Cure::Nothing,
        Look { held: true, .. } if marked => Cure::Stranded,
        _ if marked => Cure::Undo,
        _ => Cure::Nothing,
    }
}

/// Looks at every slot that the source owns, or that is marked as on its way from it to this target, and puts right what is half-way.
/// `wanted` is what is to move to this target.
///
/// Only to be called while nobody else moves slots between the two.
///
/// # Errors
/// Either server does not answer, or refuses. What was put right before stays so.
pub async fn heal<T: Target>(source: &mut Connection, target: &mut T, wanted: &SlotSet) -> Result<Healed, MoveError> {
    let nodes = source.cluster_nodes().await?;
    let Some(myself) = nodes.iter().find(|node| node.myself) else { return Ok(Healed::default()) };
    let side = target.side().await?;
    let astray = |id: BusId| !nodes.iter().any(|node| node.id == id && !node.replica && !node.failed);
    let leaving: SlotSet =
        myself.leaving.iter().filter(|(_, to)| **to == side.id || astray(**to)).map(|(slot, _)| *slot).collect();
    let arriving: SlotSet =
        side.arriving.iter().filter(|(_, from)| **from == myself.id || astray(**from)).map(|(slot, _)| *slot).collect();
    let ours: SlotSet = side.arriving.iter().filter(|(_, from)| **from == myself.id).map(|(slot, _)| *slot).collect();
    let all = myself.slots.union(&leaving).union(&arriving);
    let held = target.holds(&all).await?;
    let look = |slot: Slot| Look {
        source: myself.slots.contains(slot),
        target: side.slots.contains(slot),
        leaving: leaving.contains(slot),
        arriving: arriving.contains(slot),
        held: held.contains(slot),
        wanted: wanted.contains(slot),
    };
    let those = |what: Cure| all.slots().filter(|slot| cure(look(*slot)) == what).collect::<SlotSet>();
    let (undone, closed) = (those(Cure::Undo), those(Cure::Close));
    let healed = Healed {
        go_on: those(Cure::GoOn),
        stranded: those(Cure::Stranded),
        inherited: arriving.difference(&ours).intersection(&myself.slots).difference(&undone).difference(&closed),
        undone,
        closed,
    };
    let giver = Giver::seen_by_itself(myself.id, &nodes);
    put_right(source, target, (&side, &giver), (&leaving, &arriving), &healed).await?;
    Ok(healed)
}

async fn put_right<T: Target>(
    source: &mut Connection,
    target: &mut T,
    (side, giver): (&Side, &Giver),
    (leaving, arriving): (&SlotSet, &SlotSet),
    healed: &Healed,
) -> Result<(), MoveError> {
    // The source first: as long as it sends clients to the target, that one must answer them.
    source.set_slots(&healed.undone.intersection(leaving), Mark::Stable).await?;
    target.release(&healed.undone.intersection(arriving)).await?;
    source.set_slots(&healed.closed.intersection(leaving), Mark::Node(side.id)).await?;
    // Where it is the owner, that takes the mark away and nothing else.
    target.own(&healed.closed.intersection(arriving), giver).await?;
    // As long as the mark names the one before, the target cannot become the owner, and on Redis it serves nothing at all.
    if !healed.inherited.is_empty() {
        target.import(&healed.inherited, giver).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_begun_to_go_over_goes_on_and_the_rest_stays() {
        // Owner, marks, what the target holds, and what is wanted: `S` or `T` or neither; `l`, `a`; `k`; `w`.
        for (what, text, expected) in [
            ("at rest", "S", Cure::Nothing),
            ("wanted, and not begun", "Sw", Cure::Nothing),
            ("marked, and wanted", "Slaw", Cure::Nothing),
            ("the target alone is marked, and wanted", "Saw", Cure::Nothing),
            ("marked, and not wanted", "Sla", Cure::Undo),
            ("the source alone is marked", "Sl", Cure::Undo),
            ("the target alone is marked", "Sa", Cure::Undo),
            ("keys are over there", "Slak", Cure::GoOn),
            ("keys are over there, and a failover lost the marks", "Sk", Cure::GoOn),
            ("keys are over there, and wanted", "Slakw", Cure::GoOn),
            ("the target owns it, and all is well", "Tk", Cure::Nothing),
            ("the target owns it, and the source has not heard", "Tlk", Cure::Close),
            ("the target owns it, and has not noticed", "Tak", Cure::Close),
            ("somebody else owns it, with keys at the target", "ak", Cure::Stranded),
            ("somebody else owns it", "la", Cure::Undo),
        ] {
            let has = |letter| text.contains(letter);
            let look = Look {
                source: has('S'),
                target: has('T'),
                leaving: has('l'),
                arriving: has('a'),
                held: has('k'),
                wanted: has('w'),
            };
            assert_eq!(cure(look), expected, "{what}");
        }
    }
}
