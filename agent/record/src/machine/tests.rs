//! What entries do, as a table of one after another.

use justmanage_model::{Generation, Record};

use super::{State, WRITERS_KEPT};
use crate::types::{Command, Verdict};
use crate::world::{Agent, add_user, epoch, record};

fn change(from: &Record, nonce: u64) -> Command {
    let next = Record { generation: from.generation.next(), ..from.clone() };
    Command::Change { epoch: from.epoch, expected: from.generation, next: Box::new(next), nonce }
}

#[tokio::test]
async fn a_change_is_taken_once_and_only_from_the_generation_that_it_names() {
    let first = record(&[&Agent::new(0, 0).await]);
    let mut state = State::default();
    assert_eq!(state.apply(change(&first, 1)), Verdict::Conflict, "there is none yet");
    let found = |nonce| Command::Found { record: Box::new(first.clone()), nonce };
    assert_eq!(state.apply(found(1)), Verdict::Taken);
    assert_eq!(state.apply(found(1)), Verdict::Taken, "the same again");
    assert_eq!(state.apply(found(2)), Verdict::Conflict, "another");
    assert_eq!(state.apply(change(&first, 3)), Verdict::Taken);
    assert_eq!(state.apply(change(&first, 3)), Verdict::Taken, "the same again");
    assert_eq!(state.apply(change(&first, 4)), Verdict::Conflict, "somebody else's");
    let second = state.record.clone().expect("a Record");
    assert_eq!(second.generation, Generation::new(2));
    let mut ahead = second.clone();
    ahead.generation = Generation::new(9);
    assert_eq!(state.apply(change(&ahead, 5)), Verdict::Conflict, "from a generation that is not there");
    let other = Record { epoch: epoch(2), ..second.clone() };
    assert_eq!(state.apply(change(&other, 6)), Verdict::OtherEpoch);
    // What does not follow is not taken, whoever let it into the log.
    let skips = Record { generation: Generation::new(4), ..second.clone() };
    let skips = Command::Change { epoch: epoch(1), expected: second.generation, next: Box::new(skips), nonce: 7 };
    assert_eq!(state.apply(skips), Verdict::Conflict);
    assert_eq!(state.record, Some(second));
}

#[tokio::test]
async fn after_many_changes_an_old_one_is_forgotten_rather_than_denied() {
    let first = record(&[&Agent::new(0, 0).await]);
    let mut state = State::default();
    state.apply(Command::Found { record: Box::new(first.clone()), nonce: 0 });
    for nonce in 1..=WRITERS_KEPT as u64 + 1 {
        let current = state.record.clone().expect("a Record");
        assert_eq!(state.apply(change(&current, nonce)), Verdict::Taken);
    }
    assert_eq!(state.apply(change(&first, 1)), Verdict::Forgotten);
    assert_eq!(state.writers.len(), WRITERS_KEPT);
}

#[tokio::test]
async fn a_group_that_is_founded_anew_has_the_newest_record_that_its_founder_saw() {
    let first = record(&[&Agent::new(0, 0).await]);
    let mut copy = first.clone();
    copy.generation = Generation::new(5);
    add_user(&mut copy, "later");
    let refound = |copy: &Record| Command::Refound { epoch: epoch(2), copy: Some(Box::new(copy.clone())) };
    let mut state = State::default();
    state.apply(Command::Found { record: Box::new(first.clone()), nonce: 0 });
    let mut behind = state.clone();
    behind.apply(refound(&copy));
    let anew = behind.record.expect("a Record");
    assert_eq!((anew.epoch, anew.generation, anew.users.len()), (epoch(2), Generation::new(6), 1));
    state.apply(change(&first, 1));
    state.apply(refound(&first));
    let anew = state.record.clone().expect("a Record");
    assert_eq!((anew.epoch, anew.generation), (epoch(2), Generation::new(3)));
    assert_eq!(state.apply(change(&first, 1)), Verdict::OtherEpoch);
}

#[tokio::test]
async fn whoever_is_taken_out_is_kept_in_mind() {
    let (stays, goes) = (Agent::new(0, 0).await, Agent::new(1, 0).await);
    let first = record(&[&stays, &goes]);
    let mut state = State::default();
    state.apply(Command::Found { record: Box::new(first.clone()), nonce: 0 });
    let mut without = first.clone();
    (without.generation, _) = (Generation::new(2), without.members.remove(&goes.node));
    let next = Box::new(without.clone());
    state.apply(Command::Change { epoch: first.epoch, expected: first.generation, next, nonce: 1 });
    assert_eq!(state.former, [goes.pin()]);
    let back = Box::new(Record { generation: Generation::new(3), ..first.clone() });
    state.apply(Command::Change { epoch: first.epoch, expected: without.generation, next: back, nonce: 2 });
    assert!(state.former.is_empty());
}
