//! The Record that a cluster begins with.

use std::collections::{BTreeMap, BTreeSet};

use super::{LAYOUT, Phase, Record};
use crate::{ClusterId, ClusterName, ClusterSpec, Epoch, Generation, Program};

impl Record {
    /// The first Record of a cluster that nobody has claimed yet: what is wanted, and nobody who belongs.
    pub fn first(epoch: Epoch, cluster: ClusterId, name: ClusterName, spec: ClusterSpec, program: Program) -> Self {
        let Program { release, artefact } = program;
        Self {
            layout: LAYOUT,
            epoch,
            generation: Generation::FIRST,
            cluster,
            name,
            phase: Phase::Forming,
            unclaimed: true,
            spec,
            release,
            artefact,
            operators: BTreeSet::new(),
            members: BTreeMap::new(),
            users: BTreeMap::new(),
            ca_certificate: None,
            grant: None,
            previous: None,
            returning: false,
            trial: None,
            surge: false,
            reshaping: None,
            retired: Default::default(),
            spares: Default::default(),
            announced: None,
            zones: Default::default(),
            halt: None,
            vault: None,
            fences: BTreeMap::new(),
            takeovers: BTreeMap::new(),
            rotation: Default::default(),
            backups: Default::default(),
            upcoming: None,
            catalog_serial: 0,
        }
    }
}
