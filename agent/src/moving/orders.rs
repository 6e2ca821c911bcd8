//! What goes where, by the grant and by what our server sees.

use std::collections::{BTreeMap, BTreeSet};

use justmanage_engine::bus::BusNode;
use justmanage_model::{BusId, Grant, Member, NodeId, Record, SlotSet};

/// Who gets what moves to a shard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) node: NodeId,
    pub(super) member: Member,
    /// Its server's id on the bus.
    pub(super) id: BusId,
}

/// The heads of the other shards that the grant names, as our server sees them: whoever owns slots, and of a shard without any the
/// primary in the first place, which is to get the first ones. A shard that has none at the moment is not in it.
pub(super) fn heads(record: &Record, grant: &Grant, own_shard: u16, nodes: &[BusNode]) -> BTreeMap<u16, Head> {
    let mut heads: BTreeMap<u16, (bool, Head)> = BTreeMap::new();
    let mut others: Vec<_> = record
        .members
        .iter()
        .filter(|(node, member)| member.seat.shard != own_shard && grant.nodes.contains(node))
        .collect();
    others.sort_by_key(|(_, member)| member.seat);
    for (node, member) in others {
        let known = nodes.iter().filter(|one| !one.myself && !one.handshake && !one.lost);
        let at = |one: &&BusNode| member.bus_id.map_or(one.at == Some(member.client), |id| one.id == id);
        let Some(server) = known.into_iter().find(at).filter(|one| !one.replica && !one.failed) else { continue };
        let owns = !server.slots.is_empty();
        let head = Head { node: *node, member: member.clone(), id: server.id };
        match heads.get(&member.seat.shard) {
            Some((before, _)) if *before || !owns => {}
            _ => drop(heads.insert(member.seat.shard, (owns, head))),
        }
    }
    heads.into_iter().map(|(shard, (_, head))| (shard, head)).collect()
}

/// All that is to go to a shard by the grant, whether it has gone or not.
pub(super) fn wanted(grant: &Grant, from: u16, to: u16) -> SlotSet {
    let moves = grant.moves.iter().filter(|one| one.from == from && one.to == to);
    moves.fold(SlotSet::empty(), |all, one| all.union(&one.slots))
}

/// What is left to go, shard by shard: what is granted, and what has begun to go over, as far as our server owns it.
pub(super) fn left(
    grant: &Grant,
    from: u16,
    go_on: &BTreeMap<u16, SlotSet>,
    owned: &SlotSet,
) -> BTreeMap<u16, SlotSet> {
    let granted = grant.moves.iter().filter(|one| one.from == from).map(|one| one.to);
    let shards: BTreeSet<u16> = granted.chain(go_on.keys().copied()).collect();
    let mut left = BTreeMap::new();
    let mut free = owned.clone();
    // What has begun goes where it has begun to go, whatever is granted.
    for to in &shards {
        let begun = go_on.get(to).map_or_else(SlotSet::empty, |begun| begun.intersection(&free));
        free = free.difference(&begun);
        left.insert(*to, begun);
    }
    for to in &shards {
        let more = wanted(grant, from, *to).intersection(&free);
        free = free.difference(&more);
        left.entry(*to).and_modify(|slots: &mut SlotSet| *slots = slots.union(&more));
    }
    left.retain(|_, slots| !slots.is_empty());
    left
}

#[cfg(test)]
mod tests {
    use justmanage_model::Generation;
    use justmanage_model::record::Operation;
    use justmanage_model::slots::balance::Move;

    use super::*;
    use crate::samples::{self, node};

    fn slots(text: &str) -> SlotSet {
        text.parse().expect("slots")
    }

    fn grant(moves: &[(u16, u16, &str)]) -> Grant {
        let moves = moves.iter().map(|(from, to, text)| Move { from: *from, to: *to, slots: slots(text) }).collect();
        let nodes: BTreeSet<NodeId> = (0..6).map(node).collect();
        Grant { operation: Operation::Reshard, nodes, given: Generation::new(7), moves }
    }

    #[test]
    fn what_has_begun_to_go_goes_on_and_the_rest_as_it_is_granted() {
        let grant = grant(&[(0, 2, "0-99"), (0, 3, "100-199"), (1, 2, "5000-5099")]);
        let said = |go_on: &[(u16, &str)], owned: &str| {
            let go_on = go_on.iter().map(|(to, text)| (*to, slots(text))).collect();
            let left = left(&grant, 0, &go_on, &slots(owned));
            left.into_iter().map(|(to, slots)| format!("{to}: {slots}")).collect::<Vec<_>>()
        };
        assert_eq!(said(&[], "0-4999"), ["2: 0-99", "3: 100-199"]);
        assert_eq!(said(&[], "50-4999"), ["2: 50-99", "3: 100-199"]);
        assert_eq!(said(&[], "200-4999"), [""; 0]);
        assert_eq!(said(&[(3, "7 300")], "0-4999"), ["2: 0-6 8-99", "3: 7 100-199 300"]);
        assert_eq!(said(&[(1, "300 6000")], "300-4999"), ["1: 300"]);
    }

    #[test]
    fn who_owns_slots_gets_them_and_of_an_empty_shard_the_first() {
        let mut record = samples::record(3, 1);
        for number in 0..4 {
            record.members.get_mut(&node(number)).expect("a member").bus_id = Some(BusId::new([number; 20]));
        }
        let server = |number: u8, flags: &str, slots: &str| {
            let (id, port) = (BusId::new([number; 20]), 20000 + u16::from(number));
            format!("{id} 127.0.0.1:{port}@{} {flags} - 0 0 1 connected {slots}\n", port + 10000)
        };
        let heads = |servers: &[String]| {
            let nodes = justmanage_engine::bus::parse_nodes(&servers.concat()).expect("servers");
            let grant = grant(&[]);
            let heads = heads(&record, &grant, 0, &nodes);
            heads.into_iter().map(|(shard, head)| (shard, head.node)).collect::<Vec<_>>()
        };
        let us = server(0, "myself,master", "0-8191");
        let all = |two: &str, three: &str, third: &str| {
            let (owner, new) = (server(2, two, "8192-16383"), [server(4, "master", ""), server(5, "master", "")]);
            [us.clone(), owner, server(3, three, third), new.concat()]
        };
        assert_eq!(heads(&all("master", "slave", "")), [(1, node(2)), (2, node(4))]);
        assert_eq!(heads(&all("master,fail", "master", "8192-16383")), [(1, node(3)), (2, node(4))]);
        assert_eq!(heads(&all("master,fail", "slave", "")), [(2, node(4))]);
        assert_eq!(heads(&all("slave", "master", "8192-16383")), [(1, node(3)), (2, node(4))]);
    }
}
