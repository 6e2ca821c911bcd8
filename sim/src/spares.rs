//! Spares: how one takes a place, what an apply does about those that are missing, and what must hold of both.

use justmanage_model::{NodeId, NodeStep, Plan, Record, Step};

use crate::server::Process;
use crate::shape::{NO_SEAT, node_id, spare};
use crate::world::World;

impl World {
    /// A spare takes the place of a node that is lost. That one is nobody whom anybody writes to, and nobody's only copy.
    pub(crate) fn replace_by_spare(&mut self, next: &mut Record, lost: NodeId, by: NodeId) {
        if let Some(node) = self.field.number(lost) {
            let shard = self.field.nodes[node].seat.shard;
            if self.field.takes_writes(node) {
                self.field.violation(format!("a spare is to take the place of node {node}, which takes writes"));
            }
            if self.field.primary(shard).is_none_or(|primary| primary == node) {
                self.field
                    .violation(format!("a spare is to take the place of node {node}, and nobody else has its slots"));
            }
        }
        if !next.spares.contains_key(&by) || !next.members.contains_key(&lost) {
            self.field.violation(format!("{by} is to take the place of {lost}, and is no spare, or that is no member"));
        }
        next.replace(lost, by);
    }

    /// Whoever was a spare is where the Record says now.
    pub(crate) fn seat_spares(&mut self) {
        for (node, member) in &self.store.record.members {
            let number = self.field.number(*node);
            if let Some(place) = number.map(|number| &mut self.field.nodes[number]).filter(|node| node.seat == NO_SEAT)
            {
                place.seat = member.seat;
            }
        }
    }

    /// What an agent does whose node is neither a member nor a spare any more: its server stays down.
    pub(crate) fn removed(&self, node: usize) -> Option<Plan> {
        if self.agents[node].copy.belongs(node_id(node)) {
            return None;
        }
        match self.field.nodes[node].server.process {
            Process::Off | Process::Ending(_) => Some(Plan::Wait(Vec::new())),
            _ => Some(Plan::Act(vec![Step::Node(node_id(node), NodeStep::StopServer)], Vec::new())),
        }
    }

    /// An apply counts the spares: those that are missing are made, and those whose machines are gone are taken out.
    pub(crate) fn an_apply_counts_spares(&mut self) {
        let gone = |node: &NodeId| self.field.number(*node).is_none_or(|number| self.field.nodes[number].gone);
        let gone: Vec<NodeId> = self.store.record.spares.keys().copied().filter(gone).collect();
        if !gone.is_empty() {
            self.operate(|record| record.spares.retain(|node, _| !gone.contains(node)));
        }
        for _ in 0..self.store.record.spares_missing() {
            let new = self.add(NO_SEAT);
            self.operate(|record| record.spares.extend([(node_id(new), spare(new))]));
            self.agents[new].copy = self.store.record.clone();
        }
    }

    /// At rest there are as many spares as are asked for, none of them serves, and nobody does whose place another has.
    pub(crate) fn spares_at_rest(&mut self) {
        let record = self.store.record.clone();
        if record.spares_missing() > 0 {
            self.field.violation("the cluster converged, and spares are missing");
        }
        if let Some(number) = self.serves_without_a_place() {
            self.field.violation(format!("the cluster converged, and node {number} serves without a place"));
        }
    }

    /// A node whose server runs and that is no member.
    pub(crate) fn serves_without_a_place(&self) -> Option<usize> {
        let runs = |number: &usize| {
            let place = &self.field.nodes[*number];
            place.on
                && place.server.process == Process::Up
                && !self.store.record.members.contains_key(&node_id(*number))
        };
        (0..self.field.nodes.len()).find(runs)
    }
}
