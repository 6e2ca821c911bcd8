//! What must hold in every Record, and between one and the next.

use std::collections::BTreeSet;

use super::{LAYOUT, Operation, Phase, Record};
use crate::spec::NODES_MAX;
use crate::{Failure, Generation, NodeId, Release, ReleaseTarget};

/// Most database users of a cluster (ARCHITECTURE, decision 15).
pub const USERS_MAX: usize = 200;

/// Largest Record that is accepted, as JSON, in bytes: an error well before the 64 KiB that the store is sized for, so that
/// the agents' own fields (authority, grant, generation) always still fit.
pub const RECORD_BYTES_MAX: usize = 60 * 1024;

/// Why a Record is refused. Whoever proposed it made it wrongly; trying again does not help.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordFault {
    /// Written by newer software.
    #[error("the record has layout {0}, and this software knows layouts up to {LAYOUT}; update it first")]
    NewerLayout(u32),
    /// It holds what its layout cannot say.
    #[error("the record has layout {0}, which cannot say all of this; whoever proposed it has to raise it")]
    OlderLayout(u32),
    /// The spec is not valid.
    #[error("the record's spec is not valid: {0}")]
    Spec(Box<Failure>),
    /// The release is not one that the spec asks for.
    #[error("the record's release {release} is not what the spec asks for ({target})")]
    ReleaseOutsideTarget {
        /// The release.
        release: Box<Release>,
        /// What the spec asks for.
        target: ReleaseTarget,
    },
    /// Nobody could ever change it.
    #[error("the record names no operator, so nobody could ever change it")]
    NoOperator,
    /// Too many nodes or users, or too large.
    #[error("the record holds {have} {what}; at most {most} are possible")]
    TooMany {
        /// What.
        what: &'static str,
        /// How many there are.
        have: usize,
        /// How many are possible.
        most: usize,
    },
    /// A member or spare has something that another one has too.
    #[error("two nodes have the same {0}")]
    SharedByTwo(&'static str),
    /// A member or spare whose machine is to go.
    #[error("the record says of a node that it belongs to the cluster and that its machine is to go")]
    RetiredMember,
    /// Temporary replicas without anything that they are for.
    #[error("the record asks for temporary replicas, and no server goes over to another release")]
    SurgeAtRest,
    /// A grant that could not have been given.
    #[error("the record's grant is not valid: {0}")]
    Grant(&'static str),
    /// A cluster that serves over TLS without an authority.
    #[error("the record says that the cluster is formed, and has no certificate authority")]
    FormedWithoutAuthority,
    /// Not the next one of the same cluster's record.
    #[error("the record does not follow the one at generation {at}: {why}")]
    DoesNotFollow {
        /// The generation of the one before.
        at: Generation,
        /// Why.
        why: &'static str,
    },
}

impl Record {
    /// Whether everything that must hold in every Record holds in this one.
    ///
    /// # Errors
    /// The first thing that does not.
    pub fn check(&self) -> Result<(), RecordFault> {
        if self.layout > LAYOUT {
            return Err(RecordFault::NewerLayout(self.layout));
        }
        if self.layout < self.least_layout() {
            return Err(RecordFault::OlderLayout(self.layout));
        }
        if let Some(fault) = self.spec.validate().into_iter().next() {
            return Err(RecordFault::Spec(Box::new(fault)));
        }
        if self.release.engine != self.spec.engine || !self.spec.version.admits(self.release.version) {
            let release = Box::new(self.release.clone());
            return Err(RecordFault::ReleaseOutsideTarget { release, target: self.spec.version });
        }
        if self.operators.is_empty() {
            return Err(RecordFault::NoOperator);
        }
        if self.phase == Phase::Formed && self.ca_certificate.is_none() {
            return Err(RecordFault::FormedWithoutAuthority);
        }
        self.check_members()?;
        if self.retired.iter().any(|node| self.belongs(*node)) {
            return Err(RecordFault::RetiredMember);
        }
        if self.surge && self.previous.is_none() {
            return Err(RecordFault::SurgeAtRest);
        }
        self.check_grant()?;
        self.check_size()
    }

    /// Whether `next` may take this Record's place: the same cluster and epoch, one generation on, and no way back from
    /// a later phase. (A re-founded group starts afresh, with another epoch, and does not follow.)
    ///
    /// # Errors
    /// What stands against it; also whatever [`Record::check`] finds in `next`.
    pub fn check_next(&self, next: &Self) -> Result<(), RecordFault> {
        let order = |phase| match phase {
            Phase::Forming => 0,
            Phase::Formed => 1,
            Phase::Leaving => 2,
        };
        // By the same way as to another version: each server is seen to have gone over.
        let comes_from_here =
            next.previous.as_ref().is_some_and(|previous| previous.release.engine == self.spec.engine);
        let faults = [
            (next.layout < self.layout, "its layout goes back"),
            (next.cluster != self.cluster || next.name != self.name, "it is of another cluster"),
            (next.epoch != self.epoch, "it is of another epoch"),
            (next.generation != self.generation.next(), "its generation is not the next one"),
            (order(next.phase) < order(self.phase), "its phase goes back"),
            (next.spec.engine != self.spec.engine && !comes_from_here, "it has another engine"),
        ];
        if let Some((_, why)) = faults.into_iter().find(|(wrong, _)| *wrong) {
            return Err(RecordFault::DoesNotFollow { at: self.generation, why });
        }
        next.check()
    }

    fn check_members(&self) -> Result<(), RecordFault> {
        fn distinct<T: Ord>(items: impl Iterator<Item = T>, count: usize) -> bool {
            items.collect::<BTreeSet<T>>().len() == count
        }
        let (seats, count) = (self.members.len(), self.members.len() + self.spares.len());
        let most = NODES_MAX as usize;
        if count > most {
            return Err(RecordFault::TooMany { what: "nodes", have: count, most });
        }
        let members = || self.members.values();
        let nodes = || self.agents().map(|(node, _)| node);
        let agents = || self.agents().map(|(_, agent)| agent);
        let clients = members().map(|m| m.client).chain(self.spares.values().map(|spare| spare.client));
        let names = || self.announced.iter().flat_map(|announced| announced.names.values());
        let shared = [
            (distinct(members().map(|m| m.seat), seats), "seat"),
            (distinct(nodes(), count), "id"),
            (distinct(agents().map(|agent| agent.pin), count), "public key"),
            (distinct(agents().map(|agent| agent.agent), count), "agent address"),
            (distinct(clients, count), "client address"),
            (distinct(names(), names().count()), "name for clients"),
        ];
        match shared.into_iter().find(|(distinct, _)| !distinct) {
            Some((_, what)) => Err(RecordFault::SharedByTwo(what)),
            None => Ok(()),
        }
    }

    fn check_grant(&self) -> Result<(), RecordFault> {
        let Some(grant) = &self.grant else { return Ok(()) };
        let member = |node: &NodeId| self.members.contains_key(node);
        if !grant.nodes.iter().all(member) {
            return Err(RecordFault::Grant("it names a node that is no member"));
        }
        if grant.given > self.generation {
            return Err(RecordFault::Grant("it was given by a later generation"));
        }
        if !grant.moves.is_empty() && grant.operation != Operation::Reshard {
            return Err(RecordFault::Grant("it moves slots, and is for something else"));
        }
        match grant.operation {
            Operation::Restart | Operation::Handover | Operation::PutBack if grant.nodes.len() != 1 => {
                Err(RecordFault::Grant("a restart, a handover or a way back names exactly one node"))
            }
            Operation::PutBack if self.previous.is_none() => {
                Err(RecordFault::Grant("it puts a node back, and there is no release to go back to"))
            }
            Operation::Restart | Operation::Handover | Operation::PutBack | Operation::Reshard => Ok(()),
        }
    }

    fn check_size(&self) -> Result<(), RecordFault> {
        if self.users.len() > USERS_MAX {
            return Err(RecordFault::TooMany { what: "users", have: self.users.len(), most: USERS_MAX });
        }
        // Every type in a Record serialises; were one not to, the Record could not be stored, and its size is beyond all.
        let have = serde_json::to_vec(self).map_or(usize::MAX, |bytes| bytes.len());
        if have > RECORD_BYTES_MAX {
            return Err(RecordFault::TooMany { what: "bytes", have, most: RECORD_BYTES_MAX });
        }
        Ok(())
    }
}
