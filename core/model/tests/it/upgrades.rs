//! From one release to another: who may be started as what.

use std::collections::BTreeSet;

use justmanage_model::record::Operation;
use justmanage_model::{Artefact, Engine, Generation, Grant, Program, Record, Release, Version};

use crate::records::record;

pub(crate) fn program(patch: u16) -> Program {
    let artefact = Artefact::new("/usr/bin/server", format!("{patch:064x}")).expect("an artefact");
    Program { release: Release::new(Engine::Redis, Version::new(8, 0, patch)), artefact }
}

pub(crate) fn from_8_0_2() -> Record {
    let Program { release, artefact } = program(2);
    Record { release, artefact, ..record() }
}

#[test]
fn only_a_grant_has_a_server_go_over() {
    let mut record = from_8_0_2();
    let node = *record.members.keys().next().expect("a member");
    let started =
        |record: &Record, ran: Option<u16>| record.program_for(node, ran.map(program).as_ref()).release.version.patch;
    assert_eq!((started(&record, None), started(&record, Some(2))), (2, 2));
    record.go_over_to(program(6));
    // (what it ran, what it is started as)
    let without = [(None, 2), (Some(2), 2), (Some(6), 6), (Some(9), 6)];
    without.iter().for_each(|(ran, starts)| assert_eq!(started(&record, *ran), *starts, "{ran:?}"));
    let grant = |operation| {
        Some(Grant { operation, nodes: BTreeSet::from([node]), given: Generation::FIRST, moves: Vec::new() })
    };
    for (operation, starts) in [(Operation::Restart, 6), (Operation::PutBack, 2), (Operation::Handover, 2)] {
        record.grant = grant(operation);
        assert_eq!(started(&record, Some(2)), starts, "{operation:?}");
    }
}

#[test]
fn on_the_way_back_whoever_comes_anew_begins_with_what_all_have_run() {
    let mut record = from_8_0_2();
    let node = *record.members.keys().next().expect("a member");
    record.go_over_to(program(6));
    record.grant = Some(Grant {
        operation: Operation::PutBack,
        nodes: BTreeSet::from([node]),
        given: Generation::FIRST,
        moves: Vec::new(),
    });
    record.go_over_to(program(2));
    assert_eq!(record.previous, Some(program(6)));
    assert_eq!(
        record.grant.take().map(|grant| grant.operation),
        Some(Operation::Restart),
        "it goes where it was going"
    );
    assert_eq!(record.program_for(node, None), program(2));
    record.go_over_to(program(6));
    assert_eq!(record.program_for(node, None), program(2), "and there again");
    record.go_over_to(program(6));
    assert_eq!(record.previous, Some(program(2)), "nothing is new");
    record.forget_previous(justmanage_model::Timestamp::UNIX_EPOCH);
    assert_eq!((record.program_for(node, None), record.returning), (program(6), false));
}
