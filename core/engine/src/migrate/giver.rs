//! Who gives slots, and whether they are still its own to give, by what the server that gets them sees of the cluster.
//!
//! A giver that was frozen or cut off may have been replaced, and not have heard of it. What it holds is old then, and whoever gets
//! slots from it becomes their owner with an epoch that beats its successor's: the writes that this one has acknowledged would go.

use std::collections::BTreeSet;

use justmanage_model::{BusId, Slot, SlotSet};

use crate::bus::BusNode;

/// A server that gives slots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Giver {
    /// Its id on the bus.
    pub id: BusId,
    /// The other servers of its shard, as far as they are known: whoever of them is a primary was elected in its place.
    pub others: BTreeSet<BusId>,
}

impl Giver {
    /// A server as it sees itself: the others are its replicas.
    pub(super) fn seen_by_itself(id: BusId, nodes: &[BusNode]) -> Self {
        Self { id, others: nodes.iter().filter(|node| node.primary == Some(id)).map(|node| node.id).collect() }
    }

    /// Why these slots cannot be had from it now, if they cannot.
    ///
    /// That it owns them is not enough: Redis leaves a slot that is marked as on its way in with the owner that it had, whoever
    /// was elected since.
    pub(super) fn why_not(&self, nodes: &[BusNode], slots: &SlotSet) -> Option<String> {
        let Some(giver) = self.line(nodes) else { return Some("who gives is not known here".to_owned()) };
        if giver.replica {
            return Some("who gives is a replica, as far as is known here".to_owned());
        }
        if giver.failed || giver.suspected {
            return Some("who gives does not answer the one that gets, and may have been replaced".to_owned());
        }
        let serves = |node: &&BusNode| !node.replica && !node.failed && !node.handshake && !node.lost;
        if let Some(elected) = nodes.iter().filter(|node| self.others.contains(&node.id)).find(serves) {
            return Some(format!("{} was elected in the place of who gives, as far as is known here", elected.id));
        }
        let slot = slots.difference(&giver.slots).slots().next()?;
        Some(format!("slot {slot} is not theirs, as far as is known here"))
    }

    /// Those of these slots that the server which gets them has marked as on their way from it.
    pub(super) fn awaited(&self, nodes: &[BusNode], slots: &SlotSet) -> SlotSet {
        let marks = nodes.iter().filter(|node| node.myself).flat_map(|myself| &myself.arriving);
        marks.filter(|(slot, from)| **from == self.id && slots.contains(**slot)).map(|(slot, _)| *slot).collect()
    }

    /// Those of these slots that are marked as on their way from a server whose place it has taken, and that are nobody else's.
    ///
    /// On Redis the mark keeps the server that gets them from hearing of the new owner; and as long as it thinks of a slot as one
    /// of a failed server's, or as nobody's, it serves nothing at all.
    pub(super) fn inherited(&self, nodes: &[BusNode], slots: &SlotSet) -> SlotSet {
        let free = |slot: Slot, before: BusId| nodes.iter().all(|node| node.id == before || !node.slots.contains(slot));
        let ours =
            |slot: Slot, before: BusId| slots.contains(slot) && free(slot, before) && self.has_replaced(before, nodes);
        let marks = nodes.iter().filter(|node| node.myself).flat_map(|myself| &myself.arriving);
        marks.filter(|(slot, before)| ours(**slot, **before)).map(|(slot, _)| *slot).collect()
    }

    /// Whether another one of its shard has lost its place to it: that one follows it, or has failed and its slots are this one's.
    fn has_replaced(&self, before: BusId, nodes: &[BusNode]) -> bool {
        let Some(giver) = self.line(nodes).filter(|giver| giver.id != before) else { return false };
        nodes.iter().filter(|node| node.id == before).any(|node| {
            let fell = node.failed && self.others.contains(&before) && !giver.slots.is_empty();
            fell || node.primary == Some(self.id)
        })
    }

    /// What is seen of it.
    fn line<'a>(&self, nodes: &'a [BusNode]) -> Option<&'a BusNode> {
        nodes.iter().find(|node| node.id == self.id && !node.handshake && !node.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bus::parse_nodes;

    fn id(number: u8) -> BusId {
        BusId::new([number; 20])
    }

    fn slots(text: &str) -> SlotSet {
        text.parse().unwrap()
    }

    /// A line of `CLUSTER NODES`; number 0 is no primary.
    fn line(number: u8, flags: &str, primary: u8, slots: &str) -> String {
        let primary = if primary == 0 { "-".to_owned() } else { id(primary).to_string() };
        format!("{} 127.0.0.1:7000@17000 {flags} {primary} 0 0 1 connected {slots}\n", id(number))
    }

    /// The server with number 1 gives, number 2 is of its shard, number 3 of another one.
    fn giver() -> Giver {
        Giver { id: id(1), others: [id(2)].into() }
    }

    #[test]
    fn only_who_is_still_the_primary_gives() {
        let (own, all) = (line(9, "myself,master", 0, "200-299"), line(1, "master", 0, "0-99"));
        let (follows, third) = (line(2, "slave", 1, ""), line(3, "master", 0, "100-199"));
        let why = |lines: &[&String]| {
            let text: String = lines.iter().map(|line| line.as_str()).chain([own.as_str()]).collect();
            giver().why_not(&parse_nodes(&text).unwrap(), &slots("7"))
        };
        for (what, one, two) in [
            ("all is well", all.clone(), follows.clone()),
            ("whom it has replaced has not come back", all.clone(), line(2, "master,fail", 0, "")),
            ("the other one is not known yet", all.clone(), line(2, "handshake", 0, "")),
        ] {
            assert_eq!(why(&[&one, &two, &third]), None, "{what}");
        }
        for (what, one, two, expected) in [
            ("it has heard that it was replaced", line(1, "slave", 2, ""), line(2, "master", 0, "0-99"), "a replica"),
            ("nobody has answered for long", line(1, "master,fail", 0, "0-99"), follows.clone(), "does not answer"),
            ("it does not answer us", line(1, "master,fail?", 0, "0-99"), follows.clone(), "does not answer"),
            ("its name is all that is known", line(1, "master,noaddr", 0, "0-99"), follows.clone(), "not known"),
            ("it was replaced", line(1, "master", 0, "7"), line(2, "master", 0, "0-6 8-99"), "elected"),
            ("it was replaced, and all of it was on its way", all.clone(), line(2, "master", 0, ""), "elected"),
            ("the one that was elected is slow", all, line(2, "master,fail?", 0, ""), "elected"),
            ("the slot is somebody else's", line(1, "master", 0, "0-6"), follows.clone(), "slot 7 is not theirs"),
        ] {
            let why = why(&[&one, &two, &third]).unwrap_or_default();
            assert!(why.contains(expected), "{what}: {why}");
        }
        assert!(why(&[&follows, &third]).is_some_and(|why| why.contains("not known")), "it was forgotten");
    }

    #[test]
    fn what_was_on_its_way_from_the_one_before_is_inherited() {
        let own = line(9, "myself,master", 0, &format!("200-299 [7-<-{}] [8-<-{}]", id(2), id(1)));
        let inherited = |one: &str, two: &str, three: &str| {
            let nodes = parse_nodes(&format!("{one}{two}{three}{own}")).unwrap();
            assert_eq!(giver().awaited(&nodes, &slots("0-99")), slots("8"));
            giver().inherited(&nodes, &slots("0-99")).to_string()
        };
        let (gives, third) = (line(1, "master", 0, "0-6 8-99"), line(3, "master", 0, "100-199"));
        let (follows, failed) = (line(2, "slave", 1, ""), line(2, "master,fail", 0, "7"));
        assert_eq!(inherited(&gives, &follows, &third), "7", "it follows, and the slot is nobody's");
        assert_eq!(inherited(&gives, &failed, &third), "7", "it has failed, and the slot is still its own");
        for (what, one, two, three) in [
            ("it is well", &gives, line(2, "master", 0, "7"), third.clone()),
            ("it does not answer us, and nobody was elected", &gives, line(2, "master,fail?", 0, "7"), third.clone()),
            ("it is known to be theirs", &line(1, "master", 0, "0-99"), follows.clone(), third.clone()),
            ("who gives owns nothing", &line(1, "master", 0, ""), failed, third),
            ("somebody else owns it", &gives, follows, line(3, "master", 0, "7 100-199")),
        ] {
            assert_eq!(inherited(one, &two, &three), "", "{what}");
        }
        let stranger = Giver { others: BTreeSet::new(), ..giver() };
        let nodes = parse_nodes(&format!("{gives}{}{own}", line(2, "master,fail", 0, "7"))).unwrap();
        assert_eq!(stranger.inherited(&nodes, &slots("7")), SlotSet::empty(), "it was of another shard");
    }

    #[test]
    fn by_its_own_view_its_replicas_could_be_elected() {
        let text =
            format!("{}{}{}", line(1, "myself,master", 0, "0-99"), line(2, "slave", 1, ""), line(3, "master", 0, ""));
        assert_eq!(Giver::seen_by_itself(id(1), &parse_nodes(&text).unwrap()), giver());
    }
}
